//! White space gets lost on a reply's way into a bounce, and not at the same places in its text and in its report.

/// The same words with the wider of both spaces between each; none if they are others.
pub(super) fn widest(mut one: &str, mut other: &str) -> Option<String> {
    let space = |text: &str| text.len() - text.trim_start().len();
    let word = |text: &str| text.find(char::is_whitespace).unwrap_or(text.len());
    let mut all = String::new();
    loop {
        let (mine, theirs) = (one.split_at(space(one)), other.split_at(space(other)));
        all.push_str(if theirs.0.len() > mine.0.len() { theirs.0 } else { mine.0 });
        let (mine, theirs) = (mine.1.split_at(word(mine.1)), theirs.1.split_at(word(theirs.1)));
        if mine.0 != theirs.0 {
            return None;
        }
        if mine.0.is_empty() {
            return Some(all);
        }
        all.push_str(mine.0);
        (one, other) = (mine.1, theirs.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reproduce::reply::read;

    #[test]
    fn the_wider_space_counts() {
        for (one, other, both) in [
            ("", "", Some("")),
            ("a  b c", "a b  c", Some("a  b  c")),
            (" a b", "a b ", Some(" a b ")),
            ("用 户", "用  户", Some("用  户")),
            ("a b", "ab", None),
            ("a", "a b", None),
        ] {
            assert_eq!(widest(one, other).as_deref(), both, "{one:?} {other:?}");
        }
    }

    #[test]
    fn readings_that_are_folded_at_different_places_are_one_reply() {
        for (one, other, both) in [
            ("598  a b  c", "598 a  b c", "598  a  b  c"),
            ("550-a  b\n550 c d", "550-a b\n550  c d", "550 a  b /  c d"),
            ("550 a b", "550 a  c", "550 a b"),
            ("550 a", "551  a", "550 a"),
            ("550 a b", "550-a\n550 b", "550 a b"),
        ] {
            let mut heard = read(one).unwrap();
            heard.widen(&read(other).unwrap());
            assert_eq!(heard.reply.to_string(), both, "{one:?} {other:?}");
        }
    }
}
