//! Compares mockmx with other servers: processor time a message, messages a second, memory, and how long each answer
//! takes. `make bench` runs it; docs/performance.md has what it found.

mod contestant;
mod load;
mod measure;
mod plan;
mod plot;
mod process;
mod table;
mod text;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Parser;

use contestant::{Contestant, Places};
use plan::{MANY, Plan, load};

/// Where the tables stand in docs/performance.md.
const BEGIN: &str = "<!-- measured: `make bench` writes from here -->\n";
const END: &str = "<!-- to here -->\n";

#[derive(Parser)]
#[command(about = "Compares mockmx with other SMTP servers")]
struct Arguments {
    /// Take a minute, with fewer loads and one round; docs/performance.md stays as it is
    #[arg(long)]
    quick: bool,
    /// Measure everything so many times [default: 3; 1 if it is to be quick]
    #[arg(long)]
    rounds: Option<usize>,
    /// Send MAIL, RCPT and DATA in one write
    #[arg(long)]
    pipelining: bool,
    /// Only contestants whose name contains this (can be given several times)
    #[arg(long)]
    only: Vec<String>,
    /// Write the tables into this file, between its two marks, and the chart beside it
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// The mockmx to measure [default: the one beside this program]
    #[arg(long, value_name = "FILE")]
    mockmx: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut plan = Plan::new(arguments.quick, arguments.pipelining);
    let named = |one: &Contestant| arguments.only.iter().any(|name| one.name().contains(name.as_str()));
    plan.contestants.retain(|one| arguments.only.is_empty() || named(one));
    plan.rounds = arguments.rounds.unwrap_or(plan.rounds).max(1);
    let files = process::raise_open_files()?;
    let most = usize::try_from(files)?.saturating_sub(200);
    plan.idle = plan.idle.min(most);
    let beside = std::env::current_exe()?.with_file_name("mockmx");
    let work = std::env::temp_dir().join(format!("mockmx-bench-{}", std::process::id()));
    fs::create_dir_all(&work)?;
    let places = Places {
        mockmx: arguments.mockmx.unwrap_or(beside),
        peers: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("peers"),
        work,
    };
    let machine = process::machine();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let results = runtime.block_on(plan.run(&places));
    fs::remove_dir_all(&places.work)?;
    let tables = table::tables(&plan, &results, &machine);
    println!("{tables}");
    if let Some(file) = arguments.write {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let (before, rest) = text.split_once(BEGIN).context("the file has no place for tables")?;
        let (_, after) = rest.split_once(END).context("the file has no place for tables")?;
        fs::write(&file, format!("{before}{BEGIN}{tables}{END}{after}"))?;
        fs::write(file.with_extension("svg"), plot::chart(&results, load(1 << 10, 100, MANY)))?;
    }
    Ok(())
}
