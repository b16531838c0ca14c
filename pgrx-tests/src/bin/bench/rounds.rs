//! The arms take turns: forwards in one round, backwards in the next, so that what drifts (a warming
//! machine, a filling disk) meets all of them alike.

use crate::benches::Benchmark;
use crate::load::Measured;
use crate::options::Options;
use crate::server::Server;
use anyhow::{Context, Result};

/// One run of one arm.
#[derive(Clone, Debug)]
pub struct Run {
    /// From 1.
    pub round: usize,
    pub arm: usize,
    pub measured: Measured,
}

/// All runs of a benchmark, in the order in which they were made, and what it tells besides.
#[derive(Debug)]
pub struct Results {
    pub runs: Vec<Run>,
    /// Markdown.
    pub notes: String,
}

impl Results {
    /// The run of an arm in a round.
    pub fn of(&self, round: usize, arm: usize) -> Option<&Measured> {
        self.runs
            .iter()
            .find(|run| run.round == round && run.arm == arm)
            .map(|run| &run.measured)
    }

    pub fn of_arm(&self, arm: usize) -> impl Iterator<Item = &Measured> {
        self.runs
            .iter()
            .filter(move |run| run.arm == arm)
            .map(|run| &run.measured)
    }

    pub fn rounds(&self) -> usize {
        self.runs.iter().map(|run| run.round).max().unwrap_or(0)
    }
}

/// Runs a benchmark's arms for as many rounds as it wants.
pub fn run(server: &Server, options: &Options, bench: &mut dyn Benchmark) -> Result<Results> {
    let name = bench.name();
    let arms = bench.arms();
    bench
        .prepare(server, options)
        .with_context(|| format!("{name} could not be prepared"))?;
    let mut runs = Vec::new();
    for round in 1..=bench.rounds(options) {
        let order = order(round, arms.len());
        let measured = bench
            .round(server, options, &order)
            .with_context(|| format!("{name}, round {round}"))?;
        for (arm, measured) in measured {
            println!(
                "    round {round}  {:<40} {:>12} {}",
                arms[arm],
                crate::report::figure(measured.rate()),
                bench.unit()
            );
            runs.push(Run {
                round,
                arm,
                measured,
            });
        }
    }
    let notes = bench
        .finish(server, options)
        .with_context(|| format!("{name} could not be finished"))?;
    Ok(Results { runs, notes })
}

/// Forwards in odd rounds, backwards in even ones: two rounds of two arms are ABBA.
fn order(round: usize, arms: usize) -> Vec<usize> {
    if round % 2 == 1 {
        (0..arms).collect()
    } else {
        (0..arms).rev().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_rounds_of_two_arms_are_abba() {
        assert_eq!([order(1, 2), order(2, 2)].concat(), [0, 1, 1, 0]);
    }
}
