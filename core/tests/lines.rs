//! Properties of parsed lines and lots: the set counts, not how it is written.

use proptest::prelude::*;
use serde_json::{json, Value};
use stockroom_core::lines::{HoldLines, Lines, Lots, ManyHolds};
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

fn any_hold_line() -> impl Strategy<Value = Value> {
    (any_key(), 1..100i32, proptest::option::of(any_key())).prop_map(
        |(listing_id, quantity, location_id)| {
            json!({"listing_id": listing_id, "quantity": quantity, "location_id": location_id})
        },
    )
}

/// Few different keys, so that the same one is often given twice.
fn any_hold() -> impl Strategy<Value = Value> {
    (
        any_hold_line(),
        proptest::option::of("[ab]{1,3}"),
        proptest::option::of("\\PC{1,20}"),
        proptest::option::of(any_key()),
    )
        .prop_map(|(mut hold, idempotency_key, customer, order_id)| {
            hold["idempotency_key"] = json!(idempotency_key);
            hold["customer"] = json!(customer);
            hold["order_id"] = json!(order_id);
            hold
        })
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
            4 => prop::sample::select(vec![
                "listing_id", "quantity", "location_id", "strategy", "idempotency_key", "customer",
                "order_id",
            ])
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
    fn an_order_of_holds_is_the_same_in_any_order_and_however_split(
        (lines, other) in prop::collection::vec(any_hold_line(), 1..12).prop_flat_map(rewritten),
    ) {
        let expected = total(&lines);
        let lines = HoldLines::parse(&Value::Array(lines)).unwrap();
        let other = HoldLines::parse(&Value::Array(other)).unwrap();
        prop_assert_eq!(lines.canonical(), other.canonical());

        let merged: i64 = lines.as_slice().iter().map(|line| i64::from(line.quantity)).sum();
        prop_assert_eq!(merged, expected);
        for pair in lines.as_slice().windows(2) {
            let key = |index: usize| (pair[index].listing_id, pair[index].location_id);
            prop_assert!(key(0) < key(1), "sorted, and no key twice");
        }
    }

    #[test]
    fn an_order_of_holds_is_read_as_lines_without_a_strategy(
        lines in prop::collection::vec(any_hold_line(), 1..12),
    ) {
        let lines = Value::Array(lines);
        let holds = HoldLines::parse(&lines).unwrap();
        prop_assert_eq!(holds.canonical(), Lines::parse(&lines).unwrap().canonical());
    }

    #[test]
    fn many_holds_stay_as_given_unless_two_have_one_key(
        holds in prop::collection::vec(any_hold(), 1..12),
    ) {
        let twice = (0..holds.len()).find_map(|index| {
            let key = holds[index]["idempotency_key"].as_str()?;
            let same = |first: &usize| holds[*first]["idempotency_key"] == key;
            (0..index).find(same).map(|first| (first, index))
        });
        match (ManyHolds::parse(&Value::Array(holds.clone())), twice) {
            (Ok(parsed), None) => {
                prop_assert_eq!(parsed.as_slice().len(), holds.len());
                for (hold, given) in parsed.as_slice().iter().zip(&holds) {
                    prop_assert_eq!(json!(hold.line.listing_id), given["listing_id"].clone());
                    prop_assert_eq!(json!(hold.line.quantity), given["quantity"].clone());
                    prop_assert_eq!(json!(hold.line.location_id), given["location_id"].clone());
                    prop_assert_eq!(json!(hold.idempotency_key), given["idempotency_key"].clone());
                    prop_assert_eq!(json!(hold.customer), given["customer"].clone());
                    prop_assert_eq!(json!(hold.order_id), given["order_id"].clone());
                }
            }
            (Err(error), Some((first, index))) => {
                let text = error.to_string();
                prop_assert!(text.starts_with(&format!("lines[{index}] has ")), "{}", text);
                prop_assert!(text.ends_with(&format!(" of lines[{first}]")), "{}", text);
            }
            (parsed, twice) => prop_assert!(false, "{parsed:?} where {twice:?} have one key"),
        }
    }

    #[test]
    fn the_canonical_form_is_read_back_as_itself(
        lines in prop::collection::vec(any_line(), 1..12),
        lots in prop::collection::vec(any_lot(), 1..12),
        hold_lines in prop::collection::vec(any_hold_line(), 1..12),
        hold in any_hold(),
    ) {
        let lines = Lines::parse(&Value::Array(lines)).unwrap();
        let text = lines.canonical().to_string();
        prop_assert_eq!(Lines::parse(&serde_json::from_str(&text).unwrap()), Ok(lines));
        let lots = Lots::parse(&Value::Array(lots)).unwrap();
        let text = lots.canonical().to_string();
        prop_assert_eq!(Lots::parse(&serde_json::from_str(&text).unwrap()), Ok(lots));
        let hold_lines = HoldLines::parse(&Value::Array(hold_lines)).unwrap();
        let text = hold_lines.canonical().to_string();
        prop_assert_eq!(HoldLines::parse(&serde_json::from_str(&text).unwrap()), Ok(hold_lines));
        let holds = ManyHolds::parse(&json!([hold])).unwrap();
        let canonical = holds.canonical();
        prop_assert!(canonical[0].as_object().unwrap().values().all(|value| !value.is_null()));
        let text = canonical.to_string();
        prop_assert_eq!(ManyHolds::parse(&serde_json::from_str(&text).unwrap()), Ok(holds));
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
        let errors = [
            Lines::parse(&value).err(),
            Lots::parse(&value).err(),
            HoldLines::parse(&value).err(),
            ManyHolds::parse(&value).err(),
        ];
        for error in errors.into_iter().flatten() {
            // 80 characters of input, each at most `\u{10ffff}` long when escaped, and our own words.
            prop_assert!(error.to_string().chars().count() < 80 * 10 + 200);
        }
    }
}
