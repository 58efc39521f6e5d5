//! Conditions on the recipient's mailbox, as the `[[mailbox]]` and `[[domain]]` tables of settings and packs say.
//!
//! ```toml
//! when.mailbox = "unknown"         # it does not exist
//! when.mailbox = "disabled"        # its state is `disabled`; also "frozen", "suspended", "inactive" (never used, or not
//!                                  # for long), "no-smtp" (may not receive by SMTP), "not-allowed" (not on the list of
//!                                  # those that may receive)
//! when.mailbox = "full"            # it holds as many bytes as its quota, or more
//! when.mailbox = "over-quota"      # it would, with this message (of the announced SIZE, at stage rcpt)
//! when.mailbox = "over-count"      # it holds as many messages as it may
//! when.mailbox = "refuses-sender"  # its owner refuses this sender
//! when.mailbox = "domain-refuses-sender"
//! when.mailbox = "tracker-full"    # who gets a copy of its mail has no room for one
//! when.mailbox = "contact"         # the sender is in its address book
//! when.mailbox = ["frozen", "disabled"]   # any of several that are not about how much it holds
//! when.level = ["high"]            # how strictly it keeps spam out: low, medium, high
//! ```
//!
//! A mailbox holds what its table says (`used`, `messages`) and what was delivered into its inbox since the start.

use crate::address::Address;
use crate::document::{Node, items, note, text};
use crate::policy::ask::{Amount, Ask, Usage};
use crate::policy::directory::{Level, Mailbox, State};
use crate::policy::matcher::AddressPattern;
use crate::policy::parse;
use crate::policy::rule::{Reading, Test, View};
use crate::stage::Stage;

/// The condition.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    /// Any of these.
    Is(Vec<Wanted>),
    Level(Vec<Level>),
}

/// What a mailbox may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Contact,
    DomainRefusesSender,
    Full,
    OverCount,
    OverQuota,
    RefusesSender,
    State(State),
    TrackerFull,
}

const WANTED: [(&str, Wanted); 14] = [
    ("unknown", Wanted::State(State::Unknown)),
    ("disabled", Wanted::State(State::Disabled)),
    ("frozen", Wanted::State(State::Frozen)),
    ("suspended", Wanted::State(State::Suspended)),
    ("inactive", Wanted::State(State::Inactive)),
    ("no-smtp", Wanted::State(State::NoSmtp)),
    ("not-allowed", Wanted::State(State::NotAllowed)),
    ("full", Wanted::Full),
    ("over-quota", Wanted::OverQuota),
    ("over-count", Wanted::OverCount),
    ("refuses-sender", Wanted::RefusesSender),
    ("domain-refuses-sender", Wanted::DomainRefusesSender),
    ("contact", Wanted::Contact),
    ("tracker-full", Wanted::TrackerFull),
];

impl Condition {
    pub(super) fn read(key: &str, node: &Node, reading: &mut Reading<'_, '_>) -> Option<Self> {
        reading.needs(key, Stage::Rcpt, &node.place);
        if key == "mailbox" {
            return Self::read_wanted(node, reading);
        }
        let mut level = |node| note(node, Level::named(text(node, reading.problems)?), reading.problems);
        Some(Self::Level(items(node).iter().filter_map(&mut level).collect()))
    }

    fn read_wanted(node: &Node, reading: &mut Reading<'_, '_>) -> Option<Self> {
        let mut wanted = |node| note(node, parse::one_of(text(node, reading.problems)?, &WANTED), reading.problems);
        let all: Vec<_> = items(node).iter().filter_map(&mut wanted).collect();
        if all.len() > 1 && all.iter().any(|wanted| wanted.remembers()) {
            reading.problem(&node.place, "how much a mailbox holds is asked alone, in a rule of its own");
        }
        (!all.is_empty()).then_some(Self::Is(all))
    }

    pub(super) fn remembers(&self) -> bool {
        matches!(self, Self::Is(wanted) if wanted.iter().any(|wanted| wanted.remembers()))
    }

    pub(super) fn test(&self, view: &View<'_>) -> Test {
        let Some(address) = view.recipient else {
            return Test::No;
        };
        match self {
            Self::Is(wanted) => {
                let mut tests = wanted.iter().map(|wanted| wanted.test(address, view));
                tests.find(|test| *test != Test::No).unwrap_or(Test::No)
            }
            Self::Level(levels) => {
                let level = view.directory.mailbox(address).map(|mailbox| mailbox.level).unwrap_or_default();
                if levels.contains(&level) {
                    Test::why(format!("{address} is at anti-spam level {}", format!("{level:?}").to_lowercase()))
                } else {
                    Test::No
                }
            }
        }
    }
}

impl Wanted {
    const fn remembers(self) -> bool {
        matches!(self, Self::Full | Self::OverCount | Self::OverQuota | Self::TrackerFull)
    }

    fn test(self, address: &Address, view: &View<'_>) -> Test {
        let directory = view.directory;
        let mailbox = directory.mailbox(address);
        let listed = |patterns: &[AddressPattern]| {
            view.sender().is_some_and(|sender| patterns.iter().any(|pattern| pattern.matches(sender)))
        };
        match self {
            Self::State(state) => Test::of(directory.state(address) == state),
            Self::RefusesSender => Test::of(mailbox.is_some_and(|mailbox| listed(&mailbox.refuses))),
            Self::Contact => Test::of(mailbox.is_some_and(|mailbox| listed(&mailbox.contacts))),
            Self::DomainRefusesSender => {
                Test::of(directory.domain(address.domain()).is_some_and(|domain| listed(&domain.refuses)))
            }
            Self::TrackerFull => {
                let tracker = mailbox.and_then(|mailbox| mailbox.tracker.as_ref());
                let of = tracker.and_then(|tracker| Some((tracker, directory.mailbox(tracker)?)));
                let room = of.map(|(tracker, mailbox)| (tracker, Self::no_room(mailbox, view)));
                let ask = |(tracker, full_at): (&Address, _)| {
                    Test::Ask(Ask::Usage(Usage { mailbox: tracker.key(), full_at }))
                };
                room.map_or(Test::No, ask)
            }
            Self::Full | Self::OverCount | Self::OverQuota => {
                match mailbox.and_then(|mailbox| self.full_at(mailbox, view)) {
                    Some(full_at) => Test::Ask(Ask::Usage(Usage { mailbox: address.key(), full_at })),
                    None => Test::No,
                }
            }
        }
    }

    /// How much must have come since the start for the mailbox to have no room for this message.
    fn no_room(mailbox: &Mailbox, view: &View<'_>) -> Amount {
        let never = Amount { messages: u64::MAX, bytes: u64::MAX };
        let of = |wanted: Self| wanted.full_at(mailbox, view).unwrap_or(never);
        Amount { messages: of(Self::OverCount).messages, bytes: of(Self::OverQuota).bytes }
    }

    /// How much must have come since the start for the mailbox to take no more. `None` if it takes everything.
    fn full_at(self, mailbox: &Mailbox, view: &View<'_>) -> Option<Amount> {
        let room = |limit: u64, used: u64, more: u64| limit.saturating_add(1).saturating_sub(used.saturating_add(more));
        let never = u64::MAX;
        match self {
            Self::OverCount => {
                let limit = Some(mailbox.max_messages.unwrap_or(view.max_messages)).filter(|&limit| limit > 0)?;
                Some(Amount { messages: room(limit, mailbox.messages, 1), bytes: never })
            }
            Self::Full => Some(Amount { messages: never, bytes: room(mailbox.quota?, mailbox.used, 1) }),
            _ => {
                let announced = view.facts.envelope.parameters.size.unwrap_or_default();
                let size = view.message().map_or(announced, |message| message.size);
                Some(Amount { messages: never, bytes: room(mailbox.quota?, mailbox.used, size) })
            }
        }
    }
}

impl Usage {
    /// What is said of a mailbox that takes no more.
    pub(crate) fn evidence(&self, since_start: Amount) -> String {
        let Amount { messages, bytes } = since_start;
        format!("mailbox {} takes no more; since the start came {messages} messages, {bytes} bytes", self.mailbox)
    }
}
