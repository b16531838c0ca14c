//! Whole dumps into fresh databases.

use super::dump::{dump, pg_restore, psql, warned, WARNING};
use super::kept::{assert_verified, assert_works_on, connect, contents, shop_in};
use std::path::Path;
use stockroom_tests::Db;

/// Dumps a shop in such a format and restores it into a fresh database.
fn round_trip(schema: &str, dump_options: &[&str], restores: impl Fn(&Db, &Path) -> String) {
    let shop = shop_in(schema);
    connect(&shop, schema).run(
        "CREATE TABLE app.old (LIKE stock_movements);
         SELECT archive_movements('infinity', 'app.old', 4)",
    );
    let before = contents(&mut connect(&shop, schema));
    let file = dump(&shop, dump_options);
    let restored = Db::new();
    let _said = restores(&restored, &file);
    let mut sql = connect(&restored, schema);
    assert_eq!(contents(&mut sql), before);
    assert!(warned(&restored) > 0, "there is a warning");
    assert_verified(&mut sql);
    let archived = "SELECT count(*) FROM app.old";
    assert_eq!(sql.row(archived), "4");
    assert_eq!(sql.rows("SELECT * FROM verify_archive('app.old')"), [""; 0]);
    assert_works_on(&mut sql);
    // And the first is as it was.
    assert_eq!(contents(&mut connect(&shop, schema)), before);
}

#[test]
fn by_psql() {
    for schema in ["public", "stock", "\"Odd \"\" schema\""] {
        round_trip(schema, &[], |db, file| {
            let said = psql(db, file, &[]);
            assert_eq!(said.matches(WARNING).count(), 1, "once a session: {said}");
            said
        });
    }
}

#[test]
fn by_pg_restore() {
    for schema in ["public", "stock"] {
        round_trip(schema, &["-Fc"], |db, file| pg_restore(db, file, &[]));
    }
}

#[test]
fn by_pg_restore_with_several_jobs() {
    for (schema, format) in [("public", "-Fc"), ("stock", "-Fc"), ("stock", "-Fd")] {
        round_trip(schema, &[format], |db, file| {
            pg_restore(db, file, &["-j", "2"])
        });
    }
}

#[test]
fn by_directory_dumped_with_several_jobs() {
    round_trip("stock", &["-Fd", "-j", "2"], |db, file| {
        pg_restore(db, file, &["-j", "4"])
    });
}

#[test]
fn in_one_transaction() {
    round_trip("stock", &["-Fc"], |db, file| {
        pg_restore(db, file, &["--single-transaction"])
    });
    round_trip("public", &[], |db, file| {
        psql(db, file, &["--single-transaction"])
    });
}

#[test]
fn section_by_section() {
    round_trip("stock", &["-Fc"], |db, file| {
        ["pre-data", "data", "post-data"]
            .map(|section| pg_restore(db, file, &[&format!("--section={section}")]))
            .concat()
    });
}

/// Each row is a statement of its own, and its triggers fire one by one.
#[test]
fn as_inserts() {
    round_trip("stock", &["--inserts"], |db, file| psql(db, file, &[]));
    round_trip(
        "stock",
        &["--column-inserts", "--rows-per-insert=3"],
        |db, file| psql(db, file, &[]),
    );
}

/// What was restored can be dumped again, and is the same once more.
#[test]
fn twice() {
    let shop = shop_in("stock");
    let before = contents(&mut connect(&shop, "stock"));
    let (second, third) = (Db::new(), Db::new());
    psql(&second, &dump(&shop, &[]), &[]);
    psql(&third, &dump(&second, &[]), &[]);
    let mut sql = connect(&third, "stock");
    assert_eq!(contents(&mut sql), before);
    assert_works_on(&mut sql);
}
