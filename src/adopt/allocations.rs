//! Rows of the app's allocations: read, judged, and laid into `stockroom_read_allocations`.

use super::keys::Keys;
use super::lots::units;
use super::reading::{Part, Reading};
use super::report::Problems;
use crate::clock;
use crate::engine::Engine;
use crate::plans::{self, id, id_list, Row};
use pgrx::memcxt::PgMemoryContexts;
use pgrx::pg_sys::{INT4ARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID, UUIDARRAYOID};
use pgrx::prelude::*;
use std::collections::BTreeMap;
use stockroom_core::adopt::Mapping;
use stockroom_core::claim::AllocationStatus;
use uuid::Uuid;

/// A row as it was read. NULL is the empty text.
struct AllocationRow {
    key: String,
    lot: String,
    order: String,
    quantity: String,
    status: String,
    /// In PostgreSQL's microseconds.
    created_at: Option<i64>,
}

struct Allocation {
    key: String,
    allocation_id: Uuid,
    lot: String,
    order_id: Uuid,
    quantity: i32,
    status: &'static str,
    created_at: Option<TimestampWithTimeZone>,
}

/// How often each of the app's words for a state was met, and what it means.
pub type Words = BTreeMap<String, (Option<AllocationStatus>, i64)>;

/// More than any app has.
const MOST_WORDS: usize = 100;

fn expressions(part: &Part) -> Vec<String> {
    let status = match part.column("status") {
        Some(column) => column.as_text(),
        None => format!("'{}'::pg_catalog.text", AllocationStatus::Active.name()),
    };
    vec![
        part.text("allocation_id"),
        part.text("lot_id"),
        part.text("order_id"),
        part.text("quantity"),
        status,
        part.value("created_at", "timestamptz"),
    ]
}

fn read_row(row: &Row) -> AllocationRow {
    AllocationRow {
        key: row.need(1),
        lot: row.need(2),
        order: row.need(3),
        quantity: row.need(4),
        status: row.need(5),
        created_at: row.get(6),
    }
}

/// Reads all of them, and answers the words for their states.
pub fn read(engine: &Engine, reading: &Reading, keys: &Keys, problems: &mut Problems) -> Words {
    let mut words = Words::new();
    let Some(part) = &reading.allocations else {
        return words;
    };
    let tenant = part
        .column("tenant_id")
        .map(|column| (column, id(engine.tenant)));
    part.source
        .scan(&expressions(part), tenant, read_row, |rows| {
            // What a batch allocates goes with it.
            let mut memory = PgMemoryContexts::new("stockroom allocations");
            let judged = || {
                let judge = |row: AllocationRow| {
                    if words.len() < MOST_WORDS || words.contains_key(&row.status) {
                        let meaning = reading.mapping.status(&row.status);
                        words.entry(row.status.clone()).or_insert((meaning, 0)).1 += 1;
                    }
                    let key = row.key.clone();
                    let judged = row.judge(keys, &reading.mapping);
                    judged
                        .map_err(|problem| problems.note("allocation", &key, problem))
                        .ok()
                };
                let allocations: Vec<Allocation> = rows.into_iter().filter_map(judge).collect();
                stage(engine, allocations);
            };
            // SAFETY: nothing that PostgreSQL allocates meanwhile outlives the batch.
            unsafe { memory.switch_to(|_| judged()) };
        });
    words
}

impl AllocationRow {
    fn judge(self, keys: &Keys, mapping: &Mapping) -> Result<Allocation, String> {
        if self.key.is_empty() {
            return Err("has no key".to_owned());
        }
        if self.lot.is_empty() {
            return Err("has no lot".to_owned());
        }
        if self.order.is_empty() {
            return Err("has no order".to_owned());
        }
        let quantity = units(&self.quantity, mapping.quantity_scale)?;
        if quantity == 0 {
            return Err("quantity: 0 claims nothing".to_owned());
        }
        let status = mapping.status(&self.status).ok_or_else(|| {
            let word: String = self.status.chars().take(80).collect();
            format!("status {word:?} could mean anything: name it in statuses of the mapping")
        })?;
        let created_at = match self.created_at {
            Some(i64::MIN | i64::MAX) => return Err("was created at infinity".to_owned()),
            moment => moment.map(clock::moment),
        };
        let id = |kind, key: &str| {
            keys.id(kind, key)
                .ok_or_else(|| format!("{kind} {key} is no uuid"))
        };
        Ok(Allocation {
            allocation_id: id("allocation", &self.key)?,
            order_id: id("order", &self.order)?,
            quantity,
            status: status.name(),
            created_at,
            key: self.key,
            lot: self.lot,
        })
    }
}

fn stage(engine: &Engine, allocations: Vec<Allocation>) {
    let allocation_ids = id_list(allocations.iter().map(|row| row.allocation_id));
    let orders = id_list(allocations.iter().map(|row| row.order_id));
    let quantities: Vec<i32> = allocations.iter().map(|row| row.quantity).collect();
    let statuses: Vec<&str> = allocations.iter().map(|row| row.status).collect();
    let (mut keys, mut lots, mut moments) = (Vec::new(), Vec::new(), Vec::new());
    for row in allocations {
        keys.push(row.key);
        lots.push(row.lot);
        moments.push(row.created_at);
    }
    let text = "INSERT INTO pg_temp.stockroom_read_allocations
                SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::int[], $6::text[],
                                     $7::timestamptz[])";
    let types = [
        UUIDARRAYOID,
        TEXTARRAYOID,
        TEXTARRAYOID,
        UUIDARRAYOID,
        INT4ARRAYOID,
        TEXTARRAYOID,
        TIMESTAMPTZARRAYOID,
    ];
    let args = [
        allocation_ids,
        keys.into(),
        lots.into(),
        orders,
        quantities.into(),
        statuses.into(),
        moments.into(),
    ];
    plans::run_made(engine, text.to_owned(), &types, &args, |_| ());
}
