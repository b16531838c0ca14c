//! Rows and their listings: keys of each type, rows added later, and rows of several tenants.

use super::app::{allocate, attached, empty, Sql, CAP, COAT, HAT, ORDER_1};

#[test]
fn any_key_names_its_listing() {
    for (column, first, second) in [
        ("integer", "1", "-7"),
        ("smallint", "1", "-7"),
        ("bigint", "9000000000", "2"),
        ("numeric", "1.50", "2"),
        ("text", "Ärmel; drop", "a'b\"c"),
        ("varchar(40)", "red / XL", ""),
        ("char(4)", "ab", "abc"),
        ("colour", "red", "dark blue"),
        ("code", "x1", "x2"),
        ("inet", "10.0.0.1", "10.0.0.2"),
    ] {
        let (_db, mut sql) = empty();
        let quoted = |key: &str| key.replace('\'', "''");
        sql.run(&format!(
            "CREATE TYPE colour AS ENUM ('red', 'dark blue'); CREATE DOMAIN code AS varchar(9) CHECK (VALUE <> 'x0');
             CREATE TABLE listings (id {column} PRIMARY KEY, quantity_available int);
             INSERT INTO listings VALUES ('{}', 10), ('{}', 20)",
            quoted(first),
            quoted(second)
        ));
        sql.attach("listings", "");
        let key = sql.row("SELECT format('%s', id) FROM listings WHERE quantity_available = 10");
        let of = |what: &str| format!("SELECT {what}_of('listings', '{}')", quoted(&key));
        let listing = sql.row(&of("listing_id"));
        sql.run(&allocate(&listing, ORDER_1, 4));
        assert_eq!(
            sql.row("SELECT quantity_available FROM listings ORDER BY 1 LIMIT 1"),
            "6",
            "{column}"
        );
        assert_eq!(sql.row(&of("get_available_stock")), "6", "{column}");
        assert_eq!(sql.row(&of("get_reserved_stock")), "4");
        assert_eq!(sql.row(&of("get_total_stock")), "10");
        assert_eq!(
            sql.row("SELECT get_available_stock_of('listings', 'no such key')"),
            "0"
        );
        sql.run("UPDATE listings SET quantity_available = quantity_available + 1");
        assert_eq!(sql.row(&of("get_available_stock")), "7", "{column}");
        sql.assert_verified();

        // The way back and forth again finds the same listings.
        sql.run("SELECT detach_table('listings')");
        sql.attach("listings", "");
        assert_eq!(sql.row(&of("listing_id")), listing);
        assert_eq!(sql.row("SELECT count(*) FROM stock_listings"), "2");
        sql.assert_verified();
    }
}

#[test]
fn a_uuid_key_is_the_listing() {
    let (_db, mut sql) = attached("");
    assert_eq!(
        sql.row(&format!(
            "SELECT listing_id_of('listings', '{}')",
            HAT.to_uppercase()
        )),
        HAT
    );
    let none = sql.refusal("SELECT listing_id_of('listings', 'hat')");
    assert_eq!(none, ("22023".into(), "bad_argument".into()));
    assert_eq!(
        sql.row("SELECT get_available_stock_of('listings', 'hat')"),
        "0"
    );
    let gone = sql.refusal("SELECT listing_id_of('pg_class', 'hat')");
    assert_eq!(gone, ("P0002".into(), "table_not_attached".into()));
}

#[test]
fn the_key_of_a_row_is_fixed() {
    let (_db, mut sql) = attached("");
    let change = format!("UPDATE listings SET id = '{CAP}' WHERE id = '{HAT}'");
    assert_eq!(
        sql.refusal(&change),
        ("55000".into(), "attached_key_fixed".into())
    );
    sql.run("UPDATE listings SET id = id, title = 'same'");
    sql.assert_verified();
}

#[test]
fn rows_added_later_are_listings_too() {
    let (_db, mut sql) = attached("");
    sql.run(&format!("INSERT INTO listings VALUES ('{CAP}', 'cap', 5)"));
    assert_eq!(
        (sql.stock(CAP), sql.lots(CAP)),
        ("5|0|5".into(), vec!["Unspecified: 5".to_owned()])
    );
    // Many at once, one that is there already, one that is not.
    sql.run(
        "INSERT INTO listings SELECT gen_random_uuid(), 'many', 2 FROM generate_series(1, 1000)",
    );
    sql.run(&format!(
        "INSERT INTO listings VALUES ('{CAP}', 'cap', 9), (gen_random_uuid(), 'upserted', 1)
         ON CONFLICT (id) DO UPDATE SET quantity_available = excluded.quantity_available"
    ));
    assert_eq!(sql.stock(CAP), "9|0|9");
    sql.run(&format!(
        "MERGE INTO listings l USING (VALUES ('{CAP}'::uuid, 4), (gen_random_uuid(), 6)) AS n (id, units) ON l.id = n.id
         WHEN MATCHED THEN UPDATE SET quantity_available = n.units
         WHEN NOT MATCHED THEN INSERT VALUES (n.id, 'merged', n.units)"
    ));
    assert_eq!(sql.stock(CAP), "4|0|4");
    let mut copy = sql.client.copy_in("COPY listings FROM STDIN").unwrap();
    std::io::Write::write_all(
        &mut copy,
        b"e0000000-0000-0000-0000-000000000001\tcopied\t3\n",
    )
    .unwrap();
    copy.finish().unwrap();
    assert_eq!(
        sql.row("SELECT count(*), sum(quantity_available) FROM stock_listings"),
        "1006|2044"
    );
    sql.assert_verified();
    // A bad one takes its whole statement back.
    let bad = sql.refusal("INSERT INTO listings VALUES (gen_random_uuid(), 'good', 1), (gen_random_uuid(), 'bad', -1)");
    assert_eq!(bad, ("22023".into(), "bad_quantity".into()));
    assert_eq!(sql.row("SELECT count(*) FROM listings"), "1006");
    sql.assert_verified();
}

#[test]
fn a_tenant_column_says_whose_a_row_is() {
    let (db, mut sql) = empty();
    let (mine, theirs) = (
        "aaaaaaaa-0000-0000-0000-000000000001",
        "aaaaaaaa-0000-0000-0000-000000000002",
    );
    sql.run(&format!(
        "CREATE TABLE listings (id uuid PRIMARY KEY, tenant uuid NOT NULL, quantity_available int);
         INSERT INTO listings VALUES ('{HAT}', '{mine}', 10), ('{COAT}', '{theirs}', 20)"
    ));
    // Whoever writes such a table writes stock of every tenant.
    let owner = db.role("owner");
    sql.run(&format!(
        "ALTER TABLE listings OWNER TO {owner}; GRANT USAGE ON SCHEMA stock TO {owner};
         GRANT EXECUTE ON FUNCTION attach_table TO {owner}"
    ));
    let call = "SELECT FROM stock.attach_table('public.listings', 'id', tenant_column => 'tenant')";
    let mut client = Sql::by(&db, &owner);
    assert_eq!(
        client.refusal(call),
        ("22023".into(), "bad_argument".into())
    );
    sql.run(&format!(
        "GRANT SET ON PARAMETER stockroom.tenant_id TO {owner}"
    ));
    client.run(call);
    sql.run(&format!(
        "REVOKE SET ON PARAMETER stockroom.tenant_id FROM {owner}"
    ));

    for (tenant, stocks) in [(mine, ("10|0|10", "0|0|0")), (theirs, ("0|0|0", "20|0|20"))] {
        sql.run(&format!("SET stockroom.tenant_id = '{tenant}'"));
        assert_eq!((sql.stock(HAT).as_str(), sql.stock(COAT).as_str()), stocks);
        sql.assert_verified();
    }
    assert_eq!(
        sql.refusal(&allocate(HAT, ORDER_1, 1)).1,
        "listing_not_found"
    );
    sql.run(&allocate(COAT, ORDER_1, 1));
    assert_eq!(
        (sql.shown(HAT), sql.shown(COAT)),
        ("10".into(), "19".into())
    );
    // A row's tenant is fixed like its key.
    let moved = sql.refusal(&format!(
        "UPDATE listings SET tenant = '{theirs}' WHERE id = '{HAT}'"
    ));
    assert_eq!(moved, ("55000".into(), "attached_key_fixed".into()));
    sql.assert_verified();
}
