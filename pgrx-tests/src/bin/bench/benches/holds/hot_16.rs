//! The same listing where fewer want it: how long do the unluckiest wait?

use super::{Benchmark, Holder};
use crate::baselines::Side;
use crate::load::Measured;
use crate::options::Options;
use crate::server::Server;
use crate::targets::{Measure, Target};
use anyhow::Result;

const SIDES: [Side; 2] = [Side::Stockroom, Side::RowLock];
const CLIENTS: u32 = 16;

pub struct Hot16;

impl Benchmark for Hot16 {
    fn name(&self) -> &'static str {
        "hold-hot-16"
    }

    fn what(&self) -> String {
        format!("hold_stock, one hot listing, {CLIENTS} clients")
    }

    fn unit(&self) -> &'static str {
        "holds/s"
    }

    fn arms(&self) -> Vec<String> {
        SIDES.iter().map(|side| side.label().into()).collect()
    }

    fn targets(&self) -> Vec<Target> {
        let p99 = Measure::P99 { arm: 0, over: 1 };
        vec![
            Target::at_least("holds, one hot listing, 16 clients, over R", 0, 1, 3.0).stretch(5.0),
            Target::at_most("p99 of the same, over R's", p99, 1.0 / 3.0),
        ]
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let holder = Holder::Side(SIDES[arm]);
        super::run(server, options, holder, 1, "1", CLIENTS)
    }
}
