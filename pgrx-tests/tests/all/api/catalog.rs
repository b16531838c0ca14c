//! What CREATE EXTENSION makes: everything is explained, nothing is given to strangers, and the
//! surface that apps use is pinned.

use super::shop::Shop;
use std::path::Path;
use std::{env, fs};
use stockroom_tests::{expect_error, ErrorInfo};

/// Functions that don't run as the engine: those that run no SQL at all, and those that touch the
/// caller's own tables. (Trigger functions pin the path themselves, once they have seen whether a
/// restore is on.)
const NOT_AS_ENGINE: [&str; 13] = [
    "archive_movements",
    "attach_table",
    "collapse_children",
    "current_tenant",
    "detach_table",
    "expand_children",
    "guess_stock_columns",
    "import_stock",
    "quantity_to_units",
    "stockroom_version",
    "undo_import_stock",
    "units_to_quantity",
    "verify_archive",
];

/// Functions that pin the path themselves, and only where code runs that looks names up: those that are
/// called most, or answer most rows.
const PIN_THEMSELVES: [&str; 30] = [
    "allocate_lots",
    "allocate_order",
    "allocate_stock",
    "check_availability",
    "confirm_hold",
    "confirm_order",
    "confirm_package",
    "confirm_resource_hold",
    "count_location",
    "expire_holds",
    "extend_hold",
    "extend_resource_hold",
    "find_available",
    "get_available_stock",
    "get_available_stock",
    "get_reserved_stock",
    "get_reserved_stock",
    "get_total_stock",
    "get_total_stock",
    "hold_many",
    "hold_order",
    "hold_package",
    "hold_resource",
    "hold_resource_range",
    "hold_stock",
    "move_resource_allocation",
    "release_hold",
    "release_order_holds",
    "release_package",
    "release_resource_hold",
];

/// Members of the extension in one catalog, as `m (objid)`.
fn members(catalog: &str) -> String {
    format!(
        "(SELECT objid FROM pg_depend
           WHERE classid = '{catalog}'::regclass AND deptype = 'e'
             AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'stockroom')) AS m"
    )
}

/// The first column of a query's rows.
fn texts(shop: &mut Shop, sql: &str) -> Vec<String> {
    let rows = shop.rows(sql, &[]);
    rows.iter().map(|row| row.get(0)).collect()
}

#[track_caller]
fn assert_none(shop: &mut Shop, sql: &str) {
    assert_eq!(texts(shop, sql), Vec::<String>::new());
}

#[test]
fn everything_has_a_comment() {
    let mut shop = Shop::open();
    let (classes, functions) = (members("pg_class"), members("pg_proc"));
    let missing = "coalesce(length(%), 0) = 0";
    let tables = missing.replace('%', "obj_description(objid, 'pg_class')");
    let columns = missing.replace('%', "col_description(attrelid, attnum)");
    let procedures = missing.replace('%', "obj_description(objid, 'pg_proc')");
    let triggers = missing.replace('%', "obj_description(t.oid, 'pg_trigger')");
    for sql in [
        format!("SELECT objid::regclass::text FROM {classes} WHERE {tables}"),
        format!(
            "SELECT attrelid::regclass || '.' || attname FROM {classes}
               JOIN pg_attribute ON attrelid = objid AND attnum > 0 AND NOT attisdropped
               JOIN pg_class c ON c.oid = objid AND c.relkind IN ('r', 'v')
              WHERE {columns}"
        ),
        format!("SELECT objid::regprocedure::text FROM {functions} WHERE {procedures}"),
        format!(
            "SELECT tgname || ' on ' || tgrelid::regclass FROM {classes}
               JOIN pg_trigger t ON tgrelid = objid AND NOT tgisinternal WHERE {triggers}"
        ),
        "SELECT extname::text FROM pg_extension
          WHERE extname = 'stockroom' AND coalesce(obj_description(oid, 'pg_extension'), '') = ''"
            .to_owned(),
    ] {
        assert_none(&mut shop, &sql);
    }
    // It looked at something.
    let count = |what: &str| format!("SELECT count(*)::int FROM {what}");
    assert!(shop.value::<i32>(&count(&classes), &[]) >= 10);
    assert!(shop.value::<i32>(&count(&functions), &[]) >= 30);
}

#[test]
fn nothing_is_granted_to_anybody() {
    let mut shop = Shop::open();
    let (classes, functions) = (members("pg_class"), members("pg_proc"));
    let grants = "SELECT % || ' to ' || grantee::regrole || ': ' || privilege_type";
    for sql in [
        format!(
            "{} FROM {classes} JOIN pg_class c ON c.oid = objid, aclexplode(relacl)
              WHERE grantee <> relowner",
            grants.replace('%', "objid::regclass")
        ),
        format!(
            "{} FROM {functions} JOIN pg_proc p ON p.oid = objid,
                    aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee <> proowner",
            grants.replace('%', "objid::regprocedure")
        ),
        format!(
            "{} FROM {classes} JOIN pg_attribute ON attrelid = objid, aclexplode(attacl)",
            grants.replace('%', "attrelid::regclass || '.' || attname")
        ),
        "SELECT privilege_type FROM pg_namespace, aclexplode(nspacl)
          WHERE nspname = 'stock' AND grantee <> nspowner"
            .to_owned(),
    ] {
        assert_none(&mut shop, &sql);
    }
}

/// Even one who may enter the schema can read no table and call no function.
#[test]
fn a_stranger_can_call_nothing_and_read_nothing() {
    let mut shop = Shop::open();
    let role = shop.db.role("stranger");
    shop.run(&format!("GRANT USAGE ON SCHEMA stock TO {role}"));
    shop.stocked(5);
    let calls = all_calls(&mut shop, false);
    let mut relations = |kind: &str| {
        let sql = format!(
            "SELECT relname::text FROM {} JOIN pg_class c ON c.oid = objid AND relkind = '{kind}'",
            members("pg_class")
        );
        texts(&mut shop, &sql)
    };
    let (tables, views) = (relations("r"), relations("v"));
    assert!(calls.len() >= 30 && tables.len() >= 9 && views.len() >= 3);
    let mut client = shop.db.client_as(&role);
    client.batch_execute("SET search_path = stock").unwrap();
    for (function, call) in calls {
        let Err(error) = client.batch_execute(&call) else {
            panic!("{function} can be called by anybody: {call}");
        };
        assert_eq!(ErrorInfo::from(&error).sqlstate, "42501", "{function}");
    }
    for relation in tables.iter().chain(&views) {
        let read = format!("SELECT FROM {relation}");
        let writes = [
            "INSERT INTO % DEFAULT VALUES",
            "DELETE FROM %",
            "TRUNCATE %",
        ];
        let writes = writes.map(|sql| sql.replace('%', relation));
        // Views of several tables can't be written by anybody.
        let statements = match views.contains(relation) {
            true => vec![read],
            false => [&[read], &writes[..]].concat(),
        };
        for sql in statements {
            let error = expect_error(client.batch_execute(&sql));
            assert_eq!(error.sqlstate, "42501", "{sql}");
        }
    }
    shop.verify();
}

/// A call of every function, with some value for each argument; or, but for trigger functions, with
/// NULL for each: `(function, SQL)`.
pub fn all_calls(shop: &mut Shop, with_nulls: bool) -> Vec<(String, String)> {
    let sql = format!(
        "SELECT objid::regprocedure::text, objid::regproc::text,
                ARRAY(SELECT format_type(a, NULL) FROM unnest(proargtypes) WITH ORDINALITY AS u (a, n) ORDER BY n)
           FROM {} JOIN pg_proc p ON p.oid = objid
          WHERE NOT ($1 AND prorettype IN ('trigger'::regtype, 'event_trigger'::regtype)) ORDER BY 1",
        members("pg_proc")
    );
    let rows = shop.rows(&sql, &[&with_nulls]);
    let calls = rows.iter().map(|row| {
        let types: Vec<String> = row.get(2);
        let values = types.iter().map(|name| match with_nulls {
            true => format!("NULL::{name}"),
            false => some_value(name),
        });
        let values: Vec<String> = values.collect();
        let call = format!("SELECT {}({})", row.get::<_, String>(1), values.join(", "));
        (row.get(0), call)
    });
    calls.collect()
}

/// PostgreSQL answers a STRICT function's call with NULL before it looks at rights: so not NULL.
fn some_value(type_name: &str) -> String {
    let text = match type_name {
        "uuid" => "00000000-0000-0000-0000-000000000001",
        "uuid[]" => "{}",
        "integer[]" => "{1}",
        "date[]" => "{2100-01-01}",
        "daterange" => "[2100-01-01,2100-01-02)",
        "jsonb" => "[]",
        "boolean" => "true",
        "date" | "timestamp with time zone" => "2100-01-01",
        "text" => "x",
        "regclass" => "stock_lots",
        _ => "1",
    };
    format!("'{text}'::{type_name}")
}

#[test]
fn api_functions_run_as_the_engine_with_a_pinned_path() {
    let mut shop = Shop::open();
    let rows = shop.rows(
        &format!(
            "SELECT proname::text, prosecdef, coalesce(proconfig::text, '') FROM {}
               JOIN pg_proc p ON p.oid = objid
              WHERE prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype) ORDER BY 1",
            members("pg_proc")
        ),
        &[],
    );
    let names_where = |wanted: &dyn Fn(bool, &str) -> bool| -> Vec<String> {
        let found = rows.iter().filter(|row| wanted(row.get(1), row.get(2)));
        found.map(|row| row.get(0)).collect()
    };
    assert_eq!(names_where(&|as_engine, _| !as_engine), NOT_AS_ENGINE);
    let path = r#"{"search_path=pg_catalog, pg_temp"}"#;
    assert_eq!(
        names_where(&|as_engine, config| as_engine && config != path),
        PIN_THEMSELVES
    );
}

/// The API as apps call it: `name(arguments with their defaults) → result`, in a checked-in file.
/// Where a change is meant, run the test with REWRITE_API_SURFACE=1 and look at the difference.
#[test]
fn the_api_surface_is_pinned() {
    let mut shop = Shop::open();
    // Types of the schema itself would show its name.
    shop.run("SET search_path = stock, pg_catalog");
    let sql = format!(
        "SELECT format('%s(%s) → %s', proname, pg_get_function_arguments(objid), pg_get_function_result(objid))
           FROM {} JOIN pg_proc p ON p.oid = objid
          WHERE prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)",
        members("pg_proc")
    );
    let mut functions = texts(&mut shop, &sql);
    functions.sort();
    let surface = functions.join("\n") + "\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all/api/api_surface.txt");
    if env::var_os("REWRITE_API_SURFACE").is_some() {
        fs::write(&file, &surface).unwrap();
    }
    let pinned = fs::read_to_string(&file).unwrap_or_default();
    let changed: Vec<&str> = surface
        .lines()
        .filter(|line| !pinned.lines().any(|known| known == *line))
        .chain(
            pinned
                .lines()
                .filter(|line| !surface.lines().any(|known| known == *line)),
        )
        .collect();
    assert_eq!(
        changed,
        Vec::<&str>::new(),
        "differs from {}",
        file.display()
    );
    assert_eq!(surface, pinned);
}

/// Columns that existing apps use by name, with their types.
const COLUMNS: &[(&str, &str)] = &[
    ("locations", "location_id uuid, tenant_id uuid, parent_id uuid, name text, is_preset boolean, \
      display_order integer, created_by text, created_at timestamp with time zone"),
    ("stock_listings", "listing_id uuid, tenant_id uuid, sku text, name text, category text, barcode text, \
      unit_cost numeric(16,4), metadata jsonb, owner_id uuid, unit text, quantity_scale smallint, \
      safety_stock integer, backorder_limit integer, reorder_threshold integer, quantity_total integer, \
      quantity_listed integer, quantity_allocated integer, quantity_held integer, \
      quantity_available integer, version bigint"),
    ("stock_levels", "tenant_id uuid, listing_id uuid, location_id uuid, quantity_total integer, \
      quantity_listed integer, quantity_allocated integer, quantity_held integer"),
    ("stock_lots", "lot_id uuid, tenant_id uuid, listing_id uuid, quantity_total integer, \
      quantity_allocated integer, location_id uuid, owner_id uuid, listed boolean, condition text, notes text, \
      lot_code text, expires_on date, unit_cost numeric(16,4), created_at timestamp with time zone, \
      updated_at timestamp with time zone"),
    ("stock_allocations", "allocation_id uuid, tenant_id uuid, listing_id uuid, lot_id uuid, \
      order_id uuid, quantity integer, status text, hold_id uuid, created_at timestamp with time zone, \
      updated_at timestamp with time zone"),
    ("allocation_strategies", "strategy_id uuid, contractor_id uuid, strategy_type text, \
      location_priority_order uuid[], created_at timestamp with time zone, \
      updated_at timestamp with time zone"),
    ("stock_requests", "tenant_id uuid, function text, idempotency_key text, arguments jsonb, \
      answer jsonb, created_at timestamp with time zone"),
];

#[test]
fn tables_have_the_columns_that_apps_use() {
    let mut shop = Shop::open();
    for (table, columns) in COLUMNS {
        let sql = "SELECT attname || ' ' || format_type(atttypid, atttypmod) FROM pg_attribute
                    WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped";
        let rows = shop.rows(sql, &[table]);
        let there: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        for column in columns.split(", ") {
            assert!(
                there.iter().any(|known| known == column),
                "{table} has no {column}"
            );
        }
    }
    let generated = "SELECT attgenerated = 's' FROM pg_attribute
                      WHERE attrelid = 'stock_listings'::regclass AND attname = 'quantity_available'";
    assert!(shop.value::<bool>(generated, &[]));
    // Every table says whose its rows are, and by itself.
    assert_none(
        &mut shop,
        &format!(
            "SELECT c.relname::text FROM {} JOIN pg_class c ON c.oid = objid AND relkind = 'r'
              WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = objid AND attname = 'tenant_id'
                                   AND atttypid = 'uuid'::regtype AND attnotnull)",
            members("pg_class")
        ),
    );
    assert_none(
        &mut shop,
        &format!(
            "SELECT objid::regclass::text FROM {} JOIN pg_class c ON c.oid = objid WHERE relkind = 'S'",
            members("pg_class")
        ),
    );
}

/// pg_dump takes the rows of an extension's table along only where it was told to.
#[test]
fn every_table_is_dumped() {
    let mut shop = Shop::open();
    let config = "FROM pg_extension, unnest(extconfig, extcondition) AS c (oid, condition)
                  WHERE extname = 'stockroom'";
    assert_none(
        &mut shop,
        &format!(
            "SELECT c.relname::text FROM {} JOIN pg_class c ON c.oid = objid AND relkind = 'r'
              WHERE objid NOT IN (SELECT c.oid {config})",
            members("pg_class")
        ),
    );
    // Whole, but for what CREATE EXTENSION makes itself.
    let parts = format!("SELECT c.oid::regclass || ': ' || condition {config} AND condition <> ''");
    assert_eq!(
        texts(&mut shop, &parts),
        [
            "locations: WHERE NOT is_preset",
            "resource_type: WHERE NOT is_preset"
        ]
    );
    let presets = "SELECT count(*)::int FROM locations WHERE is_preset";
    assert_eq!(shop.value::<i32>(presets, &[]), 20);
}
