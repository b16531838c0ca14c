//! The rows that each order of steps begins with, and the statements that meet over them.

use postgres::Client;
use uuid::Uuid;

pub const DAYS: [&str; 5] = [
    "2099-03-01",
    "2099-03-02",
    "2099-03-03",
    "2099-03-04",
    "2099-03-05",
];

/// Fresh rows for one order of steps: two resources that are open on five days.
pub struct Stage {
    pub resource: String,
    /// Its key comes after the first one's.
    pub other: String,
    /// What the case holds, books, or has behind its resources.
    pub hold: Uuid,
    pub allocation: Uuid,
    pub listing: Uuid,
    pub order: Uuid,
}

/// Days by their place in [`DAYS`], as an array.
pub fn dates(days: &[usize]) -> String {
    let days: Vec<String> = days.iter().map(|day| format!("'{}'", DAYS[*day])).collect();
    format!("ARRAY[{}]::date[]", days.join(", "))
}

impl Stage {
    pub fn open(client: &mut Client, capacity: i32) -> Stage {
        let key = Uuid::new_v4();
        let stage = Stage {
            resource: format!("a {key}"),
            other: format!("b {key}"),
            hold: Uuid::nil(),
            allocation: Uuid::nil(),
            listing: Uuid::nil(),
            order: Uuid::new_v4(),
        };
        for resource in [&stage.resource, &stage.other] {
            let making = format!(
                "SELECT create_resource('VEHICLE', 'x', id => '{resource}');
                 SELECT open_capacity('{resource}', '{}', '{}', {capacity})",
                DAYS[0], DAYS[4]
            );
            client.batch_execute(&making).unwrap();
        }
        stage
    }

    /// The same with a hold of the first resource on these days.
    pub fn with_hold(client: &mut Client, capacity: i32, days: &[usize]) -> Stage {
        let mut stage = Stage::open(client, capacity);
        stage.hold = one(client, &stage.hold_first(days, 1));
        stage
    }

    /// The same with a hold whose time is up.
    pub fn with_dead_hold(client: &mut Client, capacity: i32, days: &[usize]) -> Stage {
        let stage = Stage::with_hold(client, capacity, days);
        client.batch_execute(&stage.run_out()).unwrap();
        stage
    }

    /// The same with a booking of the first resource on these days.
    pub fn with_allocation(client: &mut Client, capacity: i32, days: &[usize]) -> Stage {
        let mut stage = Stage::with_hold(client, capacity, days);
        stage.allocation = one(client, &stage.confirm());
        stage
    }

    /// Both resources have three units, and a listing with so many units of stock behind them.
    pub fn backed(client: &mut Client, units: i32) -> Stage {
        let mut stage = Stage::open(client, 3);
        stage.listing = one(client, "SELECT register_listing(NULL)");
        let Stage { listing, .. } = stage;
        let stocking = format!("SELECT receive_stock('{listing}', {units})");
        client.batch_execute(&stocking).unwrap();
        for resource in [&stage.resource, &stage.other] {
            let backing =
                format!("SELECT change_resource('{resource}', listing_id => '{listing}')");
            client.batch_execute(&backing).unwrap();
        }
        stage
    }

    pub fn hold_first(&self, days: &[usize], units: i32) -> String {
        hold(&self.resource, days, units)
    }

    pub fn hold_other(&self, days: &[usize], units: i32) -> String {
        hold(&self.other, days, units)
    }

    /// A package of these, in this order of lines.
    pub fn hold_both(&self, lines: &[(&str, &[usize])]) -> String {
        let lines: Vec<_> = lines
            .iter()
            .map(|(resource, days)| {
                let days: Vec<&str> = days.iter().map(|day| DAYS[*day]).collect();
                serde_json::json!({"resource_id": resource, "dates": days})
            })
            .collect();
        let lines = serde_json::Value::Array(lines);
        format!("SELECT package_id, hold_id, state FROM hold_package('{lines}')")
    }

    pub fn insert_hold(&self, days: &[usize]) -> String {
        let (resource, dates) = (&self.resource, dates(days));
        format!("INSERT INTO resource_hold (resource_id, dates, quantity) VALUES ('{resource}', {dates}, 1) RETURNING id")
    }

    pub fn insert_allocation(&self, days: &[usize]) -> String {
        let (resource, dates) = (&self.resource, dates(days));
        format!(
            "INSERT INTO resource_allocation (resource_id, order_id, line_item_id, dates, quantity)
             VALUES ('{resource}', gen_random_uuid(), 'by hand', {dates}, 1) RETURNING id"
        )
    }

    pub fn confirm(&self) -> String {
        let (hold, order) = (self.hold, self.order);
        format!("SELECT confirm_resource_hold('{hold}', '{order}', 'line')")
    }

    pub fn release(&self) -> String {
        format!("SELECT release_resource_hold('{}')", self.hold)
    }

    pub fn release_by_hand(&self) -> String {
        format!(
            "UPDATE resource_hold SET status = 'RELEASED' WHERE id = '{}' AND status = 'ACTIVE' RETURNING 1",
            self.hold
        )
    }

    pub fn extend(&self) -> String {
        format!("SELECT extend_resource_hold('{}', '1 hour')", self.hold)
    }

    /// Its time is up, as if it had passed.
    pub fn run_out(&self) -> String {
        format!(
            "UPDATE resource_hold SET expires_at = clock_timestamp() WHERE id = '{}'",
            self.hold
        )
    }

    pub fn cancel(&self) -> String {
        format!("SELECT cancel_resource_allocation('{}')", self.allocation)
    }

    pub fn move_to(&self, days: &[usize]) -> String {
        move_allocation(&self.allocation.to_string(), days)
    }

    /// From one day to another, both closed too.
    pub fn black_out(&self, from: usize, to: usize, cancel_holds: bool) -> String {
        format!(
            "SELECT kind, id FROM add_blackout('{}', '{}', '{}', cancel_holds => {cancel_holds})",
            self.resource, DAYS[from], DAYS[to]
        )
    }

    pub fn set_capacity(&self, from: usize, to: usize, capacity: i32) -> String {
        format!(
            "SELECT set_capacity('{}', '{}', '{}', {capacity})",
            self.resource, DAYS[from], DAYS[to]
        )
    }
}

pub fn hold(resource: &str, days: &[usize], units: i32) -> String {
    let dates = dates(days);
    format!("SELECT hold_id, state FROM hold_resource('{resource}', {dates}, {units})")
}

pub fn move_allocation(allocation: &str, days: &[usize]) -> String {
    let dates = dates(days);
    format!("SELECT state FROM move_resource_allocation('{allocation}', {dates})")
}

/// The key that a statement answers first.
pub fn one(client: &mut Client, sql: &str) -> Uuid {
    let row = client.query_one(sql, &[]);
    row.unwrap_or_else(|error| panic!("should succeed: {sql}\n{error:?}"))
        .get(0)
}
