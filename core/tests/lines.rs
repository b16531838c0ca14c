//! Properties of parsed lines and lots: the set counts, not how it is written.

use proptest::prelude::*;
use serde_json::{json, Value};
use stockroom_core::lines::{Lines, Lots};
use stockroom_core::plan;
use stockroom_core::request::first_difference;
use uuid::Uuid;

fn any_key() -> impl Strategy<Value = Uuid> {
    (0..4u128).prop_map(Uuid::from_u128)
}

fn any_line() -> impl Strategy<Value = Value> {
    (
        any_key(),
        1..100i32,
        proptest::option::of(any_key()),
        proptest::option::of(prop::sample::select(plan::Strategy::NAMES.to_vec())),
    )
        .prop_map(|(listing_id, quantity, location_id, strategy)| {
            json!({
                "listing_id": listing_id, "quantity": quantity,
                "location_id": location_id, "strategy": strategy,
            })
        })
}

fn any_lot() -> impl Strategy<Value = Value> {
    (any_key(), 1..100i32)
        .prop_map(|(lot_id, quantity)| json!({"lot_id": lot_id, "quantity": quantity}))
}

/// The same elements in another order, each of more than one unit cut in two at `cut` percent.
fn rewritten(elements: Vec<Value>) -> impl Strategy<Value = (Vec<Value>, Vec<Value>)> {
    (Just(elements), 0..100i64)
        .prop_map(|(elements, cut)| {
            let mut split = Vec::new();
            for element in &elements {
                let quantity = element["quantity"].as_i64().unwrap();
                let first = quantity * cut / 100;
                for part in [first, quantity - first] {
                    if part > 0 {
                        let mut element = element.clone();
                        element["quantity"] = json!(part);
                        split.push(element);
                    }
                }
            }
            (elements, split)
        })
        .prop_flat_map(|(elements, split)| (Just(elements), Just(split).prop_shuffle()))
}

fn total(elements: &[Value]) -> i64 {
    elements
        .iter()
        .map(|element| element["quantity"].as_i64().unwrap())
        .sum()
}

/// Any JSON at all, with the keys of lines among those of its objects.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any_key().prop_map(|key| json!(key)),
        ".{0,200}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let key = prop_oneof![
            4 => prop::sample::select(vec!["listing_id", "quantity", "location_id", "strategy"])
                .prop_map(str::to_owned),
            1 => ".{0,200}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((key, inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn lines_are_the_same_in_any_order_and_however_split(
        (lines, other) in prop::collection::vec(any_line(), 1..12).prop_flat_map(rewritten),
    ) {
        let expected = total(&lines);
        let lines = Lines::parse(&Value::Array(lines)).unwrap();
        let other = Lines::parse(&Value::Array(other)).unwrap();
        prop_assert_eq!(lines.canonical(), other.canonical());
        prop_assert_eq!(
            first_difference(&json!({"lines": lines.canonical()}), &json!({"lines": other.canonical()})),
            None
        );

        let merged: i64 = lines.as_slice().iter().map(|line| i64::from(line.quantity)).sum();
        prop_assert_eq!(merged, expected);
        for pair in lines.as_slice().windows(2) {
            let key = |index: usize| {
                let line = &pair[index];
                (line.listing_id, line.location_id, line.strategy)
            };
            prop_assert!(key(0) < key(1), "sorted, and no key twice");
        }
    }

    #[test]
    fn lots_are_the_same_in_any_order_and_however_split(
        (lots, other) in prop::collection::vec(any_lot(), 1..12).prop_flat_map(rewritten),
    ) {
        let expected = total(&lots);
        let lots = Lots::parse(&Value::Array(lots)).unwrap();
        let other = Lots::parse(&Value::Array(other)).unwrap();
        prop_assert_eq!(lots.canonical(), other.canonical());

        let merged: i64 = lots.as_slice().iter().map(|lot| i64::from(lot.quantity)).sum();
        prop_assert_eq!(merged, expected);
        for pair in lots.as_slice().windows(2) {
            prop_assert!(pair[0].lot_id < pair[1].lot_id, "sorted, and no lot twice");
        }
    }

    #[test]
    fn the_canonical_form_is_read_back_as_itself(
        lines in prop::collection::vec(any_line(), 1..12),
        lots in prop::collection::vec(any_lot(), 1..12),
    ) {
        let lines = Lines::parse(&Value::Array(lines)).unwrap();
        let text = lines.canonical().to_string();
        prop_assert_eq!(Lines::parse(&serde_json::from_str(&text).unwrap()), Ok(lines));
        let lots = Lots::parse(&Value::Array(lots)).unwrap();
        let text = lots.canonical().to_string();
        prop_assert_eq!(Lots::parse(&serde_json::from_str(&text).unwrap()), Ok(lots));
    }

    #[test]
    fn another_quantity_is_another_set(
        lines in prop::collection::vec(any_line(), 1..12), at: prop::sample::Index,
    ) {
        let mut changed = lines.clone();
        let element = at.get_mut(&mut changed);
        element["quantity"] = json!(element["quantity"].as_i64().unwrap() + 1);
        let lines = Lines::parse(&Value::Array(lines)).unwrap();
        let changed = Lines::parse(&Value::Array(changed)).unwrap();
        prop_assert_ne!(lines.canonical(), changed.canonical());
    }

    #[test]
    fn any_json_is_parsed_or_refused_in_a_short_text(value in any_json()) {
        for error in [Lines::parse(&value).err(), Lots::parse(&value).err()].into_iter().flatten() {
            // 80 characters of input, each at most `\u{10ffff}` long when escaped, and our own words.
            prop_assert!(error.to_string().chars().count() < 80 * 10 + 200);
        }
    }
}
