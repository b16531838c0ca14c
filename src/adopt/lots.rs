//! Rows of the app's lots: read, judged, and laid into `stockroom_read_lots`.

use super::keys::Keys;
use super::reading::Reading;
use super::report::Problems;
use super::source::SourceColumn;
use crate::arguments::cost;
use crate::clock;
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, id_list, Row};
use pgrx::memcxt::PgMemoryContexts;
use pgrx::pg_sys::{
    BOOLARRAYOID, DATEARRAYOID, INT4ARRAYOID, NUMERICARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID,
    UUIDARRAYOID,
};
use pgrx::prelude::*;
use pgrx::AnyNumeric;
use stockroom_core::quantity;
use uuid::Uuid;

/// A row as it was read. NULL is the empty text.
struct LotRow {
    key: String,
    listing: String,
    quantity: String,
    location: String,
    owner: String,
    listed: Option<bool>,
    /// In PostgreSQL's days.
    expires_on: Option<i32>,
    unit_cost: Option<AnyNumeric>,
    lot_code: String,
    notes: String,
    /// In PostgreSQL's microseconds.
    created_at: Option<i64>,
}

/// The same as the engine would have it.
struct Lot {
    key: String,
    lot_id: Uuid,
    listing: String,
    listing_id: Uuid,
    quantity: i32,
    location: String,
    owner_id: Option<Uuid>,
    listed: bool,
    expires_on: Option<Date>,
    unit_cost: Option<AnyNumeric>,
    lot_code: Option<String>,
    notes: Option<String>,
    created_at: Option<TimestampWithTimeZone>,
}

fn expressions(reading: &Reading) -> Vec<String> {
    let lots = &reading.lots;
    let listing = reading.listing_column().map(SourceColumn::as_text);
    let quantity = match reading.is_net_of_claims() {
        true => "quantity_available",
        false => "quantity",
    };
    vec![
        lots.text("lot_id"),
        listing.expect("it was checked"),
        lots.text(quantity),
        lots.text("location"),
        lots.text("owner_id"),
        match lots.column("listed") {
            Some(column) => column.cast_to("bool"),
            None => "true".to_owned(),
        },
        lots.value("expires_on", "date"),
        lots.value("unit_cost", "numeric"),
        lots.text("lot_code"),
        lots.text("notes"),
        lots.value("created_at", "timestamptz"),
    ]
}

fn read_row(row: &Row) -> LotRow {
    LotRow {
        key: row.need(1),
        listing: row.need(2),
        quantity: row.need(3),
        location: row.need(4),
        owner: row.need(5),
        listed: row.get(6),
        expires_on: row.get(7),
        unit_cost: row.get(8),
        lot_code: row.need(9),
        notes: row.need(10),
        created_at: row.get(11),
    }
}

/// Reads all of them.
pub fn read(engine: &Engine, reading: &Reading, keys: &Keys, problems: &mut Problems) {
    let tenant = reading
        .lots
        .column("tenant_id")
        .map(|column| (column, id(engine.tenant)));
    let scale = reading.mapping.quantity_scale;
    let is_sku = reading.listing_is_sku();
    reading
        .lots
        .source
        .scan(&expressions(reading), tenant, read_row, |rows| {
            // What a batch allocates goes with it.
            let mut memory = PgMemoryContexts::new("stockroom lots");
            let judged = || {
                let judge = |row: LotRow| match row.judged(keys, scale, is_sku) {
                    Ok(lot) => Some(lot),
                    Err((key, problem)) => {
                        problems.note("lot", &key, problem);
                        None
                    }
                };
                let lots: Vec<Lot> = rows.into_iter().filter_map(judge).collect();
                stage(engine, lots);
            };
            // SAFETY: nothing that PostgreSQL allocates meanwhile outlives the batch.
            unsafe { memory.switch_to(|_| judged()) };
        });
}

/// Units of a quantity, or what is wrong with it.
pub fn units(text: &str, scale: u8) -> Result<i32, String> {
    if text.is_empty() {
        return Err("has no quantity".to_owned());
    }
    match quantity::to_units(text, scale) {
        Err(problem) => Err(format!("quantity: {problem}")),
        Ok(units) if units < 0 => Err(format!("quantity: {text} is below zero")),
        Ok(units) => Ok(units),
    }
}

fn at_most(what: &str, text: String, longest: usize) -> Result<Option<String>, String> {
    match text.chars().count() {
        0 => Ok(None),
        length if length > longest => Err(format!("{what} has more than {longest} characters")),
        _ => Ok(Some(text)),
    }
}

impl LotRow {
    fn judged(self, keys: &Keys, scale: u8, is_sku: bool) -> Result<Lot, (String, String)> {
        let key = self.key.clone();
        self.judge(keys, scale, is_sku)
            .map_err(|problem| (key, problem))
    }

    fn judge(self, keys: &Keys, scale: u8, is_sku: bool) -> Result<Lot, String> {
        if self.key.is_empty() {
            return Err("has no key".to_owned());
        }
        if self.listing.is_empty() {
            return Err("has no listing".to_owned());
        }
        if is_sku && self.listing.chars().count() > 200 {
            return Err("sku has more than 200 characters".to_owned());
        }
        if self.location.chars().count() > 200 {
            return Err("location has more than 200 characters".to_owned());
        }
        let id = |kind, key: &str| {
            keys.id(kind, key)
                .ok_or_else(|| format!("{kind} {key} is no uuid"))
        };
        let owner = Some(self.owner.as_str()).filter(|owner| !owner.is_empty());
        let expires_on = match self.expires_on {
            // Infinity keeps for ever.
            None | Some(i32::MAX) => None,
            Some(i32::MIN) => return Err("expires at -infinity".to_owned()),
            // SAFETY: PostgreSQL's own days.
            Some(days) => Some(unsafe { Date::from_pg_epoch_days(days) }),
        };
        let created_at = match self.created_at {
            Some(i64::MIN | i64::MAX) => return Err("was created at infinity".to_owned()),
            moment => moment.map(clock::moment),
        };
        let unit_cost = cost("unit_cost", self.unit_cost).map_err(|error| match error {
            Error::BadArgument { problem, .. } => format!("unit_cost {problem}"),
            _ => "unit_cost is bad".to_owned(),
        })?;
        Ok(Lot {
            lot_id: id("lot", &self.key)?,
            listing_id: id("listing", &self.listing)?,
            quantity: units(&self.quantity, scale)?,
            owner_id: owner.map(|owner| id("owner", owner)).transpose()?,
            listed: self.listed.ok_or("listed is NULL")?,
            expires_on,
            unit_cost,
            lot_code: at_most("lot_code", self.lot_code, 200)?,
            notes: at_most("notes", self.notes, 1000)?,
            created_at,
            key: self.key,
            listing: self.listing,
            location: self.location,
        })
    }
}

fn stage(engine: &Engine, lots: Vec<Lot>) {
    let count = lots.len();
    let mut texts: [Vec<String>; 3] = Default::default();
    let (mut quantities, mut listed) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let (mut owners, mut dates, mut costs) = (Vec::new(), Vec::new(), Vec::new());
    let (mut codes, mut notes, mut moments) = (Vec::new(), Vec::new(), Vec::new());
    let lot_ids = id_list(lots.iter().map(|lot| lot.lot_id));
    let listing_ids = id_list(lots.iter().map(|lot| lot.listing_id));
    for lot in lots {
        for (list, text) in texts.iter_mut().zip([lot.key, lot.listing, lot.location]) {
            list.push(text);
        }
        quantities.push(lot.quantity);
        listed.push(lot.listed);
        owners.push(lot.owner_id.map(crate::ids::to_pg));
        dates.push(lot.expires_on);
        costs.push(lot.unit_cost);
        codes.push(lot.lot_code);
        notes.push(lot.notes);
        moments.push(lot.created_at);
    }
    let [keys, listings, locations] = texts;
    let text = "INSERT INTO pg_temp.stockroom_read_lots
                SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::int[], $6::text[],
                                     $7::uuid[], $8::bool[], $9::date[], $10::numeric[], $11::text[],
                                     $12::text[], $13::timestamptz[])";
    let types = [
        UUIDARRAYOID,
        TEXTARRAYOID,
        UUIDARRAYOID,
        TEXTARRAYOID,
        INT4ARRAYOID,
        TEXTARRAYOID,
        UUIDARRAYOID,
        BOOLARRAYOID,
        DATEARRAYOID,
        NUMERICARRAYOID,
        TEXTARRAYOID,
        TEXTARRAYOID,
        TIMESTAMPTZARRAYOID,
    ];
    let args = [
        lot_ids,
        keys.into(),
        listing_ids,
        listings.into(),
        quantities.into(),
        locations.into(),
        owners.into(),
        listed.into(),
        dates.into(),
        costs.into(),
        codes.into(),
        notes.into(),
        moments.into(),
    ];
    plans::run_made(engine, text.to_owned(), &types, &args, |_| ());
}
