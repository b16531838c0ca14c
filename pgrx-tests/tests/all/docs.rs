//! The docs are true: the README's tour runs as written and answers what it says, and the reference
//! names every function and every error.

use postgres::SimpleQueryMessage;
use std::path::Path;
use stockroom_tests::Db;

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A block of SQL, and the answer that the page shows under it.
struct Example {
    sql: String,
    answer: Option<Vec<Vec<String>>>,
}

/// The fenced blocks of a page: `sql` ones, each with the plain one right after it, if any.
fn examples(page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    for (place, block) in page
        .split("```")
        .enumerate()
        .filter(|(place, _)| place % 2 == 1)
    {
        if let Some(sql) = block.strip_prefix("sql\n") {
            examples.push(Example {
                sql: sql.to_owned(),
                answer: None,
            });
        } else if let Some(table) = block.strip_prefix('\n') {
            let last = examples
                .last_mut()
                .unwrap_or_else(|| panic!("block {place} answers nothing"));
            let rows = table
                .lines()
                .skip(2)
                .map(|line| line.split('|').map(|cell| cell.trim().to_owned()).collect());
            last.answer = Some(rows.collect());
        }
    }
    examples
}

#[test]
fn the_readmes_tour_runs_as_written() {
    let db = Db::new();
    let mut client = db.client();
    let examples = examples(&read("README.md"));
    assert!(examples.len() > 5, "the tour was found");
    for example in examples {
        let messages = client
            .simple_query(&example.sql)
            .unwrap_or_else(|error| panic!("{error:?} in\n{}", example.sql));
        let rows: Vec<Vec<String>> = messages
            .iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(
                    (0..row.len())
                        .map(|at| row.get(at).unwrap_or_default().to_owned())
                        .collect(),
                ),
                _ => None,
            })
            .collect();
        if let Some(answer) = example.answer {
            assert_eq!(rows, answer, "{}", example.sql);
        }
    }
    // The numbers in the tour's comments.
    let end = "SELECT quantity_available FROM public.market_listings";
    assert_eq!(client.query_one(end, &[]).unwrap().get::<_, i32>(0), 10);
    assert!(client
        .query("SELECT * FROM stock.verify_stock()", &[])
        .unwrap()
        .is_empty());
}

#[test]
fn the_reference_names_every_function() {
    let db = Db::with_extension();
    let functions = db
        .client()
        .query(
            "SELECT DISTINCT p.proname::text FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
              WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
                AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'stockroom')
                AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)",
            &[],
        )
        .unwrap();
    let pages = read("docs/reference.md") + &read("docs/attached-tables.md");
    let missing: Vec<String> = functions
        .iter()
        .map(|row| row.get(0))
        .filter(|name: &String| !pages.contains(&format!("`{name}")))
        .collect();
    assert!(functions.len() > 20);
    assert_eq!(missing, Vec::<String>::new());
}

/// The names that programs see, from the error enum.
fn error_names() -> Vec<String> {
    let source = read("src/error/mod.rs") + &read("src/error/booking.rs");
    let names: Vec<String> = source
        .split("\"error\": \"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next().map(str::to_owned))
        .collect();
    assert!(names.len() > 20);
    names
}

#[test]
fn the_reference_names_every_error() {
    let pages = read("docs/reference.md");
    let mut missing = error_names();
    missing.retain(|name| !pages.contains(&format!("`{name}`")));
    assert_eq!(missing, Vec::<String>::new());
}

/// SQLSTATE, DETAIL and HINT of each error are pinned by a test.
#[test]
fn every_error_is_pinned() {
    let tests = read("pgrx-tests/tests/all/api/errors.rs")
        + &read("pgrx-tests/tests/all/adopt/errors.rs")
        + &read("pgrx-tests/tests/all/attached/errors.rs")
        + &read("pgrx-tests/tests/all/bookings/errors.rs")
        + &read("pgrx-tests/tests/all/copies/errors.rs")
        + &read("pgrx-tests/tests/all/holds/errors.rs")
        + &read("pgrx-tests/tests/all/ledger/errors.rs")
        + &read("pgrx-tests/tests/all/lending/errors.rs");
    let mut missing = error_names();
    missing.retain(|name| !tests.contains(&format!("\"error\": \"{name}\"")));
    assert_eq!(missing, Vec::<String>::new());
}
