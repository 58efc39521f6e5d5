//! What was measured, as tables of Markdown.

use std::fmt::Write as _;

use crate::contestant::{Contestant, KEYWORDS};
use crate::load::{Load, STAGES};
use crate::measure::Measured;
use crate::plan::{MANY, Plan, Results, load};

/// All tables.
pub fn tables(plan: &Plan, results: &Results, machine: &str) -> String {
    let mut text = format!(
        "Measured on {machine}. {} round{}, contestants interleaved, medians. The pack has {KEYWORDS} keywords.\n",
        plan.rounds,
        if plan.rounds == 1 { "" } else { "s" }
    );
    let mut bodies: Vec<_> = plan.loads.iter().map(|load| load.body).collect();
    bodies.dedup();
    for body in bodies {
        let loads: Vec<_> = plan.loads.iter().copied().filter(|load| load.body == body).collect();
        matrix(&mut text, results, &loads, &format!("Messages a second, {} KiB", body >> 10), |one, _| {
            format!("{:.0}", one.per_second)
        });
        matrix(&mut text, results, &loads, &format!("Server CPU, µs a message, {} KiB", body >> 10), |one, sink| {
            format!("{:.0}{}", one.cpu, ratio(one.cpu, sink.map(|sink| sink.cpu)))
        });
        matrix(&mut text, results, &loads, &format!("Peak memory, MiB, {} KiB", body >> 10), |one, _| {
            format!("{:.0}", one.peak)
        });
    }
    stages(&mut text, plan, results);
    source(&mut text, plan, results);
    journal(&mut text, plan, results);
    sessions(&mut text, plan, results);
    if !results.missing.is_empty() {
        text.push_str("\n### Not measured\n\n");
        for missing in &results.missing {
            let _ = writeln!(text, "- {missing}");
        }
    }
    text
}

/// A row for each contestant, a column for each load.
fn matrix(
    text: &mut String,
    results: &Results,
    loads: &[Load],
    title: &str,
    cell: impl Fn(&Measured, Option<&Measured>) -> String,
) {
    let columns = loads.iter().map(|load| {
        let many = if load.per_connection == 1 { "one".to_owned() } else { load.per_connection.to_string() };
        format!("{} × {many}", load.sessions)
    });
    head(text, title, columns);
    for one in Contestant::ALL {
        let cells = loads.iter().map(|load| {
            let sink = results.loads.get(&(*load, Contestant::Sink));
            results.loads.get(&(*load, one)).map_or_else(|| "-".to_owned(), |measured| cell(measured, sink))
        });
        row(text, one.name(), cells);
    }
}

fn stages(text: &mut String, plan: &Plan, results: &Results) {
    let shown = Load { pipelining: plan.loads[0].pipelining, ..load(1 << 10, 10, MANY) };
    head(text, "Waiting for each answer, µs at p50 / p99 / p99.9; 1 KiB, 10 sessions × 100", STAGES.map(str::to_owned));
    for one in Contestant::ALL {
        if let Some(measured) = results.loads.get(&(shown, one)) {
            let cells = measured.stages.iter().map(|[p50, p99, p999]| format!("{p50:.0} / {p99:.0} / {p999:.0}"));
            row(text, one.name(), cells);
        }
    }
}

fn source(text: &mut String, plan: &Plan, results: &Results) {
    let title = format!("By smtp-source, {} messages of 1 KiB over 10 sessions", plan.source);
    let columns =
        ["messages a second, one a connection", "CPU µs", "messages a second, all over 10 connections", "CPU µs"];
    head(text, &title, columns.map(str::to_owned));
    for one in Contestant::ALL {
        let cells = [load(1 << 10, 10, 1), load(1 << 10, 10, MANY)].into_iter().flat_map(|load| {
            let sink = results.source.get(&(load, Contestant::Sink)).map(|sink| sink.cpu);
            results.source.get(&(load, one)).map_or_else(
                || ["-".to_owned(), "-".to_owned()],
                |one| [format!("{:.0}", one.per_second), format!("{:.0}{}", one.cpu, ratio(one.cpu, sink))],
            )
        });
        row(text, one.name(), cells);
    }
}

fn journal(text: &mut String, plan: &Plan, results: &Results) {
    let title = format!("{} messages of 2 KiB over 10 sessions, by journal", plan.journal);
    head(text, &title, ["messages a second", "CPU µs a message"].map(str::to_owned));
    for one in [Contestant::Neutral, Contestant::NeutralSqlite] {
        let Some(measured) = results.journal.get(&one) else { continue };
        let memory = results.journal.get(&Contestant::Neutral);
        let rate = ratio(measured.per_second, memory.map(|memory| memory.per_second));
        let cpu = ratio(measured.cpu, memory.map(|memory| memory.cpu));
        row(
            text,
            one.name(),
            [format!("{:.0}{rate}", measured.per_second), format!("{:.0}{cpu}", measured.cpu)].into_iter(),
        );
    }
}

fn sessions(text: &mut String, plan: &Plan, results: &Results) {
    let title = format!("10 sessions × {MANY} of 1 KiB, alone and while {} others are held open", plan.held);
    let columns = ["messages a second, alone", "with the others", "CPU µs, alone", "with the others"];
    head(text, &title, columns.map(str::to_owned));
    for (one, (free, held)) in &results.held {
        let cells = [free.per_second, held.per_second, free.cpu, held.cpu].map(|value| format!("{value:.0}"));
        row(text, one.name(), cells.into_iter());
    }
    let title = format!("Memory with {} idle sessions", plan.idle);
    head(text, &title, ["MiB without a session", "MiB with them", "KiB a session"].map(str::to_owned));
    for (one, (before, after)) in &results.idle {
        let each = (after - before) * 1024.0 / plan.idle as f64;
        row(text, one.name(), [format!("{before:.0}"), format!("{after:.0}"), format!("{each:.1}")].into_iter());
    }
}

fn ratio(value: f64, base: Option<f64>) -> String {
    base.map_or_else(String::new, |base| format!(" ({:.2} ×)", value / base))
}

fn head(text: &mut String, title: &str, columns: impl IntoIterator<Item = String>) {
    let columns: Vec<_> = columns.into_iter().collect();
    let rule = "---|".repeat(columns.len());
    let _ = write!(text, "\n### {title}\n\n| | {} |\n|---|{rule}\n", columns.join(" | "));
}

fn row(text: &mut String, name: &str, cells: impl Iterator<Item = String>) {
    let cells: Vec<_> = cells.collect();
    let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
}
