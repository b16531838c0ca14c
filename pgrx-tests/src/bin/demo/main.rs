//! The demo: a year and a half of real orders, replayed against a private server.
//!
//! A shop's own table is attached to Stockroom, several connections sell from it at once, and then
//! the books are compared: what the clients were told, what the shop's table says, what Stockroom
//! counts. `ORDERS` (a number or `all`) and `CONNECTIONS` say how much is replayed. `--clean-up` only
//! removes the servers of runs that were interrupted.

mod orders;
mod replay;
mod report;
mod shop;

use anyhow::{Context, Result};
use std::env;
use std::process::ExitCode;
use stockroom_tests::Cluster;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("The demo could not be run: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every check came out right.
fn run() -> Result<bool> {
    if env::args().any(|argument| argument == "--clean-up") {
        Cluster::remove_left_behind()?;
        return Ok(true);
    }
    let limit = match env::var("ORDERS").as_deref() {
        Ok("all") => usize::MAX,
        Ok(number) => number.parse().context("ORDERS: a number or `all`")?,
        Err(_) => 20_000,
    };
    let connections: usize = match env::var("CONNECTIONS") {
        Ok(number) => number.parse().context("CONNECTIONS: a number")?,
        Err(_) => 8,
    };
    anyhow::ensure!((1..=100).contains(&connections), "CONNECTIONS: 1 to 100");

    let orders = orders::first(limit)?;
    let offers = shop::offers(&orders);
    say(&format!(
        "Starting a private PostgreSQL server, to be removed after the demo, for {} orders",
        report::number(orders.len())
    ));
    let cluster = Cluster::options().start()?;
    let mut client = cluster.connect("postgres")?;

    say("Creating the shop's table and the extension, and attaching the one to the other");
    let attached = shop::open(&mut client, &offers)?;
    attached.print();
    let before = shop::stock(&mut client)?;

    say(&format!(
        "Replaying the orders over {connections} connections"
    ));
    let replay = replay::run(&cluster, &orders, connections)?;

    let after = shop::stock(&mut client)?;
    let differences = shop::verify(&mut client)?;
    Ok(report::print(&report::Facts {
        offers: &offers,
        orders: &orders,
        attached: &attached,
        before: &before,
        after: &after,
        differences: &differences,
        replay: &replay,
        connections,
    }))
}

fn say(text: &str) {
    println!("==> {text}");
}
