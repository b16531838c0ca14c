//! Which tables a call writes by statements: seen from outside, by the plans that the server tells of.

use super::work::{self, STATEMENTS_ONLY, TABLES};
use postgres::Client;
use stockroom_tests::{Db, Notices};
use uuid::Uuid;

/// A session that tells of every statement that runs inside its calls.
pub struct Watched {
    pub client: Client,
    notices: Notices,
}

impl Watched {
    pub fn open(db: &Db) -> Watched {
        let (mut client, notices) = db.client_with_notices();
        client
            .batch_execute(
                "SET search_path = stock; LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0;
                 SET auto_explain.log_nested_statements = on; SET auto_explain.log_level = notice",
            )
            .unwrap();
        Watched { client, notices }
    }

    /// The tables that a claim of this listing writes by statements; those below SQL leave no plan.
    /// The claim is taken back.
    pub fn by_statement(&mut self, listing: Uuid) -> Vec<&'static str> {
        let call = format!("allocate_stock('{listing}', gen_random_uuid(), 1)");
        self.written_by(&call, &TABLES)
    }

    /// Those of these tables that a call writes by statements. It is taken back.
    pub fn written_by(&mut self, call: &str, tables: &[&'static str]) -> Vec<&'static str> {
        self.notices.lock().unwrap().clear();
        self.client
            .batch_execute(&format!("BEGIN; SELECT {call}; ROLLBACK"))
            .unwrap();
        let notices = self.notices.lock().unwrap();
        let name = call.split('(').next().expect("a call has a name");
        assert!(
            notices.iter().any(|(_, text)| text.contains(name)),
            "the call itself is told of"
        );
        let writes = |table: &&&str| {
            let texts = ["UPDATE", "INSERT INTO"].map(|verb| format!("{verb} stock.{table}"));
            let has = |plan: String| texts.iter().any(|text| plan.contains(text));
            notices.iter().any(|(_, plan)| has(plan.replace('"', "")))
        };
        tables.iter().filter(writes).copied().collect()
    }
}

/// Fails when the way below SQL is closed where nothing was added: all else would go on, slower.
#[test]
fn claims_of_a_fresh_extension_run_no_statement() {
    let db = Db::with_extension_in("stock");
    let listing = work::stocked(&db);
    let mut watched = Watched::open(&db);
    for _ in 0..2 {
        assert_eq!(watched.by_statement(listing), [""; 0]);
    }
    // By what the session looked up in another search path, too.
    db.execute(
        "CREATE SCHEMA app;
         CREATE FUNCTION app.length(text) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 0';
         SET search_path = stock; ANALYZE",
    );
    let mut watched = Watched::open(&db);
    let dml = format!(
        "SET search_path = app, stock, pg_catalog; SET quote_all_identifiers = on;
         INSERT INTO stock_allocations (lot_id, order_id, quantity)
         SELECT lot_id, gen_random_uuid(), 1 FROM stock_lots WHERE listing_id = '{listing}';
         SET search_path = stock"
    );
    watched.client.batch_execute(&dml).unwrap();
    assert_eq!(watched.by_statement(listing), [""; 0]);
    // And the sign itself: statements are seen where they run.
    db.execute(&format!("SET search_path = stock; {STATEMENTS_ONLY}"));
    let mut watched = Watched::open(&db);
    assert_eq!(watched.by_statement(listing), TABLES);
}
