//! How alike two texts are that are not the same.

/// How much of each text is compared, in characters: the distance costs their product.
const LONGEST: usize = 160;

/// From 0 (nothing in common) to 1 (the same), for folded texts.
pub(super) fn alike(said: &str, own: &str) -> f64 {
    let (said, own) = (start_of(said), start_of(own));
    strsim::normalized_levenshtein(said, own).max(by_words(said, own))
}

fn start_of(text: &str) -> &str {
    text.char_indices().nth(LONGEST).map_or(text, |(end, _)| &text[..end])
}

/// The share of words that both have. Counts only if a word is among them that says something.
fn by_words(said: &str, own: &str) -> f64 {
    let (said, own) = (words(said), words(own));
    let shared: Vec<_> = own.iter().filter(|word| said.contains(word)).collect();
    if !shared.iter().any(|word| word.len() >= 5) || shared.len() < 2 {
        return 0.0;
    }
    let share = |part: usize, whole: usize| part as f64 / whole as f64;
    let both = share(2 * shared.len(), said.len() + own.len());
    // All of a text's words in a longer one are worth something, in whatever order.
    let covered = if own.len() >= 4 { share(shared.len(), own.len()) * 0.85 } else { 0.0 };
    both.max(covered)
}

fn words(text: &str) -> Vec<&str> {
    let mut words: Vec<_> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.sort_unstable();
    words.dedup();
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_near_and_another_text_is_not() {
        assert!(alike("mail rejected by keywords", "mail rejected by keyword") > 0.9);
        assert!(alike("rejected by keyword was the mail", "mail rejected by keyword") > 0.7);
        assert!(alike("the weather is fine today", "mail rejected by keyword") < 0.4);
        assert!(alike("", "x") < 0.1);
        assert!(alike(&"长".repeat(10_000), &"长".repeat(9_000)) > 0.9);
    }
}
