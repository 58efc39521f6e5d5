//! How a provider writes: its daemon's address, its words, its charset, what it returns.

mod load;
mod template;

use std::borrow::Cow;
use std::collections::BTreeMap;

use encoding_rs::{GB18030, GBK};

pub use template::{Placeholder, Template, TemplateError};

/// The forms of all providers.
#[derive(Clone, Debug)]
pub struct Forms(BTreeMap<String, Form>);

impl Forms {
    /// The form of a provider; the neutral one if it has none.
    #[must_use]
    pub fn of(&self, provider: &str) -> Option<&Form> {
        self.0.get(provider).or_else(|| self.0.get(load::NEUTRAL))
    }

    /// All of them, by provider.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Form)> {
        self.0.iter().map(|(provider, form)| (provider.as_str(), form))
    }
}

/// How a provider writes notifications; the file `policies/notifications/ID.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// Its daemon's address, with `{host}`.
    pub from: Template,
    /// The name that is shown for it.
    pub name: String,
    /// The address that abuse reports come from, with `{host}`.
    pub abuse: Template,
    /// The charset of texts and subjects.
    pub charset: Charset,
    /// The languages of its texts, in order; never empty.
    pub languages: Vec<Language>,
    /// Whether reports are `multipart/report` (RFC 6522). If not, the original follows the text.
    pub standard: bool,
    /// What a report of a failure returns where RET does not say.
    pub returns: Returns,
    /// The largest message, in bytes, that is then returned whole.
    pub return_most: usize,
    /// Subject and text of each kind, by its name. Every kind is there: what the file leaves out is the neutral form's.
    pub words: BTreeMap<String, Words>,
    /// Where it is documented.
    pub source: Option<String>,
    /// What of it is not.
    pub note: Option<String>,
}

/// Subject and text of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// The subject.
    pub subject: Template,
    /// The text in Chinese.
    pub zh: Option<Template>,
    /// The text in English.
    pub en: Option<Template>,
}

impl Words {
    /// The text in that language.
    #[must_use]
    pub const fn text(&self, language: Language) -> Option<&Template> {
        match language {
            Language::Zh => self.zh.as_ref(),
            Language::En => self.en.as_ref(),
        }
    }
}

/// A language of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Chinese.
    Zh,
    /// English.
    En,
}

/// What is returned of the original.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returns {
    /// All of it.
    Full,
    /// Its header section.
    Headers,
    /// Nothing.
    Nothing,
}

/// A charset that is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8.
    Utf8,
    /// GB18030, which has all characters.
    Gb18030,
    /// GBK; what it does not have is written as `&#128512;`.
    Gbk,
}

impl Charset {
    /// What it is called in messages.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Gb18030 => "GB18030",
            Self::Gbk => "GBK",
        }
    }

    /// The most bytes that a character has.
    pub(super) const fn widest(self) -> usize {
        match self {
            Self::Utf8 | Self::Gb18030 => 4,
            Self::Gbk => "&#1114111;".len(),
        }
    }

    /// The bytes of a text.
    #[must_use]
    pub fn encode(self, text: &str) -> Cow<'_, [u8]> {
        match self {
            Self::Utf8 => text.as_bytes().into(),
            Self::Gb18030 => GB18030.encode(text).0,
            Self::Gbk => GBK.encode(text).0,
        }
    }
}
