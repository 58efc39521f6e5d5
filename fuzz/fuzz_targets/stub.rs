//! A stub is read or told what is wrong with it; one that is read can be asked at every stage.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use mockmx::clock::Time;
use mockmx::facts::{Facts, Helo, ReversePath, Role, TlsMode};
use mockmx::message::{Bounds, MessageFacts};
use mockmx::policy::{Policy, Stub};
use mockmx::stage::Stage;
use mockmx::store::Lanes;
use mockmx_fuzz::play::{facts, replies};

static POLICY: LazyLock<Policy> = LazyLock::new(|| mockmx_fuzz::generation().policy);

/// A session in which everything has been said.
static FACTS: LazyLock<Facts> = LazyLock::new(|| {
    let mut facts = facts(Role::Submission, TlsMode::StartTls);
    let address = || mockmx::address::Address::new("a@example.com", "a", "example.com");
    facts.helo = Some(Helo { extended: true, name: "client.example".to_owned() });
    facts.login = Some("a@example.com".to_owned());
    facts.envelope.sender = Some(ReversePath::Mailbox(address()));
    facts.envelope.recipients = vec![address()];
    facts.envelope.recipient_parameters = vec![Default::default()];
    let raw = b"Subject: invoice\r\nContent-Disposition: attachment; filename=a.exe\r\n\r\nMZ";
    facts.message = Some(Arc::new(MessageFacts::read(raw, &Bounds::default())));
    facts
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(given) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
    let stub = match Stub::read("s", given.clone(), &POLICY) {
        Ok(stub) => stub,
        Err(problems) => {
            assert!(!problems.0.is_empty(), "there is no problem and it is wrong");
            for problem in &problems.0 {
                let pointer = problem.place.name();
                let pointer = if pointer == "/" { "" } else { pointer };
                assert!(given.pointer(pointer).is_some(), "{pointer} is no place in it: {}", problem.text);
                assert!(!problem.render(false).contains('\u{1b}'));
            }
            return;
        }
    };
    assert_eq!(stub.given, given);
    let lane = Lanes::new(mockmx::clock::Clock::standing(Time::default())).default_lane().clone();
    lane.add_stub(stub).expect("there is room for one");
    for _ in 0..2 {
        for stage in Stage::ALL {
            let verdict = mockmx::server::judge::judge(&POLICY, &lane, stage, &FACTS, Time::default());
            if let mockmx::verdict::Action::Refuse(reply) = verdict.action {
                let mut out = Vec::new();
                reply.write_to(&mut out);
                assert_eq!(replies(&out), 1);
            }
        }
    }
    lane.remove_stubs(|_| true);
});
