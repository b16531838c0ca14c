//! What cannot be attached, and bad arguments: a clear error of the engine's, and nothing changed.

use super::app::{empty, shop, Sql, HAT};
use stockroom_tests::Db;

/// A superuser's connection to a database with one table of each kind that can't be attached.
fn zoo() -> (Db, Sql) {
    let (db, mut sql) = shop();
    sql.run(
        "CREATE TABLE no_key (id uuid, quantity_available int);
         CREATE TABLE nullable_key (id uuid UNIQUE, quantity_available int);
         CREATE TABLE two_keys (id uuid, shop int, quantity_available int, PRIMARY KEY (id, shop));
         CREATE TABLE partial_key (id uuid NOT NULL, quantity_available int);
         CREATE UNIQUE INDEX ON partial_key (id) WHERE quantity_available > 0;
         CREATE TABLE late_key (id uuid NOT NULL UNIQUE DEFERRABLE, quantity_available int);
         CREATE TABLE odd_key (id timestamptz PRIMARY KEY, quantity_available int);
         CREATE TABLE float_key (id float8 PRIMARY KEY, quantity_available int);
         CREATE VIEW a_view AS SELECT * FROM listings;
         CREATE MATERIALIZED VIEW a_matview AS SELECT * FROM listings;
         CREATE TABLE parted (id uuid PRIMARY KEY, quantity_available int) PARTITION BY HASH (id);
         CREATE TABLE part PARTITION OF parted FOR VALUES WITH (MODULUS 1, REMAINDER 0);
         CREATE TABLE parent (id uuid PRIMARY KEY, quantity_available int);
         CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
         CREATE TEMP TABLE passing (id uuid PRIMARY KEY, quantity_available int);
         CREATE SEQUENCE a_sequence;
         CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;
         CREATE FOREIGN TABLE far (id uuid NOT NULL, quantity_available int) SERVER s;
         CREATE TABLE ruled (id uuid PRIMARY KEY, quantity_available int);
         CREATE RULE r AS ON UPDATE TO ruled DO INSTEAD NOTHING;
         CREATE TABLE odd_columns (id uuid PRIMARY KEY, small smallint, real float8, words text, amount int,
             price numeric, made int GENERATED ALWAYS AS (1) STORED, own int GENERATED ALWAYS AS IDENTITY,
             maybe_tenant uuid)",
    );
    (db, sql)
}

/// Everything that an attachment would leave.
fn traces(sql: &mut Sql) -> String {
    sql.row(
        "SELECT (SELECT count(*) FROM attached_tables), (SELECT count(*) FROM stock_listings),
                (SELECT count(*) FROM stock_lots),
                (SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'stockroom%' AND tgrelid NOT IN
                    (SELECT oid FROM pg_class WHERE relnamespace = 'stock'::regnamespace))",
    )
}

#[track_caller]
fn assert_refused(
    sql: &mut Sql,
    call: &str,
    sqlstate: &str,
    name: &str,
) -> stockroom_tests::ErrorInfo {
    let error = sql.refuse(&format!("SELECT {call}"));
    assert_eq!(
        (error.sqlstate.as_str(), error.name().as_str()),
        (sqlstate, name),
        "{call}: {error:?}"
    );
    assert!(error.hint.is_some(), "{call}: {error:?}");
    assert_eq!(traces(sql), "0|0|0|0", "{call}");
    error
}

#[test]
fn only_an_ordinary_table_with_a_key() {
    let (_db, mut sql) = zoo();
    for (table, problem) in [
        ("no_key", "may be NULL"),
        ("nullable_key", "may be NULL"),
        ("two_keys", "no unique index of its own"),
        ("partial_key", "no unique index of its own"),
        ("late_key", "no unique index of its own"),
        ("odd_key", "is of type timestamp with time zone"),
        ("float_key", "is of type double precision"),
        ("a_view", "it is a view"),
        ("a_matview", "it is a materialized view"),
        ("parted", "it is partitioned"),
        ("part", "it is a partition"),
        ("parent", "it takes part in inheritance"),
        ("child", "it takes part in inheritance"),
        ("passing", "it is a temporary table"),
        ("a_sequence", "it is no table"),
        ("no_key_pkey", "it is no table"),
        ("far", "it is a foreign table"),
        ("ruled", "it has an INSTEAD rule"),
        ("pg_class", "it is a system catalog"),
        ("information_schema.sql_features", "it is a system catalog"),
        ("stock_lots", "it belongs to stockroom itself"),
        ("attached_tables", "it belongs to stockroom itself"),
    ] {
        let table = if table == "no_key_pkey" {
            "odd_key_pkey"
        } else {
            table
        };
        let error = assert_refused(
            &mut sql,
            &format!("attach_table('{table}', 'id')"),
            "42809",
            "cannot_attach",
        );
        assert!(
            error.message.contains(problem),
            "{table}: {}",
            error.message
        );
    }
    assert_refused(
        &mut sql,
        "attach_table(4294967295::oid, 'id')",
        "42809",
        "cannot_attach",
    );
}

#[test]
fn columns_that_are_not_there_or_cannot_hold_a_quantity() {
    let (_db, mut sql) = zoo();
    for (arguments, problem) in [
        ("'nothing', 'amount'", "has no column nothing"),
        ("'ID', 'amount'", "has no column \"ID\""),
        ("'', 'amount'", "has no column \"\""),
        ("'ctid', 'amount'", "has no column ctid"),
        ("'id'", "has no column quantity_available"),
        (
            "'id', 'amount; DROP TABLE listings'",
            "has no column \"amount; DROP TABLE listings\"",
        ),
        (
            "'id', 'amount', total_column => 'nothing'",
            "has no column nothing",
        ),
        (
            "'id', 'amount', reserved_column => 'nothing'",
            "has no column nothing",
        ),
        (
            "'id', 'amount', tenant_column => 'nothing'",
            "has no column nothing",
        ),
        ("'id', 'small'", "is smallint"),
        ("'id', 'real'", "is of type double precision"),
        ("'id', 'words'", "is of type text"),
        ("'id', 'made'", "is generated"),
        ("'id', 'own'", "is generated"),
        (
            "'id', 'amount', quantity_scale => 2",
            "cannot hold decimal places",
        ),
        ("'id', 'amount', 'words'", "is of type text"),
        (
            "'id', 'amount', tenant_column => 'words'",
            "tenant column words is of type text",
        ),
        (
            "'id', 'amount', tenant_column => 'maybe_tenant'",
            "tenant column maybe_tenant may be NULL",
        ),
        ("'id', 'amount', 'amount'", "column amount is named twice"),
        (
            "'id', 'amount', 'price', 'price'",
            "column price is named twice",
        ),
        (
            "'id', 'amount', tenant_column => 'id'",
            "column id is named twice",
        ),
    ] {
        let call = format!("attach_table('odd_columns', {arguments})");
        let error = assert_refused(&mut sql, &call, "42809", "cannot_attach");
        assert!(
            error.message.contains(problem),
            "{arguments}: {}",
            error.message
        );
    }
    let error = assert_refused(
        &mut sql,
        "attach_table('odd_columns', 'id', 'small')",
        "42809",
        "cannot_attach",
    );
    let hint = "ALTER TABLE public.odd_columns ALTER COLUMN small TYPE integer.";
    assert_eq!(error.hint.as_deref(), Some(hint));
}

/// A column that rounds could never show the true number.
#[test]
fn a_numeric_column_coarser_than_the_scale() {
    let (_db, mut sql) = empty();
    sql.run("CREATE TABLE listings (id uuid PRIMARY KEY, quantity_available numeric(8, 2))");
    assert_refused(
        &mut sql,
        "attach_table('listings', 'id', quantity_scale => 3)",
        "42809",
        "cannot_attach",
    );
}

#[test]
fn null_for_each_argument() {
    let (_db, mut sql) = shop();
    let arguments = [
        "table",
        "key_column",
        "available_column",
        "quantity_scale",
        "direct_writes",
        "on_delete",
        "on_bad",
        "sync",
        "import",
    ];
    for argument in arguments {
        let others = if argument == "table" {
            "key_column => 'id'"
        } else if argument == "key_column" {
            "\"table\" => 'listings'"
        } else {
            "\"table\" => 'listings', key_column => 'id'"
        };
        let call = format!("attach_table({others}, \"{argument}\" => NULL)");
        let error = assert_refused(&mut sql, &call, "22023", "bad_argument");
        assert_eq!(error.field("argument"), argument);
    }
    assert_refused(&mut sql, "detach_table(NULL)", "22023", "bad_argument");
    for function in [
        "listing_id_of",
        "get_available_stock_of",
        "get_reserved_stock_of",
        "get_total_stock_of",
    ] {
        assert_eq!(
            sql.row(&format!(
                "SELECT {function}(NULL, 'x'), {function}('listings', NULL)"
            )),
            "NULL|NULL"
        );
    }
}

#[test]
fn words_and_numbers_out_of_range() {
    let (_db, mut sql) = shop();
    for argument in ["direct_writes", "on_delete", "on_bad", "sync"] {
        for word in [
            "''",
            "'Adjust'",
            "'adjust '",
            "'none'",
            "repeat('x', 1000000)",
        ] {
            let call = format!("attach_table('listings', 'id', {argument} => {word})");
            let error = assert_refused(&mut sql, &call, "22023", "bad_argument");
            assert_eq!(error.field("argument"), argument);
            assert!(error.message.len() < 300, "{}", error.message.len());
        }
    }
    for scale in ["-1", "10", "2147483647", "-2147483648"] {
        let call = format!("attach_table('listings', 'id', quantity_scale => {scale})");
        assert_refused(&mut sql, &call, "22023", "bad_argument");
    }
    for argument in [
        "key_column",
        "available_column",
        "total_column",
        "reserved_column",
        "tenant_column",
    ] {
        let key = if argument == "key_column" {
            ""
        } else {
            "key_column => 'id', "
        };
        let call = format!(
            "attach_table(\"table\" => 'listings', {key}{argument} => repeat('ä', 500000))"
        );
        let error = assert_refused(&mut sql, &call, "42809", "cannot_attach");
        assert!(error.message.len() < 300, "{}", error.message.len());
    }
}

#[test]
fn keys_of_a_megabyte() {
    let (_db, mut sql) = empty();
    sql.run("CREATE TABLE listings (id text PRIMARY KEY, quantity_available int); INSERT INTO listings VALUES ('x', 1)");
    sql.attach("listings", "");
    let call = "SELECT length(listing_id_of('listings', repeat('x', 1000000))::text), get_total_stock_of('listings', repeat('x', 1000000))";
    assert_eq!(sql.row(call), "36|0");
    let (_db, mut sql) = shop();
    sql.attach("listings", "");
    let error = sql.refuse("SELECT listing_id_of('listings', repeat('x', 1000000))");
    assert_eq!(
        (error.sqlstate.as_str(), error.name().as_str()),
        ("22023", "bad_argument")
    );
    assert!(error.message.len() < 300);
    sql.assert_verified();
}

#[test]
fn twice_is_once_too_often() {
    let (_db, mut sql) = shop();
    sql.attach("listings", "");
    let again = sql.refusal("SELECT attach_table('listings', 'id')");
    assert_eq!(again, ("42710".into(), "already_attached".into()));
    sql.assert_verified();
    // Two tables with the same keys.
    sql.run("CREATE TABLE twins (id uuid PRIMARY KEY, quantity_available int); INSERT INTO twins SELECT id, 1 FROM listings");
    let twins = sql.refusal("SELECT attach_table('twins', 'id')");
    assert_eq!(twins, ("55000".into(), "listing_attached".into()));
    assert_eq!(traces(&mut sql), "1|2|2|4");
    sql.assert_verified();
}

#[test]
fn detach_refuses_what_is_not_attached() {
    let (_db, mut sql) = zoo();
    for table in ["listings", "a_view", "stock_lots", "pg_class"] {
        assert_refused(
            &mut sql,
            &format!("detach_table('{table}')"),
            "P0002",
            "table_not_attached",
        );
    }
}

/// Any name that PostgreSQL takes is a good one.
#[test]
fn odd_names_work() {
    let (_db, mut sql) = empty();
    let table = r#""Läden ""2""; --"."Märkte; drop""#;
    sql.run(&format!(
        r#"CREATE SCHEMA "Läden ""2""; --";
           CREATE TABLE {table} ("der 'Schlüssel'" uuid PRIMARY KEY, "Menge ""frei""" int, "$1" int);
           INSERT INTO {table} VALUES ('{HAT}', 10, 10)"#
    ));
    sql.run(&format!(
        r#"SELECT FROM attach_table('{table}', 'der ''Schlüssel''', 'Menge "frei"', total_column => '$1')"#
    ));
    sql.run(&super::app::allocate(HAT, super::app::ORDER_1, 3));
    sql.run(&format!(
        r#"UPDATE {table} SET "Menge ""frei""" = "Menge ""frei""" + 1"#
    ));
    sql.run(&format!(
        "INSERT INTO {table} VALUES (gen_random_uuid(), 5, 5)"
    ));
    assert_eq!(
        sql.rows(&format!("SELECT * FROM {table} ORDER BY 2 DESC"))[0],
        format!("{HAT}|8|11")
    );
    assert_eq!(
        sql.row(&format!("SELECT get_total_stock_of('{table}', '{HAT}')")),
        "11"
    );
    sql.assert_verified();
    sql.run(&format!(
        "DELETE FROM {table}; SELECT detach_table('{table}')"
    ));
    assert_eq!(traces(&mut sql), "0|0|0|0");
}
