//! The schemas that are compared. Each has `allocate_stock`, `get_available_stock`, `verify_stock` and a
//! `refill`, and the same names of tables, so that one script serves all.

use anyhow::{ensure, Result};
use postgres::Client;

const FILES: [&str; 3] = [
    include_str!("stockroom.sql"),
    include_str!("row_lock.sql"),
    include_str!("conventional.sql"),
];

/// Makes all of them in a fresh database.
pub fn create(client: &mut Client) -> Result<()> {
    for file in FILES {
        client.batch_execute(file)?;
    }
    Ok(())
}

/// One of the schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Stockroom,
    /// R, the tuned row lock.
    RowLock,
    /// C, the conventional schema.
    Conventional,
}

impl Side {
    pub fn schema(self) -> &'static str {
        match self {
            Side::Stockroom => "stock",
            Side::RowLock => "row_lock",
            Side::Conventional => "conventional",
        }
    }

    /// As charts and tables call it.
    pub fn label(self) -> &'static str {
        match self {
            Side::Stockroom => "Stockroom",
            Side::RowLock => "R, row lock",
            Side::Conventional => "C, conventional",
        }
    }

    /// Starts anew: so many listings, each with so many lots of so many units, no claims.
    pub fn refill(self, client: &mut Client, listings: u64, lots: u64, units: u64) -> Result<()> {
        let schema = match self {
            Side::Stockroom => "bench",
            other => other.schema(),
        };
        client.batch_execute(&format!(
            "SELECT {schema}.refill({listings}, {lots}, {units})"
        ))?;
        // The table of claims is left out. Just emptied, the planner takes it for small but not for
        // empty; after VACUUM it would know it to be empty, and scan it in the plans that sessions keep.
        for table in ["stock_listings", "stock_lots"] {
            client.batch_execute(&format!("VACUUM ANALYZE {}.{table}", self.schema()))?;
        }
        if self == Side::Stockroom {
            client.batch_execute("VACUUM ANALYZE stock.stock_levels")?;
        }
        Ok(())
    }

    /// Claims single units of the only lot of this listing, so many, by one INSERT.
    pub fn claim_in_bulk(self, client: &mut Client, listing: u64, claims: u64) -> Result<()> {
        let listing = format!("bench.listing_id({listing})");
        let schema = self.schema();
        if self != Side::Conventional {
            client.batch_execute(&format!(
                "INSERT INTO {schema}.stock_allocations (lot_id, listing_id, order_id, quantity)
                 SELECT l.lot_id, l.listing_id, gen_random_uuid(), 1
                   FROM {schema}.stock_lots l, generate_series(1, {claims}) WHERE l.listing_id = {listing}"
            ))?;
        }
        match self {
            Side::Stockroom => {}
            // Its counters know nothing of an INSERT, so they are set here.
            Side::RowLock => client.batch_execute(&format!(
                "UPDATE row_lock.stock_lots SET quantity_allocated = {claims} WHERE listing_id = {listing};
                 UPDATE row_lock.stock_listings SET quantity_allocated = {claims} WHERE listing_id = {listing}"
            ))?,
            // Its triggers would sum up once a row: they rest, and one update of the lot makes up for it.
            Side::Conventional => client.batch_execute(&format!(
                "ALTER TABLE conventional.stock_allocations DISABLE TRIGGER recount;
                 INSERT INTO conventional.stock_allocations (lot_id, order_id, quantity)
                 SELECT l.lot_id, gen_random_uuid(), 1
                   FROM conventional.stock_lots l, generate_series(1, {claims}) WHERE l.listing_id = {listing};
                 ALTER TABLE conventional.stock_allocations ENABLE TRIGGER recount;
                 UPDATE conventional.stock_lots SET updated_at = now() WHERE listing_id = {listing}"
            ))?,
        }
        Ok(())
    }

    /// Fails unless there are exactly so many claims, of so many units, and every number adds up.
    pub fn check(self, client: &mut Client, claims: u64, units: u64) -> Result<()> {
        let schema = self.schema();
        let row = client.query_one(
            &format!(
                "SELECT count(*), coalesce(sum(quantity), 0)::bigint
                   FROM {schema}.stock_allocations WHERE status = 'active'"
            ),
            &[],
        )?;
        let (found, taken): (i64, i64) = (row.get(0), row.get(1));
        ensure!(
            (found as u64, taken as u64) == (claims, units),
            "{schema}: {claims} claims of {units} units were answered, {found} of {taken} are there"
        );
        let wrong = client.query(&format!("SELECT FROM {schema}.verify_stock()"), &[])?;
        ensure!(
            wrong.is_empty(),
            "{schema}: verify_stock() found {} differences",
            wrong.len()
        );
        let oversold = client.query(
            &format!(
                "SELECT FROM {schema}.stock_lots l
                  WHERE quantity_total < (SELECT sum(quantity) FROM {schema}.stock_allocations a
                                           WHERE a.lot_id = l.lot_id AND a.status = 'active')"
            ),
            &[],
        )?;
        ensure!(oversold.is_empty(), "{schema}: a lot is oversold");
        Ok(())
    }
}
