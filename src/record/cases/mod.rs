//! When a server answers so and not otherwise: for each reply the condition that holds for what got it and for nothing
//! that got another. Where what was the same got several, one after the other, they are steps of a scenario, or a greylist.

mod level;

use std::collections::BTreeMap;

use self::level::{Level, levels};
use super::words::Words;
use super::{Asked, Exchange, Match};

/// Steps of a scenario.
const MOST_STEPS: usize = 20;

/// What is done at a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Does {
    /// What is done where no rule speaks.
    Accept,
    /// This is said.
    Say { words: Words, closed: bool },
    /// The connection ends, or nothing more is said; `after` the reply that is said where no rule speaks.
    End { then: &'static str, after: bool },
}

impl Does {
    fn key(&self) -> (&str, bool, &str) {
        match self {
            Self::Accept => ("", false, "accept"),
            Self::Say { words, closed } => (words.key(), *closed, "say"),
            Self::End { then, after } => ("", *after, then),
        }
    }
}

/// What was done once.
pub(super) struct Case<'a> {
    pub(super) exchange: &'a Exchange,
    pub(super) does: Does,
}

/// A step of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) is: String,
    pub(super) becomes: Option<String>,
}

/// What a rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ruling {
    pub(super) asked: Asked,
    /// Conditions by their keys in packs.
    pub(super) when: Vec<(&'static str, Vec<String>)>,
    /// Seconds that a greylist has one wait.
    pub(super) wait: Option<u64>,
    pub(super) step: Option<Step>,
    pub(super) does: Does,
    /// How often it was seen.
    pub(super) times: usize,
}

/// The rulings for all that was done at a stage, the narrower first, and what could not be told apart.
pub(super) fn rulings(cases: &[Case<'_>], wanted: &[Match]) -> (Vec<Ruling>, Vec<String>) {
    let Some(asked) = cases.first().map(|case| case.exchange.asked) else { return Default::default() };
    let levels: Vec<Level> = levels(asked, wanted).into_iter().map(|by| Level::new(by, cases)).collect();
    let mut done = vec![false; cases.len()];
    let (mut steps, mut narrow, mut plain, mut notes) =
        (Vec::new(), Vec::new(), Vec::<(usize, Ruling)>::new(), Vec::new());
    for (index, case) in cases.iter().enumerate() {
        if done[index] || case.does == Does::Accept {
            continue;
        }
        let tells = |level: &&Level| level.knows(index) && !level.conflicts(cases, index);
        if let Some(level) = levels.iter().find(tells) {
            add(&mut plain, level, index, case);
            continue;
        }
        let Some(level) = levels.iter().rev().find(|level| level.knows(index)) else {
            notes.push(format!(
                "{asked:?}: what was answered so is not known, so no rule says it: {:?}",
                case.does.key().0
            ));
            continue;
        };
        let thread = level.thread(index);
        // What more is looked at and told nothing apart stays out of the condition.
        let as_narrow = |level: &&Level| level.knows(index) && level.thread(index) == thread;
        let level = levels.iter().find(as_narrow).unwrap_or(level);
        thread.iter().for_each(|at| done[*at] = true);
        let when = level.when(index);
        match sequence(cases, &thread, &when, steps.len()) {
            Ok(rulings) => steps.push(rulings),
            Err(note) => notes.push(note),
        }
    }
    narrow.extend(steps.into_iter().flatten());
    plain.sort_by_key(|(level, _)| std::cmp::Reverse(*level));
    narrow.extend(plain.into_iter().map(|(_, ruling)| ruling));
    (narrow, notes)
}

/// Adds a case to the ruling that says the same of the same, or makes one.
fn add(rulings: &mut Vec<(usize, Ruling)>, level: &Level, index: usize, case: &Case<'_>) {
    let when = level.when(index);
    // The null sender stands in no list.
    let joins = |ruling: &Ruling| {
        let mut pairs = ruling.when.iter().zip(&when);
        let first = pairs.next().is_none_or(|((key, known), (other, values))| {
            key == other
                && (known == values || *key != "size" && !known.iter().chain(values).any(|value| value == "<>"))
        });
        ruling.when.len() == when.len() && first && pairs.all(|(known, wanted)| known == wanted)
    };
    let known = rulings.iter_mut().map(|(_, ruling)| ruling);
    if let Some(ruling) = known.into_iter().find(|ruling| ruling.does.key() == case.does.key() && joins(ruling)) {
        ruling.times += 1;
        if let (Some((_, known)), Some((_, values))) = (ruling.when.first_mut(), when.into_iter().next()) {
            known.extend(values);
            known.sort();
            known.dedup();
        }
        return;
    }
    let asked = case.exchange.asked;
    let ruling = Ruling { asked, when, wait: None, step: None, does: case.does.clone(), times: 1 };
    rulings.push((level.by.len(), ruling));
}

/// What was answered one after the other.
fn sequence(
    cases: &[Case<'_>],
    thread: &[usize],
    when: &[(&'static str, Vec<String>)],
    number: usize,
) -> Result<Vec<Ruling>, String> {
    let mut in_time: Vec<_> = thread.iter().map(|at| &cases[*at]).collect();
    in_time.sort_by_key(|case| case.exchange.of.time);
    let Some(first) = in_time.first() else { return Ok(Vec::new()) };
    let asked = first.exchange.asked;
    if let Some(wait) = greylisted(&in_time) {
        let times = in_time.iter().filter(|case| case.does != Does::Accept).count();
        let does = first.does.clone();
        return Ok(vec![Ruling { asked, when: when.to_vec(), wait: Some(wait), step: None, does, times }]);
    }
    // The last one stays.
    while in_time.len() > 1 && in_time[in_time.len() - 1].does.key() == in_time[in_time.len() - 2].does.key() {
        in_time.pop();
    }
    if in_time.len() > MOST_STEPS {
        let what = when.iter().map(|(key, values)| format!("{key} {}", values.join(" "))).collect::<Vec<_>>();
        return Err(format!(
            "{}: {} was answered in turns that are too many to be written down",
            asked.name(),
            what.join(", ")
        ));
    }
    let name = format!("recorded-{}-{}", asked.name().to_ascii_lowercase(), number + 1);
    let state = |step: usize| if step == 0 { "start".to_owned() } else { format!("step-{step}") };
    let last = in_time.len() - 1;
    let steps = in_time.iter().enumerate().filter(|(at, case)| *at < last || case.does != Does::Accept);
    Ok(steps
        .map(|(at, case)| {
            let becomes = (at < last).then(|| state(at + 1));
            let step = Some(Step { name: name.clone(), is: state(at), becomes });
            Ruling { asked, when: when.to_vec(), wait: None, step, does: case.does.clone(), times: 1 }
        })
        .collect())
}

/// The seconds of a greylist, if it is one: it says so, and lets in who comes again.
fn greylisted(in_time: &[&Case<'_>]) -> Option<u64> {
    let (first, let_in) = (in_time.first()?, in_time.iter().position(|case| case.does == Does::Accept)?);
    let Does::Say { words, closed: false } = &first.does else { return None };
    let said = words.key().to_ascii_lowercase();
    let says_so = ["greylist", "graylist", "grey list", "gray list"].iter().any(|word| said.contains(word));
    let refused = in_time[..let_in].iter().all(|case| case.does.key() == first.does.key());
    let stays = in_time[let_in..].iter().all(|case| case.does == Does::Accept);
    let waited = in_time[let_in].exchange.of.time.since(first.exchange.of.time).as_secs();
    let fits = first.exchange.asked == Asked::Rcpt && words.class() == b'4' && says_so && refused && stays;
    // It may have been less; that nobody knows.
    (fits && (1..24 * 60 * 60).contains(&waited)).then_some(waited)
}

/// What is said where no rule speaks: of the good replies that came most often, by what was asked.
pub(super) fn usual<'w>(replies: impl Iterator<Item = (Asked, &'w Words)>) -> BTreeMap<Asked, &'w Words> {
    let mut counts = BTreeMap::<Asked, Vec<(&Words, usize)>>::new();
    for (asked, words) in replies {
        let counts = counts.entry(asked).or_default();
        match counts.iter_mut().find(|(known, _)| known.key() == words.key()) {
            Some((_, count)) => *count += 1,
            None => counts.push((words, 1)),
        }
    }
    let most = |counts: Vec<(&'w Words, usize)>| {
        let most = counts.iter().map(|(_, count)| *count).max()?;
        counts.into_iter().find(|(_, count)| *count == most).map(|(words, _)| words)
    };
    counts.into_iter().filter_map(|(asked, counts)| Some((asked, most(counts)?))).collect()
}
