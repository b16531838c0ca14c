//! verify_bookings: are tables, indexes, triggers and constraints of bookings there and at work, and is every number
//! right?

use crate::engine::Engine;
use crate::plans::{self, id, Row, Statement};
use pgrx::pg_sys::{TEXTARRAYOID, TEXTOID, UUIDOID};
use pgrx::prelude::*;

/// What each table must have: indexes, triggers and constraints, by name.
struct Expected {
    table: &'static str,
    indexes: &'static [&'static str],
    triggers: &'static [&'static str],
    constraints: &'static [&'static str],
}

const ALL_EVENTS: &[&str] = &[
    "stockroom_before",
    "stockroom_insert",
    "stockroom_update",
    "stockroom_delete",
    "stockroom_truncate",
];

const EXPECTED: [Expected; 6] = [
    Expected {
        table: "resource_type",
        indexes: &["resource_type_pkey"],
        triggers: &["stockroom_before", "stockroom_truncate"],
        constraints: &["resource_type_pkey", "resource_type_name_check"],
    },
    Expected {
        table: "resource",
        indexes: &["resource_pkey", "resource_type_idx", "resource_listing_idx"],
        triggers: &[
            "stockroom_before",
            "stockroom_update",
            "stockroom_delete",
            "stockroom_truncate",
        ],
        constraints: &[
            "resource_pkey",
            "resource_id_check",
            "resource_name_check",
            "resource_description_check",
        ],
    },
    Expected {
        table: "resource_capacity",
        indexes: &[
            "resource_capacity_pkey",
            "resource_capacity_resource_id_date_key",
            "resource_capacity_date_idx",
            "resource_capacity_listing_idx",
        ],
        triggers: &[
            "stockroom_before",
            "stockroom_insert",
            "stockroom_delete",
            "stockroom_truncate",
            "stockroom_check",
        ],
        constraints: &[
            "resource_capacity_pkey",
            "resource_capacity_resource_id_date_key",
            "resource_capacity_date_check",
            "resource_capacity_max_capacity_check",
            "resource_capacity_check",
            "resource_capacity_closures_check",
            "stockroom_check",
        ],
    },
    Expected {
        table: "resource_blackout",
        indexes: &["resource_blackout_pkey", "resource_blackout_dates_idx"],
        triggers: ALL_EVENTS,
        constraints: &[
            "resource_blackout_pkey",
            "resource_blackout_start_date_check",
            "resource_blackout_end_date_check",
            "resource_blackout_check",
            "resource_blackout_reason_check",
        ],
    },
    Expected {
        table: "resource_hold",
        indexes: &[
            "resource_hold_pkey",
            "resource_hold_token_idx",
            "resource_hold_live_idx",
            "resource_hold_customer_idx",
            "resource_hold_package_idx",
        ],
        triggers: ALL_EVENTS,
        constraints: &[
            "resource_hold_pkey",
            "resource_hold_dates_check",
            "resource_hold_quantity_check",
            "resource_hold_customer_email_check",
            "resource_hold_idempotency_token_check",
            "resource_hold_status_check",
        ],
    },
    Expected {
        table: "resource_allocation",
        indexes: &[
            "resource_allocation_pkey",
            "resource_allocation_order_id_line_item_id_tenant_id_key",
            "resource_allocation_line_item_idx",
            "resource_allocation_dates_idx",
        ],
        triggers: ALL_EVENTS,
        constraints: &[
            "resource_allocation_pkey",
            "resource_allocation_order_id_line_item_id_tenant_id_key",
            "resource_allocation_order_id_check",
            "resource_allocation_line_item_id_check",
            "resource_allocation_dates_check",
            "resource_allocation_quantity_check",
        ],
    },
];

/// What is missing, or not at work: an index that is not valid, a trigger that is switched off, a constraint that
/// was not checked. $1 is the schema as it is written.
static PARTS: Statement = Statement::stable(
    "SELECT 'table', $2, 'missing' WHERE to_regclass($1 || '.' || $2) IS NULL
     UNION ALL
     SELECT 'index', $2 || '.' || n.name, CASE WHEN i.indexrelid IS NULL THEN 'missing' ELSE 'not valid' END
       FROM unnest($3) AS n (name)
       LEFT JOIN pg_catalog.pg_class c
         ON c.relname = n.name AND c.relnamespace = $1::pg_catalog.regnamespace AND c.relkind = 'i'
       LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid AND i.indrelid = to_regclass($1 || '.' || $2)
      WHERE i.indisvalid IS NOT TRUE
     UNION ALL
     SELECT 'trigger', $2 || '.' || n.name, CASE WHEN t.oid IS NULL THEN 'missing' ELSE 'switched off' END
       FROM unnest($4) AS n (name)
       LEFT JOIN pg_catalog.pg_trigger t
         ON t.tgname = n.name AND t.tgrelid = to_regclass($1 || '.' || $2) AND NOT t.tgisinternal
      WHERE t.tgenabled IS DISTINCT FROM 'O' AND t.tgenabled IS DISTINCT FROM 'A'
     UNION ALL
     SELECT 'constraint', $2 || '.' || n.name, CASE WHEN k.oid IS NULL THEN 'missing' ELSE 'not valid' END
       FROM unnest($5) AS n (name)
       LEFT JOIN pg_catalog.pg_constraint k
         ON k.conname = n.name AND k.conrelid = to_regclass($1 || '.' || $2)
      WHERE k.convalidated IS NOT TRUE",
    &[TEXTOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID],
)
.of_whole_tables();

/// Every number of the session's tenant, as it is stored and as the claims make it.
static NUMBERS: Statement = Statement::stable(
    "WITH claim AS (
       SELECT resource_id, dates, quantity FROM {s}.resource_hold WHERE tenant_id = $1 AND status = 'ACTIVE'
       UNION ALL
       SELECT resource_id, dates, quantity FROM {s}.resource_allocation WHERE tenant_id = $1),
     booked AS (
       SELECT k.resource_id, d.date, sum(k.quantity)::bigint AS units
         FROM claim k, unnest(k.dates) AS d (date) GROUP BY k.resource_id, d.date),
     closed AS (
       SELECT c.id, count(b.id) AS blackouts
         FROM {s}.resource_capacity c
         LEFT JOIN {s}.resource_blackout b
           ON b.resource_id = c.resource_id AND c.date BETWEEN b.start_date AND b.end_date
        WHERE c.tenant_id = $1 GROUP BY c.id),
     pair (kind, key, problem, stored, actual) AS (
       SELECT 'date', coalesce(c.resource_id, b.resource_id) || ' on ' || to_char(coalesce(c.date, b.date), 'YYYY-MM-DD'),
              CASE WHEN c.id IS NULL THEN 'booked but not open' ELSE 'available_capacity' END,
              c.available_capacity::text,
              CASE WHEN c.id IS NULL THEN b.units ELSE c.max_capacity - coalesce(b.units, 0) END::text
         FROM (SELECT * FROM {s}.resource_capacity WHERE tenant_id = $1) c
         FULL JOIN booked b ON b.resource_id = c.resource_id AND b.date = c.date
        WHERE c.id IS NULL OR c.available_capacity <> c.max_capacity - coalesce(b.units, 0)
       UNION ALL
       SELECT 'date', c.resource_id || ' on ' || to_char(c.date, 'YYYY-MM-DD'), n.problem, n.stored, n.actual
         FROM {s}.resource_capacity c
         JOIN {s}.resource r ON r.id = c.resource_id
         JOIN closed k ON k.id = c.id,
              LATERAL (VALUES ('closures', c.closures::text,
                               (k.blackouts + (NOT r.is_active)::int + (r.deleted_at IS NOT NULL)::int)::text),
                              ('listing_id', c.listing_id::text, r.listing_id::text),
                              ('tenant_id', c.tenant_id::text, r.tenant_id::text),
                              ('overbooked', CASE WHEN c.available_capacity < 0 THEN c.available_capacity::text END, NULL))
                      AS n (problem, stored, actual)
        WHERE c.tenant_id = $1
       UNION ALL
       SELECT 'claim', k.id::text, 'no resource', k.resource_id, NULL
         FROM (SELECT id, resource_id, tenant_id FROM {s}.resource_hold WHERE status = 'ACTIVE'
               UNION ALL SELECT id, resource_id, tenant_id FROM {s}.resource_allocation) k
         LEFT JOIN {s}.resource r ON r.id = k.resource_id AND r.tenant_id = k.tenant_id
        WHERE k.tenant_id = $1 AND r.id IS NULL
       UNION ALL
       SELECT n.kind, n.key, 'no resource', n.resource_id, NULL
         FROM (SELECT 'date' AS kind, resource_id || ' on ' || to_char(date, 'YYYY-MM-DD') AS key, resource_id, tenant_id
                 FROM {s}.resource_capacity
               UNION ALL
               SELECT 'blackout', id::text, resource_id, tenant_id FROM {s}.resource_blackout) n
         LEFT JOIN {s}.resource r ON r.id = n.resource_id AND r.tenant_id = n.tenant_id
        WHERE n.tenant_id = $1 AND r.id IS NULL
       UNION ALL
       SELECT 'claim', k.id::text, 'dates', k.dates::text, n.dates::text
         FROM (SELECT id, dates, tenant_id FROM {s}.resource_hold
               UNION ALL SELECT id, dates, tenant_id FROM {s}.resource_allocation) k,
              LATERAL (SELECT array_agg(DISTINCT d ORDER BY d) AS dates FROM unnest(k.dates) AS d) AS n
        WHERE k.tenant_id = $1
       UNION ALL
       SELECT 'listing', g.listing_id::text, 'quantity_booked is too low', g.quantity_booked::text, p.units::text
         FROM {s}.stock_listings g
         JOIN (SELECT listing_id, max(units) AS units
                 FROM (SELECT c.listing_id, c.date, sum(c.max_capacity::bigint - c.available_capacity) AS units
                         FROM {s}.resource_capacity c JOIN {s}.resource r ON r.id = c.resource_id
                        WHERE c.listing_id IS NOT NULL AND c.tenant_id = $1
                          AND c.date >= (clock_timestamp() AT TIME ZONE r.timezone)::date
                        GROUP BY c.listing_id, c.date) AS day
                GROUP BY listing_id) AS p ON p.listing_id = g.listing_id AND p.units > g.quantity_booked
        WHERE g.tenant_id = $1)
     SELECT kind, key, problem, stored, actual FROM pair
      WHERE stored IS DISTINCT FROM actual ORDER BY kind, key, problem",
    &[UUIDOID],
)
.of_whole_tables();

type Problem = (String, String, String, Option<String>, Option<String>);

fn parts(engine: &Engine) -> Vec<Problem> {
    let of_table = |expected: &Expected| {
        let names = |names: &[&str]| names.to_vec().into();
        let args = [
            (&*engine.schema).into(),
            expected.table.into(),
            names(expected.indexes),
            names(expected.triggers),
            names(expected.constraints),
        ];
        plans::run(engine, &PARTS, &args, |row: &Row| {
            (row.need(1), row.need(2), row.need(3), None, None)
        })
    };
    EXPECTED.iter().flat_map(of_table).collect()
}

/// Checks what bookings rely on: that tables, indexes, triggers and constraints are there and at work, and that
/// every available_capacity, closure and booked number of the session's tenant is what the claims say. Returns the
/// problems; no rows is the proof.
#[pg_extern(stable, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn verify_bookings(
    fcinfo: pg_sys::FunctionCallInfo,
) -> TableIterator<
    'static,
    (
        name!(kind, String),
        name!(key, String),
        name!(problem, String),
        name!(stored, Option<String>),
        name!(actual, Option<String>),
    ),
> {
    let engine = Engine::of_call(fcinfo);
    let mut problems = parts(&engine);
    // Without a table there are no numbers to be read.
    if !problems.iter().any(|(kind, ..)| kind == "table") {
        problems.extend(plans::run(&engine, &NUMBERS, &[id(engine.tenant)], |row| {
            (
                row.need(1),
                row.need(2),
                row.need(3),
                row.get(4),
                row.get(5),
            )
        }));
    }
    TableIterator::new(problems)
}
