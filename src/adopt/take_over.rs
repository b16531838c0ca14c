//! What is new is written and counted: listings, lots, claims. Everything that was there before is
//! locked first, in the order that all locks have.

use super::reading::Reading;
use super::source::BATCH;
use super::staged;
use crate::counters::ledger::Cause;
use crate::counters::lots::{self as counted, Changes, LotDelta};
use crate::counters::new_lots::{Details, NewLot};
use crate::counters::{aside, goods, levels, listings, mirror, rollup, Deltas, Guard};
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id_list, Row, Statement};
use crate::settings;
use pgrx::memcxt::PgMemoryContexts;
use pgrx::pg_sys::UUIDARRAYOID;
use stockroom_core::movement::MovementType;
use uuid::Uuid;

/// Writes it all. The caller has seen to it that nothing is in the way.
pub fn take_over(engine: &Engine, reading: &Reading, import_id: Uuid) -> Result<(), Error> {
    note_listings(engine);
    let there: Vec<Uuid> = plans::run_once(
        "SELECT listing_id FROM pg_temp.stockroom_listings WHERE NOT made ORDER BY listing_id",
        |row| row.id(1),
    );
    lock(engine, &there);
    if !there.is_empty() {
        // As they are now, under the lock.
        plans::run_once("DROP TABLE pg_temp.stockroom_listings", |_| ());
        note_listings(engine);
    }
    make_listings(engine, reading);
    make_levels(engine);
    make_lots(engine, &reading.lots.source.name)?;
    make_claims(engine)?;
    remember(engine, import_id);
    Ok(())
}

/// `stockroom_listings`: those of which something is new, with their counters before.
fn note_listings(engine: &Engine) {
    let schema = &engine.schema;
    staged::make(
        "stockroom_listings",
        &format!(
            "SELECT n.listing_id, min(n.key) AS key, bool_and(g.listing_id IS NULL) AS made,
                    coalesce(min(g.quantity_total), 0) AS total,
                    coalesce(min(g.quantity_allocated), 0) AS allocated,
                    coalesce(min(g.quantity_available), 0) AS available
               FROM (SELECT listing_id, listing_key AS key FROM pg_temp.stockroom_lots WHERE is_new
                     UNION ALL
                     SELECT listing_id, NULL FROM pg_temp.stockroom_allocations WHERE is_new) AS n
               LEFT JOIN {schema}.stock_listings g ON g.listing_id = n.listing_id
              GROUP BY n.listing_id"
        ),
    );
}

static LOCK_LOTS: Statement = Statement::fresh(
    "WITH locked AS (SELECT FROM {s}.stock_lots WHERE listing_id = ANY ($1) ORDER BY lot_id FOR NO KEY UPDATE)
     SELECT count(*) FROM locked",
    &[UUIDARRAYOID],
);

/// Locks these listings, their attached rows and all; what has expired of their holds is ended.
pub fn lock(engine: &Engine, there: &[Uuid]) {
    if there.is_empty() {
        return;
    }
    let pairs: Vec<(Uuid, Uuid)> = there
        .iter()
        .map(|listing| (engine.tenant, *listing))
        .collect();
    mirror::lock_of_listings(engine, pairs.iter().copied());
    plans::run(
        engine,
        &LOCK_LOTS,
        &[id_list(there.iter().copied())],
        |_| (),
    );
    levels::lock_all(engine, &pairs);
    listings::lock_all(engine, &pairs);
    let freed = mirror::begin_write(engine, pairs);
    rollup::count(engine, &freed);
}

/// A key that was there before goes on with the lines of its ledger.
fn make_listings(engine: &Engine, reading: &Reading) {
    let (schema, tenant) = (&engine.schema, engine.tenant);
    let sku = if reading.listing_is_sku() {
        "n.key"
    } else {
        "NULL"
    };
    let text = format!(
        "INSERT INTO {schema}.stock_listings (listing_id, tenant_id, sku, quantity_scale, version, moved_at)
         SELECT n.listing_id, '{tenant}', {sku}, {}, coalesce(last.version, 0), last.recorded_at
           FROM pg_temp.stockroom_listings n
           LEFT JOIN LATERAL (
                  SELECT m.version, m.recorded_at FROM {schema}.stock_movements m
                   WHERE m.listing_id = n.listing_id
                   ORDER BY m.listing_id DESC, m.recorded_at DESC, m.version DESC LIMIT 1) AS last ON true
          WHERE n.made ORDER BY n.listing_id",
        reading.mapping.quantity_scale
    );
    aside::during(|| plans::run_once(&text, |_| ()));
}

/// All at once: counting would make them one by one.
fn make_levels(engine: &Engine) {
    let (schema, tenant) = (&engine.schema, engine.tenant);
    let text = format!(
        "INSERT INTO {schema}.stock_levels (tenant_id, listing_id, location_id)
         SELECT DISTINCT '{tenant}'::uuid, listing_id, location_id FROM pg_temp.stockroom_lots WHERE is_new
          ORDER BY listing_id, location_id
         ON CONFLICT (listing_id, location_id) DO NOTHING"
    );
    aside::during(|| plans::run_once(&text, |_| ()));
}

/// Reads rows of the call's own tables in batches; after a problem nothing more is done.
pub fn scan<T>(
    text: &str,
    read: impl Fn(&Row) -> T,
    mut each: impl FnMut(Vec<T>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut problem = None;
    plans::with_latest_snapshot(|| {
        plans::scan_made(
            |run| run(),
            text,
            &[],
            &[],
            BATCH,
            read,
            |rows| {
                if problem.is_some() {
                    return;
                }
                // What a batch allocates goes with it.
                let mut memory = PgMemoryContexts::new("stockroom import");
                // SAFETY: nothing that PostgreSQL allocates meanwhile outlives the batch.
                problem = unsafe { memory.switch_to(|_| each(rows)) }.err();
            },
        )
    });
    problem.map_or(Ok(()), Err)
}

fn make_lots(engine: &Engine, table: &str) -> Result<(), Error> {
    let cause = Cause {
        reason: settings::reason(),
        reference: Some(table.to_owned()),
        effective_at: None,
    };
    let read = |row: &Row| NewLot {
        lot_id: row.id(1),
        tenant_id: engine.tenant,
        listing_id: row.id(2),
        location_id: row.id(3),
        quantity: row.need(4),
        allocated: 0,
        listed: row.need(5),
        movement: MovementType::Import,
        details: Details {
            owner_id: row.maybe_id(6),
            expires_on: row.get(7),
            unit_cost: row.get(8),
            lot_code: row.get(9),
            notes: row.get(10),
            created_at: row.get(11),
            ..Details::default()
        },
    };
    // In the order of their listings: each is counted once a batch.
    let text = "SELECT lot_id, listing_id, location_id, total::integer, listed, owner_id, expires_on, unit_cost,
                       lot_code, notes, created_at
                  FROM pg_temp.stockroom_lots WHERE is_new ORDER BY listing_id, lot_id";
    let besides = Deltas::default();
    scan(text, read, |lots| {
        let changes = Changes {
            new: &lots,
            ..Changes::of_goods(&[], &besides, &cause)
        };
        apply(engine, &changes)
    })
}

fn apply(engine: &Engine, changes: &Changes) -> Result<(), Error> {
    let listings = counted::apply(engine, changes, Guard::Later)
        .map_err(|refusal| refusal.into_error(Error::WriteInterfered))?;
    mirror::write(engine, &listings);
    Ok(())
}

fn make_claims(engine: &Engine) -> Result<(), Error> {
    let (schema, tenant) = (&engine.schema, engine.tenant);
    let text = format!(
        "INSERT INTO {schema}.stock_allocations
                (allocation_id, tenant_id, listing_id, lot_id, order_id, quantity, status, created_at, updated_at)
         SELECT allocation_id, '{tenant}', listing_id, lot_id, order_id, quantity, status,
                coalesce(created_at, clock_timestamp()), clock_timestamp()
           FROM pg_temp.stockroom_allocations WHERE is_new"
    );
    aside::during(|| plans::run_once(&text, |_| ()));
    let read = |row: &Row| LotDelta {
        tenant_id: engine.tenant,
        listing_id: row.id(1),
        lot_id: row.id(2),
        allocated: row.need(3),
        total: 0,
        movement: None,
    };
    let text = "SELECT listing_id, lot_id, sum(quantity) FROM pg_temp.stockroom_allocations
                 WHERE is_new AND status = 'active' GROUP BY listing_id, lot_id ORDER BY listing_id, lot_id";
    scan(text, read, |deltas| {
        apply(engine, &Changes::of_claims(&deltas, &Deltas::default()))
    })
}

/// What each row became.
fn remember(engine: &Engine, import_id: Uuid) {
    let (schema, tenant) = (&engine.schema, engine.tenant);
    let rows = [
        "SELECT DISTINCT 'listing', l.listing_key, l.listing_id, NULL::integer,
                CASE WHEN n.made THEN 'made' ELSE 'there' END
           FROM pg_temp.stockroom_lots l JOIN pg_temp.stockroom_listings n USING (listing_id) WHERE l.is_new",
        "SELECT 'lot', source_key, lot_id, total::integer, NULL::text FROM pg_temp.stockroom_lots WHERE is_new",
        "SELECT 'allocation', source_key, allocation_id, quantity, status
           FROM pg_temp.stockroom_allocations WHERE is_new",
    ];
    for query in rows {
        let text = format!(
            "INSERT INTO {schema}.stock_import_rows
                    (import_id, tenant_id, kind, source_key, target_id, quantity, status)
             SELECT '{import_id}', '{tenant}', * FROM ({query}) AS r ON CONFLICT DO NOTHING"
        );
        plans::run_once(&text, |_| ());
    }
}

/// Holds that have been waiting for goods get them.
pub fn hand_out(engine: &Engine) {
    let schema = &engine.schema;
    let waiting = format!(
        "SELECT n.listing_id FROM pg_temp.stockroom_listings n
          WHERE NOT n.made AND EXISTS (SELECT FROM {schema}.stock_holds h
                 WHERE h.listing_id = n.listing_id AND h.status = 'waiting')
          ORDER BY n.listing_id"
    );
    for listing_id in plans::run_once(&waiting, |row| row.id(1)) {
        let lots = format!(
            "SELECT lot_id FROM pg_temp.stockroom_lots WHERE is_new AND listed AND listing_id = '{listing_id}'"
        );
        goods::came_free_of(engine, [listing_id], || {
            plans::run_once(&lots, |row| row.id(1))
        });
    }
}

/// So many new lots are a new size: the planner would take the tables for empty until autovacuum comes by.
pub fn analyze(engine: &Engine) {
    let schema = &engine.schema;
    let text = format!(
        "ANALYZE {schema}.stock_listings, {schema}.stock_lots, {schema}.stock_levels,
                 {schema}.stock_allocations, {schema}.stock_import_rows"
    );
    plans::run_once(&text, |_| ());
}
