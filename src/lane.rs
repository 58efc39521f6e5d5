//! Lanes: a test's own corner.
//!
//! What one lane does to counters, prisons, mailboxes, stubs, clock and journal is not seen from another. A session is
//! in the lane that it names, by the first of these that says so: the listener's setting `lane`; the login, as
//! `user+lane` or `user+lane@example.com`; the domain of a recipient, as `anyone@lane.lane.mockmx.test`; the header
//! field `X-Mockmx-Lane` of the message. A recipient and a header speak of their transaction alone, and only from where
//! they are said on. Who names none is in the lane `default`.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::clock::Time;
use crate::facts::Facts;

/// The lane of whoever names none.
const DEFAULT: &str = "default";

/// The domain below which a domain names a lane.
const DOMAIN: &str = ".lane.mockmx.test";

/// The header field that names a lane.
const HEADER: &str = "X-Mockmx-Lane";

/// The longest name.
const LONGEST: usize = 63;

/// A lane's name: letters, digits, `-`, `_` and `.`, in lower case, 63 at most.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LaneName(Arc<str>);

impl LaneName {
    /// The lane of that name.
    ///
    /// # Errors
    /// If no lane can have it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        match text {
            "" => Err("a lane's name cannot be empty".to_owned()),
            _ if text.len() > LONGEST => Err(format!("a lane's name has {LONGEST} letters at most")),
            _ if text.chars().all(plain) => Ok(Self(text.to_ascii_lowercase().into())),
            _ => Err(format!("`{text}` is no lane: letters, digits, `-`, `_` and `.` make one")),
        }
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the lane of those who name none.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.as_str() == DEFAULT
    }

    /// The lane that a recipient's domain names.
    fn of_recipient(recipient: &Address) -> Option<Self> {
        let name = recipient.domain().strip_suffix(DOMAIN)?;
        Self::parse(name).ok()
    }
}

/// `default`.
impl Default for LaneName {
    fn default() -> Self {
        static NAME: LazyLock<LaneName> = LazyLock::new(|| LaneName(DEFAULT.into()));
        NAME.clone()
    }
}

impl fmt::Display for LaneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for LaneName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for LaneName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<LaneName> for String {
    fn from(lane: LaneName) -> Self {
        lane.0.as_ref().to_owned()
    }
}

/// What the clocks of lanes show, by the lanes' names.
#[derive(Clone)]
pub struct Clocks(Arc<dyn Fn(&str) -> Time + Send + Sync>);

impl Clocks {
    /// The clocks that this reads.
    #[must_use]
    pub fn new(read: impl Fn(&str) -> Time + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// What the clock of a lane shows.
    #[must_use]
    pub fn now(&self, lane: &str) -> Time {
        (self.0)(lane)
    }
}

impl fmt::Debug for Clocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clocks")
    }
}

/// The lane that a session is in, by what it has said so far.
#[must_use]
pub fn of(facts: &Facts) -> LaneName {
    let envelope = &facts.envelope;
    let header = || {
        let mut headers = facts.message.iter().flat_map(|message| &message.headers);
        let named = headers.find(|header| header.name.eq_ignore_ascii_case(HEADER))?;
        LaneName::parse(named.value.trim()).ok()
    };
    let by_login = || match &facts.attempt {
        Some(attempt) => attempt.lane.clone(),
        None => facts.login_lane.clone(),
    };
    let by_recipient = || envelope.recipients.iter().chain(&envelope.candidate).find_map(LaneName::of_recipient);
    let named = facts.listener.lane.clone().or_else(by_login).or_else(by_recipient).or_else(header);
    named.unwrap_or_default()
}

/// A login without the lane that it names, and the lane.
#[must_use]
pub fn split_login(login: &str) -> (Cow<'_, str>, Option<LaneName>) {
    let (local, domain) = login.split_once('@').map_or((login, None), |(local, domain)| (local, Some(domain)));
    let named = local.rsplit_once('+').filter(|(user, _)| !user.is_empty());
    let Some((user, lane)) = named.and_then(|(user, lane)| Some((user, LaneName::parse(lane).ok()?))) else {
        return (Cow::Borrowed(login), None);
    };
    let login = domain.map_or(Cow::Borrowed(user), |domain| Cow::Owned(format!("{user}@{domain}")));
    (login, Some(lane))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Listener, Role, SessionId, TlsMode, loopback};
    use crate::message::{Header, MessageFacts};

    fn facts() -> Facts {
        let listener = Listener::plain("smtp", Role::Mx, TlsMode::None);
        Facts::new(SessionId(1), listener.into(), loopback(), Time::default())
    }

    #[test]
    fn a_login_can_name_a_lane() {
        for (login, user, lane) in [
            ("user", "user", None),
            ("user+a", "user", Some("a")),
            ("user+a@example.com", "user@example.com", Some("a")),
            ("user+tag+B-1@example.com", "user+tag@example.com", Some("b-1")),
            ("+a", "+a", None),
            ("user+@example.com", "user+@example.com", None),
            ("user+a b", "user+a b", None),
        ] {
            let (found, named) = split_login(login);
            assert_eq!((found.as_ref(), named.as_ref().map(LaneName::as_str)), (user, lane), "{login}");
        }
    }

    #[test]
    fn the_first_that_names_one_has_it() {
        let mut facts = facts();
        assert!(of(&facts).is_default());
        let header = Header { name: "x-mockmx-lane".to_owned(), value: " by-header ".to_owned() };
        facts.message = Some(MessageFacts { headers: vec![header], ..MessageFacts::default() }.into());
        assert_eq!(of(&facts).as_str(), "by-header");
        facts.envelope.recipients = vec![Address::parse("x@By-Recipient.lane.mockmx.test").unwrap()];
        assert_eq!(of(&facts).as_str(), "by-recipient");
        facts.login_lane = LaneName::parse("by-login").ok();
        assert_eq!(of(&facts).as_str(), "by-login");
        let lane = LaneName::parse("by-listener").ok();
        facts.listener = Listener { lane, ..Listener::plain("smtp", Role::Mx, TlsMode::None) }.into();
        assert_eq!(of(&facts).as_str(), "by-listener");
    }

    #[test]
    fn what_cannot_be_a_name_is_none() {
        for text in ["", "a b", "ä", "a/b", &"x".repeat(64)] {
            assert!(LaneName::parse(text).is_err(), "{text}");
        }
        assert_eq!(LaneName::parse("A.b-c_1").unwrap().as_str(), "a.b-c_1");
    }
}
