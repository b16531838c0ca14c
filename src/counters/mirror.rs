//! The mirrored columns of attached tables. Every statement here runs as the table's owner.

use super::registration::{key_datum, Registration, Target};
use super::{aside, expiry, Deltas, ListingAfter};
use crate::engine::Engine;
use crate::error::warn;
use crate::plans::{self, id_list, raw, Row, Statement};
use pgrx::pg_sys::{self, OIDOID, UUIDARRAYOID};
use uuid::Uuid;

/// The app's row that mirrors a listing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttachedRow {
    pub attachment_id: Uuid,
    pub key: String,
    /// Written once at commit instead of with each change.
    pub deferred: bool,
}

/// Columns `at` to `at + 2`: attached_to, attached_key, sync_deferred.
pub fn attached_row(row: &Row, at: i32) -> Option<AttachedRow> {
    Some(AttachedRow {
        attachment_id: row.maybe_id(at)?,
        key: row.get(at + 1)?,
        deferred: row.need(at + 2),
    })
}

static ATTACHED_ROWS: Statement = Statement::fresh(
    "SELECT attached_to, attached_key, sync_deferred, tenant_id, listing_id, quantity_held > 0
       FROM {s}.stock_listings
      WHERE (tenant_id, listing_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
        AND attached_to IS NOT NULL
      ORDER BY attached_to, attached_key",
    &[UUIDARRAYOID, UUIDARRAYOID],
);

/// Begins a write of these listings (tenant, listing): locks their attached rows before anything else is
/// locked, for an app that edits its own row and then claims has locked that row first. What has expired
/// of their holds is ended, so that the app's column is right after the write; what that frees is to be
/// counted with it.
#[must_use]
pub fn begin_write(engine: &Engine, listings: impl IntoIterator<Item = (Uuid, Uuid)>) -> Deltas {
    let rows = rows_of_listings(engine, listings);
    let held: Vec<(Uuid, Uuid)> = rows
        .iter()
        .filter(|row| row.is_held)
        .map(|row| row.listing)
        .collect();
    lock(engine, rows.into_iter().map(|row| row.attached));
    let mut freed = Deltas::default();
    for (tenant_id, listing_id) in held {
        freed.add_all(&expiry::expire_besides(engine, tenant_id, listing_id));
    }
    freed
}

/// The same without ending any holds.
pub fn lock_of_listings(engine: &Engine, listings: impl IntoIterator<Item = (Uuid, Uuid)>) {
    let rows = rows_of_listings(engine, listings);
    lock(engine, rows.into_iter().map(|row| row.attached));
}

/// A row of the app and its listing.
struct Mirroring {
    attached: AttachedRow,
    /// Tenant and listing.
    listing: (Uuid, Uuid),
    is_held: bool,
}

fn rows_of_listings(
    engine: &Engine,
    listings: impl IntoIterator<Item = (Uuid, Uuid)>,
) -> Vec<Mirroring> {
    let (tenants, listings): (Vec<Uuid>, Vec<Uuid>) = listings.into_iter().unzip();
    let args = [id_list(tenants), id_list(listings)];
    let rows = plans::run(engine, &ATTACHED_ROWS, &args, |row| {
        Some(Mirroring {
            attached: attached_row(row, 1)?,
            listing: (row.id(4), row.id(5)),
            is_held: row.need(6),
        })
    });
    rows.into_iter().flatten().collect()
}

/// Locks these rows in the order given; those with deferred sync are left alone.
pub fn lock(engine: &Engine, rows: impl IntoIterator<Item = AttachedRow>) {
    let mut targets = Targets::default();
    for row in rows.into_iter().filter(|row| !row.deferred) {
        // What has gone is said once, when it is written.
        if let Some(target) = targets.find(engine, row.attachment_id) {
            target.as_owner(engine, || {
                let text = format!(
                    "SELECT FROM ONLY {} AS t WHERE t.{} OPERATOR(pg_catalog.=) $1 FOR NO KEY UPDATE /* {} */",
                    target.name, target.key.name, target.attachment_id
                );
                let key = key_datum(&target.key, &row.key);
                plans::run_made(engine, text, &[target.key.type_oid], &[raw(key)], |_| ());
            });
        }
    }
}

/// Targets looked up during one call.
#[derive(Default)]
struct Targets(Vec<(Uuid, Option<Target>)>);

impl Targets {
    fn find(&mut self, engine: &Engine, attachment_id: Uuid) -> Option<&Target> {
        let at = match self.0.iter().position(|(id, _)| *id == attachment_id) {
            Some(at) => at,
            None => {
                let target = Registration::by_id(engine, attachment_id)
                    .and_then(|known| known.target(engine));
                self.0.push((attachment_id, target));
                self.0.len() - 1
            }
        };
        self.0[at].1.as_ref()
    }
}

/// Brings the attached rows of these listings up to date. Deferred ones are written at commit
/// ([`write_deferred`]).
pub fn write(engine: &Engine, listings: &[ListingAfter]) {
    let mut targets = Targets::default();
    let mut due: Vec<(&AttachedRow, &ListingAfter)> = listings
        .iter()
        .filter_map(|listing| Some((listing.attached.as_ref()?, listing)))
        .filter(|(row, _)| !row.deferred)
        .collect();
    due.sort_by_key(|(row, _)| *row);
    for (row, listing) in due {
        write_row(
            engine,
            targets.find(engine, row.attachment_id),
            row,
            listing,
        );
    }
}

/// The same for one listing whose row is written at commit.
pub fn write_deferred(engine: &Engine, listing: &ListingAfter) {
    if let Some(row) = &listing.attached {
        write_row(
            engine,
            Targets::default().find(engine, row.attachment_id),
            row,
            listing,
        );
    }
}

fn write_row(engine: &Engine, target: Option<&Target>, row: &AttachedRow, listing: &ListingAfter) {
    let Some(target) = target else {
        warn(format!(
            "stockroom: the attached table of listing {} or one of its columns has gone; detach it",
            listing.listing_id
        ));
        return;
    };
    let counts = listing.counts;
    let mut columns = vec![(&target.available, listing.available)];
    columns.extend(target.total.as_ref().map(|column| (column, counts.total)));
    columns.extend(
        target
            .reserved
            .as_ref()
            .map(|column| (column, counts.allocated + counts.held)),
    );

    let deferrable = deferrable_code(engine, target);
    let is_right = target.as_owner(engine, || {
        let numbered = || {
            columns
                .iter()
                .zip(2..)
                .map(|((column, _), number)| (&column.name, number))
        };
        let same: Vec<String> = numbered()
            .map(|(name, number)| format!("(t.{name} OPERATOR(pg_catalog.=) ${number}) IS TRUE"))
            .collect();
        let set: Vec<String> = numbered()
            .map(|(name, number)| format!("{name} = ${number}"))
            .collect();
        let (same, set) = (same.join(" AND "), set.join(", "));
        let (name, key_name, mark) = (&target.name, &target.key.name, target.attachment_id);

        // Base types: the assignment itself runs a domain's check.
        let types: Vec<pg_sys::Oid> = std::iter::once(target.key.type_oid)
            .chain(columns.iter().map(|(column, _)| column.base_type))
            .collect();
        let args = || -> Vec<plans::Arg> {
            std::iter::once(raw(key_datum(&target.key, &row.key)))
                .chain(
                    columns
                        .iter()
                        .map(|(column, units)| raw(column.value_of(*units, target.scale))),
                )
                .collect()
        };
        let update = format!(
            "UPDATE ONLY {name} AS t SET {set} WHERE t.{key_name} OPERATOR(pg_catalog.=) $1 AND NOT ({same}) \
             RETURNING {same} /* {mark} */"
        );
        let probe = format!(
            "SELECT {same} FROM ONLY {name} AS t \
              WHERE t.{key_name} OPERATOR(pg_catalog.=) $1 /* {mark} */"
        );
        let is_right = |row: &Row| row.need::<bool>(1);
        let written = with_checks_at_once(engine, &deferrable, || {
            aside::during_mirror(target.table_oid, || plans::run_made(engine, update, &types, &args(), is_right))
        });
        match written.as_slice() {
            [is_right] => *is_right,
            _ => plans::run_made(engine, probe, &types, &args(), is_right) == [true],
        }
    });
    if !is_right {
        warn(format!(
            "stockroom: the quantity of row {} of {} could not be written: the row is gone, or one of the \
             table's own triggers changed or swallowed the write; verify_stock() shows it",
            row.key, target.name
        ));
    }
}

static DEFERRABLE_CODE: Statement = Statement::fresh(
    "SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.conname), c.condeferred
       FROM pg_catalog.pg_constraint c
       JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace
      WHERE c.conrelid = $1 AND c.condeferrable",
    &[OIDOID],
);

/// A constraint of the app's table whose check may be put off.
struct Deferrable {
    name: String,
    initially_deferred: bool,
}

/// Constraints of the app's table that may be put off to the commit, where its code is restricted:
/// there they would run with the session's rights, and PostgreSQL does not let them be queued.
fn deferrable_code(engine: &Engine, target: &Target) -> Vec<Deferrable> {
    if !target.has_deferrable_triggers() || !target.is_restricted(engine) {
        return Vec::new();
    }
    plans::run(
        engine,
        &DEFERRABLE_CODE,
        &[target.table_oid.into()],
        |row| Deferrable {
            name: row.need(1),
            initially_deferred: row.need(2),
        },
    )
}

/// Runs as the table's owner with these constraints checked at once, as that owner.
fn with_checks_at_once<R>(
    engine: &Engine,
    constraints: &[Deferrable],
    run: impl FnOnce() -> R,
) -> R {
    let set = |which: fn(&Deferrable) -> bool, when| {
        let names: Vec<&str> = constraints
            .iter()
            .filter(|constraint| which(constraint))
            .map(|constraint| constraint.name.as_str())
            .collect();
        if !names.is_empty() {
            let text = format!("SET CONSTRAINTS {} {when}", names.join(", "));
            plans::run_made(engine, text, &[], &[], |_| ());
        }
    };
    set(|_| true, "IMMEDIATE");
    let result = run();
    set(|constraint| constraint.initially_deferred, "DEFERRED");
    result
}
