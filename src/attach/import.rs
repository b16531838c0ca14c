//! Rows of the app become listings with stock: at attach, and for every row that is added later.

use super::adjust;
use crate::counters::counts::Counts;
use crate::counters::import::{self, Claim, Incoming, Link};
use crate::counters::ledger::Cause;
use crate::counters::mirror::{self, AttachedRow};
use crate::counters::registration::{Column, Registration, Target};
use crate::counters::{aside, listings, ListingAfter};
use crate::engine::Engine;
use crate::error::{warn, Error};
use crate::plans::{self, id, id_list, Row, Statement};
use pgrx::pg_sys::{BOOLOID, INT2OID, TEXTARRAYOID, UUIDARRAYOID, UUIDOID};
use std::collections::HashMap;
use stockroom_core::quantity;
use uuid::Uuid;

/// A row of the app as text: the form of every type that runs no code of the app but its own
/// type's output function. A column that is not mirrored is None, NULL is the empty text.
pub struct AppRow {
    pub key: String,
    pub available: String,
    pub total: Option<String>,
    pub reserved: Option<String>,
    pub tenant: Option<String>,
}

impl AppRow {
    pub fn read(row: &Row) -> AppRow {
        AppRow {
            key: row.need(1),
            available: row.need(2),
            total: row.get(3),
            reserved: row.get(4),
            tenant: row.get(5),
        }
    }

    /// The select list that [`AppRow::read`] reads, of the rows named `t`. No cast: one that the
    /// app defined would run.
    pub fn select_list(target: &Target) -> String {
        let text = |column: &Column| format!("pg_catalog.format('%s', t.{})", column.name);
        let optional = |column: &Option<Column>| column.as_ref().map_or("NULL".to_owned(), text);
        [
            text(&target.key),
            text(&target.available),
            optional(&target.total),
            optional(&target.reserved),
            optional(&target.tenant),
        ]
        .join(", ")
    }

    /// Whether the mirrored columns say what the counters do.
    fn shows(&self, listing: &ListingAfter, scale: u8) -> bool {
        let counts = listing.counts;
        let same = |text: &str, units: i32| units_of(text, scale) == Some(units);
        let optional =
            |text: &Option<String>, units| text.as_ref().is_none_or(|text| same(text, units));
        same(&self.available, listing.available.max(0))
            && optional(&self.total, counts.total)
            && optional(&self.reserved, counts.allocated + counts.held)
    }
}

/// Units of a quantity as the app holds it; None where it is no quantity.
pub fn units_of(text: &str, scale: u8) -> Option<i32> {
    quantity::to_units(text, scale)
        .ok()
        .filter(|units| *units >= 0)
}

/// Takes over rows of one table, many at a time. Runs as the engine.
pub struct Import<'a> {
    engine: &'a Engine,
    known: &'a Registration,
    table: String,
    cause: Cause,
    /// Whether the app's numbers become stock; if not, the engine's go into the app's columns.
    takes_numbers: bool,
    pub listings: i64,
    pub lots: i64,
    pub units: i64,
    /// Rows whose number claims kept from being taken over.
    pub conflicts: i64,
    bad: i64,
    examples: Vec<String>,
}

/// One row on its way.
struct Judged<'a> {
    row: &'a AppRow,
    listing_id: Uuid,
    tenant_id: Uuid,
    counts: Counts,
}

/// A listing that was there before its row.
struct Existing {
    listing: ListingAfter,
    tenant_id: Uuid,
    attached: Option<(Uuid, String)>,
    scale: i16,
}

const EXAMPLES: usize = 5;

impl<'a> Import<'a> {
    pub fn new(
        engine: &'a Engine,
        known: &'a Registration,
        target: &Target,
        takes_numbers: bool,
    ) -> Import<'a> {
        Import {
            engine,
            known,
            table: target.name.clone(),
            cause: Cause::because(Some(format!("rows of {}", target.name))),
            takes_numbers,
            listings: 0,
            lots: 0,
            units: 0,
            conflicts: 0,
            bad: 0,
            examples: Vec::new(),
        }
    }

    /// Takes over these rows and puts right what their columns say. After a bad row the rest is
    /// only counted: the error names how many there are.
    pub fn take(&mut self, rows: &[AppRow]) -> Result<(), Error> {
        let judged = rows
            .iter()
            .filter_map(|row| self.judge(row).transpose())
            .collect::<Result<Vec<_>, _>>()?;
        if self.bad > 0 {
            return Ok(());
        }
        let incoming: Vec<Incoming> = judged
            .iter()
            .map(|judged| Incoming {
                listing_id: judged.listing_id,
                tenant_id: judged.tenant_id,
                key: &judged.row.key,
                units: judged.counts.total,
                claims: self.claims(judged.counts),
            })
            .collect();
        let link = Link {
            attached_to: Some(self.known.attachment_id),
            deferred: self.known.deferred,
            quantity_scale: self.known.quantity_scale,
        };
        let mut made = import::make(self.engine, link, &incoming, &self.cause);
        let mut wrong = Vec::new();
        let mut there = Vec::new();
        for judged in judged {
            let Some(listing) = made.remove(&judged.listing_id) else {
                there.push(judged);
                continue;
            };
            if judged.counts.total > 0 {
                self.lots += 1;
                self.units += i64::from(judged.counts.total);
            }
            self.settle(&judged, listing, &mut wrong);
        }
        if !there.is_empty() {
            self.link(&there, &mut wrong)?;
        }
        mirror::write(self.engine, &wrong);
        Ok(())
    }

    /// Refuses the whole import if a row was bad.
    pub fn finish(&self) -> Result<(), Error> {
        if self.bad == 0 {
            return Ok(());
        }
        Err(Error::BadQuantity {
            table: self.table.clone(),
            rows: self.bad,
            examples: self.examples.clone(),
        })
    }

    /// None: a bad row, which was counted.
    fn judge<'r>(&mut self, row: &'r AppRow) -> Result<Option<Judged<'r>>, Error> {
        let counts = match self.counts(row) {
            Some(counts) => counts,
            None if self.known.zero_bad => Counts::default(),
            None => {
                self.bad += 1;
                if self.examples.len() < EXAMPLES {
                    self.examples.push(row.key.clone());
                }
                return Ok(None);
            }
        };
        let no_tenant = || Error::BadArgument {
            argument: "tenant_column",
            problem: format!("row {} of {} has no tenant", row.key, self.table),
        };
        let tenant_id = match &row.tenant {
            None => self.known.tenant_id,
            Some(text) => Uuid::try_parse(text).map_err(|_| no_tenant())?,
        };
        Ok(Some(Judged {
            row,
            listing_id: self
                .known
                .listing_of_key(&row.key)
                .expect("a uuid column holds uuids"),
            tenant_id,
            counts,
        }))
    }

    /// What the app's numbers say: with a total column the lot takes the total, with a reserved
    /// column alone what is available and what is reserved; the difference is claimed.
    fn counts(&self, row: &AppRow) -> Option<Counts> {
        if !self.takes_numbers {
            return Some(Counts::default());
        }
        let units = |text: &str| units_of(text, self.known.quantity_scale as u8);
        let available = units(&row.available)?;
        let total = match (&row.total, &row.reserved) {
            (Some(total), _) => units(total)?,
            (None, Some(reserved)) => available.checked_add(units(reserved)?)?,
            (None, None) => available,
        };
        let allocated = total
            .checked_sub(available)
            .filter(|claimed| *claimed >= 0)?;
        Some(Counts {
            total,
            listed: total,
            allocated,
            held: 0,
        })
    }

    /// What is claimed of a row: one allocation, of the attachment's own order.
    fn claims(&self, counts: Counts) -> Vec<Claim> {
        let claim = Claim {
            order_id: self.known.attachment_id,
            quantity: counts.allocated,
        };
        Some(claim)
            .filter(|claim| claim.quantity > 0)
            .into_iter()
            .collect()
    }

    /// Notes a listing that is linked now, and whether its row must be written.
    fn settle(
        &mut self,
        judged: &Judged,
        mut listing: ListingAfter,
        wrong: &mut Vec<ListingAfter>,
    ) {
        self.listings += 1;
        if !judged.row.shows(&listing, self.known.quantity_scale as u8) {
            // At once, even where sync is deferred: nothing else would write this row at commit.
            listing.attached = Some(AttachedRow {
                attachment_id: self.known.attachment_id,
                key: judged.row.key.clone(),
                deferred: false,
            });
            wrong.push(listing);
        }
    }

    /// Links listings that were there before, and makes what is available what the app says.
    fn link(&mut self, rows: &[Judged], wrong: &mut Vec<ListingAfter>) -> Result<(), Error> {
        let found = lock_existing(self.engine, rows);
        let mut due = Vec::new();
        for judged in rows {
            let listing_id = judged.listing_id;
            let existing = found
                .get(&listing_id)
                .ok_or(Error::ListingNotFound { listing_id })?;
            // Taken over already, by a trigger that fired before this one.
            if existing.attached.as_ref()
                == Some(&(self.known.attachment_id, judged.row.key.clone()))
            {
                continue;
            }
            self.refuse_other(judged, existing)?;
            due.push((judged, existing));
        }
        let args = [
            id_list(due.iter().map(|(judged, _)| judged.listing_id)),
            due.iter()
                .map(|(judged, _)| judged.row.key.clone())
                .collect::<Vec<_>>()
                .into(),
            id(self.known.attachment_id),
            self.known.deferred.into(),
            self.known.quantity_scale.into(),
        ];
        aside::during(|| plans::run(self.engine, &LINK, &args, |_| ()));
        for (judged, existing) in due {
            let listing = self.follow(judged, existing)?;
            self.settle(judged, listing, wrong);
        }
        Ok(())
    }

    fn refuse_other(&self, judged: &Judged, existing: &Existing) -> Result<(), Error> {
        let listing_id = judged.listing_id;
        if existing.tenant_id != judged.tenant_id {
            return Err(Error::ListingExists {
                field: "listing_id",
                value: listing_id.to_string(),
                listing_id: None,
            });
        }
        if existing.attached.is_some() {
            return Err(Error::ListingAttached { listing_id });
        }
        if existing.scale != self.known.quantity_scale && existing.listing.counts.total != 0 {
            return Err(Error::BadArgument {
                argument: "quantity_scale",
                problem: format!("listing {listing_id} has stock at scale {}", existing.scale),
            });
        }
        Ok(())
    }

    /// The listing after its stock has followed the app's number. Where claims stand in the way
    /// the engine's number stays.
    fn follow(&mut self, judged: &Judged, existing: &Existing) -> Result<ListingAfter, Error> {
        let before = &existing.listing;
        let delta = i64::from(judged.counts.total)
            - i64::from(judged.counts.allocated)
            - i64::from(before.available);
        if !self.takes_numbers || delta == 0 {
            return Ok(before.clone());
        }
        match adjust::change(
            self.engine,
            judged.tenant_id,
            judged.listing_id,
            delta,
            &self.cause,
        ) {
            Ok(after) => {
                self.units += delta.max(0);
                Ok(after)
            }
            Err(Error::ListingOversold { .. }) => {
                self.conflicts += 1;
                warn(format!(
                    "stockroom: row {} of {} says less than is claimed; the engine's number stays",
                    judged.row.key, self.table
                ));
                // Holds that have expired were ended all the same.
                let now = listings::now(self.engine, judged.listing_id);
                Ok(now.unwrap_or_else(|| before.clone()))
            }
            Err(error) => Err(error),
        }
    }
}

/// In lock order; the listings' own rows come last.
static LOCK_LOTS: Statement = Statement::fresh(
    "SELECT FROM {s}.stock_lots WHERE listing_id = ANY ($1) ORDER BY lot_id FOR NO KEY UPDATE",
    &[UUIDARRAYOID],
);
static LOCK_LEVELS: Statement = Statement::fresh(
    "SELECT FROM {s}.stock_levels WHERE listing_id = ANY ($1)
      ORDER BY listing_id, location_id FOR NO KEY UPDATE",
    &[UUIDARRAYOID],
);
static LOCK_LISTINGS: Statement = Statement::fresh(
    "SELECT listing_id, quantity_total, quantity_listed, quantity_allocated, quantity_held,
            attached_to, attached_key, sync_deferred, version, moved_at, tenant_id, quantity_scale
       FROM {s}.stock_listings WHERE listing_id = ANY ($1)
      ORDER BY listing_id FOR NO KEY UPDATE",
    &[UUIDARRAYOID],
);
static LINK: Statement = Statement::fresh(
    "UPDATE {s}.stock_listings g
        SET attached_to = $3, attached_key = n.key, sync_deferred = $4, quantity_scale = $5
       FROM unnest($1::uuid[], $2::text[]) AS n (listing_id, key)
      WHERE g.listing_id = n.listing_id",
    &[UUIDARRAYOID, TEXTARRAYOID, UUIDOID, BOOLOID, INT2OID],
);

fn lock_existing(engine: &Engine, rows: &[Judged]) -> HashMap<Uuid, Existing> {
    let listings = || [id_list(rows.iter().map(|judged| judged.listing_id))];
    plans::run(engine, &LOCK_LOTS, &listings(), |_| ());
    plans::run(engine, &LOCK_LEVELS, &listings(), |_| ());
    plans::run(engine, &LOCK_LISTINGS, &listings(), |row| {
        let attached = row.maybe_id(6).zip(row.get(7));
        let existing = Existing {
            listing: listings::listing_after(row),
            tenant_id: row.id(11),
            attached,
            scale: row.need(12),
        };
        (row.id(1), existing)
    })
    .into_iter()
    .collect()
}
