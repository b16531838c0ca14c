//! `attach_table`: checks, registration, triggers, import, answer.

use super::checks::{self, needed, word, Checked, Table};
use super::import::{AppRow, Import};
use super::ownership::{check_may_set_tenant, check_owner, lock_owned};
use super::{detach, keys};
use crate::counters::registration::Registration;
use crate::counters::{aside, verify_attached};
use crate::engine::{as_engine, current_search_path, current_user, Engine};
use crate::error::{notice, Error};
use crate::ids;
use crate::plans::{self, id, Statement};
use pgrx::memcxt::PgMemoryContexts;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{BOOLOID, INT2OID, INT4OID, OIDOID, TEXTOID, UUIDOID};
use pgrx::prelude::*;
use uuid::Uuid;

/// The arguments of attach_table after their checks.
struct Request {
    key: Checked,
    available: Checked,
    total: Option<Checked>,
    reserved: Option<Checked>,
    tenant: Option<Checked>,
    scale: i32,
    direct_writes: &'static str,
    on_delete: &'static str,
    on_bad: &'static str,
    sync: &'static str,
}

/// Makes a table of the app an attached table: every row, now and later, is a listing, and the
/// named columns mirror its counters.
///
/// `key_column` identifies a row (uuid keys are the listings' keys). `available_column`,
/// `total_column` and `reserved_column` are integer, bigint or, with `quantity_scale` decimal
/// places, numeric. `tenant_column` (uuid) names each row's tenant; without it all belong to the
/// session's. `direct_writes` says what the app's own writes to these columns mean ('adjust',
/// 'reject', 'ignore'), `on_delete` what a deleted row means ('cascade', 'restrict', 'keep'),
/// `on_bad` what becomes of a number that cannot be ('error', 'zero'), `sync` when the columns are
/// written ('immediate', 'deferred' to commit), `import` whether the present numbers become stock.
///
/// Answers the rows linked, the lots made, the units imported, and how many rows could not be made
/// to agree (0 is expected). What a total or reserved column says beyond what is available becomes
/// one active allocation a row, of the order whose id is the attachment's. The caller must own the
/// table; with a tenant column, must also be allowed to set `stockroom.tenant_id`.
///
/// Errors: not_table_owner, cannot_attach, already_attached, bad_argument, bad_quantity,
/// listing_exists, listing_attached.
#[pg_extern(
    sql = "CREATE FUNCTION attach_table(\"table\" regclass, key_column text,
    available_column text DEFAULT 'quantity_available', total_column text DEFAULT NULL,
    reserved_column text DEFAULT NULL, tenant_column text DEFAULT NULL, quantity_scale integer DEFAULT 0,
    direct_writes text DEFAULT 'adjust', on_delete text DEFAULT 'cascade', on_bad text DEFAULT 'error',
    sync text DEFAULT 'immediate', import boolean DEFAULT true)
RETURNS TABLE (listings bigint, lots bigint, units bigint, mismatches bigint)
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
#[allow(clippy::too_many_arguments, clippy::type_complexity)] // one SQL argument each
fn attach_table(
    table: Option<pg_sys::Oid>,
    key_column: Option<String>,
    available_column: Option<String>,
    total_column: Option<String>,
    reserved_column: Option<String>,
    tenant_column: Option<String>,
    quantity_scale: Option<i32>,
    direct_writes: Option<String>,
    on_delete: Option<String>,
    on_bad: Option<String>,
    sync: Option<String>,
    import: Option<bool>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(listings, i64),
            name!(lots, i64),
            name!(units, i64),
            name!(mismatches, i64),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    // SAFETY: PostgreSQL calls every function with a filled-in fcinfo.
    let function = unsafe { (*(*fcinfo).flinfo).fn_oid };
    let oid = needed("table", table)?;
    let import = needed("import", import)?;
    let scale = needed("quantity_scale", quantity_scale)?;
    if !(0..=9).contains(&scale) {
        let problem = format!("must be 0 to 9, not {scale}");
        return Err(Error::BadArgument {
            argument: "quantity_scale",
            problem,
        }
        .into());
    }
    let direct_writes = word(
        "direct_writes",
        direct_writes,
        &["adjust", "reject", "ignore"],
    )?;
    let on_delete = word("on_delete", on_delete, &["cascade", "restrict", "keep"])?;
    let on_bad = word("on_bad", on_bad, &["error", "zero"])?;
    let sync = word("sync", sync, &["immediate", "deferred"])?;
    let key_column = needed("key_column", key_column)?;
    let available_column = needed("available_column", available_column)?;

    let search_path = current_search_path();
    let caller = current_user();
    check_owner(oid)?;
    as_engine(&engine, || checks::of(&engine, oid).check_kind(function))?;
    lock_owned(c"attach_table()", oid, pg_sys::ShareRowExclusiveLock as i32)?;
    let answer = as_engine(&engine, || {
        let table = checks::of(&engine, oid);
        table.check_kind(function)?;
        if plans::with_latest_snapshot(|| Registration::by_table(&engine, oid)).is_ok() {
            return Err(Error::AlreadyAttached { table: table.name });
        }
        detach::clear_left_behind(&engine, oid, &table.name);
        if tenant_column.is_some() {
            check_may_set_tenant(&engine, caller)?;
        }
        let request = Request {
            key: table.key(&key_column)?,
            available: table.quantity(&available_column, scale)?,
            total: total_column
                .map(|name| table.quantity(&name, scale))
                .transpose()?,
            reserved: reserved_column
                .map(|name| table.quantity(&name, scale))
                .transpose()?,
            tenant: tenant_column.map(|name| table.tenant(&name)).transpose()?,
            scale,
            direct_writes,
            on_delete,
            on_bad,
            sync,
        };
        let columns = [
            Some(&request.key),
            Some(&request.available),
            request.total.as_ref(),
            request.reserved.as_ref(),
            request.tenant.as_ref(),
        ];
        checks::refuse_same_twice(&table, &columns)?;
        let attachment_id = register(&table, &request, &search_path);
        make_triggers(&table, &request, attachment_id);
        take_over(&engine, attachment_id, import)
    })?;
    Ok(TableIterator::once(answer))
}

static REGISTER: Statement = Statement::fresh(
    "INSERT INTO {s}.attached_tables
            (attachment_id, tenant_id, table_oid, table_schema, table_name, key_column, key_attnum,
             key_is_uuid, available_column, available_attnum, total_column, total_attnum, reserved_column,
             reserved_attnum, tenant_column, tenant_attnum, quantity_scale, direct_writes, on_delete,
             on_bad, sync, key_namespace, search_path)
     SELECT $1, $2, c.oid, n.nspname, c.relname, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
            $16, $17, $18, $19, $20, $21
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.oid = $3",
    &[
        UUIDOID, UUIDOID, OIDOID, TEXTOID, INT2OID, BOOLOID, TEXTOID, INT2OID, TEXTOID, INT2OID,
        TEXTOID, INT2OID, TEXTOID, INT2OID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, UUIDOID,
        TEXTOID,
    ],
);

fn register(table: &Table, request: &Request, search_path: &str) -> Uuid {
    let attachment_id = ids::new_key();
    let name = |column: &Option<Checked>| column.as_ref().map(|column| column.name.clone()).into();
    let number = |column: &Option<Checked>| column.as_ref().map(|column| column.attnum).into();
    let args = [
        id(attachment_id),
        id(table.engine.tenant),
        table.oid.into(),
        request.key.name.clone().into(),
        request.key.attnum.into(),
        (request.key.base_type == UUIDOID).into(),
        request.available.name.clone().into(),
        request.available.attnum.into(),
        name(&request.total),
        number(&request.total),
        name(&request.reserved),
        number(&request.reserved),
        name(&request.tenant),
        number(&request.tenant),
        request.scale.into(),
        request.direct_writes.into(),
        request.on_delete.into(),
        request.on_bad.into(),
        request.sync.into(),
        id(keys::namespace(
            table.engine,
            table.oid,
            request.tenant.is_some(),
        )),
        search_path.to_owned().into(),
    ];
    aside::during(|| plans::run(table.engine, &REGISTER, &args, |_| ()));
    attachment_id
}

/// The triggers name the attachment, so that each call finds its registration by key. Made by the
/// engine: nobody else may use its functions. WHEN compares keys as stored, byte by byte, which
/// needs no operator of the key's own type.
fn make_triggers(table: &Table, request: &Request, attachment_id: Uuid) {
    let written = [
        Some(&request.available),
        request.total.as_ref(),
        request.reserved.as_ref(),
    ]
    .into_iter()
    .flatten()
    .map(|column| {
        let name = crate::engine::quote(&column.name);
        format!("OLD.{name} IS DISTINCT FROM NEW.{name}")
    });
    let fixed = [Some(&request.key), request.tenant.as_ref()]
        .into_iter()
        .flatten()
        .map(|column| {
            let name = crate::engine::quote(&column.name);
            format!("pg_catalog.record_image_ne(ROW(OLD.{name}), ROW(NEW.{name}))")
        });
    let changed: Vec<String> = written.chain(fixed).collect();
    let (name, schema) = (&table.name, &table.engine.schema);
    let triggers = [
        format!(
            "stockroom_insert AFTER INSERT ON {name} REFERENCING NEW TABLE AS new_rows \
             FOR EACH STATEMENT EXECUTE FUNCTION {schema}.attached_rows_inserted"
        ),
        format!(
            "stockroom_update AFTER UPDATE ON {name} FOR EACH ROW WHEN ({}) \
             EXECUTE FUNCTION {schema}.attached_row_updated",
            changed.join(" OR ")
        ),
        format!(
            "stockroom_delete AFTER DELETE ON {name} REFERENCING OLD TABLE AS old_rows \
             FOR EACH STATEMENT EXECUTE FUNCTION {schema}.attached_rows_deleted"
        ),
        format!(
            "stockroom_truncate AFTER TRUNCATE ON {name} \
             FOR EACH STATEMENT EXECUTE FUNCTION {schema}.attached_rows_deleted"
        ),
    ];
    for trigger in triggers {
        let text = format!("CREATE TRIGGER {trigger}('{attachment_id}')");
        plans::run_made(table.engine, text, &[], &[], |_| ());
    }
}

/// Rows read, and taken over, at a time.
const BATCH: i64 = 10_000;
/// Rows between two notices of progress.
const PROGRESS: i64 = 100_000;

fn take_over(
    engine: &Engine,
    attachment_id: Uuid,
    takes_numbers: bool,
) -> Result<(i64, i64, i64, i64), Error> {
    plans::with_latest_snapshot(|| {
        let known = Registration::by_id(engine, attachment_id).expect("registered just now");
        let target = known.target(engine).expect("its columns were checked");
        let mut import = Import::new(engine, &known, &target, takes_numbers);
        // Keys that are the listings' own come in order: each index then grows at its end.
        let order = match known.key_is_uuid {
            true => format!(" ORDER BY t.{}", target.key.name),
            false => String::new(),
        };
        let text = format!(
            "SELECT {} FROM ONLY {} AS t{order}",
            AppRow::select_list(&target),
            target.name
        );
        let owner = |run: &mut dyn FnMut()| target.as_owner(engine, run);
        let (mut seen, mut problem) = (0, None);
        plans::scan_made(owner, &text, &[], &[], BATCH, AppRow::read, |rows| {
            if problem.is_some() {
                return;
            }
            // What a batch allocates goes with it.
            let mut memory = PgMemoryContexts::new("stockroom import");
            // SAFETY: nothing that PostgreSQL allocates meanwhile outlives the batch.
            problem = unsafe { memory.switch_to(|_| import.take(&rows)) }.err();
            let before = seen / PROGRESS;
            seen += rows.len() as i64;
            if seen / PROGRESS > before {
                notice(format!("stockroom: {} rows of {} read", seen, target.name));
            }
        });
        match problem {
            Some(error) => Err(error),
            None => import.finish(),
        }?;
        if import.listings >= BATCH {
            // Or the planner takes tables of a million rows for empty ones until autovacuum comes by.
            let schema = &engine.schema;
            let text = format!(
                "ANALYZE {schema}.stock_listings, {schema}.stock_lots, {schema}.stock_levels, \
                 {schema}.stock_allocations"
            );
            plans::run_made(engine, text, &[], &[], |_| ());
        }
        let differences = plans::with_latest_snapshot(|| {
            verify_attached::differences(engine, &known, None).len() as i64
        });
        notice(format!(
            "stockroom: {} attached: {} listings, {} lots, {} units",
            target.name, import.listings, import.lots, import.units
        ));
        Ok((
            import.listings,
            import.lots,
            import.units,
            import.conflicts + differences,
        ))
    })
}
