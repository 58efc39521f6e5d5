//! HTML of strangers, without what would load, lead away or run.
//!
//! It is shown in a sandbox under a policy that forbids all of that. This is the second lock: of what the first one leaves
//! to a browser, such as connections that are made ahead (`<link rel=preconnect>`), nothing is said to it. What is not
//! known to be of looks alone is left out, and what leads somewhere is told where one points at it.

#[cfg(test)]
mod tests;

use std::convert::Infallible;

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};

/// Elements whose tags are left out. In foreign content and templates a browser reads other tokens than are read here.
const LEFT_OUT: [&[u8]; 27] = [
    b"applet",
    b"audio",
    b"base",
    b"bgsound",
    b"embed",
    b"fencedframe",
    b"form",
    b"frame",
    b"frameset",
    b"iframe",
    b"link",
    b"math",
    b"meta",
    b"noembed",
    b"noframes",
    b"noscript",
    b"object",
    b"param",
    b"plaintext",
    b"portal",
    b"script",
    b"source",
    b"svg",
    b"template",
    b"track",
    b"video",
    b"xmp",
];

/// Elements that are left out with what is in them: a browser takes it for no text.
const SILENT: [&[u8]; 4] = [b"iframe", b"noembed", b"noframes", b"script"];

/// Attributes that say how something looks.
const KEPT: [&[u8]; 34] = [
    b"align",
    b"alt",
    b"bgcolor",
    b"border",
    b"cellpadding",
    b"cellspacing",
    b"class",
    b"color",
    b"cols",
    b"colspan",
    b"dir",
    b"disabled",
    b"face",
    b"frame",
    b"height",
    b"hidden",
    b"hspace",
    b"id",
    b"lang",
    b"nowrap",
    b"open",
    b"placeholder",
    b"rows",
    b"rowspan",
    b"rules",
    b"size",
    b"span",
    b"start",
    b"style",
    b"title",
    b"type",
    b"valign",
    b"vspace",
    b"width",
];

/// The HTML, harmless.
pub(super) fn harmless(html: &str) -> String {
    let mut writer = Writer { out: Vec::with_capacity(html.len()), ..Writer::default() };
    let mut emitter = CallbackEmitter::new(|event: CallbackEvent<'_>, _: Span<()>| -> Option<Infallible> {
        writer.write(&event);
        None
    });
    emitter.naively_switch_states(true);
    let Ok(()) = Tokenizer::new_with_emitter(html, emitter).finish();
    String::from_utf8_lossy(&writer.out).into_owned()
}

#[derive(Default)]
struct Writer {
    out: Vec<u8>,
    /// The start tag being read is left out.
    is_left_out: bool,
    /// The name that the next attribute's value is written under, if it is written.
    attribute: Option<&'static [u8]>,
    is_source: bool,
    tag: Vec<u8>,
    /// The element that is read as text alone until its end.
    raw: Option<Raw>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Raw {
    /// Written as a style sheet.
    Style,
    /// Not written.
    Silent,
}

impl Writer {
    fn write(&mut self, event: &CallbackEvent<'_>) {
        match event {
            CallbackEvent::OpenStartTag { name } => self.open(name),
            CallbackEvent::AttributeName { name } => self.attribute(name),
            CallbackEvent::AttributeValue { value } => self.value(value),
            CallbackEvent::CloseStartTag { .. } => self.close(),
            CallbackEvent::EndTag { name } => {
                self.raw = None;
                if !is_in(&LEFT_OUT, name) {
                    self.out.extend_from_slice(b"</");
                    self.out.extend_from_slice(name);
                    self.out.push(b'>');
                }
            }
            CallbackEvent::String { value } => match self.raw {
                None => self.escaped(value),
                Some(Raw::Style) => self.style(value),
                Some(Raw::Silent) => {}
            },
            CallbackEvent::Doctype { .. } => self.out.extend_from_slice(b"<!doctype html>"),
            CallbackEvent::Comment { .. } | CallbackEvent::Error(_) => {}
        }
    }

    fn open(&mut self, name: &[u8]) {
        self.tag.clear();
        self.tag.extend_from_slice(name);
        self.is_left_out = is_in(&LEFT_OUT, name);
        self.attribute = None;
        if !self.is_left_out {
            self.out.push(b'<');
            self.out.extend_from_slice(name);
        }
    }

    fn attribute(&mut self, name: &[u8]) {
        self.is_source = name == b"src" && self.tag == b"img";
        let is_link = matches!(&*self.tag, b"a" | b"area");
        self.attribute = match name {
            _ if self.is_left_out => None,
            b"href" if is_link => Some(b"title"),
            // It would stand in place of where the link leads.
            b"title" if is_link => None,
            b"src" if self.is_source => Some(b"src"),
            _ => KEPT.iter().find(|kept| **kept == name).copied(),
        };
        // One without a value.
        if let Some(name) = self.attribute.filter(|_| !self.is_source) {
            self.out.push(b' ');
            self.out.extend_from_slice(name);
        }
    }

    fn value(&mut self, value: &[u8]) {
        let Some(name) = self.attribute.take() else { return };
        if self.is_source {
            let is_image = value.get(..11).is_some_and(|start| start.eq_ignore_ascii_case(b"data:image/"));
            if !is_image {
                return;
            }
            self.out.push(b' ');
            self.out.extend_from_slice(name);
        }
        self.out.extend_from_slice(b"=\"");
        self.escaped(value);
        self.out.push(b'"');
    }

    fn close(&mut self) {
        if !self.is_left_out {
            self.out.push(b'>');
        }
        self.raw = match self.tag.as_slice() {
            b"style" => Some(Raw::Style),
            tag if is_in(&SILENT, tag) => Some(Raw::Silent),
            _ => None,
        };
    }

    /// A style sheet, in which nothing begins a tag: where a browser takes `<style>` for nothing, as older ones do in
    /// `<select>`, its text is read as HTML. `<!--` is for browsers that know no style sheets, and CSS knows it.
    fn style(&mut self, text: &[u8]) {
        for (at, byte) in text.iter().enumerate() {
            match byte {
                b'<' if !text[at..].starts_with(b"<!--") => self.out.extend_from_slice(b"\\3c "),
                byte => self.out.push(*byte),
            }
        }
    }

    fn escaped(&mut self, text: &[u8]) {
        for byte in text {
            match byte {
                b'&' => self.out.extend_from_slice(b"&amp;"),
                b'<' => self.out.extend_from_slice(b"&lt;"),
                b'>' => self.out.extend_from_slice(b"&gt;"),
                b'"' => self.out.extend_from_slice(b"&quot;"),
                byte => self.out.push(*byte),
            }
        }
    }
}

fn is_in(names: &[&[u8]], name: &[u8]) -> bool {
    names.binary_search(&name).is_ok()
}
