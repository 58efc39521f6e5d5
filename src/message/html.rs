//! The text of HTML, as it is shown.
//!
//! Inline tags and comments vanish without a trace; tags that begin a line, a block or a cell part words. Scripts and
//! styles are not shown; everything else is read, also what CSS would hide and the title, for a program may show it.
//! Where something is hidden, the text is read a second time without it, as people see it: a word cannot be cut in two by
//! a piece that nobody sees.

use std::convert::Infallible;

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};

use super::fold::Folder;

/// Adds the text of `html` to `folder`, with what is hidden or, if `as_seen`, without. Says whether anything is hidden.
pub(super) fn read(html: &str, as_seen: bool, folder: &mut Folder) -> bool {
    let mut unseen = false;
    let mut attribute = Attribute::Other;
    let mut hiding = Hiding::default();
    let callback = |event: CallbackEvent<'_>, _: Span<()>| -> Option<Infallible> {
        let shown = !(as_seen && hiding.inside.is_some());
        match event {
            CallbackEvent::OpenStartTag { name } => {
                unseen = matches!(name, b"script" | b"style");
                hiding.begin(name);
                part(name, folder);
            }
            CallbackEvent::EndTag { name } => {
                unseen = false;
                hiding.end(name);
                part(name, folder);
            }
            CallbackEvent::CloseStartTag { .. } => hiding.opened(),
            CallbackEvent::AttributeName { name } => {
                attribute = match name {
                    // What stands in place of an image or in a field.
                    b"alt" | b"placeholder" => Attribute::Shown,
                    b"style" => Attribute::Style,
                    _ => Attribute::Other,
                };
                hiding.hides |= name == b"hidden";
            }
            CallbackEvent::AttributeValue { value } => match attribute {
                Attribute::Shown if shown => folder.push(&String::from_utf8_lossy(value)),
                Attribute::Style => hiding.hides |= style_hides(value),
                _ => {}
            },
            CallbackEvent::String { value } if shown && !unseen => folder.push(&String::from_utf8_lossy(value)),
            _ => {}
        }
        None
    };
    let mut emitter = CallbackEmitter::new(callback);
    emitter.naively_switch_states(true);
    let Ok(()) = Tokenizer::new_with_emitter(html, emitter).finish();
    hiding.ever
}

enum Attribute {
    Other,
    Shown,
    Style,
}

/// The outermost hidden element that is open: it ends with the end tag that belongs to it.
#[derive(Default)]
struct Hiding {
    /// Its name, and how many of that name are open.
    inside: Option<(Vec<u8>, usize)>,
    /// The tag being read, and whether it hides what is in it.
    tag: Vec<u8>,
    hides: bool,
    ever: bool,
}

impl Hiding {
    fn begin(&mut self, tag: &[u8]) {
        self.tag.clear();
        self.tag.extend_from_slice(tag);
        self.hides = false;
    }

    /// The start tag is complete. A slash at its end means nothing in HTML.
    fn opened(&mut self) {
        let void = matches!(
            self.tag.as_slice(),
            b"area" | b"base" | b"br" | b"col" | b"embed" | b"hr" | b"img" | b"input" | b"link" | b"meta" | b"wbr"
        );
        if void {
            return;
        }
        match &mut self.inside {
            Some((tag, open)) if *tag == self.tag => *open += 1,
            None if self.hides => {
                self.inside = Some((self.tag.clone(), 1));
                self.ever = true;
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: &[u8]) {
        match &mut self.inside {
            Some((name, 1)) if name == tag => self.inside = None,
            Some((name, open)) if name == tag => *open -= 1,
            _ => {}
        }
    }
}

/// Whether an inline style hides its element.
fn style_hides(style: &[u8]) -> bool {
    let plain = style.iter().take(4_096).filter(|byte| !byte.is_ascii_whitespace()).map(u8::to_ascii_lowercase);
    let plain: Vec<u8> = plain.collect();
    let mut declarations = plain.split(|byte| *byte == b';').filter_map(|declaration| {
        let colon = memchr::memchr(b':', declaration)?;
        Some((&declaration[..colon], &declaration[colon + 1..]))
    });
    declarations.any(|(property, value)| {
        let value = value.strip_suffix(b"!important").unwrap_or(value);
        match property {
            b"display" => value == b"none",
            b"visibility" => value == b"hidden" || value == b"collapse",
            b"font-size" | b"opacity" | b"max-height" => is_zero(value),
            _ => false,
        }
    })
}

/// `0`, `0px`, `0.0em`, `0%`.
fn is_zero(value: &[u8]) -> bool {
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    digits > 0 && value[..digits].iter().all(|byte| matches!(byte, b'0' | b'.'))
}

/// The charset that a document names in its first bytes (`<meta charset=…>`).
pub(super) fn declared_charset(html: &[u8]) -> Option<String> {
    let head = html[..html.len().min(2_048)].to_ascii_lowercase();
    let at = memchr::memmem::find(&head, b"<meta")?;
    let value = at + memchr::memmem::find(&head[at..], b"charset=")? + b"charset=".len();
    let name = head[value..].iter().skip_while(|byte| matches!(byte, b'"' | b'\'' | b' ')).copied();
    let name: Vec<u8> = name.take_while(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte)).collect();
    String::from_utf8(name).ok().filter(|name| !name.is_empty() && !name.starts_with("utf-16"))
}

fn part(tag: &[u8], folder: &mut Folder) {
    match tag {
        b"br" => folder.push("\n"),
        b"td" | b"th" | b"option" | b"button" => folder.space(),
        b"address" | b"article" | b"aside" | b"blockquote" | b"body" | b"caption" | b"center" | b"dd" | b"details"
        | b"div" | b"dl" | b"dt" | b"fieldset" | b"figcaption" | b"figure" | b"footer" | b"form" | b"h1" | b"h2"
        | b"h3" | b"h4" | b"h5" | b"h6" | b"head" | b"header" | b"hr" | b"html" | b"legend" | b"li" | b"main"
        | b"menu" | b"nav" | b"ol" | b"p" | b"pre" | b"section" | b"summary" | b"table" | b"tbody" | b"textarea"
        | b"tfoot" | b"thead" | b"title" | b"tr" | b"ul" => folder.push("\n\n"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(html: &str) -> String {
        let mut folder = Folder::new(1_000_000);
        read(html, false, &mut folder);
        folder.finish()
    }

    fn as_seen(html: &str) -> (String, bool) {
        let mut folder = Folder::new(1_000_000);
        let hidden = read(html, true, &mut folder);
        (folder.finish(), hidden)
    }

    #[test]
    fn what_nobody_sees_cuts_no_word() {
        for hidden in [
            "<span style=\"display:none\">xx</span>",
            "<span STYLE='color:red; Display : None !important'>xx</span>",
            "<i hidden>xx</i>",
            "<font style=font-size:0px>xx</font>",
            "<span style='opacity:0'><span>x</span>x</span>",
            "<b style='visibility:hidden'>x<br>x<img alt=x></b>",
        ] {
            assert_eq!(as_seen(&format!("代{hidden}开发票")), ("代开发票".to_owned(), true), "{hidden}");
        }
        for shown in
            ["<b style='font-size:0.9em'>x</b>", "<b style='opacity:0.5'>x</b>", "<i style='display:block'>x</i>"]
        {
            assert_eq!(as_seen(&format!("a{shown}b")), ("axb".to_owned(), false), "{shown}");
        }
    }

    #[test]
    fn html_reads_as_it_is_shown() {
        for (html, shown) in [
            ("代<b>开</b>发&#31080;", "代开发票"),
            ("代<!-- x -->开<span style='display:none'></span>发<a href=x>票</a>", "代开发票"),
            ("<p>one</p><p>two</p>", "one two"),
            ("代开<br>发票", "代开发票"),
            ("<td>代开</td><td>发票</td>", "代开 发票"),
            ("a<script>if (1 < 2) { b() }</script><style>c{}</style>d", "ad"),
            ("<title>T</title><body>x &lt;b&gt; &amp;amp;</body>", "t x <b> &amp;"),
            ("<img alt='代开'>发票", "代开发票"),
            ("代&#x200b;开&zwj;发&ZeroWidthSpace;票", "代开发票"),
            ("<b", ""),
            ("a < b", "a < b"),
            ("<textarea>x</textarea>", "x"),
        ] {
            assert_eq!(text(html), shown, "{html}");
        }
    }

    #[test]
    fn charset_of_a_document() {
        assert_eq!(declared_charset(b"<html><META charset=\"GBK\">").as_deref(), Some("gbk"));
        let http = b"<meta http-equiv=Content-Type content='text/html; charset=gb2312'>";
        assert_eq!(declared_charset(http).as_deref(), Some("gb2312"));
        assert_eq!(declared_charset(b"charset=gbk"), None);
    }

    #[test]
    fn a_hundred_thousand_open_tags_are_read() {
        let html = "<div a=b>".repeat(100_000) + "x";
        assert_eq!(text(&html), "x");
    }
}
