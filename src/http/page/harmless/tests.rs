//! What comes through, and what does not.

use html5gum::{DefaultEmitter, Token};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

#[test]
fn names_are_in_order() {
    assert!(LEFT_OUT.is_sorted() && SILENT.is_sorted() && KEPT.is_sorted());
}

#[test]
fn what_is_of_looks_stays() {
    for html in [
        "<!doctype html><p class=\"a\" style=\"color: red\">a &amp; b<br></p>",
        "<style>p > b { color: red }</style><b hidden>x</b>",
        "<style><!-- b { color: red } --></style>",
        "<table border=\"1\"><tr><td colspan=\"2\">发票</td></tr></table>",
        "<img alt=\"x\" src=\"data:image/png;base64,AA==\">",
        "<textarea>&lt;b&gt;</textarea>",
    ] {
        assert_eq!(harmless(html), html);
    }
}

#[test]
fn a_style_sheet_that_is_read_as_html_has_no_tags() {
    assert_eq!(
        harmless("<select><style></select><link rel=preconnect href=//host.test></style>"),
        "<select><style>\\3c /select>\\3c link rel=preconnect href=//host.test></style>"
    );
}

/// Pieces that readers of HTML disagree about.
const PIECES: [&str; 36] = [
    "<",
    ">",
    "</",
    "<!--",
    "-->",
    "--!>",
    "<![CDATA[",
    "]]>",
    "<!doctype",
    " ",
    "/",
    "=",
    "\"",
    "'",
    "`",
    "\0",
    "&lt;",
    "&#60",
    "<style>",
    "</style",
    "<script>",
    "</script>",
    "<svg>",
    "<math>",
    "<textarea>",
    "</textarea>",
    "<title>",
    "<xmp>",
    "<plaintext>",
    "<noscript>",
    "<template>",
    "<iframe>",
    "<img src=x onerror=y>",
    "<link rel=preconnect>",
    "<a href=",
    "x",
];

proptest! {
    #[test]
    fn nothing_else_comes_through(pieces in vec(select(&PIECES), 0..16)) {
        let shown = harmless(&pieces.concat());
        // A browser need not take an element for the one that its name says.
        for by_name in [true, false] {
            let mut emitter = DefaultEmitter::<()>::default();
            emitter.naively_switch_states(by_name);
            for Ok(token) in Tokenizer::new_with_emitter(shown.as_str(), emitter) {
                if let Token::StartTag(tag) = token {
                    prop_assert!(!is_in(&LEFT_OUT, &tag.name), "{shown}");
                    prop_assert!(tag.attributes.keys().all(|name| is_in(&KEPT, name)), "{shown}");
                }
            }
        }
    }
}

#[test]
fn what_loads_leads_away_or_runs_does_not() {
    for (html, left) in [
        ("<img src=http://e.test/ onerror=x srcset=y alt=a>", "<img alt=\"a\">"),
        ("<link rel=preconnect href=http://e.test>x", "x"),
        ("<meta http-equiv=refresh content='0;url=http://e.test'>x", "x"),
        ("<base href=http://e.test><a href='/x' target=_top ping=y>x</a>", "<a title=\"/x\">x</a>"),
        ("<form action=http://e.test><input name=a type=image src=x></form>", "<input type=\"image\">"),
        (
            "<svg onload=x><style><a title='</style><img src=x>'></style></svg>",
            "<style>\\3c a title='</style><img>'&gt;</style>",
        ),
        ("<script>fetch('x')</script>y<iframe srcdoc='<b>'><b></iframe>z", "yz"),
        ("<object data=x>y</object><!-- <link> --><video src=x poster=y>", "y"),
        ("<body background=http://e.test bgcolor=\"#fff\">", "<body bgcolor=\"#fff\">"),
        ("<a title=x href='java\"script:1'>", "<a title=\"java&quot;script:1\">"),
        ("<plaintext><link rel=preconnect>", "&lt;link rel=preconnect&gt;"),
        ("<img src='data:text/html,x'><img src>", "<img><img>"),
    ] {
        assert_eq!(harmless(html), left, "{html}");
    }
}
