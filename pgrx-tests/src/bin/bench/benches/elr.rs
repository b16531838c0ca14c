//! What early lock release is worth: the same claims with it and without.

use super::hot::CLIENTS;
use super::Benchmark;
use crate::baselines::{Fill, Side};
use crate::load::{self, Load, Measured};
use crate::options::Options;
use crate::server::Server;
use crate::targets::Target;
use anyhow::{ensure, Result};

/// Values of the setting, and whether flushes are slower.
const ARMS: [(&str, bool); 4] = [("on", false), ("off", false), ("on", true), ("off", true)];

pub struct EarlyLockRelease;

impl Benchmark for EarlyLockRelease {
    fn name(&self) -> &'static str {
        "elr"
    }

    fn what(&self) -> String {
        format!("early lock release on and off, one hot listing, {CLIENTS} clients")
    }

    fn unit(&self) -> &'static str {
        "claims/s"
    }

    fn arms(&self) -> Vec<String> {
        let label = |(value, slower)| {
            let disk = if slower { ", flush 1 ms slower" } else { "" };
            format!("Stockroom, early release {value}{disk}")
        };
        ARMS.map(label).into()
    }

    fn targets(&self) -> Vec<Target> {
        let what = "early lock release on over off, one hot listing, 64 clients";
        let slower = "the same where a flush takes 1 ms longer";
        vec![
            Target::at_least(what, 0, 1, 3.0).stretch(8.0),
            Target::figure(slower, 2, 3),
        ]
    }

    /// A name that nobody knows could be set too, and both arms would be the same.
    fn prepare(&mut self, server: &Server, _options: &Options) -> Result<()> {
        let mut client = server.connect()?;
        client.batch_execute("LOAD 'stockroom'")?;
        let known = client.query(
            "SELECT FROM pg_settings WHERE name = 'stockroom.early_lock_release'",
            &[],
        )?;
        ensure!(
            known.len() == 1,
            "there is no early lock release to turn off"
        );
        Ok(())
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let side = Side::Stockroom;
        let mut client = server.connect()?;
        let fill = Fill::plain(1, 100_000_000);
        side.refill(&mut client, fill)?;
        server.settle()?;
        let (value, slower) = ARMS[arm];
        let mut load = Load::claims(side.schema(), 1, CLIENTS)
            .setting(&format!("stockroom.early_lock_release={value}"));
        if slower {
            load = load.with_slower_flush();
        }
        let (measured, done) = load::warm_and_run(server, options, &load)?;
        let all = fill.all_claims() + done;
        side.check(&mut client, all, all)?;
        Ok(measured)
    }
}
