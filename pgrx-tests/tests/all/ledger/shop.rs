//! What these tests add to the shop of the API's tests: moments, and lines that nobody else could write.

use crate::api::shop::Shop;
use uuid::Uuid;

pub const OTHER_TENANT: &str = "77777777-7777-4777-8777-777777777777";

impl Shop {
    /// This moment, as text.
    pub fn moment(&mut self) -> String {
        self.value("SELECT clock_timestamp()::text", &[])
    }

    /// Runs statements that no trigger sees: as somebody who tampers, or a restore that went wrong.
    pub fn tamper(&mut self, statements: &str) {
        self.run(&format!(
            "SET session_replication_role = replica; {statements}; RESET session_replication_role"
        ));
    }

    /// What verify_ledger() says, without the listing: `3: it follows version 1`.
    #[track_caller]
    pub fn problems(&mut self) -> Vec<String> {
        self.texts("SELECT concat_ws(': ', version, problem) FROM verify_ledger()")
    }

    /// The lines of a listing: type, delta and what the listing has after.
    #[track_caller]
    pub fn history(&mut self, listing: Uuid) -> Vec<String> {
        self.texts(&format!(
            "SELECT movement_type, delta, listing_after FROM stock_history('{listing}')"
        ))
    }

    /// Adds units to a lot, by plain SQL.
    pub fn change(&mut self, lot: Uuid, units: i32) {
        let sql = "UPDATE stock_lots SET quantity_total = quantity_total + $2 WHERE lot_id = $1";
        self.rows(sql, &[&lot, &units]);
    }

    #[track_caller]
    pub fn stock_at(&mut self, listing: Uuid, more: &str) -> i32 {
        self.value(&format!("SELECT stock_at('{listing}', {more})"), &[])
    }
}
