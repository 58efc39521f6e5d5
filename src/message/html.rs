//! The text of HTML, as it is shown.
//!
//! Inline tags and comments vanish without a trace; tags that begin a line, a block or a cell part words. Scripts and
//! styles are not shown; everything else is read, also what CSS would hide and the title, for a program may show it.

use std::convert::Infallible;

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};

use super::fold::Folder;

/// Adds the text of `html` to `folder`.
pub(super) fn read(html: &str, folder: &mut Folder) {
    let mut unseen = false;
    let mut shown_attribute = false;
    let callback = |event: CallbackEvent<'_>, _: Span<()>| -> Option<Infallible> {
        match event {
            CallbackEvent::OpenStartTag { name } => {
                unseen = matches!(name, b"script" | b"style");
                part(name, folder);
            }
            CallbackEvent::EndTag { name } => {
                unseen = false;
                part(name, folder);
            }
            // What stands in place of an image or in a field.
            CallbackEvent::AttributeName { name } => shown_attribute = matches!(name, b"alt" | b"placeholder"),
            CallbackEvent::AttributeValue { value } if shown_attribute => folder.push(&String::from_utf8_lossy(value)),
            CallbackEvent::String { value } if !unseen => folder.push(&String::from_utf8_lossy(value)),
            _ => {}
        }
        None
    };
    let mut emitter = CallbackEmitter::new(callback);
    emitter.naively_switch_states(true);
    let Ok(()) = Tokenizer::new_with_emitter(html, emitter).finish();
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
        read(html, &mut folder);
        folder.finish()
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
