//! What is run, how long, and where the results go: all of it from the environment, as make gives it.

use crate::benches::Benchmark;
use anyhow::{ensure, Context, Result};
use std::env;
use std::path::{Path, PathBuf};

/// How much is done. A quick run shows that the benchmark works and measures nothing.
#[derive(Debug)]
pub struct Options {
    /// Names of benchmarks; none means all.
    names: Vec<String>,
    pub rounds: usize,
    /// Length of one run of an arm.
    pub seconds: u32,
    pub quick: bool,
    /// Where results go: `benchmarks.md` and the directory `bench` are there.
    pub out: PathBuf,
}

impl Options {
    /// `BENCH` (names), `ROUNDS`, `RUN_SECONDS`, `QUICK` and `OUT`.
    pub fn from_env() -> Result<Options> {
        let quick = env::var("QUICK").is_ok_and(|value| !matches!(value.as_str(), "" | "0"));
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        let options = Options {
            names: env::var("BENCH")
                .unwrap_or_default()
                .split([' ', ','])
                .filter(|name| !name.is_empty() && *name != "all")
                .map(str::to_owned)
                .collect(),
            rounds: number("ROUNDS", if quick { 1 } else { 5 })?,
            seconds: number("RUN_SECONDS", if quick { 1 } else { 5 })?,
            quick,
            out: match env::var("OUT") {
                Ok(out) if !out.is_empty() => PathBuf::from(out),
                // Figures of a quick run are worth nothing: they don't replace real ones.
                _ if quick => env::temp_dir().join("stockroom-bench"),
                _ => docs,
            },
        };
        ensure!(
            options.rounds > 0 && options.seconds > 0,
            "ROUNDS and RUN_SECONDS: at least 1"
        );
        Ok(options)
    }

    /// The benchmarks that were asked for, in the list's order.
    pub fn choose(&self, all: Vec<Box<dyn Benchmark>>) -> Result<Vec<Box<dyn Benchmark>>> {
        for name in &self.names {
            ensure!(
                all.iter().any(|bench| bench.name() == name),
                "BENCH: no benchmark is called {name}; there are: {}",
                all.iter()
                    .map(|bench| bench.name())
                    .collect::<Vec<_>>()
                    .join(", ")
            );
        }
        let asked = |name: &str| self.names.is_empty() || self.names.iter().any(|n| n == name);
        Ok(all.into_iter().filter(|b| asked(b.name())).collect())
    }

    /// One number for real runs, another for quick ones.
    pub fn size(&self, real: u64, quick: u64) -> u64 {
        if self.quick {
            quick
        } else {
            real
        }
    }
}

fn number<T: std::str::FromStr>(name: &str, default: T) -> Result<T> {
    match env::var(name) {
        Ok(text) if !text.is_empty() => text
            .parse()
            .ok()
            .with_context(|| format!("{name}: a number, not {text}")),
        _ => Ok(default),
    }
}
