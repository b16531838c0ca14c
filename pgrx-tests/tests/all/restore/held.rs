//! The holds of the shop, in a restored database: read, replayed, confirmed, filled and swept as if it had
//! been theirs all along.

use super::kept::{contents, OTHER_TENANT};
use crate::attached::app::Sql;

const SEAT: &str = "00000000-0000-4000-8000-00000000000e";
const PART: &str = "00000000-0000-4000-8000-00000000000f";
const THEIR_SEAT: &str = "00000000-0000-4000-8000-000000000010";

/// Replays of what was held and paid before the dump: by keys, as it is now.
fn replays() -> [(String, &'static [&'static str]); 4] {
    let lines = |listings: &[&str]| {
        let lines = listings
            .iter()
            .map(|listing| format!(r#"{{"listing_id": "{listing}", "quantity": 1}}"#));
        format!("[{}]", lines.collect::<Vec<_>>().join(", "))
    };
    [
        (
            format!("hold_stock('{SEAT}', 3, idempotency_key => 'cart')"),
            &["active|3|t"],
        ),
        (
            format!(
                "hold_order('{}', idempotency_key => 'order', order_id => 'd0000000-0000-4000-8000-000000000008')",
                lines(&[PART, SEAT])
            ),
            &["active|1|t", "active|1|t"],
        ),
        (
            format!(
                "hold_many('{}', idempotency_key => 'many')",
                lines(&["00000000-0000-4000-8000-00000000000c"])
            ),
            &["insufficient|0|t"],
        ),
        (
            "stock_holds h, confirm_hold(h.hold_id, 'd0000000-0000-4000-8000-000000000006', idempotency_key => 'paid') c
              WHERE h.status = 'confirmed' AND h.quantity = 4"
                .into(),
            &["active|4|t"],
        ),
    ]
}

/// Every state goes on, with the right numbers to the unit.
pub fn assert_holds_work_on(sql: &mut Sql) {
    let before = contents(sql);
    for (call, answer) in replays() {
        let alias = if call.contains("stock_holds h") {
            "c."
        } else {
            ""
        };
        let replay = format!("SELECT state, {alias}quantity, replayed FROM {call}");
        assert_eq!(sql.rows(&replay), answer, "{call}");
    }
    // 25 seats: 6 allocated, 9 held, and 7 in holds that expired long ago.
    let numbers = |listing: &str| {
        format!(
            "SELECT available, held, allocated, total FROM get_stock(ARRAY['{listing}']::uuid[])"
        )
    };
    assert_eq!(sql.row(&numbers(SEAT)), "10|9|6|25");
    assert_eq!(sql.row(&numbers(PART)), "-5|5|2|2");
    let overview = format!(
        "SELECT available_units, reserved_units FROM stock_overview WHERE listing_id = '{SEAT}'"
    );
    assert_eq!(sql.row(&overview), "10|15");
    let states = format!(
        "SELECT state, h.quantity FROM stock_holds s, get_hold(s.hold_id) h
                           WHERE s.listing_id = '{SEAT}' ORDER BY 1, 2"
    );
    assert_eq!(
        sql.rows(&states),
        [
            "active|1",
            "active|2",
            "active|3",
            "active|3",
            "confirmed|4",
            "expired|1",
            "expired|1",
            "expired|6",
            "released|1"
        ]
    );
    assert_eq!(contents(sql), before, "reads and replays change nothing");

    // A claim takes the units of expired holds; a place keeps what it holds; live ones are confirmed.
    sql.run(&format!(
        "SELECT FROM allocate_stock('{SEAT}', gen_random_uuid(), 9)"
    ));
    assert_eq!(sql.row(&numbers(SEAT)), "1|9|15|25");
    let own = format!("SELECT location_id, quantity FROM stock_holds h, confirm_hold(h.hold_id, gen_random_uuid())
                        WHERE h.listing_id = '{SEAT}' AND h.location_id IS NOT NULL")
        .replace("location_id, quantity FROM", "confirm_hold.location_id, confirm_hold.quantity FROM");
    assert_eq!(sql.row(&own), "00000000-0000-8000-8000-000000000001|2");
    // Goods go to what waits.
    let waits = format!(
        "SELECT quantity FROM stock_holds WHERE listing_id = '{PART}' AND status = 'waiting'"
    );
    sql.run(&format!("SELECT FROM receive_stock('{PART}', 3)"));
    assert_eq!(sql.row(&waits), "1");
    assert_eq!(
        sql.rows("SELECT quantity, state FROM confirm_order('d0000000-0000-4000-8000-000000000008') ORDER BY state"),
        ["1|active", "1|waiting"]
    );
    assert_eq!(
        sql.row("SELECT release_order_holds('d0000000-0000-4000-8000-000000000007')"),
        "1"
    );
    // Direct DML, and the sweep.
    sql.run(&format!(
        "UPDATE stock_holds SET quantity = 2 WHERE idempotency_key = 'cart' AND listing_id = '{SEAT}'"
    ));
    sql.run("SELECT expire_holds()");
    assert_eq!(sql.row(&numbers(SEAT)), "2|5|18|25");
    assert_eq!(sql.row(&numbers(PART)), "-1|1|5|5");

    sql.run(&format!("SET stockroom.tenant_id = '{OTHER_TENANT}'"));
    let theirs = format!(
        "SELECT state, quantity, available, replayed FROM hold_stock('{THEIR_SEAT}', 4, idempotency_key => 'cart')"
    );
    assert_eq!(sql.row(&theirs), "active|4|5|t");
    assert_eq!(sql.row("SELECT expire_holds()"), "1");
    sql.run("RESET stockroom.tenant_id");
}
