//! Arguments that cannot be: each is named, and nothing is written.

use crate::api::shop::Shop;
use serde_json::json;
use uuid::Uuid;

/// Arguments as written, and which of them is bad.
const CALLS: [(&str, &str); 47] = [
    ("hold_stock(NULL, 1)", "listing_id"),
    ("hold_stock('$1', NULL)", "quantity"),
    ("hold_stock('$1', 0)", "quantity"),
    ("hold_stock('$1', -1)", "quantity"),
    ("hold_stock('$1', -2147483648)", "quantity"),
    ("hold_stock('$1', 1, '0')", "ttl"),
    ("hold_stock('$1', 1, '-1 second')", "ttl"),
    ("hold_stock('$1', 1, '1 month -31 days -1 hour')", "ttl"),
    ("hold_stock('$1', 1, '1000000 years')", "ttl"),
    ("hold_stock('$1', 1, '178000000 years')", "ttl"),
    ("hold_stock('$1', 1, customer => '')", "customer"),
    (
        "hold_stock('$1', 1, customer => repeat('c', 201))",
        "customer",
    ),
    ("hold_stock('$1', 1, on_short => NULL)", "on_short"),
    ("hold_stock('$1', 1, on_short => 'Answer')", "on_short"),
    ("hold_order(NULL)", "lines"),
    ("hold_order('[]')", "lines"),
    ("hold_order('{}')", "lines"),
    ("hold_order('null')", "lines"),
    ("hold_order('[1]')", "lines"),
    (r#"hold_order('[{"listing_id": "$1"}]')"#, "lines"),
    (r#"hold_order('[{"quantity": 1}]')"#, "lines"),
    (
        r#"hold_order('[{"listing_id": "$1", "quantity": 0}]')"#,
        "lines",
    ),
    (
        r#"hold_order('[{"listing_id": "$1", "quantity": 1.5}]')"#,
        "lines",
    ),
    (
        r#"hold_order('[{"listing_id": "$1", "quantity": "1"}]')"#,
        "lines",
    ),
    (
        r#"hold_order('[{"listing_id": "$1", "quantity": 1e400}]')"#,
        "lines",
    ),
    (
        r#"hold_order('[{"listing_id": "x", "quantity": 1}]')"#,
        "lines",
    ),
    (
        r#"hold_order('[{"listing_id": "$1", "quantity": 1, "strategy": "fifo"}]')"#,
        "lines",
    ),
    (
        r#"hold_order('[{"listing_id": "$1", "quantity": 1, "location_id": 5}]')"#,
        "lines",
    ),
    (
        r#"hold_order('[{"listing_id": "$1", "quantity": 2147483647}, {"listing_id": "$1", "quantity": 1}]')"#,
        "lines",
    ),
    (
        r#"hold_order('[{"listing_id": "$1", "quantity": 1}]', ttl => '-1 h')"#,
        "ttl",
    ),
    (
        r#"hold_order('[{"listing_id": "$1", "quantity": 1}]', customer => '')"#,
        "customer",
    ),
    (
        r#"hold_order('[{"listing_id": "$1", "quantity": 1}]', on_short => '')"#,
        "on_short",
    ),
    ("hold_many(NULL)", "lines"),
    ("hold_many('[]')", "lines"),
    (
        r#"hold_many('[{"listing_id": "$1", "quantity": 1, "customer": ""}]')"#,
        "lines",
    ),
    (
        r#"hold_many('[{"listing_id": "$1", "quantity": 1, "idempotency_key": ""}]')"#,
        "lines",
    ),
    (
        r#"hold_many('[{"listing_id": "$1", "quantity": 1, "order_id": "7"}]')"#,
        "lines",
    ),
    (
        r#"hold_many('[{"listing_id": "$1", "quantity": 1, "ttl": "1 h"}]')"#,
        "lines",
    ),
    (
        r#"hold_many('[{"listing_id": "$1", "quantity": 1, "idempotency_key": "k"}, {"listing_id": "$1", "quantity": 2, "idempotency_key": "k"}]')"#,
        "lines",
    ),
    (
        r#"hold_many('[{"listing_id": "$1", "quantity": 1}]', ttl => '0')"#,
        "ttl",
    ),
    ("confirm_hold(NULL, '$1')", "hold_id"),
    ("confirm_order(NULL)", "order_id"),
    ("extend_hold(NULL, '1 h')", "hold_id"),
    ("release_hold(NULL)", "hold_id"),
    ("release_order_holds(NULL)", "order_id"),
    ("get_hold(NULL)", "hold_id"),
    ("confirm_order('$1', strategy => 'best')", "strategy"),
];

/// The same for calls that need a hold.
const CALLS_OF_A_HOLD: [(&str, &str); 19] = [
    ("confirm_hold('$2')", "order_id"),
    ("confirm_hold('$2', NULL)", "order_id"),
    ("confirm_hold('$2', '$1', 0)", "quantity"),
    ("confirm_hold('$2', '$1', -1)", "quantity"),
    ("confirm_hold('$2', '$1', 3)", "quantity"),
    ("confirm_hold('$2', '$1', 2147483647, 'keep')", "quantity"),
    ("confirm_hold('$2', '$1', remainder => NULL)", "remainder"),
    ("confirm_hold('$2', '$1', remainder => 'drop')", "remainder"),
    ("confirm_hold('$2', '$1', strategy => 'FIFO')", "strategy"),
    (
        "confirm_hold('$2', '$1', idempotency_key => '')",
        "idempotency_key",
    ),
    ("extend_hold('$2', NULL)", "by"),
    ("extend_hold('$2', '0')", "by"),
    ("extend_hold('$2', '-1 h')", "by"),
    ("extend_hold('$2', '1000000 years')", "by"),
    ("expire_holds(0)", "batch"),
    ("expire_holds(NULL)", "batch"),
    ("purge_holds(NULL)", "older_than"),
    ("purge_holds('-1 s')", "older_than"),
    ("purge_holds('1 h', 0)", "batch"),
];

#[test]
fn each_bad_argument_is_named_and_nothing_is_written() {
    let mut shop = Shop::open();
    let listing = shop.stocked(9);
    let hold = shop.hold(listing, 2);
    let before = shop.everything();
    let mut others = Vec::new();
    for (call, argument) in CALLS.into_iter().chain(CALLS_OF_A_HOLD) {
        let call = call
            .replace("$1", &listing.to_string())
            .replace("$2", &hold.to_string());
        let error = shop.error(&format!("SELECT {call}"), &[]);
        let named = error.name() == "bad_argument" && error.field("argument") == argument;
        if !named || error.sqlstate != "22023" || error.hint.is_none() {
            others.push((call, error));
        }
    }
    assert_eq!(others, [], "these are not bad_argument of that name");
    assert_eq!(shop.everything(), before);
    shop.verify();
}

#[test]
fn at_most_ten_thousand_lines() {
    let mut shop = Shop::open();
    let listing = shop.stocked(20_000);
    let lines = |count: i32| {
        format!(
            "(SELECT jsonb_agg(jsonb_build_object('listing_id', '{listing}', 'quantity', 1))
                FROM generate_series(1, {count}))"
        )
    };
    for function in ["hold_order", "hold_many"] {
        let error = shop.error(&format!("SELECT {function}({})", lines(10_001)), &[]);
        assert_eq!(
            (error.name().as_str(), error.field("argument")),
            ("bad_argument", json!("lines"))
        );
        assert_eq!(
            error.field("problem"),
            "lines has 10001 elements, more than 10000"
        );
        let sum = format!("SELECT sum(quantity) FROM {function}({})", lines(10_000));
        assert_eq!(shop.value::<i64>(&sum, &[]), 10_000);
    }
    assert_eq!(shop.numbers(listing), (0, 20_000, 20_000));
    shop.verify();
}

#[test]
fn every_interval_and_text_that_can_be_is_kept() {
    let mut shop = Shop::open();
    let listing = shop.stocked(99);
    for ttl in ["1 microsecond", "1 month", "200000 years", "2 days -1 hour"] {
        let sql = format!("SELECT hold_id FROM hold_stock('{listing}', 1, '{ttl}')");
        let hold: Uuid = shop.value(&sql, &[]);
        let kept = format!(
            "SELECT abs(extract(epoch FROM expires_at - (created_at + interval '{ttl}'))) < 60
               FROM stock_holds WHERE hold_id = '{hold}'"
        );
        assert!(shop.value::<bool>(&kept, &[]), "{ttl}");
    }
    let texts = [
        "é".repeat(200),
        "\u{1F4E6}\u{202E}".into(),
        "'; --".into(),
        " ".into(),
    ];
    for text in texts {
        let sql =
            "SELECT hold_id FROM hold_stock($1, 1, customer => $2, metadata => to_jsonb($2::text))";
        let hold: Uuid = shop.value(sql, &[&listing, &text]);
        let sql = "SELECT customer = $2 AND metadata = to_jsonb($2::text) FROM get_hold($1)";
        assert!(shop.value::<bool>(sql, &[&hold, &text]), "{text}");
    }
    // What serde would not read is kept as it is.
    let big = "{\"n\": 1e400, \"m\": 12345678901234567890.123456789}";
    let sql = format!("SELECT hold_id FROM hold_stock('{listing}', 1, metadata => '{big}')");
    let hold: Uuid = shop.value(&sql, &[]);
    let sql = format!("SELECT metadata = '{big}' FROM get_hold('{hold}')");
    assert!(shop.value::<bool>(&sql, &[]));
    shop.verify();
}
