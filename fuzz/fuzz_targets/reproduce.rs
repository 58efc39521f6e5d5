//! Whatever is brought as a bounce: what is found is bounded, and all of it is a stub and a pack that load.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mockmx::generation::Generation;
use mockmx::policy::{Policy, Stub};
use mockmx::reproduce::{Match, Plan, find};
use mockmx_fuzz::with_mail_parser;

static GENERATION: LazyLock<Generation> = LazyLock::new(mockmx_fuzz::generation);

fuzz_target!(|brought: &[u8]| {
    let Some(found) = with_mail_parser(|| find(brought)) else { return };
    assert!(found.failures.len() <= 100);
    for failure in found.failures.iter().take(5) {
        assert!(failure.recipient.as_ref().is_none_or(|recipient| !recipient.contains(char::is_control)));
        if let Some(heard) = &failure.reply {
            let mut wire = Vec::new();
            heard.reply.write_to(&mut wire);
            assert!((400..600).contains(&heard.reply.code()));
            assert_eq!(wire.iter().filter(|byte| **byte == b'\n').count(), heard.reply.lines().len());
        }
        for wanted in [&[][..], &[Match::All], &[Match::Domain], &[Match::Sender, Match::Subject]] {
            let Ok(plan) = Plan::new(failure, wanted, None) else { continue };
            for stub in plan.stubs() {
                Stub::read("x", stub, &GENERATION.policy).expect("a stub");
            }
            Policy::check("x.toml", &plan.pack("x", "about")).expect("a pack");
        }
    }
});
