//! What an owner adds to the tables takes part in claims as it does by statements, in a session that
//! has claimed before and in a new one; and however a table is stored, found and named, no row and no
//! count is lost.

use super::seen::Watched;
use super::work::{self, round, STATEMENTS_ONLY, TABLES};
use crate::api::shop::connect;
use postgres::Client;
use stockroom_tests::{Cluster, Db};
use uuid::Uuid;

const APP: &str = "
    SET search_path = stock;
    CREATE EXTENSION amcheck SCHEMA public;
    CREATE SCHEMA app;
    CREATE TABLE app.seen (what text);
    CREATE FUNCTION app.note() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO app.seen VALUES (concat_ws(' ', TG_TABLE_NAME, TG_WHEN, TG_LEVEL, TG_OP));
          RETURN NEW;
        END $$;
    CREATE FUNCTION app.twice(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 2 * $1; END';
    CREATE TABLE app.parent (listing_id uuid)";

/// Whether claims write the table below SQL while the addition is there.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Open,
    Closed,
    /// Closed for new rows, which bring a value for every column.
    OpenButForNewRows,
}
use Way::{Closed, Open, OpenButForNewRows};

/// How it is made and undone, `$t` standing for the table and `$n` for its number.
type Addition = (&'static str, &'static str, Way);

const TRIGGERS: [Addition; 3] = [
    (
        "CREATE TRIGGER app BEFORE INSERT OR UPDATE ON $t FOR EACH ROW EXECUTE FUNCTION app.note()",
        "DROP TRIGGER app ON $t",
        Closed,
    ),
    (
        "CREATE TRIGGER app AFTER INSERT OR UPDATE ON $t EXECUTE FUNCTION app.note()",
        "DROP TRIGGER app ON $t",
        Closed,
    ),
    (
        "CREATE CONSTRAINT TRIGGER app AFTER INSERT OR UPDATE ON $t
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.note()",
        "DROP TRIGGER app ON $t",
        Closed,
    ),
];

/// Not on levels: there INSERT ON CONFLICT refuses a table with rules, by statements as well.
const RULES: [Addition; 2] = [
    (
        "CREATE RULE app AS ON UPDATE TO $t DO ALSO INSERT INTO app.seen VALUES ('rule')",
        "DROP RULE app ON $t",
        Closed,
    ),
    (
        "CREATE RULE app AS ON INSERT TO $t DO ALSO INSERT INTO app.seen VALUES ('rule')",
        "DROP RULE app ON $t",
        Closed,
    ),
];

const COLUMNS: [Addition; 3] = [
    (
        "ALTER TABLE $t ADD COLUMN app int GENERATED ALWAYS AS (app.twice($n)) STORED",
        "ALTER TABLE $t DROP COLUMN app",
        Closed,
    ),
    (
        "ALTER TABLE $t ADD COLUMN app int DEFAULT 5",
        "ALTER TABLE $t DROP COLUMN app",
        OpenButForNewRows,
    ),
    (
        "ALTER TABLE $t ADD COLUMN app uuid NOT NULL DEFAULT gen_random_uuid()",
        "ALTER TABLE $t DROP COLUMN app",
        OpenButForNewRows,
    ),
];

const INDEXES: [Addition; 5] = [
    (
        "CREATE INDEX CONCURRENTLY app ON $t ($n)",
        "DROP INDEX CONCURRENTLY app",
        Open,
    ),
    (
        "CREATE INDEX app ON $t USING brin ($n)",
        "DROP INDEX app",
        Open,
    ),
    (
        "CREATE INDEX app ON $t USING hash ($n)",
        "DROP INDEX app",
        Open,
    ),
    (
        "CREATE INDEX app ON $t (app.twice($n)) INCLUDE (tenant_id)",
        "DROP INDEX app",
        Open,
    ),
    (
        "CREATE INDEX app ON $t (listing_id) WHERE $n > 5",
        "DROP INDEX app",
        Open,
    ),
];

const WHOLE_TABLE: [Addition; 9] = [
    (
        "ALTER TABLE $t SET (fillfactor = 100)",
        "ALTER TABLE $t SET (fillfactor = 50)",
        Open,
    ),
    (
        "ALTER TABLE $t ENABLE ROW LEVEL SECURITY; ALTER TABLE $t FORCE ROW LEVEL SECURITY",
        "ALTER TABLE $t DISABLE ROW LEVEL SECURITY",
        Closed,
    ),
    (
        "ALTER TABLE $t INHERIT app.parent",
        "ALTER TABLE $t NO INHERIT app.parent",
        Open,
    ),
    (
        "ALTER TABLE $t REPLICA IDENTITY FULL",
        "ALTER TABLE $t REPLICA IDENTITY DEFAULT",
        Open,
    ),
    (
        "ALTER TABLE $t SET UNLOGGED",
        "ALTER TABLE $t SET LOGGED",
        Open,
    ),
    (
        "CREATE TABLE app.child () INHERITS ($t)",
        "DROP TABLE app.child; ANALYZE $t",
        Closed,
    ),
    ("VACUUM FULL $t", "VACUUM FREEZE $t", Open),
    ("CLUSTER $t USING $t_pkey", "ANALYZE $t", Open),
    ("REINDEX TABLE CONCURRENTLY $t", "REINDEX TABLE $t", Open),
];

/// One table with one kind of additions, in a database of its own.
struct Trial {
    db: Db,
    owner: Client,
    table: &'static str,
    listing: Uuid,
    /// A session that claims before the first addition, and after each.
    before: Watched,
    statements_only: bool,
}

impl Trial {
    fn open(cluster: &Cluster, table: &'static str, statements_only: bool) -> Trial {
        let db = Db::on(cluster);
        db.execute("CREATE SCHEMA stock; CREATE EXTENSION stockroom SCHEMA stock");
        db.execute(APP);
        if statements_only {
            db.execute(&format!("SET search_path = stock; {STATEMENTS_ONLY}"));
        }
        let listing = work::stocked(&db);
        let mut before = Watched::open(&db);
        round(&mut before.client, listing);
        Trial {
            owner: connect(&db),
            db,
            table,
            listing,
            before,
            statements_only,
        }
    }

    fn run(&mut self, text: &str) {
        let number = match self.table {
            "stock_allocations" => "quantity",
            _ => "quantity_allocated",
        };
        let index = match self.statements_only {
            true => format!("{}_renamed", self.table),
            false => format!("{}_pkey", self.table),
        };
        let text = text
            .replace("$t_pkey", &index)
            .replace("$t", self.table)
            .replace("$n", number);
        // One by one: some can't be part of a longer transaction.
        for statement in text.split(';') {
            let done = self.owner.batch_execute(statement);
            done.unwrap_or_else(|error| panic!("should succeed: {statement}\n{error:?}"));
        }
    }

    /// Makes it, lets both sessions work, undoes it; answers what it did meanwhile.
    fn trial(&mut self, (make, undo, way): Addition) -> Vec<String> {
        self.run(make);
        let mut after = Watched::open(&self.db);
        if !self.statements_only {
            let is_closed =
                way == Closed || way == OpenButForNewRows && self.table == "stock_allocations";
            let by_statement: &[&str] = if is_closed { &[self.table] } else { &[] };
            assert_eq!(after.by_statement(self.listing), by_statement, "{make}");
        }
        for session in [&mut self.before, &mut after] {
            round(&mut session.client, self.listing);
        }
        let marks = self.marks();
        self.check_indexes();
        self.run(undo);
        round(&mut self.before.client, self.listing);
        self.check_indexes();
        if !self.statements_only {
            let by_statement = self.before.by_statement(self.listing);
            assert_eq!(by_statement, [""; 0], "after {undo}");
        }
        marks
    }

    /// What triggers and rules wrote, and what is in a column that was added.
    fn marks(&mut self) -> Vec<String> {
        let sql = format!(
            "SELECT format('%s: %s', what, count(*)) FROM (
                SELECT what FROM app.seen
                UNION ALL SELECT CASE WHEN app ~ '-' THEN 'a uuid' ELSE coalesce(app, 'NULL') END
                  FROM (SELECT to_jsonb(t) ->> 'app' AS app FROM {} t WHERE to_jsonb(t) ? 'app') AS t) AS u
              GROUP BY what ORDER BY what",
            self.table
        );
        let rows = self.owner.query(&sql, &[]).unwrap();
        self.owner.batch_execute("TRUNCATE app.seen").unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Every version that is alive is in every index: a heap-only update has taken nothing away.
    fn check_indexes(&mut self) {
        let btrees = "SELECT public.bt_index_check(i.indexrelid, true)
                        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                       WHERE i.indrelid = $1::text::regclass AND c.relam = 403";
        self.owner.query(btrees, &[&self.table]).unwrap();
        let number = match self.table {
            "stock_allocations" => "quantity",
            _ => "quantity_allocated",
        };
        let table = self.table;
        let counts = format!(
            "SELECT array_agg((SELECT count(*) FROM {table} t WHERE t.{number} = v.number) ORDER BY number)
               FROM (SELECT DISTINCT {number} AS number FROM {table}) AS v"
        );
        let by_table: Vec<i64> = work::one(&mut self.owner, &counts);
        self.owner
            .batch_execute("SET enable_seqscan = off")
            .unwrap();
        let by_index: Vec<i64> = work::one(&mut self.owner, &counts);
        self.owner.batch_execute("RESET enable_seqscan").unwrap();
        assert_eq!(by_index, by_table);
    }
}

/// Many small transactions; what survives a crash is not looked at here.
fn quick_cluster() -> Cluster {
    let options = Cluster::options().fsync(false);
    // With sequential scans off every plan looks dear enough to be compiled.
    options.setting("jit", "off").start().unwrap()
}

/// Below SQL and by statements, with the same rounds: what the additions did must be the same.
#[track_caller]
fn take_part(cluster: &Cluster, table: &'static str, rules: &[Addition]) {
    let mut below = Trial::open(cluster, table, false);
    let mut by_statements = Trial::open(cluster, table, true);
    for addition in TRIGGERS.iter().chain(&COLUMNS).chain(rules) {
        let marks = below.trial(*addition);
        assert_eq!(marks, by_statements.trial(*addition), "{}", addition.0);
        assert_ne!(marks, [""; 0], "{}", addition.0);
    }
}

#[test]
fn triggers_rules_and_columns_take_part() {
    let cluster = quick_cluster();
    take_part(&cluster, "stock_listings", &RULES[..1]);
    take_part(&cluster, "stock_levels", &[]);
    take_part(&cluster, "stock_lots", &RULES[..1]);
    take_part(&cluster, "stock_allocations", &RULES[1..]);
}

#[test]
fn indexes_and_whole_tables_lose_nothing() {
    let cluster = quick_cluster();
    for table in TABLES {
        let mut trial = Trial::open(&cluster, table, false);
        for addition in INDEXES.iter().chain(&WHOLE_TABLE) {
            trial.trial(*addition);
        }
    }
}
