//! Who looks at a page, and how they like it.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use form_urlencoded::{Serializer, parse};

use crate::http::api::Api;

/// The parameters, and the cookies, by which a visitor says how pages are to be.
const LANG: &str = "lang";
const THEME: &str = "theme";

/// For how long a browser remembers it, in seconds.
const REMEMBERED: u32 = 365 * 24 * 60 * 60;

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lang {
    En,
    Zh,
}

/// Colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Theme {
    /// As the browser likes it.
    Auto,
    Light,
    Dark,
}

/// Whoever asked for a page.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) lang: Lang,
    pub(super) theme: Theme,
    path: String,
    query: String,
    /// The name or address by which this mockmx was found, without brackets.
    host: String,
}

impl Lang {
    pub(super) const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::En, Self::Zh].into_iter().find(|lang| lang.tag() == name)
    }

    /// The first language of `Accept-Language` (RFC 9110 §12.5.4) that we have, by its quality.
    fn accepted(header: &str) -> Option<Self> {
        let ranges = header.split(',').filter_map(|range| {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let quality = parameters.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.trim().parse::<f32>().ok())?;
            let primary = tag.trim().split('-').next()?.to_ascii_lowercase();
            (quality > 0.0).then_some(())?;
            Some((Self::named(&primary)?, quality))
        });
        // The earlier one of two that are liked as much.
        ranges.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(lang, _)| lang)
    }
}

impl Theme {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Auto, Self::Light, Self::Dark].into_iter().find(|theme| theme.name() == name)
    }
}

impl Visitor {
    pub(super) fn of(headers: &HeaderMap, uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        let told = |name| asked(query, name).or_else(|| cookie(headers, name).map(str::to_owned));
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|header| Lang::accepted(header.to_str().ok()?));
        Self {
            lang: told(LANG).and_then(|name| Lang::named(&name)).or(accepted).unwrap_or(Lang::En),
            theme: told(THEME).and_then(|name| Theme::named(&name)).unwrap_or(Theme::Auto),
            path: uri.path().to_owned(),
            query: query.to_owned(),
            host: host(headers).unwrap_or_else(|| "localhost".to_owned()),
        }
    }

    /// The text in the visitor's language.
    pub(super) const fn t<'t>(&self, en: &'t str, zh: &'t str) -> &'t str {
        match self.lang {
            Lang::En => en,
            Lang::Zh => zh,
        }
    }

    /// This page, with a parameter set to that.
    pub(super) fn with(&self, name: &str, value: &str) -> String {
        let others = parse(self.query.as_bytes()).filter(|(other, _)| other != name);
        let query = Serializer::new(String::new()).extend_pairs(others).append_pair(name, value).finish();
        format!("{}?{query}", self.path)
    }

    /// Where the visitor finds what listens there: on all addresses is where this page is.
    pub(super) fn host_of(&self, address: IpAddr) -> String {
        if address.is_unspecified() { self.host.clone() } else { address.to_string() }
    }

    /// Whether this page or one below it is looked at.
    pub(super) fn is_at(&self, path: &str) -> bool {
        let below = self.path.strip_prefix(path);
        below.is_some_and(|rest| rest.is_empty() || path != "/" && rest.starts_with('/'))
    }

    /// Whether those are the colours.
    pub(super) fn is_in(&self, theme: &str) -> bool {
        self.theme.name() == theme
    }

    /// The cookies by which the browser remembers what was asked for just now.
    pub(super) fn remembered(&self) -> Vec<HeaderValue> {
        let chosen = [(LANG, self.lang.tag()), (THEME, self.theme.name())];
        let chosen = chosen.into_iter().filter(|(name, _)| asked(&self.query, name).is_some());
        let cookies = chosen.map(|(name, value)| {
            format!("mockmx-{name}={value}; Path=/; Max-Age={REMEMBERED}; SameSite=Lax; HttpOnly")
        });
        cookies.filter_map(|cookie| HeaderValue::from_str(&cookie).ok()).collect()
    }
}

fn host(headers: &HeaderMap) -> Option<String> {
    let host: Authority = headers.get(header::HOST)?.to_str().ok()?.parse().ok()?;
    Some(host.host().trim_start_matches('[').trim_end_matches(']').to_owned())
}

/// A query without what says how pages are to be.
pub(super) fn plain(query: Option<&str>) -> String {
    let all = parse(query.unwrap_or_default().as_bytes());
    Serializer::new(String::new()).extend_pairs(all.filter(|(name, _)| name != LANG && name != THEME)).finish()
}

fn asked(query: &str, name: &str) -> Option<String> {
    parse(query.as_bytes()).find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// The value of our cookie of that name (RFC 6265 §4.2.1).
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|header| header.to_str().ok());
    let mut pairs = all.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| known.strip_prefix("mockmx-") == Some(name)).map(|(_, value)| value)
}

impl FromRequestParts<Api> for Visitor {
    type Rejection = Infallible;

    fn from_request_parts(parts: &mut Parts, _: &Api) -> impl Future<Output = Result<Self, Infallible>> + Send {
        ready(Ok(Self::of(&parts.headers, &parts.uri)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitor(uri: &str, headers: &[(&'static str, &'static str)]) -> Visitor {
        let headers = headers
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value)));
        Visitor::of(&headers.collect(), &uri.parse().unwrap())
    }

    #[test]
    fn the_language_is_asked_for_remembered_or_accepted() {
        assert_eq!(visitor("/", &[]).lang, Lang::En);
        for (accept, lang) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Lang::Zh),
            ("en-GB,en;q=0.9,zh;q=0.8", Lang::En),
            ("fr, en;q=0.2, zh-TW;q=0.3", Lang::Zh),
            ("zh;q=0, en;q=0.1", Lang::En),
            ("de;q=x,*", Lang::En),
        ] {
            assert_eq!(visitor("/", &[("accept-language", accept)]).lang, lang, "{accept}");
        }
        let cookie = ("cookie", "a=b; mockmx-lang=zh; mockmx-theme=dark");
        let seen = visitor("/?x=1", &[cookie, ("accept-language", "en")]);
        assert_eq!((seen.lang, seen.theme, seen.remembered().len()), (Lang::Zh, Theme::Dark, 0));
        let seen = visitor("/?lang=en&x=%26", &[cookie]);
        assert_eq!((seen.lang, seen.remembered().len()), (Lang::En, 1));
        assert_eq!(seen.with("lang", "zh"), "/?x=%26&lang=zh");
        assert_eq!(visitor("/?lang=%3Cb%3E", &[]).lang, Lang::En);
    }

    #[test]
    fn what_listens_everywhere_is_found_where_the_page_is() {
        let all = ["0.0.0.0", "::"].map(|text| text.parse().unwrap());
        for (host, found) in [("mx.test:8025", "mx.test"), ("[::1]:8025", "::1"), ("10.0.0.7", "10.0.0.7")] {
            assert_eq!(all.map(|address| visitor("/", &[("host", host)]).host_of(address)), [found, found]);
        }
        assert_eq!(visitor("/", &[("host", "mx.test")]).host_of([127, 0, 0, 2].into()), "127.0.0.2");
    }

    #[test]
    fn one_is_at_a_page_and_at_those_above_it() {
        let at = visitor("/providers/263", &[]);
        assert!(at.is_at("/providers") && at.is_at("/providers/263"));
        assert!(!at.is_at("/") && !at.is_at("/provider"));
        assert!(visitor("/", &[]).is_at("/"));
    }
}
