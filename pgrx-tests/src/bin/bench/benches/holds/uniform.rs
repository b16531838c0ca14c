//! Many listings, each wanted as often as any other.

use super::{Benchmark, Holder};
use crate::baselines::Side;
use crate::load::Measured;
use crate::options::Options;
use crate::server::Server;
use crate::targets::Target;
use anyhow::Result;

const SIDES: [Side; 2] = [Side::Stockroom, Side::RowLock];
const CLIENTS: u32 = 16;

pub struct Uniform;

impl Benchmark for Uniform {
    fn name(&self) -> &'static str {
        "hold-uniform"
    }

    fn what(&self) -> String {
        format!("hold_stock, 10,000 listings alike, {CLIENTS} clients")
    }

    fn unit(&self) -> &'static str {
        "holds/s"
    }

    fn arms(&self) -> Vec<String> {
        SIDES.iter().map(|side| side.label().into()).collect()
    }

    fn targets(&self) -> Vec<Target> {
        let what = "holds, 10,000 listings uniform, 16 clients, over R";
        vec![Target::at_least(what, 0, 1, 0.9).stretch(1.1)]
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let listings = options.size(10_000, 100);
        let chosen = format!("random(1, {listings})");
        let holder = Holder::Side(SIDES[arm]);
        super::run(server, options, holder, listings, &chosen, CLIENTS)
    }
}
