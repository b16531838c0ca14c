//! The rows that each order of steps begins with, and the statements that meet over them.

use postgres::Client;
use uuid::Uuid;

/// Fresh rows for one order of steps: two listings; 5 and 5 units of the first at two places, 5 of
/// the second; a lot of nothing, and a listing of nothing.
pub struct Shop {
    pub first: Uuid,
    pub second: Uuid,
    pub empty: Uuid,
    pub lot: Uuid,
    pub far_lot: Uuid,
    pub second_lot: Uuid,
    pub empty_lot: Uuid,
    pub order: Uuid,
    pub other_order: Uuid,
}

pub fn fresh_shop(client: &mut Client) -> Shop {
    let shop = Shop {
        first: Uuid::new_v4(),
        second: Uuid::new_v4(),
        empty: Uuid::new_v4(),
        lot: Uuid::new_v4(),
        far_lot: Uuid::new_v4(),
        second_lot: Uuid::new_v4(),
        empty_lot: Uuid::new_v4(),
        order: Uuid::new_v4(),
        other_order: Uuid::new_v4(),
    };
    let Shop {
        first,
        second,
        empty,
        lot,
        far_lot,
        second_lot,
        empty_lot,
        ..
    } = &shop;
    let stocking = format!(
        "INSERT INTO stock_listings (listing_id) VALUES ('{first}'), ('{second}'), ('{empty}');
         INSERT INTO stock_lots (lot_id, listing_id, quantity_total, location_id)
         SELECT lot::uuid, listing::uuid, units, location_id
           FROM (VALUES ('{lot}', '{first}', 5, 'Unspecified'), ('{far_lot}', '{first}', 5, 'Orison'),
                        ('{second_lot}', '{second}', 5, 'Unspecified'), ('{empty_lot}', '{first}', 0, 'Unspecified'))
                AS new (lot, listing, units, name)
           JOIN locations USING (name)"
    );
    client
        .batch_execute(&stocking)
        .expect("should stock the shop");
    shop
}

impl Shop {
    /// A claim by hand.
    pub fn claim(&self, lot: Uuid, quantity: i32, status: &str) -> String {
        let order = self.order;
        format!(
            "INSERT INTO stock_allocations (lot_id, order_id, quantity, status)
             VALUES ('{lot}', '{order}', {quantity}, '{status}')"
        )
    }

    /// A claim by function, on whichever lots it finds.
    pub fn allocate(&self, listing: Uuid, quantity: i32) -> String {
        format!(
            "SELECT * FROM allocate_stock('{listing}', '{}', {quantity})",
            self.other_order
        )
    }

    /// A claim by function on this lot.
    pub fn allocate_lot(&self, lot: Uuid, quantity: i32) -> String {
        format!(
            r#"SELECT * FROM allocate_lots('{}', '[{{"lot_id": "{lot}", "quantity": {quantity}}}]')"#,
            self.order
        )
    }

    /// Both listings in one order, in this order of lines.
    pub fn allocate_both(&self, order: Uuid, lines: [(Uuid, i32); 2]) -> String {
        let [(first, some), (second, more)] = lines;
        format!(
            r#"SELECT * FROM allocate_order('{order}', '[{{"listing_id": "{first}", "quantity": {some}}},
                                                        {{"listing_id": "{second}", "quantity": {more}}}]')"#
        )
    }

    /// A claim on the only lot of the second listing, through either door.
    pub fn take_second(&self, quantity: i32, by_function: bool) -> String {
        if by_function {
            self.allocate(self.second, quantity)
        } else {
            self.claim(self.second_lot, quantity, "active")
        }
    }

    /// The end of what this order has claimed; `how` is `release` or `fulfill`.
    pub fn end_claims(&self, how: &str) -> String {
        format!("SELECT {how}_allocations('{}')", self.order)
    }

    /// What this order has claimed before the race begins.
    pub fn claimed_before(&self, client: &mut Client, lot: Uuid, quantity: i32) {
        client
            .batch_execute(&self.claim(lot, quantity, "active"))
            .expect("should claim");
    }
}

pub fn delete_lot(lot: Uuid) -> String {
    format!("DELETE FROM stock_lots WHERE lot_id = '{lot}'")
}

pub fn delete_listing(listing: Uuid, by_function: bool) -> String {
    if by_function {
        format!("SELECT delete_listing('{listing}')")
    } else {
        format!("DELETE FROM stock_listings WHERE listing_id = '{listing}'")
    }
}

/// Sets columns of a lot, by hand.
pub fn update_lot(lot: Uuid, set: &str) -> String {
    format!("UPDATE stock_lots SET {set} WHERE lot_id = '{lot}'")
}

pub fn move_to_listing(lot: Uuid, listing: Uuid) -> String {
    update_lot(lot, &format!("listing_id = '{listing}'"))
}
