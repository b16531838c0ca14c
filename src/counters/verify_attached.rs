//! The columns of attached tables against the counters that they mirror.

use super::listings;
use super::registration::{Column, Registration};
use super::verify::Difference;
use crate::direct::shape::{LISTINGS as SHAPE, PRIMARY};
use crate::direct::{Access, Table};
use crate::engine::Engine;
use crate::plans::{self, id, id_list, maybe_id, Row, Statement};
use pgrx::pg_sys::{self, UUIDARRAYOID, UUIDOID};
use pgrx::AnyNumeric;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use stockroom_core::quantity;
use uuid::Uuid;

static LISTINGS: Statement = Statement::stable(
    "SELECT listing_id, quantity_available, quantity_total, quantity_allocated + quantity_held
       FROM {s}.stock_listings WHERE listing_id = ANY ($1) AND ($2 IS NULL OR tenant_id = $2) AND attached_to = $3",
    &[UUIDARRAYOID, UUIDOID, UUIDOID],
);
static ATTACHED_LISTINGS: Statement = Statement::stable(
    "SELECT listing_id, attached_key, quantity_available FROM {s}.stock_listings
      WHERE attached_to = $1 AND ($2 IS NULL OR tenant_id = $2)",
    &[UUIDOID, UUIDOID],
);

/// One row of an attached table, as the app sees it.
struct AppRow {
    key: String,
    available: Option<AnyNumeric>,
    total: Option<AnyNumeric>,
    reserved: Option<AnyNumeric>,
}

/// What the columns of these rows should say: available, total and reserved units by listing.
fn counts_of(
    engine: &Engine,
    known: &Registration,
    tenant: Option<Uuid>,
    ids: &[Option<Uuid>],
) -> HashMap<Uuid, [i32; 3]> {
    let ids = || ids.iter().copied().flatten();
    let directly = || {
        let table = Table::open(engine, &SHAPE, Access::Read)?;
        let mut found = HashMap::new();
        table.scan_each(PRIMARY, ids(), |listing| {
            let of_table = listings::attached_row(listing)
                .is_some_and(|row| row.attachment_id == known.attachment_id);
            if of_table && tenant.is_none_or(|tenant| listings::tenant(listing) == tenant) {
                let counts = listings::counts(listing);
                let numbers = [
                    counts.available() as i32,
                    counts.total,
                    counts.allocated + counts.held,
                ];
                found.insert(listings::key(listing), numbers);
            }
            ControlFlow::Break(())
        })?;
        Some(found)
    };
    directly().unwrap_or_else(|| {
        let args = [id_list(ids()), maybe_id(tenant), id(known.attachment_id)];
        let read = |row: &Row| (row.id(1), [row.need(2), row.need(3), row.need(4)]);
        let found = plans::run(engine, &LISTINGS, &args, read);
        found.into_iter().collect()
    })
}

/// Differences between the columns of one attached table and the counters they mirror, in the rows
/// of one tenant or of all.
pub fn differences(engine: &Engine, known: &Registration, tenant: Option<Uuid>) -> Vec<Difference> {
    let Some(target) = known.target(engine) else {
        return vec![Difference {
            kind: "attached table".to_owned(),
            key: known.name.clone(),
            counter: "table, trigger or column is gone".to_owned(),
            stored: None,
            actual: None,
            attached_listing: None,
        }];
    };
    let kind = format!("row of {}", target.name);
    let optional = |column: &Option<Column>| {
        column
            .as_ref()
            .map_or("NULL".to_owned(), |column| format!("t.{}", column.name))
    };
    let mut text = format!(
        "SELECT pg_catalog.format('%s', t.{}), t.{}::pg_catalog.numeric, {}::pg_catalog.numeric, \
         {}::pg_catalog.numeric FROM ONLY {} AS t",
        target.key.name,
        target.available.name,
        optional(&target.total),
        optional(&target.reserved),
        target.name
    );
    let (mut types, mut args): (Vec<pg_sys::Oid>, Vec<plans::Arg>) = (Vec::new(), Vec::new());
    if let (Some(column), Some(tenant)) = (&target.tenant, tenant) {
        text.push_str(&format!(" WHERE t.{} = $1", column.name));
        types.push(UUIDOID);
        args.push(id(tenant));
    }

    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let read = |row: &Row| AppRow {
        key: row.get(1).unwrap_or_default(),
        available: row.get(2),
        total: row.get(3),
        reserved: row.get(4),
    };
    let owner = |run: &mut dyn FnMut()| target.as_owner(engine, run);
    plans::scan_made(
        owner,
        &text,
        &types,
        &args,
        plans::BATCH,
        read,
        |rows: Vec<AppRow>| {
            let ids: Vec<Option<Uuid>> = rows
                .iter()
                .map(|row| known.listing_of_key(&row.key))
                .collect();
            let listings = counts_of(engine, known, tenant, &ids);
            for (row, listing_id) in rows.into_iter().zip(ids) {
                let Some((listing_id, counts)) =
                    listing_id.and_then(|id| Some((id, listings.get(&id)?)))
                else {
                    found.push(difference(
                        &kind,
                        &row.key,
                        "no listing",
                        row.available,
                        None,
                        None,
                    ));
                    continue;
                };
                seen.insert(listing_id);
                let columns = [
                    (Some(&target.available), row.available, counts[0].max(0)),
                    (target.total.as_ref(), row.total, counts[1]),
                    (target.reserved.as_ref(), row.reserved, counts[2]),
                ];
                for (column, stored, units) in columns {
                    let Some(column) = column else { continue };
                    let actual = in_units_of(units, target.scale);
                    if stored.as_ref() != Some(&actual) {
                        let listing = Some(listing_id);
                        found.push(difference(
                            &kind,
                            &row.key,
                            &column.name,
                            stored,
                            Some(actual),
                            listing,
                        ));
                    }
                }
            }
        },
    );
    let attached = [id(known.attachment_id), maybe_id(tenant)];
    let gone = plans::run(engine, &ATTACHED_LISTINGS, &attached, |row| {
        (
            row.id(1),
            row.get::<String>(2).unwrap_or_default(),
            row.need::<i32>(3),
        )
    });
    for (listing_id, key, available) in gone {
        if !seen.contains(&listing_id) {
            let actual = Some(in_units_of(available, target.scale));
            found.push(difference(&kind, &key, "row is gone", None, actual, None));
        }
    }
    found
}

fn in_units_of(units: i32, scale: u8) -> AnyNumeric {
    match scale {
        0 => units.into(),
        _ => AnyNumeric::try_from(quantity::from_units(units, scale).as_str())
            .expect("units make a number"),
    }
}

fn difference(
    kind: &str,
    key: &str,
    counter: &str,
    stored: Option<AnyNumeric>,
    actual: Option<AnyNumeric>,
    attached_listing: Option<Uuid>,
) -> Difference {
    Difference {
        kind: kind.to_owned(),
        key: key.to_owned(),
        counter: counter.to_owned(),
        stored,
        actual,
        attached_listing,
    }
}
