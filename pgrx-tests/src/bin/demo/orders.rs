//! The orders: read from the data that comes with the demo, in the order in which they came in.

use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use std::io::Read;
use uuid::Uuid;

/// Customer id, date, number of CDs, dollar value; where they come from is told beside them.
const DATA: &[u8] = include_bytes!("../../../../demo/data/CDNOW_master.txt.gz");

/// One order of (some copies of) one thing.
#[derive(Debug)]
pub struct Order {
    pub id: Uuid,
    pub date: String,
    pub listing: Uuid,
    pub unit_price_cents: i32,
    pub quantity: i32,
    /// The customer thinks better of it: the demo cancels one order in 20.
    pub is_cancelled: bool,
}

/// The oldest orders, at most as many as asked for.
pub fn first(limit: usize) -> Result<Vec<Order>> {
    let mut text = String::new();
    GzDecoder::new(DATA).read_to_string(&mut text)?;
    let mut orders = Vec::new();
    for (number, line) in text.lines().enumerate().skip(1) {
        let order = parse(number, line).with_context(|| format!("order {number}: {line:?}"))?;
        orders.push(order);
    }
    orders.sort_by(|a, b| a.date.cmp(&b.date));
    orders.truncate(limit);
    Ok(orders)
}

fn parse(number: usize, line: &str) -> Result<Order> {
    let mut fields = line.split_whitespace();
    let mut field = || fields.next().context("a field is missing");
    let _customer = field()?;
    let date = field()?.to_owned();
    let quantity: i32 = field()?.parse()?;
    let value: f64 = field()?.parse()?;
    anyhow::ensure!(quantity > 0, "no quantity");
    // The data names no product; its unit price stands for it.
    let unit_price_cents = (value * 100.0 / f64::from(quantity)).round() as i32;
    Ok(Order {
        id: name_based_id(&format!("order {number}")),
        date,
        listing: name_based_id(&format!("listing {unit_price_cents}")),
        unit_price_cents,
        quantity,
        is_cancelled: number.is_multiple_of(20),
    })
}

/// The same id for the same name at every run.
fn name_based_id(name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
}
