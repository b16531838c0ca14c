//! One listing that everybody wants.

use super::{Benchmark, Holder};
use crate::baselines::Side;
use crate::load::Measured;
use crate::options::Options;
use crate::server::Server;
use crate::targets::Target;
use anyhow::Result;

const ARMS: [Holder; 5] = [
    Holder::Side(Side::Stockroom),
    Holder::Side(Side::RowLock),
    Holder::Side(Side::Conventional),
    Holder::Bare,
    Holder::Keyed,
];
pub const CLIENTS: u32 = 64;

pub struct Hot;

impl Benchmark for Hot {
    fn name(&self) -> &'static str {
        "hold-hot"
    }

    fn what(&self) -> String {
        format!("hold_stock, one hot listing, {CLIENTS} clients")
    }

    fn unit(&self) -> &'static str {
        "holds/s"
    }

    fn arms(&self) -> Vec<String> {
        ARMS.map(Holder::label).into()
    }

    fn targets(&self) -> Vec<Target> {
        vec![
            Target::at_least("holds, one hot listing, 64 clients, over R", 0, 1, 3.5).stretch(5.0),
            Target::at_least("holds, one hot listing, 64 clients, over C", 0, 2, 10.0),
            Target::at_least("holds, one hot listing, 64 clients, over I", 0, 3, 0.25).stretch(0.6),
            Target::figure("the same with idempotency keys, over without", 4, 0),
        ]
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        super::run(server, options, ARMS[arm], 1, "1", CLIENTS)
    }
}
