//! The triggers on an app's table: its own inserts, updates and deletes reach the stock.
//!
//! They stand aside for the mirror's own write. Rows are read as the table's owner; what follows is
//! done as the engine.

use super::adjust;
use super::import::{units_of, AppRow, Import};
use crate::counters::capacity::backing;
use crate::counters::ledger::Cause;
use crate::counters::mirror::{self, AttachedRow};
use crate::counters::registration::{Column, DirectWrites, OnDelete, Registration, Target};
use crate::counters::row::{self, Answer};
use crate::counters::{aside, listings, on_loan, removal, unlink, ListingAfter};
use crate::engine::{as_engine, c_text, Engine};
use crate::error::{warn, Error};
use crate::plans::{self, id, id_list, Statement};
use crate::settings;
use pgrx::pg_sys::{self, UUIDARRAYOID, UUIDOID};
use pgrx::prelude::*;
use std::num::NonZeroUsize;
use uuid::Uuid;

/// Rows taken over at a time.
const BATCH: usize = 10_000;

/// Does `work` as the engine, unless the engine itself wrote, or the attachment is unknown.
fn with_attachment(
    trigger: &PgTrigger,
    work: impl FnOnce(&Engine, &Registration, &Target) -> Result<(), Error>,
) {
    if aside::standing_aside_for_mirror(trigger) {
        return;
    }
    let engine = Engine::of_function(trigger.trigger().tgfoid);
    let done = as_engine(&engine, || {
        let known = registration(&engine, trigger)?;
        let target = known.as_ref().and_then(|known| known.target(&engine));
        match (known, target) {
            (Some(known), Some(target)) => work(&engine, &known, &target),
            _ => {
                let table = crate::counters::registration::table_name(trigger_table(trigger));
                warn(format!(
                    "stockroom: the registration of {table} does not fit it; attach it anew"
                ));
                Ok(())
            }
        }
    });
    if let Err(error) = done {
        error.raise();
    }
}

fn trigger_table(trigger: &PgTrigger) -> pg_sys::Oid {
    // SAFETY: a trigger fires for an open relation.
    unsafe { (*trigger.trigger_data().tg_relation).rd_id }
}

/// The registration that the trigger's argument names, if it is this table's.
fn registration(engine: &Engine, trigger: &PgTrigger) -> Result<Option<Registration>, Error> {
    let table = trigger_table(trigger);
    let attachment_id = trigger
        .extra_args()
        .ok()
        .and_then(|args| Uuid::try_parse(args.first()?).ok());
    let known = attachment_id
        .and_then(|attachment_id| Registration::by_id(engine, attachment_id))
        .filter(|known| known.table_oid == table);
    // SAFETY: a plain read.
    if known.is_none() && unsafe { pg_sys::XactIsoLevel } >= pg_sys::XACT_REPEATABLE_READ as i32 {
        return Err(Error::AttachmentUnseen {
            table: crate::counters::registration::table_name(table),
        });
    }
    Ok(known)
}

/// Rows of a transition table, read as the app's owner.
fn changed_rows(
    engine: &Engine,
    trigger: &PgTrigger,
    target: &Target,
    transition_table: &str,
) -> Vec<AppRow> {
    let text = format!(
        "SELECT {} FROM {transition_table} AS t /* {} */",
        AppRow::select_list(target),
        target.attachment_id
    );
    target.as_owner(engine, || {
        plans::run_made_in_trigger(engine, trigger, text, AppRow::read)
    })
}

/// New rows become listings with their stock.
#[pg_trigger(
    sql = "CREATE FUNCTION attached_rows_inserted() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn attached_rows_inserted<'a>(trigger: &'a PgTrigger<'a>) -> Answer<'a> {
    if row::hit_nothing(trigger) {
        return Ok(None);
    }
    with_attachment(trigger, |engine, known, target| {
        let rows = changed_rows(engine, trigger, target, "new_rows");
        take(engine, known, target, &rows)
    });
    Ok(None)
}

fn take(
    engine: &Engine,
    known: &Registration,
    target: &Target,
    rows: &[AppRow],
) -> Result<(), Error> {
    let mut import = Import::new(engine, known, target, true);
    for batch in rows.chunks(BATCH) {
        import.take(batch)?;
    }
    import.finish()
}

static LINKED: Statement = Statement::fresh(
    "SELECT listing_id FROM {s}.stock_listings WHERE listing_id = ANY ($1) AND attached_to = $2",
    &[UUIDARRAYOID, UUIDOID],
);
static ALL_LINKED: Statement = Statement::fresh(
    "SELECT listing_id FROM {s}.stock_listings WHERE attached_to = $1",
    &[UUIDOID],
);

/// Deleted rows: their listings go, stay unlinked, or stand in the way, as `on_delete` says. What is lent
/// stands in the way whatever it says.
#[pg_trigger(
    sql = "CREATE FUNCTION attached_rows_deleted() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn attached_rows_deleted<'a>(trigger: &'a PgTrigger<'a>) -> Answer<'a> {
    if row::hit_nothing(trigger) {
        return Ok(None);
    }
    with_attachment(trigger, |engine, known, target| {
        let attachment = id(known.attachment_id);
        let listings = if trigger.event().fired_by_truncate() {
            plans::run(engine, &ALL_LINKED, &[attachment], |row| row.id(1))
        } else {
            let rows = changed_rows(engine, trigger, target, "old_rows");
            let ids = rows.iter().filter_map(|row| known.listing_of_key(&row.key));
            plans::run(engine, &LINKED, &[id_list(ids), attachment], |row| {
                row.id(1)
            })
        };
        if listings.is_empty() {
            return Ok(());
        }
        removal::lock(engine, &listings);
        on_loan::refuse_listings(engine, &listings)?;
        backing::refuse_listings(engine, &listings)?;
        if known.on_delete == OnDelete::Keep {
            unlink::unlink(engine, &listings);
            return Ok(());
        }
        if known.on_delete == OnDelete::Restrict {
            let claimed = removal::claimed(engine, &listings);
            if !claimed.is_empty() {
                return Err(Error::ClaimsStandInTheWay {
                    table: target.name.clone(),
                    listings: claimed,
                });
            }
        }
        removal::delete(engine, &listings);
        Ok(())
    });
    Ok(None)
}

/// One version of a row that the app updated, as text.
struct Version {
    key: String,
    available: Option<String>,
    total: Option<String>,
    reserved: Option<String>,
    tenant: Option<String>,
}

/// The app wrote a mirrored column, the key or the tenant.
#[pg_trigger(
    sql = "CREATE FUNCTION attached_row_updated() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn attached_row_updated<'a>(trigger: &'a PgTrigger<'a>) -> Answer<'a> {
    with_attachment(trigger, |engine, known, target| {
        // The output functions of the row's types may be the app's.
        let (old, new) = target.as_owner(engine, || {
            let data = trigger.trigger_data();
            let version = |tuple| version(data, tuple, known, target);
            (version(data.tg_trigtuple), version(data.tg_newtuple))
        });
        if old.key != new.key || old.tenant != new.tenant {
            return Err(Error::AttachedKeyFixed {
                table: target.name.clone(),
                key: old.key,
            });
        }
        if known.direct_writes == DirectWrites::Reject {
            return Err(Error::DirectWriteRejected {
                table: target.name.clone(),
                key: old.key,
            });
        }
        match listing_now(engine, known, &new.key) {
            Some((tenant_id, listing)) => {
                follow(engine, known, target, tenant_id, listing, &old, &new)
            }
            // Added while the triggers were off, or by a trigger that fired before ours.
            None => take(
                engine,
                known,
                target,
                &[AppRow {
                    key: new.key,
                    available: new.available.unwrap_or_default(),
                    total: target.total.as_ref().map(|_| new.total.unwrap_or_default()),
                    reserved: target
                        .reserved
                        .as_ref()
                        .map(|_| new.reserved.unwrap_or_default()),
                    tenant: new.tenant,
                }],
            ),
        }
    });
    Ok(None)
}

static NOW: Statement = Statement::fresh(
    "SELECT listing_id, quantity_total, quantity_listed, quantity_allocated, quantity_held,
            attached_to, attached_key, sync_deferred, version, moved_at, tenant_id
       FROM {s}.stock_listings WHERE listing_id = $1 AND attached_to = $2",
    &[UUIDOID, UUIDOID],
);

fn listing_now(engine: &Engine, known: &Registration, key: &str) -> Option<(Uuid, ListingAfter)> {
    let args = [id(known.listing_of_key(key)?), id(known.attachment_id)];
    plans::run_one(engine, &NOW, &args, |row| {
        (row.id(11), listings::listing_after(row))
    })
}

/// The stock follows by what the app added or took in this statement (`adjust`); then the row shows
/// the counters again.
fn follow(
    engine: &Engine,
    known: &Registration,
    target: &Target,
    tenant_id: Uuid,
    listing: ListingAfter,
    old: &Version,
    new: &Version,
) -> Result<(), Error> {
    let listing_id = listing.listing_id;
    let mut after = listing;
    if known.direct_writes == DirectWrites::Adjust && old.available != new.available {
        let units = |text: &Option<String>| units_of(text.as_ref()?, target.scale);
        let wanted = match units(&new.available) {
            Some(units) => units,
            None if known.zero_bad => 0,
            None => {
                return Err(Error::BadQuantity {
                    table: target.name.clone(),
                    rows: 1,
                    examples: vec![new.key.clone()],
                })
            }
        };
        // What the row said before was no number: the engine's own stands in for it.
        let before = units(&old.available).unwrap_or(after.available.max(0));
        let delta = i64::from(wanted) - i64::from(before);
        if delta != 0 {
            let written = format!("written to {}", target.name);
            let cause = Cause::because(settings::reason().or(Some(written)));
            after = adjust::change(engine, tenant_id, listing_id, delta, &cause)?;
        }
    }
    // At once, even where sync is deferred: the app holds the row, and nothing else would write it
    // at commit if no counter changed.
    after.attached = Some(AttachedRow {
        attachment_id: known.attachment_id,
        key: new.key.clone(),
        deferred: false,
    });
    mirror::write(engine, &[after]);
    Ok(())
}

fn version(
    data: &pg_sys::TriggerData,
    tuple: pg_sys::HeapTuple,
    known: &Registration,
    target: &Target,
) -> Version {
    let text = |attnum: i16, column: &Column| {
        let number = NonZeroUsize::new(attnum as usize)?;
        // SAFETY: the tuple is of the trigger's relation, and the registration's columns were found
        // in it just now.
        unsafe {
            let shape = (*data.tg_relation).rd_att;
            let value = pgrx::htup::heap_getattr_raw(tuple, number, shape)?;
            let (mut output, mut is_varlena) = (pg_sys::InvalidOid, false);
            pg_sys::getTypeOutputInfo(column.type_oid, &mut output, &mut is_varlena);
            Some(c_text(pg_sys::OidOutputFunctionCall(output, value)))
        }
    };
    let optional = |attnum: Option<i16>, column: &Option<Column>| text(attnum?, column.as_ref()?);
    Version {
        key: text(known.key_attnum, &target.key).unwrap_or_default(),
        available: text(known.available_attnum, &target.available),
        total: optional(known.total_attnum, &target.total),
        reserved: optional(known.reserved_attnum, &target.reserved),
        tenant: optional(known.tenant_attnum, &target.tenant),
    }
}
