//! Same-domain authentication (同域认证, 263 W022 §4.0.28): whoever claims to write from a domain that is hosted here
//! has to log in. A provider's own users never come by its MX, so a sender of a hosted domain there is forged, or a
//! program that delivers to the MX by itself.
//!
//! ```toml
//! when.same-domain = "enforced"     # hosted, at the MX, nobody logged in, and the domain is not released
//! when.same-domain = "released"     # the same, but the domain is on the release list
//! ```
//!
//! A domain is hosted if the pack names it among its `domains`, or the settings do (`hosted`, `[[domain]]`); it is on
//! the release list if its `[[domain]]` says `released = true`.

use crate::document::{Node, note, text};
use crate::facts::Role;
use crate::policy::parse;
use crate::policy::rule::{Reading, Test, View};
use crate::stage::Stage;

/// The condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SameDomain {
    Enforced,
    Released,
}

impl SameDomain {
    pub(super) fn read(node: &Node, reading: &mut Reading<'_, '_>) -> Option<Self> {
        reading.needs("same-domain", Stage::Mail, &node.place);
        let names = [("enforced", Self::Enforced), ("released", Self::Released)];
        note(node, parse::one_of(text(node, reading.problems)?, &names), reading.problems)
    }

    pub(super) fn test(self, view: &View<'_>) -> Test {
        if view.facts.listener.role != Role::Mx || view.facts.login.is_some() {
            return Test::No;
        }
        let Some(sender) = view.sender() else {
            return Test::No;
        };
        match view.directory.domain(sender.domain()) {
            Some(domain) if domain.released == (self == Self::Released) => {
                let released = if domain.released { ", released from same-domain authentication" } else { "" };
                Test::why(format!("{} is hosted here{released}, and nobody is logged in", sender.domain()))
            }
            _ => Test::No,
        }
    }
}
