//! The rows that each order of steps begins with, and the statements that meet over them.

use postgres::Client;
use stockroom_tests::Rows;
use uuid::Uuid;

pub const ORISON: &str = "00000000-0000-8000-8000-000000000001";

/// Fresh rows for one order of steps: two listings; 5 and 5 units of the first at Unspecified and
/// Orison, 5 of the second at Unspecified; and a hold where the case makes one.
pub struct Stage {
    pub first: Uuid,
    pub second: Uuid,
    pub hold: Uuid,
    pub order: Uuid,
    pub other_order: Uuid,
}

impl Stage {
    pub fn open(client: &mut Client) -> Stage {
        Stage::with_backorder_limit(client, 0)
    }

    pub fn with_backorder_limit(client: &mut Client, limit: i32) -> Stage {
        let mut listing = || -> Uuid {
            let sql = "SELECT register_listing(NULL, backorder_limit => $1)";
            client.query_one(sql, &[&limit]).unwrap().get(0)
        };
        let stage = Stage {
            first: listing(),
            second: listing(),
            hold: Uuid::nil(),
            order: Uuid::new_v4(),
            other_order: Uuid::new_v4(),
        };
        let Stage { first, second, .. } = stage;
        let stocking = format!(
            "SELECT receive_stock('{first}', 5), receive_stock('{first}', 5, '{ORISON}'), receive_stock('{second}', 5)"
        );
        client.batch_execute(&stocking).unwrap();
        stage
    }

    /// The same with a hold, made by this statement.
    pub fn with_hold(client: &mut Client, hold: impl Fn(&Stage) -> String) -> Stage {
        let mut stage = Stage::open(client);
        stage.hold = client.query_one(&hold(&stage), &[]).unwrap().get(0);
        stage
    }

    pub fn hold_first(&self, units: i32) -> String {
        hold_stock(self.first, units)
    }

    pub fn hold_second(&self, units: i32) -> String {
        hold_stock(self.second, units)
    }

    pub fn hold_at_orison(&self, units: i32) -> String {
        let first = self.first;
        format!(
            "SELECT hold_id, state FROM hold_stock('{first}', {units}, location_id => '{ORISON}')"
        )
    }

    pub fn confirm(&self, order: Uuid) -> String {
        let hold = self.hold;
        format!("SELECT quantity FROM confirm_hold('{hold}', '{order}')")
    }

    pub fn confirm_part(&self, units: i32, remainder: &str) -> String {
        let (hold, order) = (self.hold, self.order);
        format!("SELECT quantity FROM confirm_hold('{hold}', '{order}', {units}, '{remainder}')")
    }

    pub fn release(&self) -> String {
        format!("SELECT release_hold('{}')", self.hold)
    }

    pub fn extend(&self) -> String {
        format!("SELECT extend_hold('{}', '1 hour')", self.hold)
    }

    /// Its time is up, as if it had passed.
    pub fn run_out(&self) -> String {
        format!(
            "UPDATE stock_holds SET expires_at = clock_timestamp() WHERE hold_id = '{}'",
            self.hold
        )
    }

    pub fn allocate_first(&self, units: i32) -> String {
        let (first, order) = (self.first, self.other_order);
        format!("SELECT quantity FROM allocate_stock('{first}', '{order}', {units})")
    }

    /// Both listings in one order, in this order of lines.
    pub fn lines(&self, lines: [(Uuid, i32); 2]) -> String {
        let [(first, some), (second, more)] = lines;
        format!(
            r#"'[{{"listing_id": "{first}", "quantity": {some}}}, {{"listing_id": "{second}", "quantity": {more}}}]'"#
        )
    }

    pub fn hold_both(&self, order: Uuid, lines: [(Uuid, i32); 2]) -> String {
        let lines = self.lines(lines);
        format!("SELECT hold_id, state FROM hold_order({lines}, order_id => '{order}')")
    }

    pub fn allocate_both(&self, order: Uuid, lines: [(Uuid, i32); 2]) -> String {
        let lines = self.lines(lines);
        format!("SELECT quantity FROM allocate_order('{order}', {lines})")
    }
}

pub fn hold_stock(listing: Uuid, units: i32) -> String {
    format!("SELECT hold_id, state FROM hold_stock('{listing}', {units})")
}

/// The sum of an answer's first column.
pub fn sum(rows: &Rows) -> i32 {
    let values = rows.rows.iter().filter_map(|row| row[0].as_deref());
    values.map(|value| value.parse::<i32>().unwrap()).sum()
}
