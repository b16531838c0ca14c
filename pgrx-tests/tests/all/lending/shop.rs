//! What these tests add to the shop of the API's tests: loans.

use crate::api::shop::Shop;
use uuid::Uuid;

impl Shop {
    /// Lends units for whenever.
    #[track_caller]
    pub fn lend(&mut self, listing: Uuid, borrower: &str, units: i32) -> Uuid {
        let sql = "SELECT borrow_stock($1, $2, $3)";
        self.value(sql, &[&listing, &borrower, &units])
    }

    /// Takes units back; answers how many are still out.
    #[track_caller]
    pub fn bring_back(&mut self, loan: Uuid, units: i32) -> i32 {
        self.value("SELECT return_stock($1, $2)", &[&loan, &units])
    }

    /// A loan's state, and its units out, returned and lost: `open 2 1 0`.
    #[track_caller]
    pub fn loan(&mut self, loan: Uuid) -> String {
        let sql =
            "SELECT format('%s %s %s %s', state, quantity_out, quantity_returned, quantity_lost)
               FROM get_loan($1)";
        self.value(sql, &[&loan])
    }

    /// Types, deltas and references of a listing's movements, oldest first.
    #[track_caller]
    pub fn movements(&mut self, listing: Uuid) -> Vec<String> {
        self.texts(&format!(
            "SELECT movement_type, delta, reason, reference FROM stock_movements
              WHERE listing_id = '{listing}' ORDER BY version"
        ))
    }
}
