//! The `lines` and `lots` of multi-line claims, and `metadata`: JSON of every wrong shape.

use super::shop::Shop;
use serde_json::{json, Value};
use stockroom_tests::ErrorInfo;
use uuid::Uuid;

/// Both functions with this JSON text instead of an array of elements; each must refuse it and
/// change nothing. Returns what they say is the problem.
#[track_caller]
fn problems(shop: &mut Shop, json: &str) -> [ErrorInfo; 2] {
    let order = Uuid::new_v4();
    let before = shop.everything();
    let shown: String = json.chars().take(100).collect();
    let errors = ["allocate_order", "allocate_lots"].map(|function| {
        let sql = format!("SELECT {function}($1, $2::text::jsonb)");
        let Err(error) = shop.client.query(&sql, &[&order, &json]) else {
            panic!("{function} should refuse {shown}");
        };
        let error = ErrorInfo::from(&error);
        assert!(
            !error.sqlstate.starts_with("XX"),
            "{function} {shown}: {error:?}"
        );
        assert!(error.message.len() < 500);
        error
    });
    assert_eq!(shop.everything(), before);
    errors
}

/// Both refuse it as a bad argument, each in the words for its own kind of element.
#[track_caller]
fn assert_problem(shop: &mut Shop, json: &str, problem: &str) {
    let errors = problems(shop, json);
    for (error, argument) in errors.iter().zip(["lines", "lots"]) {
        assert_eq!(
            (error.sqlstate.as_str(), error.name().as_str()),
            ("22023", "bad_argument"),
            "{error:?}"
        );
        assert_eq!(error.field("argument"), argument);
        let key = if argument == "lines" {
            "listing_id"
        } else {
            "lot_id"
        };
        let expected = problem
            .replace("{argument}", argument)
            .replace("{key}", key);
        assert_eq!(error.field("problem"), expected, "{json}");
    }
}

/// `[{"listing_id" and "lot_id" are never both known, so each function gets its own key}]`
#[track_caller]
fn assert_element_problem(shop: &mut Shop, element: &str, problem: &str) {
    let order = Uuid::new_v4();
    let before = shop.everything();
    for (function, argument, key) in [
        ("allocate_order", "lines", "listing_id"),
        ("allocate_lots", "lots", "lot_id"),
    ] {
        let json = format!("[{}]", element.replace("{key}", key));
        let sql = format!("SELECT {function}($1, $2::text::jsonb)");
        let error = shop.error(&sql, &[&order, &json]);
        assert_eq!(error.name(), "bad_argument", "{json}: {error:?}");
        let expected = problem
            .replace("{argument}", argument)
            .replace("{key}", key);
        assert_eq!(error.field("problem"), expected, "{json}");
    }
    assert_eq!(shop.everything(), before);
}

const ID: &str = "01234567-89ab-cdef-0123-456789abcdef";

#[test]
fn what_is_no_array_of_objects() {
    let mut shop = Shop::open();
    for (json, problem) in [
        ("null", "{argument} must be a JSON array, not null"),
        ("true", "{argument} must be a JSON array, not true"),
        ("1", "{argument} must be a JSON array, not 1"),
        ("\"[]\"", "{argument} must be a JSON array, not \"[]\""),
        ("{}", "{argument} must be a JSON array, not an object"),
        ("[]", "{argument} is empty"),
        ("[[]]", "{argument}[0] must be an object, not an array"),
        ("[null]", "{argument}[0] must be an object, not null"),
        ("[\"x\"]", "{argument}[0] must be an object, not \"x\""),
        ("[{}]", "{argument}[0].{key} is missing"),
        ("[{\"Quantity\": 1}]", "?"),
    ] {
        if problem == "?" {
            for error in problems(&mut shop, json) {
                let text = error.field("problem").to_string();
                assert!(
                    text.contains(r#"has an unknown key \"Quantity\"; known are"#),
                    "{text}"
                );
            }
        } else {
            assert_problem(&mut shop, json, problem);
        }
    }
    shop.verify();
}

#[test]
fn elements_with_wrong_values() {
    let mut shop = Shop::open();
    let whole = "{argument}[0].quantity must be a whole number, not ";
    let range = "{argument}[0].quantity must be between 1 and 2147483647, not ";
    for (quantity, problem) in [
        ("\"1\"", format!("{whole}\"1\"")),
        ("1.5", format!("{whole}1.5")),
        ("true", format!("{whole}true")),
        ("null", format!("{whole}null")),
        ("[1]", format!("{whole}an array")),
        ("{\"a\": 1}", format!("{whole}an object")),
        ("0", format!("{range}0")),
        ("-1", format!("{range}-1")),
        ("2147483648", format!("{range}2147483648")),
        ("-2147483649", format!("{range}-2147483649")),
        ("9223372036854775808", format!("{range}9223372036854775808")),
    ] {
        let element = format!(r#"{{"{{key}}": "{ID}", "quantity": {quantity}}}"#);
        assert_element_problem(&mut shop, &element, &problem);
    }
    for (id, shown) in [
        ("5", "5"),
        ("null", "null"),
        ("\"\"", "\"\""),
        ("\"01234567\"", "\"01234567\""),
        ("[]", "an array"),
    ] {
        let element = format!(r#"{{"{{key}}": {id}, "quantity": 1}}"#);
        let problem = format!("{{argument}}[0].{{key}} must be a uuid, not {shown}");
        assert_element_problem(&mut shop, &element, &problem);
    }
    let element = format!(r#"{{"{{key}}": "{ID}"}}"#);
    assert_element_problem(&mut shop, &element, "{argument}[0].quantity is missing");
    shop.verify();
}

/// jsonb holds numbers of any size exactly; most readers of JSON do not. None of these may be an
/// internal error.
#[test]
fn numbers_beyond_every_machine_type() {
    let mut shop = Shop::open();
    let digits = "9".repeat(400);
    for number in [
        "1e308",
        "1e400",
        "-1e400",
        "1e-400",
        "1.0000000000000000000000001",
        "1e100000",
        &digits,
    ] {
        for json in [
            format!(r#"[{{"listing_id": "{ID}", "lot_id": "{ID}", "quantity": {number}}}]"#),
            format!(r#"[{{"quantity": {number}}}]"#),
            format!("[{number}]"),
            number.to_owned(),
        ] {
            for error in problems(&mut shop, &json) {
                assert_eq!(error.name(), "bad_argument", "{number}: {error:?}");
            }
        }
    }
    shop.verify();
}

#[test]
fn nests_deeper_than_a_parser_likes() {
    let mut shop = Shop::open();
    for depth in [100, 127, 128, 129, 1000, 5000] {
        let nest = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        for json in [nest.clone(), format!(r#"[{{"quantity": {nest}}}]"#)] {
            for error in problems(&mut shop, &json) {
                assert_eq!(error.name(), "bad_argument", "{depth}: {error:?}");
            }
        }
    }
    shop.verify();
}

/// The same in metadata, which is not ours to refuse: what jsonb holds is kept.
#[test]
fn metadata_of_any_size_and_depth_is_kept() {
    let mut shop = Shop::open();
    let nest = format!("{}{}", "[".repeat(500), "]".repeat(500));
    for metadata in [
        "1e400",
        &nest,
        "null",
        "[]",
        r#"{"\u00e9": "\ud83d\udce6"}"#,
    ] {
        let sql = "SELECT register_listing(NULL, metadata => $1::text::jsonb)";
        let result = shop.client.query_one(sql, &[&metadata]);
        let listing: Uuid = match result {
            Ok(row) => row.get(0),
            Err(error) => panic!("{:.40}: {:?}", metadata, ErrorInfo::from(&error)),
        };
        let sql = "SELECT metadata = $2::text::jsonb FROM stock_listings WHERE listing_id = $1";
        assert!(
            shop.value::<bool>(sql, &[&listing, &metadata]),
            "{metadata:.40}"
        );
    }
    shop.verify();
}

#[test]
fn too_many_lines_and_too_long_ones() {
    let mut shop = Shop::open();
    let element = json!({"listing_id": ID, "quantity": 1});
    let lines = Value::from(vec![element; 10_001]).to_string();
    let [error, _] = problems(&mut shop, &lines);
    assert_eq!(
        error.field("problem"),
        "lines has 10001 elements, more than 10000"
    );
    let lots = lines.replace("listing_id", "lot_id");
    let [_, error] = problems(&mut shop, &lots);
    assert_eq!(
        error.field("problem"),
        "lots has 10001 elements, more than 10000"
    );

    let long = "x".repeat(1_000_000);
    for json in [
        format!("\"{long}\""),
        format!("[\"{long}\"]"),
        format!("[{{\"{long}\": 1}}]"),
        format!("[{{\"listing_id\": \"{long}\", \"quantity\": 1}}]"),
        format!("[{{\"lot_id\": \"{long}\", \"quantity\": 1}}]"),
        format!("[{{\"listing_id\": \"{ID}\", \"quantity\": \"{long}\"}}]"),
        format!("[{{\"listing_id\": \"{ID}\", \"quantity\": 1, \"strategy\": \"{long}\"}}]"),
        format!("[{{\"listing_id\": \"{ID}\", \"quantity\": 1, \"location_id\": \"{long}\"}}]"),
    ] {
        for error in problems(&mut shop, &json) {
            assert_eq!(error.name(), "bad_argument");
        }
    }
    shop.verify();
}

#[test]
fn sums_beyond_an_integer_and_odd_texts() {
    let mut shop = Shop::open();
    let element = format!(
        r#"{{"{{key}}": "{ID}", "quantity": 2147483647}}, {{"{{key}}": "{ID}", "quantity": 1}}"#
    );
    let problem = format!("{{argument}}[1].quantity brings the sum for {ID} above 2147483647");
    assert_element_problem(&mut shop, &element, &problem);

    // Text that jsonb itself refuses never gets to us.
    for json in [
        r#"[{"listing_id": "\u0000"}]"#,
        r#"["\u0000"]"#,
        r#"[{"\u0000": 1}]"#,
        r#"["\ud800"]"#,
        "[",
        "",
        "[1,]",
        "NaN",
    ] {
        for error in problems(&mut shop, json) {
            assert!(
                ["22P02", "22P05"].contains(&error.sqlstate.as_str()),
                "{json}: {error:?}"
            );
        }
    }
    for odd in [
        "\u{202E}abc",
        "\u{1F4E6}",
        "a\u{0301}",
        "\u{FEFF}",
        "\\u0001\\n\\\"",
        "\u{FFFF}",
    ] {
        for json in [
            format!(r#"[{{"{odd}": 1}}]"#),
            format!(r#"[{{"listing_id": "{odd}", "quantity": 1}}]"#),
            format!(r#"[{{"listing_id": "{ID}", "quantity": 1, "strategy": "{odd}"}}]"#),
        ] {
            for error in problems(&mut shop, &json) {
                assert_eq!(error.name(), "bad_argument", "{json}");
            }
        }
    }
    // A key given twice: jsonb keeps the last.
    let listing = shop.stocked(5);
    let json = format!(r#"[{{"listing_id": "{listing}", "quantity": 9, "quantity": 2}}]"#);
    let sql = "SELECT quantity FROM allocate_order($1, $2::text::jsonb)";
    assert_eq!(shop.value::<i32>(sql, &[&Uuid::new_v4(), &json]), 2);
    shop.verify();
}
