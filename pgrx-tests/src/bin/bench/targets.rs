//! What is hoped for, and what came out.

use crate::rounds::Results;
use crate::statistics::Spread;

/// What is compared. Arms are numbered as the benchmark lists them.
#[derive(Clone, Copy, Debug)]
pub enum Measure {
    /// How many times the rate of `over` the rate of `arm` is, in the same round.
    Rate { arm: usize, over: usize },
    /// How many times the mean latency of `over` that of `arm` is, in the same round; both have
    /// the same number of clients.
    Latency { arm: usize, over: usize },
    /// How many times the 99th percentile of the latencies of `over` that of `arm` is, in the same
    /// round; of both all latencies are noted.
    P99 { arm: usize, over: usize },
    /// How long one run of this arm takes.
    Seconds { arm: usize },
}

#[derive(Clone, Copy, Debug)]
pub enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// None: the figure is what is wanted.
    Figure,
}

#[derive(Clone, Debug)]
pub struct Target {
    pub what: String,
    pub measure: Measure,
    pub goal: Goal,
    /// What would be better still.
    pub stretch: Option<f64>,
}

impl Target {
    /// At least so many times the rate of another arm.
    pub fn at_least(what: impl Into<String>, arm: usize, over: usize, times: f64) -> Target {
        Target {
            what: what.into(),
            measure: Measure::Rate { arm, over },
            goal: Goal::AtLeast(times),
            stretch: None,
        }
    }

    /// A ratio of rates without a goal.
    pub fn figure(what: impl Into<String>, arm: usize, over: usize) -> Target {
        Target {
            goal: Goal::Figure,
            ..Target::at_least(what, arm, over, 0.0)
        }
    }

    /// The less the better.
    pub fn at_most(what: impl Into<String>, measure: Measure, limit: f64) -> Target {
        Target {
            what: what.into(),
            measure,
            goal: Goal::AtMost(limit),
            stretch: None,
        }
    }

    pub fn stretch(mut self, value: f64) -> Target {
        self.stretch = Some(value);
        self
    }

    /// Holds the results against it, round by round.
    pub fn judge(&self, results: &Results) -> Verdict {
        let values = (1..=results.rounds()).filter_map(|round| match self.measure {
            Measure::Rate { arm, over } => {
                Some(results.of(round, arm)?.rate() / results.of(round, over)?.rate())
            }
            Measure::Latency { arm, over } => {
                Some(results.of(round, over)?.rate() / results.of(round, arm)?.rate())
            }
            Measure::P99 { arm, over } => {
                let p99 = |arm| results.of(round, arm)?.latencies.p99;
                Some(p99(arm)? / p99(over)?)
            }
            Measure::Seconds { arm } => Some(results.of(round, arm)?.seconds),
        });
        let value = Spread::of(values);
        let reached = |limit: f64| match self.goal {
            Goal::AtLeast(_) => value.median >= limit,
            Goal::AtMost(_) => value.median <= limit,
            Goal::Figure => false,
        };
        let met = match self.goal {
            Goal::AtLeast(limit) | Goal::AtMost(limit) => Some(reached(limit)),
            Goal::Figure => None,
        };
        Verdict {
            what: self.what.clone(),
            goal: self.goal_in_words(),
            unit: match self.measure {
                Measure::Seconds { .. } => " s",
                _ => " ×",
            },
            value,
            answer: match (met, self.stretch.is_some_and(reached)) {
                (None, _) => "",
                (Some(false), _) => "not met",
                (Some(true), false) => "met",
                (Some(true), true) => "met, stretch too",
            },
        }
    }

    fn goal_in_words(&self) -> String {
        let unit = match self.measure {
            Measure::Seconds { .. } => " s",
            _ => " ×",
        };
        let stretch = self
            .stretch
            .map_or(String::new(), |value| format!(", stretch {value}{unit}"));
        match self.goal {
            Goal::AtLeast(limit) => format!("at least {limit}{unit}{stretch}"),
            Goal::AtMost(limit) => format!("at most {}{unit}{stretch}", short(limit)),
            Goal::Figure => "a figure".into(),
        }
    }
}

/// Three decimals at most: a third has no end.
fn short(limit: f64) -> String {
    let text = format!("{limit:.3}");
    text.trim_end_matches('0').trim_end_matches('.').into()
}

#[derive(Clone, Debug)]
pub struct Verdict {
    pub what: String,
    pub goal: String,
    pub unit: &'static str,
    pub value: Spread,
    pub answer: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Measured;
    use crate::rounds::Run;
    use crate::statistics::Latencies;

    /// Two arms, whose rates in each round are these.
    fn results(rates: &[(u64, u64)]) -> Results {
        let run = |round: usize, arm: usize, operations: u64| Run {
            round: round + 1,
            arm,
            measured: Measured {
                operations,
                seconds: 1.0,
                ..Measured::default()
            },
        };
        let runs = rates
            .iter()
            .enumerate()
            .flat_map(|(round, &(a, b))| [run(round, 0, a), run(round, 1, b)])
            .collect();
        Results {
            runs,
            notes: String::new(),
        }
    }

    #[test]
    fn the_median_of_the_rounds_ratios_decides() {
        let results = results(&[(300, 100), (100, 100), (400, 100)]);
        let verdict = Target::at_least("x", 0, 1, 3.0)
            .stretch(5.0)
            .judge(&results);
        assert_eq!(verdict.value.median, 3.0);
        assert_eq!((verdict.value.low, verdict.value.high), (1.0, 4.0));
        assert_eq!(verdict.answer, "met");
        let verdict = Target::at_least("x", 0, 1, 3.1).judge(&results);
        assert_eq!(verdict.answer, "not met");
        assert_eq!(Target::figure("x", 0, 1).judge(&results).answer, "");
    }

    #[test]
    fn a_latency_is_better_the_smaller_it_is() {
        let results = results(&[(100, 120)]);
        let target = |limit| Target::at_most("x", Measure::Latency { arm: 0, over: 1 }, limit);
        assert_eq!(target(1.2).judge(&results).answer, "met");
        assert_eq!(target(1.1).judge(&results).answer, "not met");
    }

    #[test]
    fn percentiles_are_compared_round_by_round() {
        let mut results = results(&[(100, 100), (100, 100), (100, 100)]);
        for (run, p99) in results.runs.iter_mut().zip([2.0, 8.0, 3.0, 3.0, 4.0, 10.0]) {
            run.measured.latencies = Latencies {
                p50: None,
                p99: Some(p99),
            };
        }
        let target = |limit| Target::at_most("x", Measure::P99 { arm: 0, over: 1 }, limit);
        let verdict = target(1.0 / 3.0).judge(&results);
        assert_eq!(verdict.value.median, 0.4);
        assert_eq!((verdict.value.low, verdict.value.high), (0.25, 1.0));
        assert_eq!((verdict.unit, verdict.answer), (" ×", "not met"));
        assert_eq!(verdict.goal, "at most 0.333 ×");
        assert_eq!(target(0.4).judge(&results).answer, "met");
    }
}
