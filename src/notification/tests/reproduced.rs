//! What is written here, `reproduce` reads again as what was said.

use super::*;
use crate::reproduce::find;

#[test]
fn every_form_is_reproduced_to_the_same_reply() {
    let message = message(&["user@263.net"]);
    for (provider, _) in forms().iter() {
        for said in [
            "550 User Unknown",
            "598  mail rejected by keyword",
            "552 5.2.2 <user@263.net>: Mailbox full",
            "554 DT:SPM 163 smtp12,D8CowEDJf1sABCDE.12345S2 1201852800,please see \
             http://mail.163.com/help/help_spam_16.htm?ip=192.0.2.1&hostid=smtp12&time=1201852800",
        ] {
            let kind = Kind::Failed { status: String::new(), diagnostic: said.to_owned() };
            let written = raw(&event(&message, RAW.as_bytes(), &kind), provider);
            let found = find(&written);
            let [failure] = &found.failures[..] else { panic!("{provider}, {said}: {found:?}") };
            assert_eq!(failure.recipient.as_deref(), Some("user@263.net"), "{provider}");
            let mut wire = Vec::new();
            failure.reply.as_ref().unwrap().reply.write_to(&mut wire);
            assert_eq!(String::from_utf8(wire).unwrap(), format!("{said}\r\n"), "{provider}");
        }
    }
}
