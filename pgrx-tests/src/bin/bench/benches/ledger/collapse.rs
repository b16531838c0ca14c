//! A library with a row for each copy becomes counts.

use super::super::Benchmark;
use crate::load::{self, Measured};
use crate::options::Options;
use crate::server::Server;
use crate::targets::{Measure, Target};
use anyhow::{ensure, Result};
use stockroom_tests::peak_memory;

const DATABASE: &str = "collapse";
const ARMS: [(&str, u64); 2] = [
    ("Stockroom, 1,000,000 copies", 1_000_000),
    ("Stockroom, 100,000 copies", 100_000),
];
/// Copies of each item; one in five is lent.
const COPIES: u64 = 10;

/// Keeps the most memory that each run had.
#[derive(Default)]
pub struct Collapse {
    peaks: Vec<(usize, u64)>,
}

impl Benchmark for Collapse {
    fn name(&self) -> &'static str {
        "collapse"
    }

    fn what(&self) -> String {
        format!("collapse_children, {COPIES} copies an item, a fifth of them lent")
    }

    fn unit(&self) -> &'static str {
        "copies/s"
    }

    fn arms(&self) -> Vec<String> {
        ARMS.map(|(label, _)| label.into()).into()
    }

    fn targets(&self) -> Vec<Target> {
        let what = "collapse 1,000,000 copies, commit included";
        vec![Target::at_most(what, Measure::Seconds { arm: 0 }, 60.0)]
    }

    /// Each takes long and varies little.
    fn rounds(&self, options: &Options) -> usize {
        options.rounds.min(2)
    }

    fn run(&mut self, server: &Server, options: &Options, arm: usize) -> Result<Measured> {
        let copies = ARMS[arm].1 / options.size(1, 500);
        let items = copies / COPIES;
        server.make_database(DATABASE)?;
        let mut client = server.cluster.connect(DATABASE)?;
        client.batch_execute(&format!(
            "CREATE TABLE public.items (
                 id uuid PRIMARY KEY, parent_item_id uuid REFERENCES public.items, title text NOT NULL,
                 is_available boolean NOT NULL, borrower text, due_at date);
             CREATE INDEX ON public.items (parent_item_id);
             INSERT INTO public.items
             SELECT gen_random_uuid(), NULL, 'Title ' || n, true FROM generate_series(1, {items}) n;
             INSERT INTO public.items
             SELECT gen_random_uuid(), i.id, i.title || ', copy ' || n, n > 2,
                    CASE WHEN n <= 2 THEN 'member ' || (random() * 1000)::int END,
                    CASE WHEN n <= 2 THEN date '2030-01-01' + n END
               FROM public.items i, generate_series(1, {COPIES}) n"
        ))?;
        client.batch_execute("VACUUM ANALYZE public.items")?;
        server.settle()?;
        let mut peak = 0;
        let measured = load::once(server, DATABASE, copies, |worker| {
            // PostgreSQL's own default: what is looked at is memory that no setting bounds.
            worker.batch_execute("SET work_mem = '4MB'")?;
            let pid: i32 = worker.query_one("SELECT pg_backend_pid()", &[])?.get(0);
            let call = "SELECT kind, counted FROM stock.collapse_children('public.items',
                               borrower_column => 'borrower', due_column => 'due_at')
                         WHERE kind IN ('copies', 'lent', 'mismatch') ORDER BY kind";
            let (rows, memory) = peak_memory(pid, || Ok(worker.query(call, &[])?))?;
            peak = memory;
            let found: Vec<(String, i64)> =
                rows.iter().map(|row| (row.get(0), row.get(1))).collect();
            let expected = [("copies", copies), ("lent", items * 2)];
            let expected = expected.map(|(kind, units)| (kind.to_owned(), units as i64));
            ensure!(found == expected, "collapsed: {found:?}");
            Ok(())
        })?;
        let check = "SELECT (SELECT sum(quantity_total)::bigint FROM stock.stock_listings),
                            (SELECT sum(quantity_available)::bigint FROM stock.stock_listings),
                            (SELECT count(*) FROM stock.stock_loans WHERE is_open),
                            (SELECT count(*) FROM public.items),
                            (SELECT count(*) FROM stock.verify_stock()) + (SELECT count(*) FROM stock.verify_ledger())";
        let row = client.query_one(check, &[])?;
        let found: [i64; 5] = std::array::from_fn(|at| row.get(at));
        let expected = [copies, copies - items * 2, items * 2, items, 0].map(|units| units as i64);
        ensure!(
            found == expected,
            "total, available, loans, items, findings: {found:?}, not {expected:?}"
        );
        drop(client);
        server
            .connect()?
            .batch_execute(&format!("DROP DATABASE {DATABASE} WITH (FORCE)"))?;
        self.peaks.push((arm, peak));
        Ok(measured)
    }

    /// Memory is flat where ten times the copies need less than twice of it.
    fn finish(&mut self, _server: &Server, options: &Options) -> Result<String> {
        let peak = |arm: usize| {
            let of_arm = self.peaks.iter().filter(|(of, _)| *of == arm);
            of_arm.map(|(_, peak)| peak / 1024).max().unwrap_or(0)
        };
        let [many, few] = [peak(0), peak(1)];
        ensure!(
            options.quick || many < 2 * few,
            "the process had up to {many} MiB for itself, and {few} MiB with a tenth of the copies"
        );
        Ok(format!(
            "The server process had at most {many} MiB of memory for itself; with a tenth of the copies {few} MiB."
        ))
    }
}
