//! Who may log in, and with which password.

use std::collections::HashMap;
use std::fmt;

use subtle::ConstantTimeEq;

/// The accounts of the submission listeners.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Take every login with every password.
    pub any: bool,
    /// Login names in lower case, and their passwords.
    pub passwords: HashMap<String, String>,
}

impl Accounts {
    /// Whether there is an account of that name.
    #[must_use]
    pub fn knows(&self, login: &str) -> bool {
        self.passwords.contains_key(&login.to_lowercase())
    }

    /// Whether this password opens this login. Takes the same time for every wrong password of one length.
    #[must_use]
    pub fn admit(&self, login: &str, password: &str) -> bool {
        let known = self.passwords.get(&login.to_lowercase());
        self.any || known.is_some_and(|known| known.as_bytes().ct_eq(password.as_bytes()).into())
    }
}

/// Names the logins only: what is shown may be logged.
impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut logins: Vec<_> = self.passwords.keys().collect();
        logins.sort();
        f.debug_struct("Accounts").field("any", &self.any).field("logins", &logins).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_must_match_to_the_byte() {
        let passwords = HashMap::from([("admin@example.com".to_owned(), "secret".to_owned())]);
        let accounts = Accounts { any: false, passwords };
        assert!(accounts.admit("Admin@Example.com", "secret"));
        assert!(!accounts.admit("admin@example.com", "secreT"));
        assert!(!accounts.admit("admin@example.com", "secret2"));
        assert!(!accounts.admit("other@example.com", "secret"));
        assert!(Accounts { any: true, ..Accounts::default() }.admit("x", "y"));
    }

    #[test]
    fn a_password_is_never_shown() {
        let passwords = HashMap::from([("admin@example.com".to_owned(), "secret".to_owned())]);
        let shown = format!("{:?}", Accounts { any: false, passwords });
        assert!(shown.contains("admin@example.com") && !shown.contains("secret"), "{shown}");
    }
}
