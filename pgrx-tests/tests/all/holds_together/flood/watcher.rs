//! Looks at the store while the flood is on: what is committed is never oversold, in any snapshot.

use super::store::Store;
use super::Conditions;
use postgres::{Client, IsolationLevel};

/// By the counters, and by what the rows add up to; and where the two differ.
const OVERSOLD: &str = "
    WITH listed AS (SELECT listing_id, sum(quantity_total) AS units FROM stock_lots WHERE listed GROUP BY 1),
         allocated AS (SELECT a.listing_id, sum(a.quantity) AS units
                         FROM stock_allocations a JOIN stock_lots l USING (lot_id)
                        WHERE a.status = 'active' AND l.listed GROUP BY 1),
         held AS (SELECT listing_id, sum(quantity) AS units FROM stock_holds
                   WHERE status IN ('active', 'waiting') GROUP BY 1)
    SELECT 'rows of ' || g.listing_id FROM stock_listings g
      LEFT JOIN listed USING (listing_id) LEFT JOIN allocated USING (listing_id) LEFT JOIN held USING (listing_id)
     WHERE coalesce(allocated.units, 0) + coalesce(held.units, 0) > coalesce(listed.units, 0) + g.backorder_limit
    UNION ALL SELECT 'listing ' || listing_id FROM stock_listings
     WHERE quantity_allocated + quantity_held > quantity_listed + backorder_limit
    UNION ALL SELECT 'level ' || listing_id FROM stock_levels
     WHERE quantity_allocated + quantity_held > quantity_listed
    UNION ALL SELECT 'lot ' || lot_id FROM stock_lots WHERE quantity_allocated > quantity_total
    UNION ALL SELECT 'counter ' || verify_stock::text FROM verify_stock()
    UNION ALL SELECT 'line ' || verify_ledger::text FROM verify_ledger()";

/// Functions never sell what is kept for safety: a hold goes that far below with its backorders only.
const TOO_LOW: &str = "
    SELECT listing_id::text FROM stock_listings
     WHERE attached_to IS NULL AND quantity_available < safety_stock - backorder_limit";

/// The app's own column is what is available.
const STALE: &str = "
    SELECT s.listing_id::text FROM public.shop_listings s JOIN stock_listings g USING (listing_id)
     WHERE s.quantity_available <> g.quantity_available";

pub struct Watcher {
    client: Client,
    conditions: Conditions,
    pub looks: usize,
}

impl Watcher {
    pub fn new(store: &Store, conditions: Conditions) -> Watcher {
        Watcher {
            client: store.client(),
            conditions,
            looks: 0,
        }
    }

    /// One snapshot in which everything must be right.
    pub fn look(&mut self) {
        let snapshot = self.client.build_transaction();
        let snapshot = snapshot.isolation_level(IsolationLevel::RepeatableRead);
        let mut snapshot = snapshot.read_only(true).start().unwrap();
        let mut queries = vec![OVERSOLD, STALE];
        if !self.conditions.by_hand {
            queries.push(TOO_LOW);
        }
        for query in queries {
            let rows = snapshot.query(query, &[]).unwrap();
            let wrong: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            assert_eq!(wrong, Vec::<String>::new(), "look {}: {query}", self.looks);
        }
        snapshot.rollback().unwrap();
        self.looks += 1;
    }
}
