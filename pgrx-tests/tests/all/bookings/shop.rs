//! What these tests stand on: the shop of the API's tests, with resources that are open for a week far away.

use crate::api::shop::Shop;
use std::ops::{Deref, DerefMut};
use uuid::Uuid;

/// The columns of a hold's answer that have neither key nor time in them.
pub const ANSWER: &str = "state, dates, quantity, replayed, available";

/// Dates of the week that starts on Sunday, 2090-01-01, as a `date[]`: `days("2 3")`.
pub fn days(numbers: &str) -> String {
    let dates = numbers
        .split(' ')
        .map(|day| format!("2090-01-{:0>2}", day.trim()));
    format!("{{{}}}", dates.collect::<Vec<_>>().join(","))
}

/// A shop that lends by date. All that a shop can do, it can too.
pub struct Desk(Shop);

impl Deref for Desk {
    type Target = Shop;

    fn deref(&self) -> &Shop {
        &self.0
    }
}

impl DerefMut for Desk {
    fn deref_mut(&mut self) -> &mut Shop {
        &mut self.0
    }
}

impl Desk {
    pub fn open() -> Desk {
        Desk(Shop::open())
    }

    /// In a database of the test's own.
    pub fn of(shop: Shop) -> Desk {
        Desk(shop)
    }

    /// One with this vehicle already.
    pub fn with(key: &str, units: i32) -> Desk {
        let mut desk = Desk::open();
        desk.vehicle(key, units);
        desk
    }

    /// A new vehicle of which so many are free on each date of the week.
    #[track_caller]
    pub fn vehicle(&mut self, key: &str, units: i32) {
        self.run(&format!(
            "SELECT create_resource('VEHICLE', 'A vehicle', id => '{key}');
             SELECT open_capacity('{key}', '2090-01-01', '2090-01-07', {units})"
        ));
    }

    /// The same with a listing's stock behind it.
    #[track_caller]
    pub fn backed(&mut self, key: &str, listing: Uuid, units: i32) {
        self.run(&format!(
            "SELECT create_resource('VEHICLE', 'A vehicle', listing_id => '{listing}', id => '{key}');
             SELECT open_capacity('{key}', '2090-01-01', '2090-01-07', {units})"
        ));
    }

    /// Holds units on these days of the week for half an hour.
    #[track_caller]
    pub fn hold_days(&mut self, key: &str, on: &str, units: i32) -> Uuid {
        let call = format!("hold_resource('{key}', '{}', {units})", days(on));
        self.value(&format!("SELECT hold_id FROM {call}"), &[])
    }

    /// Holds them for a millisecond, and lets that pass: nothing has swept the hold.
    #[track_caller]
    pub fn expired_days(&mut self, key: &str, on: &str, units: i32) -> Uuid {
        let call = format!(
            "hold_resource('{key}', '{}', {units}, ttl => '1 ms')",
            days(on)
        );
        let hold = self.value(&format!("SELECT hold_id FROM {call}"), &[]);
        self.let_hold_expire(hold);
        hold
    }

    /// Waits until the hold's time is over.
    pub fn let_hold_expire(&mut self, hold: Uuid) {
        let sql = "SELECT pg_sleep(extract(epoch FROM expires_at - clock_timestamp()) + 0.001)
                     FROM resource_hold WHERE id = $1";
        self.rows(sql, &[&hold]);
    }

    /// Books units on these days for this line item of the order `o`; answers the allocation.
    #[track_caller]
    pub fn book_days(&mut self, key: &str, on: &str, units: i32, line_item: &str) -> Uuid {
        let hold = self.hold_days(key, on, units);
        self.key(&format!(
            "confirm_resource_hold('{hold}', 'o', '{line_item}')"
        ))
    }

    /// Books them on any dates, as a client's own SQL can: in the past, too.
    #[track_caller]
    pub fn book_by_dml(&mut self, key: &str, dates: &str, units: i32) -> Uuid {
        self.value(
            &format!(
                "INSERT INTO resource_allocation (resource_id, order_id, line_item_id, dates, quantity)
                 VALUES ('{key}', 'dml', gen_random_uuid(), '{dates}', {units}) RETURNING id"
            ),
            &[],
        )
    }

    /// What each date of the week has free by its row: `3 3 1 3 3 3 3`.
    #[track_caller]
    pub fn left(&mut self, key: &str) -> String {
        self.text(&format!(
            "SELECT coalesce(string_agg(available_capacity::text, ' ' ORDER BY date), '')
               FROM resource_capacity WHERE resource_id = '{key}' AND date BETWEEN '2090-01-01' AND '2090-01-07'"
        ))
    }

    /// What can be had on each date of the week: holds that have expired are free.
    #[track_caller]
    pub fn free(&mut self, key: &str) -> String {
        self.text(&format!(
            "SELECT string_agg(available::text, ' ' ORDER BY date)
               FROM check_availability('{key}', '2090-01-01', '2090-01-07')"
        ))
    }

    /// The true state of a hold.
    #[track_caller]
    pub fn true_state(&mut self, hold: Uuid) -> String {
        self.value("SELECT state FROM get_resource_hold($1)", &[&hold])
    }

    /// The state that is written in its row.
    #[track_caller]
    pub fn row_status(&mut self, hold: Uuid) -> String {
        self.value("SELECT status FROM resource_hold WHERE id = $1", &[&hold])
    }

    /// Why a statement is refused: the error's name.
    #[track_caller]
    pub fn refusal(&mut self, sql: &str) -> String {
        self.error(sql, &[]).name()
    }

    /// What verify_bookings has to say.
    #[track_caller]
    pub fn problems(&mut self) -> Vec<String> {
        self.texts("SELECT * FROM verify_bookings()")
    }

    /// The proof that every number of bookings is right, and of stock as well.
    #[track_caller]
    pub fn prove_bookings(&mut self) {
        assert_eq!(self.problems(), [""; 0]);
        self.verify();
    }

    /// What happens behind the engine's back.
    pub fn unseen(&mut self, sql: &str) {
        self.run(&format!(
            "SET session_replication_role = replica; {sql}; RESET session_replication_role"
        ));
    }
}
