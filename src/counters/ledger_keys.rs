//! Keys of the ledger's lines: in the order of the transactions that wrote them, so that the ledger is a
//! feed. A server that counts its transactions anew begins a new generation of keys.

use super::aside;
use crate::direct::shape::{FEEDS, PRIMARY};
use crate::direct::{with_fresh_snapshot, Access, Column, Key, Table};
use crate::engine::Engine;
use crate::plans::{self, id, Statement};
use pgrx::pg_sys::{self, INT4OID, INT8OID, UUIDOID};
use std::cell::Cell;
use std::ops::ControlFlow;
use stockroom_core::movement;
use uuid::Uuid;

/// The keys of a transaction's lines.
pub struct Keys {
    pub tenant_id: Uuid,
    generation: u16,
    transaction: u64,
    line: u32,
    writer: u32,
}

thread_local! {
    /// The transaction that wrote lines last, and how many.
    static WRITTEN: Cell<(u64, u32)> = const { Cell::new((0, 0)) };
    /// Its last tenant, and the generation of their feed.
    static FEED: Cell<(Uuid, u16)> = const { Cell::new((Uuid::nil(), 0)) };
    /// Makes keys differ from those of other servers.
    static WRITER: Cell<Option<u32>> = const { Cell::new(None) };
}

impl Keys {
    /// Goes on with the running transaction's keys of this tenant.
    pub fn begin(engine: &Engine, tenant_id: Uuid) -> Keys {
        // SAFETY: gives the running transaction its number, if it has none yet.
        let transaction = unsafe { pg_sys::GetTopFullTransactionId().value };
        let writer = WRITER.get().unwrap_or_else(|| {
            let drawn = Uuid::now_v7().as_u128() as u32;
            WRITER.set(Some(drawn));
            drawn
        });
        let line = match WRITTEN.get() {
            (last, lines) if last == transaction => lines,
            _ => 0,
        };
        let generation = match FEED.get() {
            (last, generation) if last == tenant_id && line > 0 => generation,
            _ => generation(engine, tenant_id, transaction),
        };
        FEED.set((tenant_id, generation));
        Keys {
            tenant_id,
            generation,
            transaction,
            line,
            writer,
        }
    }

    pub fn next(&mut self) -> Uuid {
        let key = movement::key(self.generation, self.transaction, self.line, self.writer);
        self.line += 1;
        WRITTEN.set((self.transaction, self.line));
        key
    }
}

/// Begins a new generation where another server wrote last, or this one before it was promoted: there
/// the numbers of transactions may begin anew.
static BEGIN_GENERATION: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_feeds AS f (tenant_id, generation, system_identifier, timeline, first_transaction)
     VALUES ($1, 1, $2, $3, $4)
     ON CONFLICT (tenant_id) DO UPDATE
        SET generation = f.generation + CASE WHEN (f.system_identifier, f.timeline) = ($2, $3) THEN 0 ELSE 1 END,
            first_transaction = CASE WHEN (f.system_identifier, f.timeline) = ($2, $3) THEN f.first_transaction
                                     ELSE $4 END,
            system_identifier = $2, timeline = $3
     RETURNING generation",
    &[UUIDOID, INT8OID, INT4OID, INT8OID],
);

/// Generation of the keys that this server writes for a tenant.
fn generation(engine: &Engine, tenant_id: Uuid, transaction: u64) -> u16 {
    // SAFETY: plain reads of a server that takes writes.
    let server = unsafe {
        (
            pg_sys::GetSystemIdentifier() as i64,
            pg_sys::GetWALInsertionTimeLine() as i32,
        )
    };
    stored_generation(engine, tenant_id, server).unwrap_or_else(|| {
        let first = transaction as i64;
        let args = [
            id(tenant_id),
            server.0.into(),
            server.1.into(),
            first.into(),
        ];
        let begin = || plans::run_one(engine, &BEGIN_GENERATION, &args, |row| row.need::<i32>(1));
        aside::during(begin).expect("an upsert answers its row") as u16
    })
}

/// None where it is another server's, or only SQL can tell.
fn stored_generation(engine: &Engine, tenant_id: Uuid, server: (i64, i32)) -> Option<u16> {
    const GENERATION: Column = FEEDS.column("generation");
    const SYSTEM_IDENTIFIER: Column = FEEDS.column("system_identifier");
    const TIMELINE: Column = FEEDS.column("timeline");
    let table = Table::open(engine, &FEEDS, Access::Read)?;
    let mut found = None;
    with_fresh_snapshot(|| {
        table.scan(PRIMARY, &[Key::Id(tenant_id)], |tuple| {
            let stored = (tuple.need(SYSTEM_IDENTIFIER), tuple.need(TIMELINE));
            found = (stored == server).then(|| tuple.need::<i32>(GENERATION) as u16);
            ControlFlow::Break(())
        })
    })?;
    found
}
