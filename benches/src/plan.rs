//! What is measured, in which order, and what came of it.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::Duration;

use anyhow::Result;

use crate::contestant::{Contestant, Places};
use crate::load::{Load, Until};
use crate::measure::{Measured, measure, measure_idle, measure_source};

/// The loads, how long and how often.
pub struct Plan {
    pub rounds: usize,
    pub loads: Vec<Load>,
    pub until: Until,
    /// Sessions that say nothing while others are served.
    pub held: usize,
    pub idle: usize,
    /// Messages of 2 KiB over 10 sessions, with each journal.
    pub journal: u64,
    /// Messages of smtp-source in each run.
    pub source: u64,
    pub contestants: Vec<Contestant>,
}

/// Medians of the rounds.
#[derive(Default)]
pub struct Results {
    pub loads: BTreeMap<(Load, Contestant), Measured>,
    pub source: BTreeMap<(Load, Contestant), Measured>,
    /// Without the held sessions, and with them.
    pub held: BTreeMap<Contestant, (Measured, Measured)>,
    /// MiB without a session, and with the idle ones.
    pub idle: BTreeMap<Contestant, (f64, f64)>,
    pub journal: BTreeMap<Contestant, Measured>,
    /// What could not be measured, and why.
    pub missing: Vec<String>,
}

pub const fn load(body: usize, sessions: usize, per_connection: u64) -> Load {
    Load { body, sessions, per_connection, pipelining: false }
}

/// Messages of a connection where there are many.
pub const MANY: u64 = 100;

impl Plan {
    pub fn new(quick: bool, pipelining: bool) -> Self {
        let bodies: &[usize] = if quick { &[1 << 10, 10 << 10] } else { &[1 << 10, 10 << 10, 1 << 20] };
        let shapes: &[_] = if quick {
            &[(10, 1), (10, MANY), (100, MANY)]
        } else {
            &[(1, 1), (1, MANY), (10, 1), (10, MANY), (100, 1), (100, MANY)]
        };
        let all = bodies.iter().flat_map(|body| shapes.iter().map(|(sessions, many)| load(*body, *sessions, *many)));
        let time = |warm_up, measured| Until::Time {
            warm_up: Duration::from_millis(warm_up),
            measured: Duration::from_millis(measured),
        };
        Self {
            rounds: if quick { 1 } else { 3 },
            loads: all.map(|load| Load { pipelining, ..load }).collect(),
            until: if quick { time(150, 450) } else { time(250, 1000) },
            held: 1000,
            idle: if quick { 2000 } else { 10_000 },
            journal: if quick { 2000 } else { 10_000 },
            source: if quick { 2000 } else { 10_000 },
            contestants: Contestant::ALL.to_vec(),
        }
    }

    /// Measures everything, one contestant after the other within each round.
    pub async fn run(&self, places: &Places) -> Results {
        let mut results = Results::default();
        let here: Vec<_> = self.contestants.iter().copied().filter(|one| results.is_here(*one, places)).collect();
        let mut rounds = Rounds::default();
        for round in 1..=self.rounds {
            for load in &self.loads {
                for one in &here {
                    let label = format!("round {round}/{}, {load}, {}", self.rounds, one.name());
                    let measured = measure(*one, *load, 0, self.until, places).await;
                    rounds.add((Kind::Load(*load), *one), &label, measured, &mut results);
                }
            }
            self.others(round, &here, places, &mut rounds, &mut results).await;
        }
        progress("");
        rounds.settle(&mut results);
        results.missing.dedup();
        results
    }

    /// What is not measured under every load.
    async fn others(
        &self,
        round: usize,
        here: &[Contestant],
        places: &Places,
        rounds: &mut Rounds,
        results: &mut Results,
    ) {
        let label = |what: &str, one: Contestant| format!("round {round}/{}, {what}, {}", self.rounds, one.name());
        for shape in [load(1 << 10, 10, 1), load(1 << 10, 10, MANY)] {
            for one in here {
                let measured = measure_source(*one, (shape, self.source), places).await;
                rounds.add((Kind::Source(shape), *one), &label("smtp-source", *one), measured, results);
            }
        }
        for one in [Contestant::Neutral, Contestant::NeutralSqlite] {
            let measured = measure(one, load(2 << 10, 10, MANY), 0, Until::Messages(self.journal), places).await;
            rounds.add((Kind::Journal, one), &label("journals", one), measured, results);
        }
        let few = load(1 << 10, 10, MANY);
        for one in here.iter().filter(|one| one.takes(self.held + few.sessions)) {
            for (kind, held) in [(Kind::Free, 0), (Kind::Held, self.held)] {
                let measured = measure(*one, few, held, self.until, places).await;
                rounds.add((kind, *one), &label("held sessions", *one), measured, results);
            }
        }
        for one in here.iter().filter(|one| round == 1 && one.takes(self.idle)) {
            progress(&label("idle sessions", *one));
            match measure_idle(*one, self.idle, places).await {
                Ok(memory) => drop(results.idle.insert(*one, memory)),
                Err(error) => results.missing.push(format!("{}, idle sessions: {error:#}", one.name())),
            }
        }
    }
}

impl Results {
    fn is_here(&mut self, one: Contestant, places: &Places) -> bool {
        let missing = one.missing(places);
        self.missing.extend(missing.iter().map(|why| format!("{}: {why}", one.name())));
        missing.is_none()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Load(Load),
    Source(Load),
    Journal,
    Free,
    Held,
}

/// What each round gave.
#[derive(Default)]
struct Rounds(BTreeMap<(Kind, Contestant), Vec<Measured>>);

impl Rounds {
    fn add(&mut self, key: (Kind, Contestant), label: &str, measured: Result<Measured>, results: &mut Results) {
        match measured {
            Ok(measured) => {
                progress(&format!("{label}: {:.0}/s, {:.0} µs", measured.per_second, measured.cpu));
                self.0.entry(key).or_default().push(measured);
            }
            Err(error) => results.missing.push(format!("{label}: {error:#}")),
        }
    }

    fn settle(self, results: &mut Results) {
        for ((kind, one), rounds) in self.0 {
            let median = medians(&rounds);
            match kind {
                Kind::Load(load) => drop(results.loads.insert((load, one), median)),
                Kind::Source(load) => drop(results.source.insert((load, one), median)),
                Kind::Journal => drop(results.journal.insert(one, median)),
                Kind::Free => results.held.entry(one).or_default().0 = median,
                Kind::Held => results.held.entry(one).or_default().1 = median,
            }
        }
    }
}

fn medians(rounds: &[Measured]) -> Measured {
    let of = |value: &dyn Fn(&Measured) -> f64| median(rounds.iter().map(value).collect());
    Measured {
        per_second: of(&|one| one.per_second),
        cpu: of(&|one| one.cpu),
        peak: of(&|one| one.peak),
        stages: (0..rounds[0].stages.len())
            .map(|stage| [0, 1, 2].map(|quantile| of(&|one| one.stages[stage][quantile])))
            .collect(),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

/// One line that is written over and over, if somebody looks.
fn progress(text: &str) {
    if stderr().is_terminal() {
        let _ = write!(stderr(), "\r\x1b[K{text}");
    }
}
