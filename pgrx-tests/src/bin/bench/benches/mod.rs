//! The benchmarks, a file each. A new one is a file and a line in [`all`].

mod attach;
mod bloat;
mod bookings;
mod bulk;
mod cost;
mod elr;
mod holds;
mod hot;
mod hot_attached;
mod ledger;
mod read;
mod read_client;
mod read_flat;
mod scale;
mod uniform;

use crate::load::Measured;
use crate::options::Options;
use crate::server::Server;
use crate::targets::Target;
use anyhow::Result;

/// All of them, in the order in which they are run and reported.
pub fn all() -> Vec<Box<dyn Benchmark>> {
    vec![
        Box::new(hot::Hot),
        Box::new(hot_attached::HotAttached),
        Box::new(uniform::Uniform),
        Box::new(elr::EarlyLockRelease),
        Box::new(cost::Cost),
        Box::new(read::Read),
        Box::new(read_client::ReadClient),
        Box::new(read_flat::ReadFlat),
        Box::new(bulk::Bulk),
        Box::new(holds::Hot),
        Box::new(holds::Hot16),
        Box::new(holds::Uniform),
        Box::new(holds::Zipf),
        Box::new(holds::Order),
        Box::new(holds::Many),
        Box::new(holds::SoldOut),
        Box::new(holds::Life),
        Box::new(holds::Dead),
        Box::new(ledger::Receive),
        Box::new(ledger::Fulfil),
        Box::new(ledger::At),
        Box::new(ledger::Stocktake),
        Box::new(ledger::Collapse::default()),
        Box::new(bookings::Hot),
        Box::new(bookings::Dates),
        Box::new(bookings::Check),
        Box::new(bookings::Find),
        Box::new(attach::Attach::default()),
        Box::new(scale::Scale::default()),
        Box::new(bloat::Bloat::default()),
    ]
}

/// A question, and the arms that are run in turns to answer it.
pub trait Benchmark {
    /// What `BENCH=` calls it; its files are called so too.
    fn name(&self) -> &'static str;

    /// The question, in a few words.
    fn what(&self) -> String;

    /// What an arm's rate counts: `claims/s`.
    fn unit(&self) -> &'static str;

    /// Names of the arms, as charts show them; everything else calls them by their place here.
    fn arms(&self) -> Vec<String>;

    fn targets(&self) -> Vec<Target>;

    /// How many rounds it takes part in.
    fn rounds(&self, options: &Options) -> usize {
        options.rounds
    }

    /// Done once, before the first round.
    fn prepare(&mut self, _server: &Server, _options: &Options) -> Result<()> {
        Ok(())
    }

    /// Runs one arm, from a state that is the same in every round, and checks that the work was done
    /// and done right: what is fast and wrong fails the benchmark.
    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured>;

    /// One round of the arms in this order.
    fn round(
        &mut self,
        server: &Server,
        options: &Options,
        order: &[usize],
    ) -> Result<Vec<(usize, Measured)>> {
        let one = |&arm: &usize| Ok((arm, self.run(server, options, arm)?));
        order.iter().map(one).collect()
    }

    /// Done once, after the last round; what it answers (Markdown) is shown under the table.
    fn finish(&mut self, _server: &Server, _options: &Options) -> Result<String> {
        Ok(String::new())
    }
}
