//! Conditions on the sender and the recipient.
//!
//! ```toml
//! when.sender = "info@"                       # that local part at any domain; "<>" is the null sender
//! when.sender = ["a@example.com", "@example.net", ".example.org"]
//! when.sender = { list = "black" }            # a list of the pack
//! when.recipient = { regex = "^test-" }
//! when.sender-domain = "hosted"               # or "not-hosted", "moved", or a matcher as above
//! when.recipient-domain = ["example.com", ".example.org"]
//! ```

use crate::address::Address;
use crate::document::Node;
use crate::policy::directory::Directory;
use crate::policy::matcher::{AddressMatcher, TextMatcher};
use crate::policy::rule::{Reading, Test, View};
use crate::stage::Stage;

/// A condition on one end of the envelope.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    end: End,
    wanted: Wanted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Sender,
    Recipient,
}

#[derive(Clone, Debug)]
enum Wanted {
    Address(AddressMatcher),
    Domain(TextMatcher),
    Hosted,
    Moved,
    NotHosted,
}

impl Envelope {
    pub(super) fn read(key: &str, node: &Node, reading: &mut Reading<'_, '_>) -> Option<Self> {
        let end = if key.starts_with("sender") { End::Sender } else { End::Recipient };
        reading.needs(key, if end == End::Sender { Stage::Mail } else { Stage::Rcpt }, &node.place);
        let wanted = if !key.ends_with("-domain") {
            Wanted::Address(AddressMatcher::read(node, reading.lists, reading.problems)?)
        } else {
            match node.as_text() {
                Some("hosted") => Wanted::Hosted,
                Some("moved") => Wanted::Moved,
                Some("not-hosted") => Wanted::NotHosted,
                _ => Wanted::Domain(TextMatcher::read_domains(node, reading.lists, reading.problems)?),
            }
        };
        Some(Self { end, wanted })
    }

    pub(super) fn of_recipient(&self) -> bool {
        self.end == End::Recipient
    }

    pub(super) fn test(&self, view: &View<'_>) -> Test {
        let (address, name) = match self.end {
            End::Sender => (view.sender(), "sender"),
            End::Recipient => (view.recipient, "recipient"),
        };
        match &self.wanted {
            Wanted::Address(matcher) if matcher.matches(address) => {
                Test::why(format!("{name} <{}>", address.map_or("", Address::as_str)))
            }
            Wanted::Address(_) => Test::No,
            wanted => address.map_or(Test::No, |address| domain(wanted, address, name, view.directory)),
        }
    }
}

fn domain(wanted: &Wanted, address: &Address, name: &str, directory: &Directory) -> Test {
    let domain = address.domain();
    let hosted = directory.domain(domain);
    let (holds, what) = match wanted {
        Wanted::Hosted => (hosted.is_some(), "is hosted here"),
        Wanted::Moved => (hosted.is_some_and(|domain| domain.moved), "moved away but was never deleted here"),
        Wanted::NotHosted => (hosted.is_none(), "is not hosted here"),
        Wanted::Domain(matcher) => (matcher.matches(domain), "is listed"),
        Wanted::Address(_) => (false, ""),
    };
    if holds { Test::why(format!("{name}'s domain {domain} {what}")) } else { Test::No }
}
