//! Many listings, of which a few are wanted most, as in a shop: a fifth of all holds are of one of them.

use super::hot::CLIENTS;
use super::{Benchmark, Holder};
use crate::baselines::Side;
use crate::load::Measured;
use crate::options::Options;
use crate::server::Server;
use crate::targets::Target;
use anyhow::Result;

const SIDES: [Side; 2] = [Side::Stockroom, Side::RowLock];

pub struct Zipf;

impl Benchmark for Zipf {
    fn name(&self) -> &'static str {
        "hold-zipf"
    }

    fn what(&self) -> String {
        format!("hold_stock, 10,000 listings by Zipf's law (1.2), {CLIENTS} clients")
    }

    fn unit(&self) -> &'static str {
        "holds/s"
    }

    fn arms(&self) -> Vec<String> {
        SIDES.iter().map(|side| side.label().into()).collect()
    }

    fn targets(&self) -> Vec<Target> {
        let what = "holds, 10,000 listings by Zipf's law, 64 clients, over R";
        vec![Target::at_least(what, 0, 1, 2.5).stretch(4.0)]
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let listings = options.size(10_000, 100);
        let chosen = format!("random_zipfian(1, {listings}, 1.2)");
        let holder = Holder::Side(SIDES[arm]);
        super::run(server, options, holder, listings, &chosen, CLIENTS)
    }
}
