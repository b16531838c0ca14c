//! The shop: its own table, how much it has of what, and Stockroom beside it.

use crate::orders::Order;
use crate::report;
use anyhow::{Context, Result};
use postgres::Client;
use std::collections::HashMap;
use std::io::Write;
use uuid::Uuid;

/// The most wanted listings are short: there is this much of what will be asked for.
pub const HOT_LISTINGS: usize = 20;
pub const HOT_PERCENT: i64 = 80;

/// A thing the shop sells, with the quantity it has at first.
#[derive(Debug)]
pub struct Offer {
    pub listing: Uuid,
    pub price_cents: i32,
    /// How many all orders together ask for.
    pub demand: i64,
    pub quantity: i64,
}

/// What the shop must have on offer for these orders, the most wanted first.
pub fn offers(orders: &[Order]) -> Vec<Offer> {
    let mut demand: HashMap<(Uuid, i32), i64> = HashMap::new();
    for order in orders {
        let listing = (order.listing, order.unit_price_cents);
        *demand.entry(listing).or_default() += i64::from(order.quantity);
    }
    let mut offers: Vec<Offer> = demand
        .into_iter()
        .map(|((listing, price_cents), demand)| Offer {
            listing,
            price_cents,
            demand,
            quantity: demand,
        })
        .collect();
    offers.sort_by_key(|offer| (-offer.demand, offer.price_cents));
    for offer in offers.iter_mut().take(HOT_LISTINGS) {
        offer.quantity = offer.demand * HOT_PERCENT / 100;
    }
    offers
}

/// What `attach_table` says it did.
pub struct Attached {
    pub listings: i64,
    pub lots: i64,
    pub units: i64,
    pub mismatches: i64,
}

impl Attached {
    pub fn print(&self) {
        println!(
            "    attached: {} listings, {} lots, {} units, {} mismatches",
            report::number(self.listings),
            report::number(self.lots),
            report::number(self.units),
            self.mismatches
        );
    }
}

/// Makes the shop's table, fills it, and attaches it.
pub fn open(client: &mut Client, offers: &[Offer]) -> Result<Attached> {
    client.batch_execute(include_str!("../../../../demo/schema.sql"))?;
    let mut rows = client.copy_in(
        "COPY shop.market_listings (listing_id, title, price_cents, quantity_available) FROM STDIN",
    )?;
    for offer in offers {
        let (listing, cents, quantity) = (offer.listing, offer.price_cents, offer.quantity);
        writeln!(
            rows,
            "{listing}\tCDs at {}\t{cents}\t{quantity}",
            report::price(cents)
        )?;
    }
    rows.finish()?;
    client.batch_execute("CREATE SCHEMA stock; CREATE EXTENSION stockroom SCHEMA stock")?;
    let row = client.query_one(
        "SELECT listings::bigint, lots::bigint, units::bigint, mismatches::bigint
           FROM stock.attach_table('shop.market_listings', 'listing_id')",
        &[],
    )?;
    client.batch_execute("ANALYZE")?;
    Ok(Attached {
        listings: row.get(0),
        lots: row.get(1),
        units: row.get(2),
        mismatches: row.get(3),
    })
}

/// One listing as the shop and as Stockroom see it.
#[derive(Debug)]
pub struct Stock {
    /// The shop's own column.
    pub quantity_available: i64,
    pub available: i64,
    pub reserved: i64,
    pub total: i64,
}

pub fn stock(client: &mut Client) -> Result<HashMap<Uuid, Stock>> {
    let rows = client.query(
        "SELECT listing_id,
                quantity_available::bigint,
                stock.get_available_stock(listing_id)::bigint,
                stock.get_reserved_stock(listing_id)::bigint,
                stock.get_total_stock(listing_id)::bigint
           FROM shop.market_listings",
        &[],
    );
    let stock = rows.context("reading the stock")?.into_iter().map(|row| {
        let stock = Stock {
            quantity_available: row.get(1),
            available: row.get(2),
            reserved: row.get(3),
            total: row.get(4),
        };
        (row.get(0), stock)
    });
    Ok(stock.collect())
}

/// What Stockroom's own check finds wrong, a line each.
pub fn verify(client: &mut Client) -> Result<Vec<String>> {
    let rows = client.query(
        "SELECT concat_ws(' ', kind, key, counter, 'stored', stored, 'actual', actual)
           FROM stock.verify_stock()
          UNION ALL
         SELECT concat_ws(' ', 'line', version, 'of', listing_id, problem) FROM stock.verify_ledger()",
        &[],
    )?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
