//! Texts in a form that can be compared: case and white space as one, a reply of several lines on one, its code apart.

use regex::Regex;

use super::pattern;
use crate::message::fold;

/// How much of a text is looked at, in characters.
const LONGEST: usize = 4000;

/// How many places of one text are tried as the beginning of a reply.
const MOST_PLACES: usize = 12;

/// A text that may be a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// The text as it was given.
    pub(super) raw: String,
    /// The code that it begins with.
    pub(super) code: Option<u16>,
    /// The codes of refusals in it.
    pub(super) codes: Vec<u16>,
    /// The text behind the code, folded.
    pub(super) text: String,
    /// An enhanced code or a mark at its end was taken off.
    pub(super) is_trimmed: bool,
    /// What of it tells it apart from others: `mi:spf`, `0x800ccc0f`, `[tss04]`.
    pub(super) tokens: Vec<String>,
}

impl Statement {
    /// All that a text may mean: the whole of it, each of its lines, and what follows each thing like a code in it, as
    /// in `host mx.example.com said: 550 User Unknown (in reply to RCPT TO command)`.
    pub(super) fn candidates(text: &str) -> Vec<Self> {
        let text: String = text.chars().take(LONGEST).collect();
        let words = words(&text);
        let mut found = vec![Self::of_words(&text, &words)];
        let mut add = |words: &[String], is_trimmed: bool| {
            let statement = Self { is_trimmed, ..Self::of_words("", words) };
            if !statement.text.is_empty()
                && !found.iter().any(|known| known.code == statement.code && known.text == statement.text)
            {
                found.push(statement);
            }
        };
        let mut add_from = |words: &[String], at: usize| {
            let mut reply = own_words(&words[at..]).to_vec();
            if let Some(code) = reply.first().and_then(|word| code_in(word)).map(str::to_owned) {
                reply[0] = code;
            }
            add(&reply, false);
            add(&trimmed(reply), true);
        };
        let places = |words: &[String]| -> Vec<usize> {
            (0..words.len()).filter(|&at| code_in(&words[at]).is_some()).take(MOST_PLACES).collect()
        };
        places(&words).into_iter().for_each(|at| add_from(&words, at));
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        for line in lines.take(MOST_PLACES) {
            let words = self::words(line);
            add_from(&words, 0);
            // What follows on the next line need not be the server's any more.
            places(&words).first().into_iter().for_each(|&at| add_from(&words, at));
        }
        found
    }

    /// A reply or text as a pack writes it, without its placeholders.
    pub(super) fn of_template(text: &str) -> Self {
        let plain = pattern::without_values(text);
        let mut words = words(&plain);
        words.retain(|word| !pattern::is_blank(word));
        let mut statement = Self::of_words(text, &words);
        // Punctuation that stood around placeholders says nothing.
        let said = |word: &&str| word.chars().any(char::is_alphanumeric);
        if pattern::varies(text) {
            statement.text = statement.text.split(' ').filter(said).collect::<Vec<_>>().join(" ");
        }
        statement
    }

    /// The code and the text.
    pub(super) fn whole(&self) -> String {
        match self.code {
            Some(code) => format!("{code} {}", self.text),
            None => self.text.clone(),
        }
    }

    fn of_words(raw: &str, words: &[String]) -> Self {
        let code = words.first().filter(|word| is_code(word)).and_then(|word| word.parse().ok());
        let codes = words.iter().filter_map(|word| code_in(word)?.parse().ok()).take(MOST_PLACES).collect();
        let text = words[usize::from(code.is_some())..].join(" ");
        let tokens = tokens(&text);
        Self { raw: raw.to_owned(), code, codes, text, is_trimmed: false, tokens }
    }
}

/// Patterns for a text with placeholders, over folded texts: of the whole reply with its code, and of its text wherever
/// it stands, if enough of it does not vary. `None` if next to nothing stands between its placeholders.
pub(super) fn folded_patterns(text: &str) -> Option<(Regex, Option<Regex>)> {
    let plain = Statement::of_template(text);
    if weight(&plain.text) < 3 {
        return None;
    }
    let words = words(text);
    let code = plain.code.is_some();
    let source = |words: &[String]| with_blanks(&pattern::source(&words.join(" "), |_| None));
    let whole = Regex::new(&format!("^{}$", source(&words))).ok()?;
    let text = source(&words[usize::from(code)..]);
    let part = (weight(&plain.text) >= 6).then(|| Regex::new(&format!("(?:^|[^a-z0-9]){text}(?:$|[^a-z0-9])")).ok());
    Some((whole, part.flatten()))
}

/// Puts something that matches anything in place of the words `xxx`.
fn with_blanks(source: &str) -> String {
    let mut out = String::new();
    let mut rest = source;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
        let end = rest[start..].find(|c: char| !c.is_ascii_alphanumeric()).map_or(rest.len(), |end| start + end);
        out.push_str(&rest[..start]);
        let word = &rest[start..end];
        out.push_str(if pattern::is_blank(word) { r"[^\r\n]{1,255}?" } else { word });
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// Whether `part` stands in `whole` as words of their own, and is long enough to say something.
pub(super) fn holds(whole: &str, part: &str, shortest: usize) -> bool {
    let joins = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    // A colon belongs to what is directly behind it, as in `dt:rbl`.
    let leads = |c: Option<char>| joins(c) || c == Some(':');
    weight(part) >= shortest
        && whole.match_indices(part).any(|(at, _)| {
            let (before, after) = (&whole[..at], &whole[at + part.len()..]);
            let runs_on_before = leads(before.chars().next_back()) && joins(part.chars().next());
            let runs_on_after = joins(after.chars().next()) && joins(part.chars().next_back());
            !runs_on_before && !runs_on_after
        })
}

/// How much a text says: a Chinese character says as much as two letters.
pub(super) fn weight(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphanumeric()).map(|c| if c.is_ascii() { 1 } else { 2 }).sum()
}

/// The words of a reply, folded: without the codes that its later lines repeat.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for line in text.split(['\n', '\r']) {
        let mut in_line = fold(line).split_whitespace().map(str::to_owned).collect::<Vec<_>>().into_iter().peekable();
        let mut at_start = true;
        while let Some(word) = in_line.next() {
            let Some(code) = words.first().filter(|word| is_code(word)).cloned() else {
                let first = words.is_empty();
                match word.split_once('-').filter(|(code, _)| first && is_code(code)) {
                    Some((code, rest)) => words.extend([code, rest].map(str::to_owned)),
                    None => words.push(word),
                }
                words.retain(|word| !word.is_empty());
                at_start = false;
                continue;
            };
            let detail = words.get(1).filter(|word| is_detail(word)).cloned();
            let repeats = |word: &str| Some(word) == detail.as_deref();
            let continued = word.strip_prefix(code.as_str()).and_then(|rest| rest.strip_prefix('-'));
            if let Some(rest) = continued {
                if !rest.is_empty() && !repeats(rest) {
                    words.push(rest.to_owned());
                }
            } else if word == code && (at_start || in_line.peek().is_some_and(|next| repeats(next))) {
                in_line.next_if(|next| repeats(next));
            } else if !(at_start && repeats(&word)) || words.len() < 2 {
                words.push(word);
            }
            at_start = false;
        }
    }
    words
}

/// The words up to where the sending server begins to speak for itself again.
fn own_words(words: &[String]) -> &[String] {
    let end = words.windows(3).position(|three| three == ["(in", "reply", "to"]);
    &words[..end.unwrap_or(words.len())]
}

/// Without the enhanced code that a relay put behind the code, and without what stands behind the text.
fn trimmed(mut words: Vec<String>) -> Vec<String> {
    if words.get(1).is_some_and(|word| is_detail(word)) && is_code(&words[0]) {
        words.remove(1);
    }
    while let Some(last) = words.last_mut() {
        let kept = last.trim_end_matches(['"', '\'', '.', '>', ')', '#', '。']).len();
        last.truncate(kept);
        if kept > 0 || words.len() == 1 {
            break;
        }
        words.pop();
    }
    words
}

fn is_code(word: &str) -> bool {
    matches!(word.as_bytes(), [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9'])
}

/// The code of a refusal that a word is or ends with: `550`, `"550`, `smtp;550`, `#550`.
fn code_in(word: &str) -> Option<&str> {
    let code = word.rsplit([';', ':', '"', '\'', '(', '[', '<', '#', '=']).next()?;
    (is_code(code) && code.starts_with(['4', '5'])).then_some(code)
}

/// Whether a word is an enhanced code: `5.7.0`, `#4.4.5`.
fn is_detail(word: &str) -> bool {
    let numbers: Vec<_> = word.trim_start_matches('#').split('.').collect();
    numbers.len() == 3
        && numbers.iter().all(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The words of a folded text that tell replies apart.
fn tokens(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || ":[]".contains(c))) {
        let stage = word.split_once(':').filter(|(stage, cause)| {
            let letters = cause.bytes().all(|byte| byte.is_ascii_lowercase());
            ["hl", "mi", "rp", "dt"].contains(stage) && (2..=5).contains(&cause.len()) && letters
        });
        let bracketed = word.strip_prefix('[').and_then(|word| word.strip_suffix(']')).filter(|code| {
            let letters = code.trim_end_matches(|c: char| c.is_ascii_digit());
            (1..=4).contains(&letters.len())
                && letters.bytes().all(|byte| byte.is_ascii_lowercase())
                && (2..=4).contains(&(code.len() - letters.len()))
        });
        let number = word.trim_matches([':', '[', ']']);
        let hexadecimal = number.strip_prefix("0x").unwrap_or(number).trim_start_matches('0');
        let is_hexadecimal = (7..=8).contains(&hexadecimal.len())
            && hexadecimal.starts_with("800c")
            && hexadecimal.bytes().all(|byte| byte.is_ascii_hexdigit());
        if stage.is_some() || bracketed.is_some() {
            found.push(word.to_owned());
        } else if is_hexadecimal {
            found.push(format!("0x{hexadecimal}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> String {
        Statement::candidates(text)[0].whole()
    }

    #[test]
    fn a_reply_of_several_lines_reads_as_one() {
        let one = "552 5.7.0 this was blocked: security issue";
        for text in [
            "552 5.7.0 This was blocked:  security issue",
            "552-5.7.0 This was blocked:\r\n552 5.7.0 security issue",
            "552-5.7.0 This was blocked: 552-5.7.0 security issue",
            "552-5.7.0 This was blocked: 552 5.7.0 security issue",
            "552 5.7.0 This was blocked:\n5.7.0 security issue",
            "552-5.7.0 This\r\n552-5.7.0 was blocked:\r\n552-5.7.0\r\n552 5.7.0 security issue\r\n",
        ] {
            assert_eq!(whole(text), one, "{text:?}");
        }
        assert_eq!(whole("550-no\n550 thanks, 550 times"), "550 no thanks, 550 times");
        assert_eq!(whole("no code\n550 here"), "no code 550 here");
    }

    #[test]
    fn a_reply_is_found_in_what_stands_around_it() {
        let reply = "550 user unknown";
        for text in [
            "host mx.example.com[192.0.2.1] said: 550 User Unknown (in reply to RCPT TO command)",
            "status=bounced (host mx said: 550 User Unknown (in reply to RCPT TO command))",
            "smtp;550 User Unknown",
            "line\n\"550 User Unknown",
        ] {
            let found = Statement::candidates(text);
            assert!(found.iter().any(|statement| statement.whole() == reply), "{text}: {found:?}");
        }
        assert!(Statement::candidates(&"550 a ".repeat(5000)).len() <= 6 * MOST_PLACES + 1);
    }

    #[test]
    fn an_enhanced_code_and_marks_at_the_end_are_taken_off() {
        for (text, is_trimmed) in [
            ("554 5.7.1 RBL", true),
            ("554 #5.7.1 RBL", true),
            ("\"554 RBL\"", true),
            ("554 RBL.", true),
            ("Remote host said: 554 RBL\nGiving up on 192.0.2.1.", false),
        ] {
            let found = Statement::candidates(text);
            let reply = found.iter().find(|statement| statement.whole() == "554 rbl");
            assert_eq!(reply.map(|reply| reply.is_trimmed), Some(is_trimmed), "{found:?}");
        }
        for text in ["550 5.7.1", "550 ...", "550 5.7.1 .", "\"", "550"] {
            assert!(!Statement::candidates(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn tokens_tell_replies_apart() {
        for (text, token) in [
            ("550 DT:SPM 163 smtp7", "dt:spm"),
            ("error 0X800C0133!", "0x800c0133"),
            ("800CCC0F", "0x800ccc0f"),
            ("421 4.7.0 [TSS04] Messages", "[tss04]"),
        ] {
            assert_eq!(Statement::candidates(text)[0].tokens, [token], "{text}");
        }
        assert_eq!(Statement::candidates("re:abc [abcde] 1:2 0x12").first().unwrap().tokens, [""; 0]);
    }

    #[test]
    fn a_part_is_made_of_whole_words() {
        assert!(holds("<a>: rejected: b", "rejected", 3));
        assert!(holds("554 5.7.1 rbl, sorry", "rbl", 3) && holds("请问系统忙怎么办", "系统忙", 4));
        assert!(!holds("dt:rbl", "rbl", 3) && !holds("turbla", "rbl", 3) && !holds("a no b", "no", 3));
    }
}
