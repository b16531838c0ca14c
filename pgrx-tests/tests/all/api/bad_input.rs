//! Input that is wrong in every way we could think of: each gets an error that says what is wrong,
//! never an internal one; nothing is changed; and the connection lives.

use super::catalog::all_calls;
use super::shop::Shop;
use postgres::types::ToSql;
use serde_json::json;
use stockroom_tests::ErrorInfo;
use uuid::Uuid;

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A call that must fail, and must leave everything as it was.
#[track_caller]
pub fn refused(shop: &mut Shop, sql: &str, params: Params) -> ErrorInfo {
    let before = shop.everything();
    let shown: String = sql.chars().take(200).collect();
    let Err(error) = shop.client.query(sql, params) else {
        panic!("should be refused: {shown}");
    };
    let error = ErrorInfo::from(&error);
    assert!(!error.sqlstate.starts_with("XX"), "{shown}: {error:?}");
    assert_eq!(shop.everything(), before, "{shown}: nothing may change");
    error
}

/// Such a call, refused by us for this argument.
#[track_caller]
fn bad_argument(shop: &mut Shop, argument: &str, sql: &str, params: Params) -> String {
    let error = refused(shop, sql, params);
    assert_eq!(
        (error.sqlstate.as_str(), error.name().as_str()),
        ("22023", "bad_argument"),
        "{error:?}"
    );
    assert_eq!(error.field("argument"), argument, "{error:?}");
    // What is repeated of the input is cut short.
    assert!(error.message.len() < 500, "{}", error.message.len());
    error.field("problem").as_str().unwrap().to_owned()
}

/// A listing with stock and a claim, so that there is something to damage: `(listing, lot, order)`.
pub fn some_stock(shop: &mut Shop) -> (Uuid, Uuid, Uuid) {
    let listing = shop.listing();
    let lot = shop.receive(listing, 9);
    let order = shop.allocate(listing, 2);
    (listing, lot, order)
}

#[test]
fn nulls_for_all_arguments_of_every_function() {
    let mut shop = Shop::open();
    some_stock(&mut shop);
    let calls = all_calls(&mut shop, true);
    assert!(calls.len() >= 25);
    for (function, call) in calls {
        // What a function does with NULL is its own affair (a listing may well have no sku).
        shop.run("BEGIN");
        if let Err(error) = shop.client.simple_query(&call) {
            let error = ErrorInfo::from(&error);
            let plain = !error.sqlstate.starts_with("XX") && error.sqlstate != "08006";
            assert!(plain, "{function}: {error:?}");
        }
        shop.run("ROLLBACK");
        assert_eq!(shop.value::<i32>("SELECT 1", &[]), 1, "{function}");
    }
    shop.verify();
}

#[test]
fn each_null_that_must_not_be_is_named() {
    let mut shop = Shop::open();
    let (listing, lot, order) = some_stock(&mut shop);
    let lines = format!(r#"'[{{"listing_id": "{listing}", "quantity": 1}}]'"#);
    let lots = format!(r#"'[{{"lot_id": "{lot}", "quantity": 1}}]'"#);
    let (listing, order) = (format!("'{listing}'"), format!("'{order}'"));
    let functions: [(&str, &[(&str, &str)]); 10] = [
        (
            "receive_stock",
            &[
                ("listing_id", &listing),
                ("quantity", "1"),
                ("listed", "true"),
            ],
        ),
        (
            "allocate_stock",
            &[
                ("listing_id", &listing),
                ("order_id", &order),
                ("quantity", "1"),
                ("partial", "false"),
                ("on_short", "'error'"),
            ],
        ),
        (
            "allocate_order",
            &[
                ("order_id", &order),
                ("lines", &lines),
                ("on_short", "'error'"),
            ],
        ),
        (
            "allocate_lots",
            &[
                ("order_id", &order),
                ("lots", &lots),
                ("on_short", "'error'"),
            ],
        ),
        ("release_allocations", &[("order_id", &order)]),
        ("fulfill_allocations", &[("order_id", &order)]),
        (
            "explain_allocation",
            &[("listing_id", &listing), ("quantity", "1")],
        ),
        ("delete_listing", &[("listing_id", &listing)]),
        ("to_units", &[("listing_id", &listing), ("quantity", "1")]),
        ("to_quantity", &[("listing_id", &listing), ("units", "1")]),
    ];
    for (function, arguments) in functions {
        for (missing, _) in arguments {
            let arguments = arguments.iter().map(|(name, value)| {
                let value = if name == missing { "NULL" } else { value };
                format!("{name} => {value}")
            });
            let sql = format!(
                "SELECT {function}({})",
                arguments.collect::<Vec<_>>().join(", ")
            );
            let problem = bad_argument(&mut shop, missing, &sql, &[]);
            let expected = match *missing {
                "on_short" => "must be 'error' or 'answer'",
                _ => "must not be NULL",
            };
            assert_eq!(problem, expected, "{sql}");
        }
    }
    // Plain readers answer NULL with NULL.
    for sql in [
        "SELECT get_available_stock(NULL) IS NULL AND get_reserved_stock(NULL) IS NULL
            AND get_total_stock(NULL) IS NULL",
        "SELECT get_available_stock(NULL, NULL) IS NULL AND get_reserved_stock(NULL, gen_random_uuid()) IS NULL
            AND get_total_stock(NULL, NULL) IS NULL",
        "SELECT quantity_to_units(NULL, 1) IS NULL AND units_to_quantity(1, NULL) IS NULL",
        "SELECT NOT EXISTS (SELECT FROM get_stock(NULL))",
        "SELECT NOT EXISTS (SELECT FROM get_stock('{NULL}'))",
        "SELECT NOT EXISTS (SELECT FROM get_stock('{}'))",
    ] {
        assert!(shop.value::<bool>(sql, &[]), "{sql}");
    }
    shop.verify();
}

#[test]
fn quantities_below_one_or_beyond_an_integer() {
    let mut shop = Shop::open();
    let (listing, lot, order) = some_stock(&mut shop);
    for quantity in [0, -1, i32::MIN] {
        for call in [
            "receive_stock($1, $3)",
            "allocate_stock($1, $2, $3)",
            "release_allocations($2, $1, $3)",
            "fulfill_allocations($2, $1, $3)",
            "explain_allocation($1, $3)",
        ] {
            let sql = format!("SELECT {call} FROM (SELECT $1::uuid, $2::uuid) AS unused");
            let problem = bad_argument(&mut shop, "quantity", &sql, &[&listing, &order, &quantity]);
            assert_eq!(
                problem,
                format!("must be above zero, not {quantity}"),
                "{call}"
            );
        }
        let lines = json!([{"listing_id": listing.to_string(), "quantity": quantity}]);
        bad_argument(
            &mut shop,
            "lines",
            "SELECT allocate_order($1, $2)",
            &[&order, &lines],
        );
        let lots = json!([{"lot_id": lot.to_string(), "quantity": quantity}]);
        bad_argument(
            &mut shop,
            "lots",
            "SELECT allocate_lots($1, $2)",
            &[&order, &lots],
        );
    }
    for (argument, value) in [
        ("safety_stock", -1),
        ("backorder_limit", -1),
        ("reorder_threshold", -1),
        ("reorder_quantity", 0),
        ("reorder_quantity", -1),
        ("quantity_scale", -1),
        ("quantity_scale", 10),
        ("quantity_scale", i32::MAX),
    ] {
        let sql = format!("SELECT register_listing(NULL, {argument} => $1)");
        bad_argument(&mut shop, argument, &sql, &[&value]);
    }
    // Each lot fits, together they are too many.
    for sql in [
        "SELECT receive_stock($1, 2147483647)",
        "INSERT INTO stock_lots (listing_id, quantity_total) VALUES ($1, 2147483647)",
        "INSERT INTO stock_lots (listing_id, quantity_total, listed) SELECT $1, 2000000000, n = 1
           FROM generate_series(1, 3) n",
    ] {
        assert_eq!(
            refused(&mut shop, sql, &[&listing]).name(),
            "quantity_out_of_range"
        );
    }
    // The most there can be asked for is only short.
    let error = refused(
        &mut shop,
        "SELECT allocate_stock($1, $2, 2147483647)",
        &[&listing, &order],
    );
    assert_eq!(error.field("available"), 7);
    shop.verify();
}

#[test]
fn costs_that_no_column_can_hold() {
    let mut shop = Shop::open();
    let (listing, ..) = some_stock(&mut shop);
    // The last is in range as it is written, and out of it once rounded to four places.
    for cost in [
        "-0.0001",
        "NaN",
        "Infinity",
        "-Infinity",
        "900000000000",
        "1e100000",
        "899999999999.99999",
    ] {
        let sql = "SELECT receive_stock($1, 1, unit_cost => $2::text::numeric)";
        bad_argument(&mut shop, "unit_cost", sql, &[&listing, &cost]);
        let sql = "SELECT register_listing(NULL, unit_cost => $1::text::numeric)";
        bad_argument(&mut shop, "unit_cost", sql, &[&cost]);
    }
    let sql = "SELECT receive_stock($1, 1, unit_cost => 899999999999.9999)";
    shop.rows(sql, &[&listing]);
    shop.verify();
}

/// What a listing's own row may hold as cost, a lot that takes it over must be able to hold too.
#[test]
fn a_listings_cost_fits_its_lots() {
    let mut shop = Shop::open();
    let (listing, ..) = some_stock(&mut shop);
    for cost in ["NaN", "950000000000"] {
        let sql = "UPDATE stock_listings SET unit_cost = $1::text::numeric WHERE listing_id = $2";
        assert_eq!(
            refused(&mut shop, sql, &[&cost, &listing]).sqlstate,
            "23514",
            "{cost}"
        );
    }
}

#[test]
fn dates_at_the_ends_of_the_calendar() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    for (date, takeable) in [
        ("infinity", true),
        ("-infinity", false),
        ("5874897-12-31", true),
        ("4713-01-01 BC", false),
        ("0001-01-01 BC", false),
    ] {
        let order = Uuid::new_v4();
        let sql =
            "SELECT receive_stock($1, 2, expires_on => $2::text::date, idempotency_key => $2)";
        let lot: Uuid = shop.value(sql, &[&listing, &date]);
        assert_eq!(shop.value::<Uuid>(sql, &[&listing, &date]), lot, "a replay");
        let sql = "SELECT expires_on = $2::text::date FROM stock_lots WHERE lot_id = $1";
        assert!(shop.value::<bool>(sql, &[&lot, &date]));
        let sql = "SELECT state FROM allocate_stock($1, $2, 2, 'fefo', on_short => 'answer')";
        let state: String = shop.value(sql, &[&listing, &order]);
        assert_eq!(
            state,
            if takeable { "active" } else { "insufficient" },
            "{date}"
        );
    }
    shop.verify();
}

#[test]
fn texts_that_are_no_option() {
    let mut shop = Shop::open();
    let (listing, _, order) = some_stock(&mut shop);
    let long = "x".repeat(1_000_000);
    for text in [
        "",
        "FIFO",
        " fifo",
        "fifo\n",
        "random",
        "\u{FF46}ifo",
        "'; --",
        &long,
    ] {
        for call in [
            "allocate_stock($1, $2, 1, $3)",
            "explain_allocation($1, 1, $3)",
        ] {
            let sql = format!("SELECT {call} FROM (SELECT $2::uuid) AS unused");
            bad_argument(&mut shop, "strategy", &sql, &[&listing, &order, &text]);
        }
        let sql = "SELECT allocate_stock($1, $2, 1, on_short => $3)";
        bad_argument(&mut shop, "on_short", sql, &[&listing, &order, &text]);
        for function in ["allocate_order", "allocate_lots"] {
            let elements = match function {
                "allocate_order" => json!([{"listing_id": listing.to_string(), "quantity": 1}]),
                _ => json!([{"lot_id": listing.to_string(), "quantity": 1}]),
            };
            let sql = format!("SELECT {function}($1, $2, $3)");
            bad_argument(&mut shop, "on_short", &sql, &[&order, &elements, &text]);
        }
    }
    shop.verify();
}

#[test]
fn a_megabyte_wherever_a_text_goes() {
    let mut shop = Shop::open();
    let (listing, ..) = some_stock(&mut shop);
    let long = "é".repeat(500_000);
    for argument in ["sku", "name", "category", "barcode", "unit"] {
        let sql = match argument {
            "sku" => "SELECT register_listing($1)".to_owned(),
            _ => format!("SELECT register_listing(NULL, {argument} => $1)"),
        };
        bad_argument(&mut shop, argument, &sql, &[&long]);
    }
    for argument in ["lot_code", "notes"] {
        let sql = format!("SELECT receive_stock($1, 1, {argument} => $2)");
        bad_argument(&mut shop, argument, &sql, &[&listing, &long]);
    }
    for argument in ["sku", "barcode"] {
        let sql = format!(
            "SELECT register_listing({})",
            if argument == "sku" {
                "''"
            } else {
                "NULL, barcode => ''"
            }
        );
        bad_argument(&mut shop, argument, &sql, &[]);
    }
    // Metadata is the app's own, and may be large; the longest texts that fit do fit.
    let metadata = json!({ "text": long });
    let sql = "SELECT register_listing($1, $2, metadata => $3)";
    shop.rows(
        sql,
        &[&"\u{1F4E6}".repeat(200), &"é".repeat(1000), &metadata],
    );
    let sql = "SELECT receive_stock($1, 1, lot_code => $2, notes => $3)";
    shop.rows(
        sql,
        &[&listing, &"\u{1F4E6}".repeat(200), &"\u{0301}".repeat(1000)],
    );
    shop.verify();
}

/// get_stock reads an array's elements in order, whatever its shape.
#[test]
fn arrays_of_odd_shapes() {
    let mut shop = Shop::open();
    let (listing, ..) = some_stock(&mut shop);
    for (array, rows) in [
        (format!("{{{{{listing},{listing}}},{{{listing},NULL}}}}"), 3),
        (format!("[5:6]={{{listing},{listing}}}"), 2),
        (
            format!("{{{}}}", vec![listing.to_string(); 20_000].join(",")),
            20_000,
        ),
    ] {
        let sql =
            "SELECT count(*)::int, min(available), max(available) FROM get_stock($1::text::uuid[])";
        let row = &shop.rows(sql, &[&array])[0];
        let seen: (i32, i32, i32) = (row.get(0), row.get(1), row.get(2));
        assert_eq!(seen, (rows, 7, 7), "{array:.100}");
    }
    shop.verify();
}
