//! Why a rule spoke.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Time;

/// Characters of a text on each side of what was found in it.
const AROUND: usize = 60;

/// A fact that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// It, for people.
    pub text: String,
    /// It, as far as it can be drawn.
    pub clue: Option<Clue>,
}

/// What there is to see in a fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Clue {
    /// A text that was found in another.
    Found {
        /// Where: `the subject`, `part 1`.
        place: String,
        /// What stands before it there.
        before: String,
        /// It, folded as rules compare it.
        found: String,
        /// What stands behind it.
        after: String,
    },
    /// What was counted.
    Count {
        /// What, and of whom.
        of: String,
        /// So much was there.
        count: u64,
        /// So much may be.
        limit: u64,
        /// When there may be more.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        until: Option<Time>,
    },
    /// An attachment.
    Attachment {
        /// The names from the outermost archive to the file itself.
        path: Vec<String>,
    },
}

impl Evidence {
    /// A fact of which there is something to see.
    pub(crate) fn with(text: String, clue: Clue) -> Self {
        Self { text, clue: Some(clue) }
    }
}

impl<T: Into<String>> From<T> for Evidence {
    fn from(text: T) -> Self {
        Self { text: text.into(), clue: None }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Clue {
    /// What stands from one byte of a text to another.
    pub(crate) fn found(place: String, text: &str, start: usize, end: usize) -> Self {
        let from = text[..start].char_indices().rev().nth(AROUND - 1).map_or(0, |(at, _)| at);
        let to = text[end..].char_indices().nth(AROUND).map_or(text.len(), |(at, _)| end + at);
        let [before, found, after] = [from..start, start..end, end..to].map(|range| text[range].to_owned());
        Self::Found { place, before, found, after }
    }

    /// Bytes that it takes in memory.
    pub(crate) fn weight(&self) -> usize {
        let texts = match self {
            Self::Found { place, before, found, after } => place.len() + before.len() + found.len() + after.len(),
            Self::Count { of, .. } => of.len(),
            Self::Attachment { path } => path.iter().map(|name| name.len() + size_of::<String>()).sum(),
        };
        size_of::<Self>() + texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_shown_with_a_bounded_part_of_what_is_around() {
        let text = format!("{}发票{}", "前".repeat(100), "後".repeat(100));
        let Clue::Found { before, found, after, .. } = Clue::found("x".to_owned(), &text, 300, 306) else { panic!() };
        assert_eq!((before, found.as_str(), after), ("前".repeat(AROUND), "发票", "後".repeat(AROUND)));
        let Clue::Found { before, found, after, .. } = Clue::found("x".to_owned(), "a发票b", 1, 7) else { panic!() };
        assert_eq!((before.as_str(), found.as_str(), after.as_str()), ("a", "发票", "b"));
    }
}
