//! Moving in: guesses for schemas as apps have them, and the mapping that overrules them.

use serde_json::json;
use stockroom_core::adopt::{guess, overlaid, Column, Kind, Mapping, Target, ALLOCATIONS, LOTS};
use stockroom_core::claim::AllocationStatus;

/// A column: its name, what it holds, and marks (`k` key, `r` reference, `l` reference to the lots).
fn column<'a>(name: &'a str, kind: Kind, marks: &str) -> Column<'a> {
    Column {
        name,
        kind,
        is_key: marks.contains('k'),
        is_reference: marks.contains('r') || marks.contains('l'),
        references_lots: marks.contains('l'),
    }
}

/// The targets that were found, each with its column.
fn found<'a>(targets: &'static [Target], columns: &'a [Column]) -> Vec<(&'static str, &'a str)> {
    let guesses = guess(targets, columns).into_iter();
    let found = guesses.filter_map(|guess| Some((guess.target.name, columns[guess.column?].name)));
    found.collect()
}

#[test]
fn the_conventional_names_are_known() {
    let columns = [
        column("lot_id", Kind::Uuid, "k"),
        column("listing_id", Kind::Uuid, "r"),
        column("quantity_total", Kind::Number, ""),
        column("location_id", Kind::Uuid, "r"),
        column("owner_id", Kind::Uuid, ""),
        column("listed", Kind::Boolean, ""),
        column("notes", Kind::Text, ""),
        column("created_at", Kind::Time, ""),
        column("updated_at", Kind::Time, ""),
    ];
    let expected = [
        ("lot_id", "lot_id"),
        ("listing_id", "listing_id"),
        ("quantity", "quantity_total"),
        ("location", "location_id"),
        ("owner_id", "owner_id"),
        ("listed", "listed"),
        ("notes", "notes"),
        ("created_at", "created_at"),
    ];
    assert_eq!(found(&LOTS, &columns), expected);
    let columns = [
        column("allocation_id", Kind::Uuid, "k"),
        column("lot_id", Kind::Uuid, "l"),
        column("order_id", Kind::Uuid, ""),
        column("quantity", Kind::Number, ""),
        column("status", Kind::Text, ""),
        column("created_at", Kind::Time, ""),
    ];
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    let expected: Vec<_> = names.iter().copied().zip(names.iter().copied()).collect();
    assert_eq!(found(&ALLOCATIONS, &columns), expected);
}

#[test]
fn spelling_does_not_matter() {
    let columns = [
        column("Id", Kind::Number, "k"),
        column("productId", Kind::Number, "r"),
        column("QtyOnHand", Kind::Number, ""),
        column("bestBefore", Kind::Time, ""),
        column("Warehouse", Kind::Text, ""),
        column("batchNo", Kind::Text, ""),
        column("costPrice", Kind::Number, ""),
        column("receivedAt", Kind::Time, ""),
        column("createdAt", Kind::Time, ""),
    ];
    let expected = [
        ("lot_id", "Id"),
        ("listing_id", "productId"),
        ("quantity", "QtyOnHand"),
        ("location", "Warehouse"),
        ("expires_on", "bestBefore"),
        ("unit_cost", "costPrice"),
        ("lot_code", "batchNo"),
        ("created_at", "receivedAt"),
    ];
    assert_eq!(found(&LOTS, &columns), expected);
}

#[test]
fn what_is_referenced_tells_where_names_do_not() {
    let columns = [
        column("nr", Kind::Number, "k"),
        column("ware", Kind::Number, "r"),
        column("depot", Kind::Number, "r"),
        column("menge", Kind::Number, ""),
    ];
    assert_eq!(
        found(&LOTS, &columns),
        [
            ("lot_id", "nr"),
            ("listing_id", "ware"),
            ("location", "depot")
        ]
    );
    let columns = [
        column("nr", Kind::Number, "k"),
        column("charge", Kind::Number, "l"),
        column("order_no", Kind::Text, ""),
        column("qty", Kind::Number, ""),
    ];
    assert_eq!(
        found(&ALLOCATIONS, &columns),
        [
            ("allocation_id", "nr"),
            ("lot_id", "charge"),
            ("order_id", "order_no"),
            ("quantity", "qty")
        ]
    );
    // Two are left: either could be it.
    let columns = [
        column("a", Kind::Number, "r"),
        column("b", Kind::Number, "r"),
    ];
    assert_eq!(found(&LOTS, &columns), []);
}

#[test]
fn a_column_of_another_kind_is_not_taken() {
    let columns = [
        column("id", Kind::Other, "k"),
        column("quantity", Kind::Text, ""),
        column("listed", Kind::Text, ""),
        column("sku", Kind::Text, ""),
        column("available", Kind::Boolean, ""),
    ];
    assert_eq!(found(&LOTS, &columns), [("sku", "sku")]);
}

#[test]
fn what_is_there_counts_before_what_is_available() {
    let both = [
        column("quantity_available", Kind::Number, ""),
        column("quantity", Kind::Number, ""),
    ];
    assert_eq!(found(&LOTS, &both), [("quantity", "quantity")]);
    assert_eq!(
        found(&LOTS, &both[..1]),
        [("quantity_available", "quantity_available")]
    );
    let parts = [
        column("quantity", Kind::Number, ""),
        column("quantity_remaining", Kind::Number, ""),
    ];
    assert_eq!(found(&LOTS, &parts), [("quantity", "quantity_remaining")]);
}

#[test]
fn a_mapping_is_read_strictly() {
    let mapping = Mapping::parse(&json!({
        "lots": {"lot_id": "nr", "notes": null},
        "allocations": {"quantity": "menge"},
        "locations": {"table": "wms.places", "name": "label"},
        "statuses": {"offen": "active", "raus": "fulfilled"},
        "quantity_scale": 3
    }))
    .unwrap();
    assert_eq!(mapping.lots["lot_id"].as_deref(), Some("nr"));
    assert_eq!(mapping.lots["notes"], None);
    assert!(!mapping.lots.contains_key("listed"));
    assert_eq!(mapping.locations_table.as_deref(), Some("wms.places"));
    assert_eq!(mapping.quantity_scale, 3);
    assert_eq!(mapping.status("offen"), Some(AllocationStatus::Active));
    assert_eq!(mapping.status("raus"), Some(AllocationStatus::Fulfilled));
    assert_eq!(
        mapping.status(" Cancelled"),
        Some(AllocationStatus::Released)
    );
    assert_eq!(mapping.status("weg"), None);
    assert!(
        Mapping::parse(&json!({"locations": null}))
            .unwrap()
            .without_locations
    );

    for (bad, problem) in [
        (json!([]), "mapping must be an object"),
        (json!({"lot": {}}), "has \"lot\"; known are"),
        (
            json!({"lots": {"quantities": "q"}}),
            "lots has \"quantities\"; known are lot_id,",
        ),
        (
            json!({"lots": {"quantity": 1}}),
            "lots.quantity must be a column's name, or null",
        ),
        (
            json!({"lots": {"quantity": "q", "quantity_available": "a"}}),
            "name one of them",
        ),
        (
            json!({"lots": {"sku": "s", "listing_id": "l"}}),
            "name one of them",
        ),
        (
            json!({"locations": {"table": 1}}),
            "locations.table must be a table's name",
        ),
        (
            json!({"statuses": {"open": "alive"}}),
            "statuses.open must be",
        ),
        (
            json!({"quantity_scale": 10}),
            "quantity_scale must be 0 to 9",
        ),
        (
            json!({"quantity_scale": "1"}),
            "quantity_scale must be 0 to 9",
        ),
    ] {
        let error = Mapping::parse(&bad).unwrap_err();
        assert!(error.contains(problem), "{bad}: {error}");
    }
}

#[test]
fn a_later_mapping_overrules_an_earlier_one_part_by_part() {
    let earlier = json!({"lots": {"quantity": "q", "notes": "n"}, "quantity_scale": 1});
    let later = json!({"lots": {"notes": null}, "statuses": {"x": "active"}});
    assert_eq!(
        overlaid(&earlier, &later),
        json!({"lots": {"quantity": "q", "notes": null}, "quantity_scale": 1,
               "statuses": {"x": "active"}})
    );
    assert_eq!(overlaid(&earlier, &json!({})), earlier);
}
