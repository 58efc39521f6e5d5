//! What a client said, made safe to show.
//!
//! A log line and a terminal must not do what a stranger tells them: a line feed would forge a line, an escape sequence
//! would move the cursor, a bidi override would turn the text around, and a zero-width character would hide a difference.

use std::fmt::{self, Write};

use serde::Serialize;

/// A text given by a client, shown with everything escaped that would not be seen as what it is.
///
/// Control characters, line and paragraph separators, bidi controls, zero-width and tag characters are written as
/// `\n`, `\r`, `\t` or `\u{202e}`; the backslash is doubled, so that what is shown can be read back. All else, Chinese
/// included, stays as it is.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = 0;
        for (index, c) in self.0.char_indices().filter(|&(_, c)| c == '\\' || is_unseen(c)) {
            f.write_str(&self.0[shown..index])?;
            shown = index + c.len_utf8();
            match c {
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                _ => write!(f, "{}", c.escape_unicode())?,
            }
        }
        f.write_str(&self.0[shown..])
    }
}

/// Texts given by a client, each escaped, joined by a comma and a space.
#[derive(Clone, Copy, Debug)]
pub struct EscapedList<'a, T>(pub &'a [T]);

impl<T: fmt::Display> fmt::Display for EscapedList<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, text) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            let mut shown = String::new();
            write!(shown, "{text}")?;
            Escaped(&shown).fmt(f)?;
        }
        Ok(())
    }
}

/// A JSON document in which every character that would not be seen as what it is is escaped, not only those that JSON
/// wants to have escaped: a terminal obeys U+009B too, and a bidi control turns around what follows.
///
/// # Errors
/// If the value is none that JSON has.
pub fn json(value: &impl Serialize) -> serde_json::Result<String> {
    let text = serde_json::to_string(value)?;
    if !text.contains(is_unseen) {
        return Ok(text);
    }
    let mut escaped = String::with_capacity(text.len() + 64);
    for c in text.chars() {
        // JSON has these in strings only, where an escape means the same.
        if is_unseen(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    Ok(escaped)
}

/// Whether a character would not be seen as what it is.
pub(crate) fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_seen_stays() {
        for text in ["", "a b", "用户@例子.公司", "é\u{301}", "<a@b>", "🙂"] {
            assert_eq!(Escaped(text).to_string(), text);
        }
    }

    #[test]
    fn what_would_forge_or_hide_is_escaped() {
        for (text, shown) in [
            ("a\r\nlevel=info", r"a\r\nlevel=info"),
            ("\u{1b}[2J", r"\u{1b}[2J"),
            ("tab\there", r"tab\there"),
            ("\u{0}\u{7f}\u{85}", r"\u{0}\u{7f}\u{85}"),
            ("x\u{202e}fdp.exe", r"x\u{202e}fdp.exe"),
            ("\u{2066}a\u{2069}", r"\u{2066}a\u{2069}"),
            ("a\u{200b}b\u{feff}", r"a\u{200b}b\u{feff}"),
            ("\u{2028}", r"\u{2028}"),
            ("\u{e0041}", r"\u{e0041}"),
            (r"\n", r"\\n"),
        ] {
            assert_eq!(Escaped(text).to_string(), shown);
        }
    }

    #[test]
    fn a_list_is_escaped_one_by_one() {
        assert_eq!(EscapedList(&["a", "b\n"]).to_string(), r"a, b\n");
        assert_eq!(EscapedList::<String>(&[]).to_string(), "");
    }

    #[test]
    fn json_escapes_what_is_not_seen_and_means_the_same() {
        for shown in ["\u{9b}1m", "\u{7f}", "\u{202e}x", "\u{feff}", "\u{e0041}", "\u{1b}\n\"\\", "发票 <b>"] {
            let text = json(&shown).unwrap();
            assert!(!text.contains(is_unseen), "{text}");
            assert_eq!(serde_json::from_str::<String>(&text).unwrap(), shown);
        }
    }
}
