//! Code of the app's table runs with the rights of its owner, whoever claims.
//!
//! Mallory owns an attached table. Whatever can carry code does: triggers, a rule, a CHECK, a domain,
//! a generated column, an index, an operator. All of it tries to get more than Mallory has, and to
//! leave settings behind.

use super::app::{allocate, empty, Sql, COAT, HAT, ORDER_1, ORDER_2};
use stockroom_tests::cluster::SUPERUSER;
use stockroom_tests::Db;

/// Where Mallory's code sits that runs with every write of the mirrored column. Mallory has an operator
/// too; it never runs: the engine's statements name PostgreSQL's own.
const PLACES: [&str; 7] = [
    "after trigger",
    "before trigger",
    "check",
    "deferred trigger",
    "generated column",
    "index",
    "rule",
];

struct Trap {
    mallory: String,
    clerk: String,
    /// A superuser's connection that looks at what happened.
    judge: Sql,
    db: Db,
}

impl Trap {
    /// The table is there, not yet attached.
    fn set() -> Trap {
        let (db, mut judge) = empty();
        let (mallory, clerk) = (db.role("mallory"), db.role("clerk"));
        judge.run(&format!(
            "CREATE SCHEMA secret; CREATE TABLE secret.notes AS SELECT 'the combination' AS note;
             CREATE SCHEMA private AUTHORIZATION {clerk};
             CREATE SCHEMA mallory AUTHORIZATION {mallory};
             ALTER ROLE {mallory} SET search_path = mallory, pg_catalog;
             GRANT USAGE ON SCHEMA stock TO {mallory}, {clerk};
             GRANT EXECUTE ON FUNCTION attach_table, detach_table TO {mallory};
             GRANT EXECUTE ON FUNCTION current_tenant, receive_stock, allocate_stock, fulfill_allocations,
                                       release_allocations, verify_stock, repair_stock TO {clerk};
             GRANT SELECT, INSERT, UPDATE, DELETE ON stock_lots, stock_allocations TO {clerk}"
        ));
        let mut owner = Sql::by(&db, &mallory);
        owner.run(&attack(&mallory, &clerk));
        owner.run(TABLE);
        owner.run(&format!(
            "INSERT INTO goods VALUES ('{HAT}', 10), ('{COAT}', 20)"
        ));
        Trap {
            mallory,
            clerk,
            judge,
            db,
        }
    }

    /// Mallory writes numbers past the engine. (A superuser's own UPDATE of the table would run its
    /// code as a superuser: that is PostgreSQL's, not ours.)
    fn damage(&mut self, quantity: i32) {
        Sql::by(&self.db, &self.mallory).run(&format!(
            "ALTER TABLE goods DISABLE TRIGGER USER; UPDATE goods SET quantity_available = {quantity};
             ALTER TABLE goods ENABLE TRIGGER USER"
        ));
    }

    /// Lets go what Mallory's own inserts have left behind.
    fn forget(&mut self) {
        self.judge.run("DELETE FROM mallory.log");
    }

    /// Runs a statement as this role. Its settings must be what they were; every place in `places`
    /// must have had its try, as Mallory, and in vain.
    #[track_caller]
    fn spring(&mut self, caller: &str, statement: &str, places: &[&str]) {
        self.forget();
        let mut client = Sql::by(&self.db, caller);
        client.run("SET search_path = pg_catalog, stock; SET work_mem = '5MB'");
        let settings = "SELECT current_setting('search_path'), current_setting('work_mem'),
                               coalesce(current_setting('mallory.mark', true), ''), current_user, session_user";
        let before = client.row(settings);
        client.run(statement);
        assert_eq!(client.row(settings), before, "after {statement}");
        let temporary = "SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()";
        assert_eq!(client.row(temporary), "0", "after {statement}");

        let judge = &mut self.judge;
        let tried = judge.rows("SELECT DISTINCT place FROM mallory.log ORDER BY 1");
        assert_eq!(tried, places, "by {caller}: {statement}");
        let others = format!(
            "SELECT DISTINCT place, who FROM mallory.log WHERE who <> '{}'",
            self.mallory
        );
        assert_eq!(judge.rows(&others), [""; 0], "by {caller}: {statement}");
        let worked = "SELECT DISTINCT place, attempt FROM mallory.log WHERE outcome = 'worked'";
        assert_eq!(judge.rows(worked), [""; 0], "by {caller}: {statement}");
        let rights = format!(
            "SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = '{}'",
            self.mallory
        );
        assert_eq!(judge.row(&rights), "f|f");
    }
}

/// Mallory's function: tries everything, writes down who it ran as and what came of it. The
/// IMMUTABLE one only says so, to get into indexes and generated columns.
fn attack(mallory: &str, clerk: &str) -> String {
    format!(
        "CREATE TABLE log (place text, who text, attempt text, outcome text);
         CREATE FUNCTION attack(place text) RETURNS boolean LANGUAGE plpgsql AS $$
         DECLARE attempt text;
         BEGIN
             FOREACH attempt IN ARRAY ARRAY[
                 'ALTER ROLE {mallory} SUPERUSER', 'ALTER ROLE {mallory} CREATEROLE',
                 'SET ROLE {SUPERUSER}', 'SET SESSION AUTHORIZATION {SUPERUSER}',
                 'SET ROLE {clerk}', 'SET LOCAL SESSION AUTHORIZATION {clerk}',
                 'SELECT * FROM secret.notes', 'CREATE TABLE private.mine (i int)',
                 'UPDATE stock.stock_listings SET name = ''mine''',
                 'DELETE FROM stock.stock_allocations',
                 'SELECT stock.repair_stock()',
                 'COPY (SELECT 1) TO PROGRAM ''true''',
                 'CREATE FUNCTION stock.mine() RETURNS int LANGUAGE sql AS ''SELECT 1'''] LOOP
                 BEGIN
                     EXECUTE attempt;
                     INSERT INTO mallory.log VALUES (place, current_user, attempt, 'worked');
                 EXCEPTION WHEN OTHERS THEN
                     INSERT INTO mallory.log VALUES (place, current_user, attempt, SQLSTATE);
                 END;
             END LOOP;
             PERFORM set_config('search_path', 'mallory, pg_catalog', false);
             PERFORM set_config('work_mem', '64kB', false);
             PERFORM set_config('mallory.mark', 'was here', false);
             RETURN true;
         END $$;
         CREATE FUNCTION quiet_attack(place text, quantity int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
         BEGIN PERFORM mallory.attack(place); RETURN quantity; END $$;
         CREATE FUNCTION attack_of_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN PERFORM mallory.attack(TG_ARGV[0]); RETURN NEW; END $$;
         CREATE FUNCTION same(a uuid, b uuid) RETURNS boolean LANGUAGE plpgsql AS $$
         BEGIN PERFORM mallory.attack('operator'); RETURN pg_catalog.uuid_eq(a, b); END $$;
         CREATE OPERATOR mallory.= (FUNCTION = same, LEFTARG = uuid, RIGHTARG = uuid)"
    )
}

/// Its code is told apart by the place's name.
const TABLE: &str = "
    CREATE TABLE goods (
        id uuid PRIMARY KEY,
        quantity_available integer CHECK (mallory.attack('check')),
        copy integer GENERATED ALWAYS AS (mallory.quiet_attack('generated column', quantity_available)) STORED);
    CREATE INDEX ON goods (mallory.quiet_attack('index', quantity_available));
    CREATE TRIGGER b BEFORE UPDATE ON goods FOR EACH ROW EXECUTE FUNCTION attack_of_trigger('before trigger');
    CREATE TRIGGER a AFTER UPDATE ON goods FOR EACH ROW EXECUTE FUNCTION attack_of_trigger('after trigger');
    CREATE CONSTRAINT TRIGGER d AFTER UPDATE ON goods DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION attack_of_trigger('deferred trigger');
    CREATE RULE r AS ON UPDATE TO goods
        DO ALSO SELECT mallory.attack('rule')";

#[test]
fn whoever_claims_the_tables_code_runs_as_its_owner() {
    let mut trap = Trap::set();
    let (mallory, clerk) = (trap.mallory.clone(), trap.clerk.clone());
    Sql::by(&trap.db, &mallory).attach("goods", "");
    for (caller, order) in [(SUPERUSER, ORDER_1), (clerk.as_str(), ORDER_2)] {
        trap.spring(caller, &allocate(HAT, order, 1), &PLACES);
        trap.spring(
            caller,
            &format!("SELECT stock.receive_stock('{HAT}', 5)"),
            &PLACES,
        );
        // What is available stays: the rest of it is read, nothing is written.
        trap.spring(
            caller,
            &format!("SELECT stock.fulfill_allocations('{order}')"),
            &[],
        );
        trap.spring(
            caller,
            &format!(
                "INSERT INTO stock.stock_lots (listing_id, quantity_total) VALUES ('{COAT}', 5)"
            ),
            &PLACES,
        );
        trap.spring(
            caller,
            &format!("UPDATE stock.stock_lots SET quantity_total = quantity_total + 1 WHERE listing_id = '{COAT}'"),
            &PLACES,
        );
        trap.spring(caller, "SELECT stock.verify_stock()", &[]);
    }
    trap.judge.assert_verified();
}

#[test]
fn repair_runs_the_tables_code_as_its_owner() {
    let mut trap = Trap::set();
    let (mallory, clerk) = (trap.mallory.clone(), trap.clerk.clone());
    Sql::by(&trap.db, &mallory).attach("goods", "");
    for caller in [SUPERUSER, &clerk] {
        trap.damage(99);
        assert_eq!(trap.judge.differences().len(), 2);
        trap.spring(caller, "SELECT stock.repair_stock()", &PLACES);
        trap.judge.assert_verified();
    }
}

#[test]
fn attaching_runs_the_tables_code_as_its_owner() {
    let mut trap = Trap::set();
    let clerk = trap.clerk.clone();
    trap.judge.run(&format!(
        "GRANT {} TO {clerk}; GRANT EXECUTE ON FUNCTION attach_table, detach_table TO {clerk}",
        trap.mallory
    ));
    // Without import the rows are written: all of them show 0 now.
    let attach = "SELECT stock.attach_table('mallory.goods', 'id', import => false)";
    for caller in [SUPERUSER, &clerk] {
        trap.spring(caller, attach, &PLACES);
        trap.judge.assert_verified();
        trap.spring(caller, "SELECT stock.detach_table('mallory.goods')", &[]);
        trap.damage(7);
    }
}

/// The trigger waits for the commit, where the session's own user is back.
#[test]
fn a_deferred_write_runs_the_tables_code_as_its_owner() {
    let mut trap = Trap::set();
    let (mallory, clerk) = (trap.mallory.clone(), trap.clerk.clone());
    Sql::by(&trap.db, &mallory).attach("goods", ", sync => 'deferred'");
    for (caller, order) in [(SUPERUSER, ORDER_1), (clerk.as_str(), ORDER_2)] {
        trap.spring(caller, &allocate(HAT, order, 1), &PLACES);
    }
    trap.judge.assert_verified();
}

/// A temporary table, a cursor or a deferred trigger that outlives the write would act later, with
/// the rights of whoever commits.
#[test]
fn nothing_is_left_for_the_commit() {
    let mut trap = Trap::set();
    let (mallory, clerk) = (trap.mallory.clone(), trap.clerk.clone());
    Sql::by(&trap.db, &mallory).run(
        "DROP RULE r ON goods;
         CREATE TABLE later (i int);
         CREATE CONSTRAINT TRIGGER l AFTER INSERT ON later DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION attack_of_trigger('later');
         CREATE FUNCTION plant() RETURNS trigger LANGUAGE plpgsql AS $$
         DECLARE attempt text;
         BEGIN
             FOREACH attempt IN ARRAY ARRAY['INSERT INTO mallory.later VALUES (1)',
                 'CREATE TEMP TABLE stock_lots (i int)', 'LISTEN x',
                 'DECLARE c CURSOR WITH HOLD FOR SELECT mallory.attack(''cursor'')'] LOOP
                 BEGIN
                     EXECUTE attempt;
                     INSERT INTO mallory.log VALUES ('plant', current_user, attempt, 'worked');
                 EXCEPTION WHEN OTHERS THEN
                     INSERT INTO mallory.log VALUES ('plant', current_user, attempt, SQLSTATE);
                 END;
             END LOOP;
             RETURN NEW;
         END $$;
         DROP TRIGGER b ON goods; DROP TRIGGER a ON goods; DROP TRIGGER d ON goods;
         CREATE TRIGGER p AFTER UPDATE ON goods FOR EACH ROW EXECUTE FUNCTION plant();
         SELECT FROM stock.attach_table('goods', 'id')",
    );
    let places = ["check", "generated column", "index", "plant"];
    for (caller, order) in [(SUPERUSER, ORDER_1), (clerk.as_str(), ORDER_2)] {
        trap.spring(caller, &allocate(HAT, order, 1), &places);
    }
}

#[test]
fn a_domains_check_runs_as_its_owner() {
    let mut trap = Trap::set();
    let (mallory, clerk) = (trap.mallory.clone(), trap.clerk.clone());
    Sql::by(&trap.db, &mallory).run(&format!(
        "DROP TABLE goods; CREATE DOMAIN units AS integer CHECK (mallory.attack('domain'));
         CREATE TABLE goods (id uuid PRIMARY KEY, quantity_available units);
         INSERT INTO goods VALUES ('{HAT}', 10);
         SELECT FROM stock.attach_table('goods', 'id')"
    ));
    for (caller, order) in [(SUPERUSER, ORDER_1), (clerk.as_str(), ORDER_2)] {
        trap.spring(caller, &allocate(HAT, order, 1), &["domain"]);
    }
}

/// The caller works through SET ROLE, and could go back to what it is.
#[test]
fn a_session_that_has_set_its_role_is_as_safe() {
    let mut trap = Trap::set();
    let (mallory, clerk) = (trap.mallory.clone(), trap.clerk.clone());
    Sql::by(&trap.db, &mallory).attach("goods", "");
    for (role, order) in [(&clerk, ORDER_1), (&mallory, ORDER_2)] {
        if role == &mallory {
            trap.judge.run(&format!(
                "GRANT EXECUTE ON FUNCTION allocate_stock TO {mallory}"
            ));
        }
        let statement = format!("SET ROLE {role}; {}; RESET ROLE", allocate(HAT, order, 1));
        trap.spring(SUPERUSER, &statement, &PLACES);
    }
    trap.judge.assert_verified();
}

#[test]
fn only_the_owner_attaches_and_detaches() {
    let mut trap = Trap::set();
    let (mallory, clerk) = (trap.mallory.clone(), trap.clerk.clone());
    let (attach, detach) = (
        "SELECT stock.attach_table('mallory.goods', 'id')",
        "SELECT stock.detach_table('mallory.goods')",
    );
    trap.judge.run(&format!(
        "GRANT EXECUTE ON FUNCTION attach_table, detach_table TO {clerk};
         GRANT USAGE ON SCHEMA mallory TO {clerk}; GRANT ALL ON mallory.goods TO {clerk}"
    ));
    let mut stranger = Sql::by(&trap.db, &clerk);
    let refused = ("42501".to_owned(), "not_table_owner".to_owned());
    assert_eq!(stranger.refusal(attach), refused);
    Sql::by(&trap.db, &mallory).run(attach);
    assert_eq!(stranger.refusal(attach), refused);
    assert_eq!(stranger.refusal(detach), refused);
    assert_eq!(trap.judge.row("SELECT count(*) FROM attached_tables"), "1");
    // A member of the owning role is as good as the owner.
    trap.judge.run(&format!("GRANT {mallory} TO {clerk}"));
    stranger.run(detach);
    assert_eq!(trap.judge.row("SELECT count(*) FROM attached_tables"), "0");
}

#[test]
fn a_stranger_can_call_nothing_and_read_nothing() {
    let (db, mut judge) = empty();
    let stranger = db.role("stranger");
    judge.run(&format!("GRANT USAGE ON SCHEMA stock TO {stranger}"));
    let member = "JOIN pg_depend d ON d.objid = o.oid AND d.deptype = 'e'
                  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'stockroom'";
    let functions = format!("FROM pg_proc o {member} AND d.classid = 'pg_proc'::regclass");
    let tables = format!(
        "FROM pg_class o {member} AND d.classid = 'pg_class'::regclass WHERE o.relkind = 'r'"
    );
    let count: i32 = judge
        .row(&format!("SELECT count(*) {functions}"))
        .parse()
        .unwrap();
    assert!(count > 25, "{count} functions");
    assert_eq!(
        judge.rows(&format!(
            "SELECT o.oid::regprocedure {functions} WHERE has_function_privilege('{stranger}', o.oid, 'EXECUTE')"
        )),
        [""; 0]
    );
    assert_eq!(
        judge.rows(&format!(
            "SELECT o.relname {tables}
                AND has_table_privilege('{stranger}', o.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')"
        )),
        [""; 0]
    );
    let mut client = Sql::by(&db, &stranger);
    client.run("CREATE TEMP TABLE goods (id uuid PRIMARY KEY, quantity_available int)");
    for statement in [
        "SELECT stock.attach_table('goods', 'id')".to_owned(),
        "SELECT stock.detach_table('goods')".to_owned(),
        "SELECT stock.listing_id_of('goods', 'x')".to_owned(),
        "SELECT stock.get_available_stock_of('goods', 'x')".to_owned(),
        "SELECT stock.verify_stock()".to_owned(),
        "SELECT * FROM stock.attached_tables".to_owned(),
        allocate(HAT, ORDER_1, 1),
        "CREATE TRIGGER mine AFTER UPDATE ON goods FOR EACH ROW EXECUTE FUNCTION stock.attached_row_updated('x')".to_owned(),
    ] {
        assert_eq!(client.refuse(&statement).sqlstate, "42501", "{statement}");
    }
}
