//! The schemas that are compared. Each has `allocate_stock`, `hold_stock`, `get_available_stock`,
//! `verify_stock` and a `refill`, and the same names of tables, so that one script serves all. A table
//! that holds are only written to is beside them.

use anyhow::{ensure, Result};
use postgres::Client;

const FILES: [&str; 5] = [
    include_str!("stockroom.sql"),
    include_str!("row_lock.sql"),
    include_str!("conventional.sql"),
    include_str!("bare_insert.sql"),
    include_str!("bookings.sql"),
];

/// Makes all of them in a fresh database.
pub fn create(client: &mut Client) -> Result<()> {
    for file in FILES {
        client.batch_execute(file)?;
    }
    Ok(())
}

/// What a run starts from.
#[derive(Clone, Copy, Debug)]
pub struct Fill {
    pub listings: u64,
    /// Of each listing.
    pub lots: u64,
    /// In each lot.
    pub units: u64,
    /// Claims of single units on each lot.
    pub claims: u64,
    /// Holds of single units on each listing, for a day.
    pub holds: u64,
}

impl Fill {
    /// Nothing at all.
    pub const NONE: Fill = Fill {
        listings: 0,
        lots: 0,
        units: 0,
        claims: 0,
        holds: 0,
    };

    /// Listings of one lot each, of so many units, of which ten are claimed.
    pub fn plain(listings: u64, units: u64) -> Fill {
        Fill {
            listings,
            lots: 1,
            units,
            claims: 10,
            holds: 0,
        }
    }

    /// The same with ten holds on each listing.
    pub fn held(self) -> Fill {
        Fill { holds: 10, ..self }
    }

    /// All claims.
    pub fn all_claims(self) -> u64 {
        self.listings * self.lots * self.claims
    }

    /// All holds.
    pub fn all_holds(self) -> u64 {
        self.listings * self.holds
    }
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

    /// Starts anew, vacuumed and with statistics: without claims the planner would know nothing of a
    /// table that is about to grow, and those who sum up claims would scan all of it.
    pub fn refill(self, client: &mut Client, fill: Fill) -> Result<()> {
        let schema = match self {
            Side::Stockroom => "bench",
            other => other.schema(),
        };
        let Fill {
            listings,
            lots,
            units,
            claims,
            holds,
        } = fill;
        client.batch_execute(&format!(
            "SELECT {schema}.refill({listings}, {lots}, {units}, {claims}, {holds})"
        ))?;
        self.vacuum(client)
    }

    /// Nothing is dead, and the planner knows what is there.
    pub fn vacuum(self, client: &mut Client) -> Result<()> {
        let schema = self.schema();
        let mut tables = format!(
            "{schema}.stock_listings, {schema}.stock_lots, {schema}.stock_allocations, {schema}.stock_holds"
        );
        if self == Side::Stockroom {
            tables += ", stock.stock_levels";
        }
        client.batch_execute(&format!("VACUUM ANALYZE {tables}"))?;
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

    /// Fails unless there are exactly so many holds, of so many units, beside claims that a refill made,
    /// and every number adds up.
    pub fn check_held(
        self,
        client: &mut Client,
        claims: u64,
        holds: u64,
        units: u64,
    ) -> Result<()> {
        self.check(client, claims, claims)?;
        let schema = self.schema();
        let row = client.query_one(
            &format!(
                "SELECT count(*), coalesce(sum(quantity), 0)::bigint
                   FROM {schema}.stock_holds WHERE status = 'active'"
            ),
            &[],
        )?;
        let (found, held): (i64, i64) = (row.get(0), row.get(1));
        ensure!(
            (found as u64, held as u64) == (holds, units),
            "{schema}: {holds} holds of {units} units were answered, {found} of {held} are there"
        );
        let oversold = client.query(
            &format!(
                "SELECT FROM {schema}.stock_listings g
                   LEFT JOIN (SELECT l.listing_id, sum(l.quantity_total) AS units
                                FROM {schema}.stock_lots l WHERE l.listed GROUP BY 1) l USING (listing_id)
                   LEFT JOIN (SELECT l.listing_id, sum(a.quantity) AS units
                                FROM {schema}.stock_lots l JOIN {schema}.stock_allocations a USING (lot_id)
                               WHERE l.listed AND a.status = 'active' GROUP BY 1) a USING (listing_id)
                   LEFT JOIN (SELECT h.listing_id, sum(h.quantity) AS units
                                FROM {schema}.stock_holds h WHERE h.status = 'active' GROUP BY 1) h USING (listing_id)
                  WHERE coalesce(l.units, 0) < coalesce(a.units, 0) + coalesce(h.units, 0)"
            ),
            &[],
        )?;
        ensure!(oversold.is_empty(), "{schema}: a listing is oversold");
        Ok(())
    }
}
