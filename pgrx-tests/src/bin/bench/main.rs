//! The benchmarks: Stockroom against what else one would write, on one server, in turns.
//!
//! | module | subject |
//! |---|---|
//! | [`options`] | what is run, how long, where the results go |
//! | [`server`] | the private server, its settings, and the facts about the machine |
//! | [`baselines`] | the schemas that are compared: ours and those of others |
//! | [`load`] | pgbench: the load, and what it measured |
//! | [`clients`] | clients of our own, for loads that pgbench can't make |
//! | [`wal`] | how much write-ahead log something made |
//! | [`rounds`] | the arms take turns, forwards and backwards |
//! | [`statistics`] | medians, spreads and percentiles |
//! | [`benches`] | the benchmarks, a file each |
//! | [`targets`] | what is hoped for, and what came out |
//! | [`report`], [`chart`], [`page`] | CSV, SVG and the page of results |
//!
//! `--clean-up` only removes the servers of runs that were interrupted, `--list` names the benchmarks.

mod baselines;
mod benches;
mod chart;
mod clients;
mod load;
mod options;
mod page;
mod report;
mod rounds;
mod server;
mod statistics;
mod targets;
mod wal;

use anyhow::Result;
use options::Options;
use server::Server;
use std::env;
use std::process::ExitCode;
use stockroom_tests::Cluster;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("The benchmark failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    if env::args().any(|argument| argument == "--clean-up") {
        return Cluster::remove_left_behind();
    }
    if env::args().any(|argument| argument == "--list") {
        for bench in benches::all() {
            println!("{}", bench.name());
        }
        return Ok(());
    }
    let options = Options::from_env()?;
    let chosen = options.choose(benches::all())?;
    if cfg!(debug_assertions) && !options.quick {
        say("Built without optimisations: clients of our own are slow, and ratios too good");
    }
    say("Starting a private PostgreSQL server, to be removed after the run");
    let server = Server::start(&options)?;
    server.facts.print();
    let mut verdicts = Vec::new();
    for mut bench in chosen {
        say(&format!("{}: {}", bench.name(), bench.what()));
        let results = rounds::run(&server, &options, bench.as_mut())?;
        verdicts.extend(report::write(&server, &options, bench.as_ref(), &results)?);
    }
    report::write_summary(&server, &options)?;
    report::print_verdicts(&verdicts);
    say(&format!("Written to {}", options.out.display()));
    Ok(())
}

fn say(text: &str) {
    println!("==> {text}");
}
