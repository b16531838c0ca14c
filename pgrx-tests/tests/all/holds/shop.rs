//! What these tests add to the shop of the API's tests: holds, and rows as text.

use crate::api::shop::Shop;
use uuid::Uuid;

/// The columns of a hold's answer that have no time in them.
pub const ANSWER: &str = "state, quantity, available, replayed";

impl Shop {
    /// The rows of a query as text, values parted by `|`.
    #[track_caller]
    pub fn texts(&mut self, query: &str) -> Vec<String> {
        stockroom_tests::texts(&mut self.client, query)
    }

    /// The only row of a query as text.
    #[track_caller]
    pub fn text(&mut self, query: &str) -> String {
        stockroom_tests::text(&mut self.client, query)
    }

    /// A new listing with these limits, and one lot of so many units at Unspecified.
    pub fn limited(&mut self, units: i32, safety_stock: i32, backorder_limit: i32) -> Uuid {
        let sql = "SELECT register_listing(NULL, safety_stock => $1, backorder_limit => $2)";
        let listing = self.value(sql, &[&safety_stock, &backorder_limit]);
        if units > 0 {
            self.receive(listing, units);
        }
        listing
    }

    /// Holds units for half an hour.
    #[track_caller]
    pub fn hold(&mut self, listing: Uuid, units: i32) -> Uuid {
        self.value(
            "SELECT hold_id FROM hold_stock($1, $2)",
            &[&listing, &units],
        )
    }

    /// The same at this place only.
    #[track_caller]
    pub fn hold_at(&mut self, listing: Uuid, units: i32, location: Uuid) -> Uuid {
        let sql = "SELECT hold_id FROM hold_stock($1, $2, location_id => $3)";
        self.value(sql, &[&listing, &units, &location])
    }

    /// Holds units for a millisecond, and lets that pass: nothing has swept the hold.
    #[track_caller]
    pub fn expired_hold(&mut self, listing: Uuid, units: i32) -> Uuid {
        let sql = "SELECT hold_id FROM hold_stock($1, $2, ttl => '1 ms')";
        let hold = self.value(sql, &[&listing, &units]);
        self.let_it_expire(hold);
        hold
    }

    /// The same at this place only.
    #[track_caller]
    pub fn expired_hold_at(&mut self, listing: Uuid, units: i32, location: Uuid) -> Uuid {
        let sql = "SELECT hold_id FROM hold_stock($1, $2, ttl => '1 ms', location_id => $3)";
        let hold = self.value(sql, &[&listing, &units, &location]);
        self.let_it_expire(hold);
        hold
    }

    /// Waits until the hold's time is over.
    fn let_it_expire(&mut self, hold: Uuid) {
        let sql = "SELECT pg_sleep(extract(epoch FROM expires_at - clock_timestamp()) + 0.001)
                     FROM stock_holds WHERE hold_id = $1";
        self.rows(sql, &[&hold]);
    }

    /// True state and quantity of a hold: `active 3`.
    #[track_caller]
    pub fn hold_state(&mut self, hold: Uuid) -> String {
        let sql = "SELECT format('%s %s', state, quantity) FROM get_hold($1)";
        self.value(sql, &[&hold])
    }

    /// The state that is written in a hold's row.
    #[track_caller]
    pub fn hold_status(&mut self, hold: Uuid) -> String {
        let sql = "SELECT status FROM stock_holds WHERE hold_id = $1";
        self.value(sql, &[&hold])
    }

    /// Place and units of an order's active allocations, by display order.
    #[track_caller]
    pub fn claims_at(&mut self, order: Uuid) -> Vec<String> {
        self.texts(&format!(
            "SELECT format('%s %s', p.name, sum(a.quantity))
               FROM stock_allocations a JOIN stock_lots USING (lot_id) JOIN locations p USING (location_id)
              WHERE a.order_id = '{order}' AND a.status = 'active'
              GROUP BY p.name, p.display_order ORDER BY p.display_order, p.name"
        ))
    }
}
