//! stock_value: by lots and by moving average, now and then, to the last digit.

use crate::api::shop::{Shop, ORISON};
use uuid::Uuid;

fn receive(shop: &mut Shop, listing: Uuid, units: i32, cost: &str) -> Uuid {
    let sql = format!("SELECT receive_stock($1, $2, unit_cost => {cost})");
    shop.value(&sql, &[&listing, &units])
}

/// Quantity, value and uncosted units: of one listing, which is asked for alone and among all.
#[track_caller]
fn value(shop: &mut Shop, listing: Uuid, as_of: &str, method: &str) -> String {
    let columns = "SELECT quantity, value, uncosted FROM stock_value";
    let alone = format!("{columns}({as_of}, '{method}', '{listing}')");
    let alone = shop.text(&alone);
    let among = format!("{columns}({as_of}, '{method}') WHERE listing_id = '{listing}'");
    match shop.texts(&among).as_slice() {
        [] => assert_eq!(alone, "0|0.0000|0"),
        among => assert_eq!(among, [alone.as_str()]),
    }
    alone
}

/// Both methods: by lots, by average.
#[track_caller]
fn values(shop: &mut Shop, listing: Uuid, as_of: &str) -> [String; 2] {
    ["fifo", "average"].map(|method| value(shop, listing, as_of, method))
}

#[test]
fn by_lots_and_by_average() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let mut then = vec![(
        shop.moment(),
        ["0|0.0000|0".to_owned(), "0|0.0000|0".to_owned()],
    )];
    let mut note = |shop: &mut Shop, by_lots: &str, by_average: &str| {
        let expected = [by_lots.to_owned(), by_average.to_owned()];
        assert_eq!(values(shop, listing, "NULL"), expected);
        then.push((shop.moment(), expected));
    };
    let one = receive(&mut shop, listing, 10, "1");
    note(&mut shop, "10|10.0000|0", "10|10.0000|0");
    let two = receive(&mut shop, listing, 5, "2.5000");
    note(&mut shop, "15|22.5000|0", "15|22.5000|0");
    // 4 of the cheap ones leave: at 1.00, or at 1.50.
    shop.change(one, -4);
    note(&mut shop, "11|18.5000|0", "11|16.5000|0");
    // Moved, nothing changes.
    let sql = "UPDATE stock_lots SET location_id = $2 WHERE lot_id = $1";
    shop.rows(sql, &[&two, &ORISON]);
    note(&mut shop, "11|18.5000|0", "11|16.5000|0");
    // More of the dear ones: 3 at 2.50.
    shop.change(two, 3);
    note(&mut shop, "14|26.0000|0", "14|24.0000|0");
    // A third of what is there, by an order: 24 × 9 / 14, rounded.
    shop.rows("SELECT allocate_stock($1, $1, 5)", &[&listing]);
    shop.rows("SELECT fulfill_allocations($1)", &[&listing]);
    note(&mut shop, "9|21.0000|0", "9|15.4286|0");
    // A lot's cost changes: what was paid for all does not.
    let sql = "UPDATE stock_lots SET unit_cost = 3 WHERE lot_id = $1";
    shop.rows(sql, &[&two]);
    note(&mut shop, "9|25.0000|0", "9|15.4286|0");
    shop.run("DELETE FROM stock_lots");
    note(&mut shop, "0|0.0000|0", "0|0.0000|0");
    for (moment, expected) in then {
        let found = values(&mut shop, listing, &format!("'{moment}'"));
        assert_eq!(found, expected, "{moment}");
    }
    shop.verify();
}

#[test]
fn units_of_unknown_cost_have_the_listings_or_are_counted() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let plain = receive(&mut shop, listing, 10, "NULL");
    receive(&mut shop, listing, 4, "2");
    assert_eq!(
        values(&mut shop, listing, "NULL"),
        ["14|8.0000|10", "14|8.0000|10"]
    );
    let then = shop.moment();
    shop.change(plain, -3);
    assert_eq!(
        values(&mut shop, listing, "NULL"),
        ["11|8.0000|7", "11|8.0000|7"]
    );
    // The listing's present cost counts for the past too.
    let sql = "UPDATE stock_listings SET unit_cost = 1.5 WHERE listing_id = $1";
    shop.rows(sql, &[&listing]);
    // 10 × 1.5 + 4 × 2 = 23, and 3 of 14 leave.
    assert_eq!(
        values(&mut shop, listing, "NULL"),
        ["11|18.5000|0", "11|18.0714|0"]
    );
    let before = format!("'{then}'");
    assert_eq!(
        values(&mut shop, listing, &before),
        ["14|23.0000|0", "14|23.0000|0"]
    );
    // A lot that gets its cost later is worth that from then on.
    let other = shop.listing();
    let lot = receive(&mut shop, other, 6, "NULL");
    shop.rows(
        "UPDATE stock_lots SET unit_cost = 0.3333 WHERE lot_id = $1",
        &[&lot],
    );
    assert_eq!(
        values(&mut shop, other, "NULL"),
        ["6|1.9998|0", "6|1.9998|0"]
    );
    shop.verify();
}

#[test]
fn goods_that_come_from_another_listing_come_at_their_cost() {
    let mut shop = Shop::open();
    let (from, to) = (shop.listing(), shop.listing());
    let lot = receive(&mut shop, from, 10, "1");
    receive(&mut shop, from, 10, "3");
    receive(&mut shop, to, 10, "7");
    let sql = "UPDATE stock_lots SET listing_id = $2 WHERE lot_id = $1";
    shop.rows(sql, &[&lot, &to]);
    assert_eq!(
        values(&mut shop, from, "NULL"),
        ["10|30.0000|0", "10|20.0000|0"]
    );
    assert_eq!(
        values(&mut shop, to, "NULL"),
        ["20|80.0000|0", "20|80.0000|0"]
    );
    shop.verify();
}

/// The largest numbers that the tables take.
#[test]
fn large_values_are_exact() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    receive(&mut shop, listing, i32::MAX - 2, "899999999999.9999");
    receive(&mut shop, listing, 2, "0.0001");
    // 2147483645 × 899999999999.9999, and two ten-thousandths.
    let all = "2147483647|1932735280499999785251.6357|0";
    assert_eq!(values(&mut shop, listing, "NULL"), [all, all]);
    shop.run("UPDATE stock_lots SET quantity_total = 1");
    let [by_lots, by_average] = values(&mut shop, listing, "NULL");
    assert_eq!(by_lots, "2|900000000000.0000|0");
    assert!(by_average.starts_with("2|"), "{by_average}");
    shop.verify();
}

/// Many listings at once, beside what the tables say.
#[test]
fn all_listings_are_valued_at_once() {
    let mut shop = Shop::open();
    shop.run(
        "INSERT INTO stock_listings (sku, unit_cost)
         SELECT 's' || n, CASE WHEN n % 3 = 0 THEN n / 7.0 END FROM generate_series(1, 3000) n;
         INSERT INTO stock_lots (listing_id, quantity_total, unit_cost)
         SELECT listing_id, n * 3, CASE WHEN n % 2 = 0 THEN n / 11.0 END
           FROM stock_listings, generate_series(1, 5) n;
         UPDATE stock_lots SET quantity_total = quantity_total - 1",
    );
    let there = "
        SELECT listing_id, sum(units), coalesce(sum(units * cost), 0.0000),
               coalesce(sum(units) FILTER (WHERE cost IS NULL), 0)
          FROM (SELECT l.listing_id, l.quantity_total AS units, coalesce(l.unit_cost, g.unit_cost) AS cost
                  FROM stock_lots l JOIN stock_listings g USING (listing_id)) AS lot
         GROUP BY listing_id ORDER BY listing_id";
    let there = shop.texts(there);
    assert_eq!(there.len(), 3000);
    for as_of in ["", "now()"] {
        let valued = format!("SELECT * FROM stock_value({as_of}) ORDER BY listing_id");
        assert_eq!(shop.texts(&valued), there);
    }
    let by_average =
        "SELECT count(*), sum(quantity), sum(uncosted) FROM stock_value(method => 'average')";
    let by_lots = "SELECT count(*), sum(quantity), sum(uncosted) FROM stock_value()";
    assert_eq!(shop.text(by_average), shop.text(by_lots));
    shop.verify();
}
