//! Items and copies are taken over as they are: what is kept of their rows, and a loan for each copy
//! that is out. Counting them is [`super::stock`]'s.

use super::problems::{known_of, BATCH};
use super::registration::Registration;
use super::table::CopyTable;
use crate::counters::aside;
use crate::engine::Engine;
use crate::ids;
use crate::plans::{self, id, id_list, Row, Statement};
use pgrx::memcxt::PgMemoryContexts;
use pgrx::pg_sys::{TEXTARRAYOID, TEXTOID, UUIDARRAYOID, UUIDOID};
use pgrx::prelude::*;
use std::collections::HashSet;
use uuid::Uuid;

/// Rows between two notices of progress.
const PROGRESS: i64 = 100_000;

/// Who has a copy that was handed out to nobody named.
pub const NOBODY: &str = "unknown";

static ITEMS: Statement = Statement::fresh(
    "INSERT INTO {s}.collapsed_items (collapse_id, tenant_id, run_id, item_key, listing_id)
     SELECT $1, $2, $3, n.item_key, n.listing_id
       FROM unnest($4::text[], $5::uuid[]) AS n (item_key, listing_id)
     ON CONFLICT (collapse_id, item_key) DO NOTHING",
    &[UUIDOID, UUIDOID, UUIDOID, TEXTARRAYOID, UUIDARRAYOID],
);
static COPIES: Statement = Statement::fresh(
    "INSERT INTO {s}.collapsed_copies (collapse_id, tenant_id, run_id, copy_key, item_key, loan_id, content)
     SELECT $1, $2, $3, n.copy_key, n.item_key, n.loan_id, n.content
       FROM unnest($4::text[], $5::text[], $6::uuid[], $7::text[]) AS n (copy_key, item_key, loan_id, content)",
    &[
        UUIDOID,
        UUIDOID,
        UUIDOID,
        TEXTARRAYOID,
        TEXTARRAYOID,
        UUIDARRAYOID,
        TEXTARRAYOID,
    ],
);
static LOANS: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_loans
            (loan_id, tenant_id, listing_id, borrower, contact_info, quantity, due_at, metadata, borrowed_at, updated_at)
     SELECT n.loan_id, $1, n.listing_id, coalesce(n.borrower, $8), n.contact, 1, n.due::timestamptz,
            pg_catalog.jsonb_build_object('copy', n.copy_key), coalesce(n.borrowed::timestamptz, t.now), t.now
       FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $9::text[])
            AS n (loan_id, listing_id, copy_key, borrower, due, contact, borrowed),
            (SELECT pg_catalog.clock_timestamp() AS now) AS t",
    &[
        UUIDOID,
        UUIDARRAYOID,
        UUIDARRAYOID,
        TEXTARRAYOID,
        TEXTARRAYOID,
        TEXTARRAYOID,
        TEXTARRAYOID,
        TEXTOID,
        TEXTARRAYOID,
    ],
);

/// One copy of the app's table.
struct Copy {
    key: String,
    item_key: String,
    /// With a key of its own where it is out.
    loan: Option<Loan>,
    content: String,
}

struct Loan {
    loan_id: Uuid,
    borrower: Option<String>,
    due: Option<String>,
    contact: Option<String>,
    borrowed: Option<String>,
}

/// Takes over the items that are new.
pub fn items(engine: &Engine, table: &CopyTable, known: &Registration, run_id: Uuid) {
    let text = format!(
        "SELECT {} FROM ONLY {} AS c WHERE {} IS NULL",
        table.text_of("c", &table.key),
        table.name,
        table.of("c", &table.parent)
    );
    let read = |row: &Row| row.need::<String>(1);
    in_batches(table, &text, read, |keys: Vec<String>| {
        let listings: Vec<Uuid> = keys.iter().map(|key| known.listing_of(key)).collect();
        let args = [
            id(known.collapse_id),
            id(known.tenant_id),
            id(run_id),
            keys.into(),
            id_list(listings),
        ];
        aside::during(|| plans::run(engine, &ITEMS, &args, |_| ()));
    });
}

/// Takes over the copies that are new, all of them the first time, and makes their loans.
pub fn copies(
    engine: &Engine,
    table: &CopyTable,
    known: &Registration,
    run_id: Uuid,
    is_first: bool,
) {
    let text = format!(
        "SELECT {}, pg_catalog.format('%s', {}), {}, {}, {}, {}, {}, {}::pg_catalog.text
           FROM ONLY {} AS c WHERE {}",
        table.text_of("c", &table.key),
        table.item_of("c"),
        table.of("c", &table.available),
        table.optional_text_of("c", &table.borrower),
        table.moment_of("c", &table.due),
        table.optional_text_of("c", &table.contact),
        table.moment_of("c", &table.borrowed),
        table.rest_of("c"),
        table.name,
        table.is_copy("c"),
    );
    let mut seen = 0;
    in_batches(table, &text, read_copy, |mut batch: Vec<Copy>| {
        let before = seen / PROGRESS;
        seen += batch.len() as i64;
        if !is_first {
            drop_known(engine, known, &mut batch);
        }
        keep(engine, known, run_id, &mut batch);
        lend(engine, known, &batch);
        if seen / PROGRESS > before {
            notice(format!("stockroom: {seen} copies of {} read", table.name));
        }
    });
}

/// What a batch allocates goes with it.
fn in_batches<T>(
    table: &CopyTable,
    text: &str,
    read: impl Fn(&Row) -> T,
    mut each: impl FnMut(Vec<T>),
) {
    table.scan(text, BATCH, read, |rows| {
        let mut memory = PgMemoryContexts::new("stockroom copies");
        // SAFETY: nothing that PostgreSQL allocates meanwhile outlives the batch.
        unsafe { memory.switch_to(|_| each(rows)) };
    });
}

fn read_copy(row: &Row) -> Copy {
    let is_there: bool = row.need(3);
    let loan = || Loan {
        loan_id: ids::new_key(),
        borrower: row.get(4),
        due: row.get(5),
        contact: row.get(6),
        borrowed: row.get(7),
    };
    Copy {
        key: row.need(1),
        item_key: row.need(2),
        loan: (!is_there).then(loan),
        content: row.need(8),
    }
}

/// Leaves those that had not been kept before. Nobody else adds any: the app's table is locked.
fn drop_known(engine: &Engine, known: &Registration, batch: &mut Vec<Copy>) {
    let keys = batch.iter().map(|copy| copy.key.clone()).collect();
    let before: HashSet<String> = known_of(engine, known, keys).into_iter().collect();
    batch.retain(|copy| !before.contains(&copy.key));
}

/// Keeps these rows, those of an item together: so they are read again.
fn keep(engine: &Engine, known: &Registration, run_id: Uuid, batch: &mut [Copy]) {
    batch.sort_unstable_by(|one, other| {
        (&one.item_key, &one.key).cmp(&(&other.item_key, &other.key))
    });
    let text = |of: fn(&Copy) -> &String| batch.iter().map(move |copy| of(copy).clone());
    let loans = batch.iter().map(|copy| {
        let loan = copy.loan.as_ref();
        loan.map(|loan| ids::to_pg(loan.loan_id))
    });
    let args = [
        id(known.collapse_id),
        id(known.tenant_id),
        id(run_id),
        text(|copy| &copy.key).collect::<Vec<_>>().into(),
        text(|copy| &copy.item_key).collect::<Vec<_>>().into(),
        loans.collect::<Vec<_>>().into(),
        text(|copy| &copy.content).collect::<Vec<_>>().into(),
    ];
    aside::during(|| plans::write_all(engine, &COPIES, &args, batch.len()));
}

fn lend(engine: &Engine, known: &Registration, batch: &[Copy]) {
    let out: Vec<(&Copy, &Loan)> = batch
        .iter()
        .filter_map(|copy| Some((copy, copy.loan.as_ref()?)))
        .collect();
    if out.is_empty() {
        return;
    }
    let text = |of: fn(&Loan) -> &Option<String>| {
        let texts = out.iter().map(|(_, loan)| of(loan).clone());
        texts.collect::<Vec<_>>()
    };
    let keys = out.iter().map(|(copy, _)| copy.key.clone());
    let args = [
        id(known.tenant_id),
        id_list(out.iter().map(|(_, loan)| loan.loan_id)),
        id_list(out.iter().map(|(copy, _)| known.listing_of(&copy.item_key))),
        keys.collect::<Vec<_>>().into(),
        text(|loan| &loan.borrower).into(),
        text(|loan| &loan.due).into(),
        text(|loan| &loan.contact).into(),
        NOBODY.into(),
        text(|loan| &loan.borrowed).into(),
    ];
    aside::during(|| plans::write_all(engine, &LOANS, &args, out.len()));
}

pub fn notice(message: String) {
    ereport!(
        PgLogLevel::NOTICE,
        PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION,
        message
    );
}
