//! Restores of parts, into the wrong place, or broken off.

use super::dump::{dump, psql, psql_fails, warned};
use super::kept::{assert_verified, assert_works_on, connect, contents, shop_in, HAT, MUG};
use std::fs;
use stockroom_tests::{Cluster, Db};

/// The app's table alone is dumped, lost, and restored: its triggers name an attachment that went with
/// it. They warn and leave the rows alone until the table is attached anew.
#[test]
fn a_lost_table_is_restored_alone() {
    let shop = shop_in("stock");
    let mut sql = connect(&shop, "stock");
    let file = dump(&shop, &["--table=app.goods"]);
    sql.run("DROP TABLE goods");
    sql.run(&format!(
        "SELECT FROM allocate_stock('{HAT}', gen_random_uuid(), 2)"
    ));
    assert_eq!(
        sql.row(&format!("SELECT get_available_stock('{HAT}')")),
        "5"
    );
    psql(&shop, &file, &[]);

    sql.warnings();
    sql.run(&format!(
        "UPDATE goods SET quantity_available = 100 WHERE id = '{HAT}'"
    ));
    let warnings = sql.warnings();
    assert!(
        warnings.len() == 1 && warnings[0].contains("attach it anew"),
        "{warnings:?}"
    );
    assert_eq!(
        sql.row(&format!("SELECT get_available_stock('{HAT}')")),
        "5"
    );
    assert_eq!(
        sql.refusal("SELECT get_available_stock_of('goods', '')").1,
        "table_not_attached"
    );
    sql.run(
        "SELECT FROM attach_table('goods', 'id', total_column => 'on_hand', reserved_column => 'claimed',
                                  import => false)",
    );
    let hat = format!("SELECT quantity_available, on_hand, claimed FROM goods WHERE id = '{HAT}'");
    assert_eq!(sql.row(&hat), "5|11|6");
    assert_verified(&mut sql);
}

/// Rows of an attached table that come back after a TRUNCATE took their stock: they are not counted,
/// verify_stock() shows it, and attaching anew counts them.
#[test]
fn rows_of_an_attached_table_alone() {
    let shop = shop_in("stock");
    let mut sql = connect(&shop, "stock");
    let file = dump(&shop, &["--table=app.goods", "--data-only"]);
    sql.run("TRUNCATE goods");
    psql(&shop, &file, &[]);
    assert_eq!(warned(&shop), 1);
    assert_eq!(
        sql.rows("SELECT kind, counter FROM verify_stock()"),
        ["row of app.goods|no listing"; 3]
    );
    sql.run("SELECT detach_table('goods')");
    let attach = "SELECT listings, units, mismatches FROM attach_table('goods', 'id',
                         total_column => 'on_hand', reserved_column => 'claimed')";
    assert_eq!(sql.row(attach), "3|33|0");
    assert_verified(&mut sql);
}

/// The engine's tables without the app's: registrations wait for tables that are not there. Claims go
/// on; a table that comes later is attached anew, and what never comes is deleted.
#[test]
fn the_engines_tables_alone() {
    let shop = shop_in("stock");
    let file = dump(&shop, &["--schema=stock", "--data-only"]);
    let restored = Db::with_extension_in("stock");
    psql(&restored, &file, &[]);
    let mut sql = connect(&restored, "stock");
    let gone =
        "SELECT count(*) FROM verify_stock() WHERE counter = 'table, trigger or column is gone'";
    assert_eq!(sql.row(gone), "4");
    sql.run(&format!(
        "SELECT FROM allocate_stock('{HAT}', gen_random_uuid(), 2)"
    ));
    let warnings = sql.warnings();
    assert!(
        warnings.len() == 1 && warnings[0].contains("has gone"),
        "{warnings:?}"
    );
    sql.run(&format!(
        "CREATE SCHEMA app; CREATE TABLE app.goods (id uuid PRIMARY KEY, quantity_available integer NOT NULL);
         INSERT INTO goods SELECT attached_key::uuid, 0 FROM stock_listings
          WHERE attached_to = (SELECT attached_to FROM stock_listings WHERE listing_id = '{HAT}');
         SELECT FROM attach_table('goods', 'id', import => false)"
    ));
    let hat = format!("SELECT quantity_available FROM goods WHERE id = '{HAT}'");
    assert_eq!(sql.row(&hat), "5");
    assert_eq!(sql.row(gone), "3");
    sql.run("DELETE FROM attached_tables WHERE table_name <> 'goods'");
    assert_eq!(
        sql.row("SELECT count(DISTINCT attached_to) FROM stock_listings"),
        "1"
    );
    sql.run(&format!(
        "SELECT FROM allocate_stock('{HAT}', gen_random_uuid(), 1)"
    ));
    assert_eq!(sql.row(&hat), "4");
    assert_eq!(sql.warnings(), [""; 0]);
    assert_verified(&mut sql);
}

/// Names in a dump are qualified: where the extension lives elsewhere, nothing finds its way in.
#[test]
fn into_a_database_with_the_extension_in_another_schema() {
    let shop = shop_in("stock");
    let other = Db::with_extension();
    other.execute("SELECT receive_stock(register_listing('X'), 3)");
    let before = contents_of_public(&other);
    let said = psql_fails(&other, &dump(&shop, &[]), &[]);
    assert!(said.contains("stock."), "{said}");
    assert_eq!(contents_of_public(&other), before);
    assert_verified(&mut connect(&other, "public"));
}

fn contents_of_public(db: &Db) -> Vec<String> {
    let mut sql = connect(db, "public");
    sql.rows("SELECT l::text FROM stock_lots l UNION ALL SELECT g::text FROM stock_listings g ORDER BY 1")
}

/// A restore that broke off is repeated with a dump that cleans up first.
#[test]
fn broken_off_and_repeated() {
    let shop = shop_in("stock");
    let before = contents(&mut connect(&shop, "stock"));
    let file = dump(&shop, &["--clean", "--if-exists"]);
    let text = fs::read_to_string(&file).unwrap();
    let restored = Db::new();
    for (number, until) in [
        "COPY stock.stock_lots ",
        "CREATE TRIGGER stockroom_insert ",
        "\0",
    ]
    .into_iter()
    .enumerate()
    {
        let part = text.split(until).next().unwrap();
        assert_eq!(
            part.len() < text.len(),
            number < 2,
            "{until} is in the dump"
        );
        let half = Cluster::shared()
            .home()
            .join(format!("half-{}-{number}", restored.name()));
        fs::write(&half, part).unwrap();
        psql(&restored, &half, &[]);
    }
    let mut sql = connect(&restored, "stock");
    assert_eq!(contents(&mut sql), before);
    assert_works_on(&mut sql);
    // Over a shop that is in full work, too, but for what is none of the dump's.
    sql.run("ALTER TABLE items RENAME TO \"Items\"");
    psql(&restored, &file, &[]);
    assert_eq!(contents(&mut sql), before);
    assert_works_on(&mut sql);
}

/// Repeated without cleaning up, it stops at the first thing that is there, and changes nothing.
#[test]
fn into_a_database_that_has_it_all() {
    let shop = shop_in("stock");
    let mut sql = connect(&shop, "stock");
    let before = contents(&mut sql);
    psql_fails(&shop, &dump(&shop, &[]), &[]);
    let said = psql_fails(&shop, &dump(&shop, &["--data-only"]), &[]);
    assert!(said.contains("duplicate key"), "{said}");
    assert_eq!(contents(&mut sql), before);
    assert_eq!(
        sql.row(&format!("SELECT get_available_stock('{MUG}')")),
        "27"
    );
    assert_works_on(&mut sql);
}

/// What an administrator granted is in the dump; the rights that a role lacks it lacks afterwards.
#[test]
fn grants_come_along() {
    let shop = shop_in("stock");
    let clerk = shop.role("clerk");
    shop.execute(&format!(
        "GRANT USAGE ON SCHEMA stock TO {clerk}; GRANT SELECT ON stock.stock_listings TO {clerk};
         GRANT EXECUTE ON FUNCTION stock.get_available_stock(uuid) TO {clerk}"
    ));
    let restored = Db::new();
    psql(&restored, &dump(&shop, &[]), &[]);
    let mut sql = crate::attached::app::Sql::by(&restored, &clerk);
    assert_eq!(
        sql.row(&format!("SELECT stock.get_available_stock('{MUG}')")),
        "27"
    );
    assert_eq!(
        sql.row("SELECT count(*) > 5 FROM stock.stock_listings"),
        "t"
    );
    let total = format!("SELECT stock.get_total_stock('{MUG}')");
    for call in [
        &total,
        "SELECT FROM stock.stock_lots",
        "DELETE FROM stock.stock_listings",
    ] {
        assert_eq!(sql.refuse(call).sqlstate, "42501", "{call}");
    }
    // The role may only go after what it was granted.
    restored.execute(&format!("DROP OWNED BY {clerk}"));
    shop.execute(&format!("DROP OWNED BY {clerk}"));
}
