//! Text reduced to what matters for matching.
//!
//! Two texts that a person reads alike fold alike: case, width (NFKC), invisible characters and the way in which lines
//! were broken make no difference. Folding is idempotent, so a pack's keywords are folded by the same function.

use unicode_normalization::char::{compose, decompose_compatible, is_combining_mark};

/// Folds text for matching: lower case, NFKC, nothing invisible, one space for any run of white space, and no trace of
/// a line break between two CJK characters, where it never stands for a space.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folder = Folder::new(usize::MAX);
    folder.push(text);
    folder.finish()
}

/// Folds text that comes in pieces, up to a bound.
pub(super) struct Folder {
    text: String,
    gap: Gap,
    limit: usize,
    full: bool,
}

/// The white space since the last character.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gap {
    None,
    /// White space with one line break at most.
    Line,
    /// White space that parts words.
    Space,
    /// White space with several line breaks.
    Paragraph,
}

impl Folder {
    /// Holds at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { text: String::new(), gap: Gap::None, limit, full: false }
    }

    /// Adds text.
    pub(super) fn push(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() && !self.full {
            let ascii = rest.bytes().position(|byte| !byte.is_ascii()).unwrap_or(rest.len());
            let (plain, other) = rest.split_at(ascii);
            self.push_ascii(plain);
            let wide = other.bytes().position(|byte| byte.is_ascii()).unwrap_or(other.len());
            let (other, next) = other.split_at(wide);
            for c in other.chars() {
                self.push_char(c);
            }
            rest = next;
        }
    }

    /// Adds a break that always parts words.
    pub(super) fn space(&mut self) {
        if self.gap != Gap::Paragraph {
            self.gap = Gap::Space;
        }
    }

    /// Whether something did not fit.
    pub(super) const fn is_full(&self) -> bool {
        self.full
    }

    /// The folded text.
    pub(super) fn finish(mut self) -> String {
        self.text.shrink_to_fit();
        self.text
    }

    fn push_ascii(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                b'\t'..=b'\r' | b' ' => self.widen(char::from(byte)),
                0..=0x1f | 0x7f => {}
                _ => self.put(char::from(byte.to_ascii_lowercase())),
            }
        }
    }

    fn push_char(&mut self, c: char) {
        // The ideographs of the basic plane are their own folding; they are most of what is not ASCII here.
        if matches!(c, '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}') {
            self.put(c);
        } else if !is_invisible(c) {
            decompose_compatible(c, |part| {
                for lower in part.to_lowercase() {
                    if lower.is_whitespace() {
                        self.widen(lower);
                    } else if !is_invisible(lower) {
                        self.put(lower);
                    }
                }
            });
        }
    }

    fn widen(&mut self, c: char) {
        self.gap = match (self.gap, c) {
            (Gap::None, '\n') => Gap::Line,
            (Gap::None, '\r') => Gap::None,
            (Gap::None, _) => Gap::Space,
            (Gap::Space, '\n') => Gap::Line,
            (Gap::Line, '\n') => Gap::Paragraph,
            (gap, _) => gap,
        };
    }

    fn put(&mut self, c: char) {
        if self.full {
            return;
        }
        if self.text.len() + 5 > self.limit {
            self.full = true;
            return;
        }
        if self.text.capacity() - self.text.len() < 5 {
            // Growth by doubling could hold twice the bound.
            self.text.reserve_exact(self.text.len().max(64).min(self.limit - self.text.len()));
        }
        let last = self.text.chars().next_back();
        let gap = std::mem::replace(&mut self.gap, Gap::None);
        if let Some(last) = last {
            let joined = gap == Gap::None || gap == Gap::Line && is_cjk(last) && is_cjk(c);
            if !joined {
                self.text.push(' ');
            } else if !c.is_ascii()
                && (is_combining_mark(c) || matches!(c, '\u{1161}'..='\u{11FF}'))
                && let Some(whole) = compose(last, c)
            {
                self.text.pop();
                self.text.push(whole);
                return;
            }
        }
        self.text.push(c);
    }
}

/// Whether a character belongs to a script that is written without spaces, so that a line can break anywhere.
const fn is_cjk(c: char) -> bool {
    matches!(c,
        '\u{2E80}'..='\u{303F}' | '\u{3040}'..='\u{312F}' | '\u{31A0}'..='\u{31FF}' | '\u{3400}'..='\u{4DBF}'
        | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Whether a character shows nothing: a control, or ignorable by default (Unicode, `Default_Ignorable_Code_Point`).
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\0'..='\u{8}' | '\u{E}'..='\u{1F}' | '\u{7F}'..='\u{84}' | '\u{86}'..='\u{9F}' | '\u{AD}' | '\u{34F}'
        | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_reads_alike_folds_alike() {
        for (text, folded) in [
            ("", ""),
            ("  Hello,\t\r\n World ", "hello, world"),
            ("ＦＵＬＬ　ｗｉｄｔｈ１２３", "full width123"),
            ("ｶﾞｷﾞ", "ガギ"),
            ("代\u{200B}开\u{FEFF}发\u{2060}票\u{FE0F}\u{E0041}", "代开发票"),
            ("f\u{AD}a\u{200D}pi\u{202E}ao", "fapiao"),
            ("代开\r\n发票", "代开发票"),
            ("代开 \n\t发票", "代开发票"),
            ("代开\n\n发票", "代开 发票"),
            ("代开 发票", "代开 发票"),
            ("good\nnews", "good news"),
            ("好\nnews", "好 news"),
            ("ÉCOLE E\u{301}cole", "école école"),
            ("⼀⽂\u{F900}", "一文豈"),
            ("①②㈠", "12(一)"),
            ("\0a\u{1}b\u{7f}", "ab"),
            ("한국", "한국"),
        ] {
            assert_eq!(fold(text), folded, "{text:?}");
        }
    }

    #[test]
    fn every_character_is_folded_once_for_all() {
        for c in '\0'..=char::MAX {
            let once = fold(&c.to_string());
            assert_eq!(fold(&once), once, "{c:?}");
            let between = fold(&format!("x{c}y"));
            assert_eq!(fold(&between), between, "{c:?}");
        }
    }

    #[test]
    fn the_bound_holds() {
        let mut folder = Folder::new(10);
        folder.push("abcdefghijklmnop");
        assert!(folder.is_full());
        assert!(folder.finish().len() <= 10);
        let mut folder = Folder::new(40);
        folder.push("\u{FDFA}\u{FDFA}\u{FDFA}");
        assert!(folder.is_full());
        assert!(folder.finish().len() <= 40);
    }

    proptest! {
        #[test]
        fn folding_is_idempotent(text in "\\PC*|[a-cA-C\u{301}\u{308}\u{3099}\u{30AB}\u{304B}\u{1100}\u{1161}\u{11A8}\u{4E00}\u{200B}\r\n \t]*") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn pieces_fold_as_the_whole(text in "[a-z \r\n代开\u{301}Ａ]*", cut in 0usize..20) {
            let cut = text.char_indices().nth(cut).map_or(text.len(), |(at, _)| at);
            let mut folder = Folder::new(usize::MAX);
            folder.push(&text[..cut]);
            folder.push(&text[cut..]);
            prop_assert_eq!(folder.finish(), fold(&text));
        }
    }
}
