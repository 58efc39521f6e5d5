//! A rule as TOML.

use std::collections::BTreeSet;

use super::{Rule, comment};
use crate::document::written::{add, quoted};
use crate::record::cases::{Does, Ruling};
use crate::record::words::Words;

impl Rule<'_> {
    pub(super) fn write(&self, pack: &mut String, ids: &mut BTreeSet<String>) {
        let (stage, of, does) = match self {
            Self::Ruled(ruling) => (ruling.asked.stage().name(), "", ruling.does.clone()),
            Self::Words { stage, of, words } => (*stage, *of, Does::Say { words: (*words).clone(), closed: false }),
        };
        let what = match &does {
            Does::Accept => "accept".to_owned(),
            Does::End { then, .. } => (*then).to_owned(),
            Does::Say { words: Words::Template { code, .. }, .. } => code.to_string(),
            Does::Say { .. } => "raw".to_owned(),
        };
        let name = format!("{}-{what}", if of.is_empty() { stage.to_owned() } else { of.to_lowercase() });
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let Some(id) = std::iter::once(name.clone()).chain(numbered).find(|id| !ids.contains(id)) else { return };
        add(pack, &format!("\n[[rule]]\nid = {}\nstage = {}", quoted(&id), quoted(stage)));
        ids.insert(id);
        match self {
            Self::Ruled(ruling) => ruling.write(pack),
            Self::Words { stage, of, .. } => add(pack, &format!("when.{stage} = {}", quoted(of))),
        }
        // Where there is no ruling no more is known than the connection, so the words are written as they came.
        outcome(pack, &does, matches!(self, Self::Words { .. }));
    }
}

impl Ruling {
    fn write(&self, pack: &mut String) {
        for (key, values) in &self.when {
            let value = match &values[..] {
                [one] => quoted(one),
                several => format!("[{}]", several.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", ")),
            };
            // The number of bytes beyond which it holds.
            let value = if *key == "size" { values[0].clone() } else { value };
            add(pack, &format!("when.{key} = {value}"));
        }
        if let Some(wait) = self.wait {
            let key = "{network}+{sender}+{recipient}";
            add(pack, &format!("when.greylist = {{ key = {}, wait = \"{wait}s\" }}", quoted(key)));
            comment(pack, &format!("It was let in after {wait} seconds; it may have been less."));
        }
        if let Some(step) = &self.step {
            let becomes = step.becomes.as_ref().map(|becomes| format!(", becomes = {}", quoted(becomes)));
            let (name, is, becomes) = (quoted(&step.name), quoted(&step.is), becomes.unwrap_or_default());
            add(pack, &format!("scenario = {{ name = {name}, is = {is}{becomes} }}"));
        }
        if self.times > 1 {
            comment(pack, &format!("It was said {} times.", self.times));
        }
    }
}

/// Writes what a rule does.
fn outcome(pack: &mut String, does: &Does, literal: bool) {
    let (words, closed) = match does {
        Does::Accept => return add(pack, "then = \"accept\""),
        Does::End { then, after } => {
            add(pack, &format!("then = {}", quoted(then)));
            if *after {
                add(pack, "after = \"reply\"");
            }
            return;
        }
        Does::Say { words, closed } => (words, *closed),
    };
    match words {
        Words::Template { code: 400.., text, charset, .. } if !literal => {
            add(pack, &format!("reply = {}", quoted(text)));
            if let Some(charset) = charset {
                add(pack, &format!("charset = {}", quoted(charset)));
            }
        }
        Words::Template { raw: text, charset, .. } | Words::Raw { text, charset } => {
            add(pack, &format!("raw = {}", quoted(text)));
            if let Some(charset) = charset {
                add(pack, &format!("charset = {}", quoted(charset)));
            }
        }
    }
    if closed {
        add(pack, "close = true");
    }
}
