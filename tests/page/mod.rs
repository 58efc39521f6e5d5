//! The page, as a browser without JavaScript gets it.

mod charts;
mod coverage;
mod live;
mod messages;
mod outbox;
mod providers;
mod retry;
mod state;
mod stubs;

use crate::api::Asked;
use crate::api::http::{Answer, Request};

/// The policy of every page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What a browser is answered.
fn browse(asked: &Asked, path: &str, lang: &str) -> Answer {
    let request = Request::new(asked.http(), "GET", path);
    request.header("Accept", "text/html,*/*;q=0.8").header("Accept-Language", lang).send()
}

/// A page in a language, which must have the headers of one, and nothing in it that its policy would keep from working.
fn page(asked: &Asked, path: &str, lang: &str) -> String {
    checked(browse(asked, path, lang), 200, lang)
}

/// A page that tells what is wrong.
fn problem(asked: &Asked, path: &str, status: u16) -> String {
    checked(browse(asked, path, "en"), status, "en")
}

fn checked(answer: Answer, status: u16, lang: &str) -> String {
    let answer = answer.expect(status);
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", POLICY),
        ("referrer-policy", "same-origin"),
        ("x-dns-prefetch-control", "off"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), Some(value));
    }
    let text = answer.text();
    assert!(text.contains(&format!("<html lang=\"{lang}\"")), "{text}");
    let inline = regex::Regex::new(r#"<script(?: defer)?>|<style|<[a-z][^>]* (?:style|on[a-z]+)="#).unwrap();
    assert!(!inline.is_match(&text), "{:?}", inline.find(&text));
    text
}

/// Asserts that all of these stand in a page, in this order.
fn has(page: &str, wanted: &[&str]) {
    let mut at = 0;
    for text in wanted {
        let found = page[at..].find(text);
        at += found.unwrap_or_else(|| panic!("{text:?} does not follow in {}", &page[at..])) + text.len();
    }
}

/// A mockmx that is looked at in English.
struct Looked(Asked);

impl Looked {
    fn start() -> Self {
        Self::start_set("")
    }

    /// Starts one with a settings file.
    fn start_set(settings: &str) -> Self {
        Self(Asked::start_set(settings, &[]))
    }

    fn get(&self, path: &str) -> Answer {
        browse(&self.0, path, "en")
    }

    fn page(&self, path: &str) -> String {
        self.page_of(path, 200)
    }

    fn page_of(&self, path: &str, status: u16) -> String {
        let lang = if path.contains("lang=zh") { "zh" } else { "en" };
        let text = checked(self.get(path), status, lang);
        assert!(text.starts_with("<!doctype html>") && text.ends_with("</html>"), "{path}: {text}");
        assert_eq!(text.matches("<h1").count(), 1, "{path}");
        text
    }

    /// What a form sends; from a page of ours.
    fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_from(&format!("http://{}", self.0.http()), path, fields)
    }

    fn post_from(&self, origin: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::new(self.0.http(), "POST", path).header("Accept", "text/html").header("Origin", origin);
        request.header("Content-Type", "application/x-www-form-urlencoded").body(body.as_bytes()).send()
    }

    /// A message from `from` to `to`; says how the session went.
    fn deliver(&self, from: &str, to: &str) -> String {
        self.0.deliver(from, to, b"Subject: x\r\n\r\nx")
    }

    /// Says all of it at once, and returns all that is answered.
    fn smtp(&self, script: &str) -> String {
        self.0.smtp(script.as_bytes())
    }
}

/// All that stands between `before` and `after`, each time.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Vec<&'t str> {
    text.split(before).skip(1).map(|rest| rest.split(after).next().unwrap_or_default()).collect()
}
