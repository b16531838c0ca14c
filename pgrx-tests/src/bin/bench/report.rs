//! What came out: CSV of every run, a chart, a block of the page of results, and the tables on screen.

use crate::benches::{self, Benchmark};
use crate::load::Measured;
use crate::options::Options;
use crate::rounds::Results;
use crate::server::Server;
use crate::statistics::Spread;
use crate::targets::Verdict;
use crate::{chart, page};
use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::fs;

/// Writes a benchmark's files and its part of the page, and answers how it did.
pub fn write(
    server: &Server,
    options: &Options,
    bench: &dyn Benchmark,
    results: &Results,
) -> Result<Vec<Verdict>> {
    let verdicts: Vec<Verdict> = bench
        .targets()
        .iter()
        .map(|target| target.judge(results))
        .collect();
    let directory = options.out.join("bench");
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    let file = |ending: &str| directory.join(format!("{}.{ending}", bench.name()));
    fs::write(file("csv"), csv(bench, results))?;
    let bars = bars(bench, results);
    fs::write(file("svg"), chart::draw(&bench.what(), bench.unit(), &bars))?;
    page::replace(
        &options.out,
        bench.name(),
        &block(server, options, bench, results, &verdicts),
    )?;
    for verdict in &verdicts {
        print_verdict(verdict);
    }
    Ok(verdicts)
}

/// What the page says above all benchmarks: the server, and every target.
pub fn write_summary(server: &Server, options: &Options) -> Result<()> {
    let facts: String = server
        .facts
        .lines()
        .iter()
        .map(|(name, value)| format!("- {name}: {value}\n"))
        .collect();
    page::replace(&options.out, "machine", &facts)?;
    let all = benches::all();
    page::summarise(
        &options.out,
        "targets",
        all.iter().map(|bench| bench.name()),
    )
}

/// Every single run, in the order in which they were made.
fn csv(bench: &dyn Benchmark, results: &Results) -> String {
    let arms = bench.arms();
    let mut csv = String::from(
        "round,arm,operations,seconds,rate,p50_ms,p99_ms,wal_bytes,wal_records,full_page_images\n",
    );
    let optional = |value: Option<f64>| value.map_or(String::new(), |v| format!("{v:.3}"));
    for run in &results.runs {
        let Measured {
            operations,
            seconds,
            latencies,
            wal,
            ..
        } = &run.measured;
        writeln!(
            csv,
            "{},\"{}\",{operations},{seconds:.6},{:.3},{},{},{},{},{}",
            run.round,
            arms[run.arm],
            run.measured.rate(),
            optional(latencies.p50),
            optional(latencies.p99),
            wal.bytes,
            wal.records,
            wal.full_page_images,
        )
        .expect("writing to a String");
    }
    csv
}

fn bars(bench: &dyn Benchmark, results: &Results) -> Vec<chart::Bar> {
    let bar = |(arm, label): (usize, String)| chart::Bar {
        label,
        value: Spread::of(results.of_arm(arm).map(Measured::rate)),
    };
    bench.arms().into_iter().enumerate().map(bar).collect()
}

/// The benchmark's part of the page.
fn block(
    server: &Server,
    options: &Options,
    bench: &dyn Benchmark,
    results: &Results,
    verdicts: &[Verdict],
) -> String {
    let mut text = format!("![{}](bench/{}.svg)\n\n", bench.what(), bench.name());
    text += &arms_table(bench, results);
    writeln!(text, "\n{}", page::TARGETS_HEAD).expect("writing to a String");
    for verdict in verdicts {
        text += &verdict_row(verdict);
    }
    if !results.notes.is_empty() {
        write!(text, "\n{}\n", results.notes.trim_end()).expect("writing to a String");
    }
    writeln!(
        text,
        "\nRounds: {}. Seconds a run, where it is timed: {}. {}; flushes: {}. [Every run](bench/{}.csv).",
        results.rounds(),
        options.seconds,
        server.facts.cpu,
        server.facts.flushes,
        bench.name()
    )
    .expect("writing to a String");
    text
}

fn arms_table(bench: &dyn Benchmark, results: &Results) -> String {
    let mut table = format!(
        "| arm | {} (median) | from – to | p50 ms | p99 ms | WAL bytes | WAL records | page images |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|\n",
        bench.unit()
    );
    for (arm, label) in bench.arms().iter().enumerate() {
        let rate = Spread::of(results.of_arm(arm).map(Measured::rate));
        let latency = |pick: fn(&Measured) -> Option<f64>| {
            let found: Vec<f64> = results.of_arm(arm).filter_map(pick).collect();
            if found.is_empty() {
                "–".to_owned()
            } else {
                figure(Spread::of(found).median)
            }
        };
        let each = |pick: fn(&Measured) -> u64| {
            let of = |run: &Measured| pick(run) as f64 / run.operations as f64;
            figure(Spread::of(results.of_arm(arm).map(of)).median)
        };
        writeln!(
            table,
            "| {label} | {} | {} – {} | {} | {} | {} | {} | {} |",
            figure(rate.median),
            figure(rate.low),
            figure(rate.high),
            latency(|run| run.latencies.p50),
            latency(|run| run.latencies.p99),
            each(|run| run.wal.bytes),
            each(|run| run.wal.records),
            each(|run| run.wal.full_page_images),
        )
        .expect("writing to a String");
    }
    table
}

fn verdict_row(verdict: &Verdict) -> String {
    let Verdict {
        what,
        goal,
        unit,
        value,
        answer,
    } = verdict;
    format!(
        "| {what} | {goal} | {}{unit} | {} – {} | {answer} |\n",
        figure(value.median),
        figure(value.low),
        figure(value.high)
    )
}

/// The end of a run: every target and whether it was met.
pub fn print_verdicts(verdicts: &[Verdict]) {
    println!("==> Targets");
    for verdict in verdicts {
        print_verdict(verdict);
    }
}

fn print_verdict(verdict: &Verdict) {
    println!(
        "    {:<70} {:>9}{} ({} – {})  {}: {}",
        verdict.what,
        figure(verdict.value.median),
        verdict.unit,
        figure(verdict.value.low),
        figure(verdict.value.high),
        verdict.goal,
        if verdict.answer.is_empty() {
            "-"
        } else {
            verdict.answer
        }
    );
}

/// Three digits that count, and a comma for each thousand.
pub fn figure(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 99.95 || v == 0.0 => 0,
        v if v >= 9.995 => 1,
        v if v >= 0.9995 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if rest.is_empty() {
        grouped
    } else {
        format!("{grouped}.{rest}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let found = [0.0, 0.0123, 1.234, 12.345, 123.45, 1_234_567.8].map(figure);
        assert_eq!(found, ["0", "0.012", "1.23", "12.3", "123", "1,234,568"]);
    }
}
