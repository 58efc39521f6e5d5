//! The parameters of a query: which there are, and what stands in them.
//!
//! One table says both what is read and what the OpenAPI document tells, so that they cannot differ.

use std::time::Duration;

use form_urlencoded::parse;
use jiff::SignedDuration;

use super::errors::ApiError;
use crate::clock;
use crate::clock::Time;
use crate::lane::LaneName;

/// The most parameters of one request: each filter is compared with every record.
const MOST: usize = 50;

/// A parameter that an endpoint knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    /// What it is, for people.
    pub(crate) about: &'static str,
    pub(crate) holds: Holds,
    /// It can be given several times.
    pub(crate) repeats: bool,
    /// A value that can be tried.
    pub(crate) example: &'static str,
}

/// What a parameter holds, as far as its schema can say.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Holds {
    Text,
    /// Text in which this regular expression is found.
    Like(&'static str),
    /// The id of a record.
    Id,
    OneOf(fn() -> Vec<&'static str>),
    Number {
        least: usize,
        most: usize,
    },
    Time,
    Boolean,
}

impl Parameter {
    pub(crate) const fn once(name: &'static str, holds: Holds, example: &'static str, about: &'static str) -> Self {
        Self { name, about, holds, repeats: false, example }
    }

    pub(crate) const fn many(name: &'static str, holds: Holds, example: &'static str, about: &'static str) -> Self {
        Self { name, about, holds, repeats: true, example }
    }
}

/// The lane that is meant.
pub(crate) const LANE: Parameter =
    Parameter::once("lane", Holds::Like("^[A-Za-z0-9._-]{1,63}$"), "default", "the lane");

/// The parameters that were given; all of them are known.
#[derive(Debug, Default)]
pub(crate) struct Given(Vec<(&'static str, String)>);

impl Given {
    /// Reads a query.
    pub(crate) fn read(query: Option<&str>, known: &[Parameter]) -> Result<Self, ApiError> {
        let mut given: Vec<(&'static str, String)> = Vec::new();
        for (name, value) in parse(query.unwrap_or_default().as_bytes()) {
            let Some(parameter) = known.iter().find(|parameter| parameter.name == name) else {
                return Err(unknown(&name, known));
            };
            if !parameter.repeats && given.iter().any(|(other, _)| *other == parameter.name) {
                return Err(ApiError::parameter(parameter.name, format!("`{name}` is given twice")));
            }
            if given.len() == MOST {
                return Err(ApiError::parameter(parameter.name, format!("there are more than {MOST} parameters")));
            }
            given.push((parameter.name, value.into_owned()));
        }
        Ok(Self(given))
    }

    /// The value of a parameter that is there once at most.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All values of a parameter.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn number(&self, name: &str, least: usize, most: usize) -> Result<Option<usize>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        let wrong = || ApiError::parameter(name, format!("`{text}` is no whole number from {least} to {most}"));
        number.map(Some).ok_or_else(wrong)
    }

    pub(crate) fn boolean(&self, name: &str) -> Result<bool, ApiError> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(text) => Err(ApiError::parameter(name, format!("`{text}` is neither `true` nor `false`"))),
        }
    }

    pub(crate) fn time(&self, name: &str) -> Result<Option<Time>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let parsed = Time::parse(text).map_err(|error| {
            // In a query a plus sign is a blank.
            let help = "write the offset's `+` as `%2B`, or give the time in UTC with `Z`";
            let error = ApiError::parameter(name, error);
            if text.contains(' ') { error.help(help) } else { error }
        });
        parsed.map(Some)
    }

    pub(crate) fn lane(&self) -> Result<Option<LaneName>, ApiError> {
        let lane = self.get(LANE.name).map(LaneName::parse).transpose();
        lane.map_err(|error| ApiError::parameter(LANE.name, error))
    }

    /// A length of time up to `most`.
    pub(crate) fn duration(&self, name: &str, most: Duration) -> Result<Option<Duration>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        duration(text, most).map(Some).map_err(|error| ApiError::parameter(name, error.0).help(error.1))
    }

    /// The query again, without some of its parameters and with one more.
    pub(crate) fn rewritten(&self, without: &[&str], name: &str, value: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.0.iter().filter(|(known, _)| !without.contains(known) && *known != name));
        query.append_pair(name, value);
        query.finish()
    }
}

/// A length of time, or what is wrong with it and what to do.
pub(crate) fn duration(text: &str, most: Duration) -> Result<Duration, (String, String)> {
    let help = || "a length of time is `500ms`, `10s`, `5m` or `1h 30m`".to_owned();
    let length = clock::length(text).ok_or_else(|| (format!("`{text}` is no length of time"), help()))?;
    let shown = SignedDuration::try_from(most).map_or_else(|_| String::new(), |most| format!("{most:#}"));
    if length <= most { Ok(length) } else { Err((format!("`{text}` is too long"), format!("{shown} is the most"))) }
}

/// One of some words, or the word that may have been meant.
pub(crate) fn one_of(name: &str, text: &str, words: &[&'static str]) -> Result<&'static str, ApiError> {
    let found = words.iter().find(|word| **word == text).copied();
    found.ok_or_else(|| {
        let help = near(text, words.iter().copied())
            .map_or_else(|| format!("one of {}", words.join(", ")), |near| format!("did you mean `{near}`?"));
        ApiError::parameter(name, format!("there is no {name} `{text}`")).help(help)
    })
}

fn unknown(name: &str, known: &[Parameter]) -> ApiError {
    let names = || known.iter().map(|parameter| parameter.name);
    let help = match near(name, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "there are no parameters here".to_owned(),
        None => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
    };
    ApiError::parameter(name, format!("there is no parameter `{name}` here")).help(help)
}

/// The word that may have been meant.
pub(crate) fn near<'a>(text: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = words.map(|word| (strsim::levenshtein(word, text), word)).min();
    near.filter(|(distance, word)| *distance <= (word.len() / 3).clamp(1, 3)).map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Parameter] = &[
        Parameter::many("subject", Holds::Text, "x", ""),
        Parameter::once("limit", Holds::Number { least: 1, most: 10 }, "1", ""),
    ];

    #[test]
    fn a_parameter_is_known_and_given_as_often_as_it_may() {
        let given = Given::read(Some("subject=a%20b&limit=3&subject=%E4%BB%A3+x"), KNOWN).unwrap();
        assert_eq!(given.all("subject").collect::<Vec<_>>(), ["a b", "代 x"]);
        assert_eq!(given.number("limit", 1, 10).unwrap(), Some(3));
        assert_eq!(given.rewritten(&["subject"], "cursor", "ä"), "limit=3&cursor=%C3%A4");
        assert!(Given::read(None, KNOWN).unwrap().get("limit").is_none());
        for query in ["limit=1&limit=2", "limti=1", "=", "subject&x=1", &"subject=a&".repeat(51)] {
            assert!(Given::read(Some(query), KNOWN).is_err(), "{query}");
        }
    }

    #[test]
    fn what_was_meant_is_named() {
        assert_eq!(near("sbject", ["subject", "limit"].into_iter()), Some("subject"));
        assert_eq!(near("colour", ["subject", "limit"].into_iter()), None);
    }
}
