//! One date that everybody wants.

use super::{refill, Benchmark, Holder, UNITS};
use crate::load::{self, Load, Measured};
use crate::options::Options;
use crate::server::Server;
use crate::targets::Target;
use anyhow::Result;

/// Who holds, and whether flushes are slower.
const ARMS: [(Holder, bool); 6] = [
    (Holder::Stockroom, false),
    (Holder::RowLock, false),
    (Holder::AdvisoryLock, false),
    (Holder::Bare, false),
    (Holder::Stockroom, true),
    (Holder::AdvisoryLock, true),
];
const CLIENTS: u32 = 64;

pub struct Hot;

impl Benchmark for Hot {
    fn name(&self) -> &'static str {
        "booking-hot"
    }

    fn what(&self) -> String {
        format!("hold_resource, one hot date, {CLIENTS} clients")
    }

    fn unit(&self) -> &'static str {
        "holds/s"
    }

    fn arms(&self) -> Vec<String> {
        let label = |(holder, slower): (Holder, bool)| {
            let disk = if slower { ", flush 1 ms slower" } else { "" };
            format!("{}{disk}", holder.label())
        };
        ARMS.map(label).into()
    }

    fn targets(&self) -> Vec<Target> {
        vec![
            Target::at_least("bookings, one hot date, 64 clients, over R", 0, 1, 3.0),
            Target::at_least("bookings, one hot date, 64 clients, over A", 0, 2, 5.0),
            Target::figure("bookings, one hot date, 64 clients, over I", 0, 3),
            Target::figure("the same over A where a flush takes 1 ms longer", 4, 5),
        ]
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let (holder, slower) = ARMS[arm];
        let mut client = server.connect()?;
        refill(&mut client, 1, 1, UNITS)?;
        server.settle()?;
        let hold = holder.statement("'r1'", "ARRAY['2030-01-01']::date[]");
        let mut load = Load::new(hold, CLIENTS);
        if slower {
            load = load.with_slower_flush();
        }
        let (measured, done) = load::warm_and_run(server, options, &load)?;
        holder.check(&mut client, done, 1)?;
        Ok(measured)
    }
}
