//! The functions that are called most pin the search path themselves, where code runs that looks names
//! up: the engine's statements, and what an admin has put into an index.

use super::work::{self, one, STATEMENTS_ONLY};
use postgres::Client;
use stockroom_tests::Db;

/// What the functions that pin the path themselves can be asked.
const CALLS: [&str; 28] = [
    "SELECT stock.allocate_stock(LISTING, gen_random_uuid(), 1)",
    "SELECT stock.allocate_stock(LISTING, gen_random_uuid(), 1, idempotency_key => gen_random_uuid()::text)",
    "SELECT stock.allocate_stock(LISTING, gen_random_uuid(), 9999, partial => true, on_short => 'answer')",
    "SELECT stock.allocate_order(gen_random_uuid(), '[{\"listing_id\": LISTING, \"quantity\": 1}]')",
    "SELECT stock.allocate_lots(gen_random_uuid(), '[{\"lot_id\": LOT, \"quantity\": 1}]')",
    "SELECT stock.get_available_stock(LISTING)",
    "SELECT stock.get_reserved_stock(LISTING)",
    "SELECT stock.get_total_stock(LISTING)",
    "SELECT stock.get_available_stock(LISTING, NULL)",
    "SELECT stock.get_reserved_stock(LISTING, NULL)",
    "SELECT stock.get_total_stock(LISTING, (SELECT location_id FROM stock.stock_lots LIMIT 1))",
    "SELECT stock.hold_stock(LISTING, 1)",
    "SELECT stock.hold_stock(LISTING, 1, ttl => NULL, idempotency_key => 'k', customer => 'c', metadata => '{}')",
    "SELECT stock.hold_stock(LISTING, 1, location_id => (SELECT location_id FROM stock.stock_lots LIMIT 1))",
    "SELECT stock.hold_stock(LISTING, 99999, on_short => 'answer')",
    "SELECT stock.hold_order('[{\"listing_id\": LISTING, \"quantity\": 1}]', idempotency_key => 'k')",
    "SELECT stock.hold_many('[{\"listing_id\": LISTING, \"quantity\": 1}, {\"listing_id\": LISTING, \"quantity\": 2}]')",
    "SELECT stock.hold_many('[{\"listing_id\": LISTING, \"quantity\": 1}]', idempotency_key => 'k')",
    "SELECT stock.confirm_hold(HOLD, gen_random_uuid())",
    "SELECT stock.confirm_hold(HOLD, gen_random_uuid(), 1, 'keep', 'lifo', 'k')",
    "SELECT stock.confirm_order(ORDER)",
    "SELECT stock.confirm_order(ORDER, 'lifo', 'k')",
    "SELECT stock.extend_hold(HOLD, '1 h')",
    "SELECT stock.release_hold(HOLD)",
    "SELECT stock.release_order_holds(ORDER)",
    "SELECT stock.get_hold(HOLD)",
    "SELECT stock.expire_holds()",
    "SELECT stock.purge_holds('0')",
];

/// A live hold of an order, one that has expired and one that is over.
const HOLDS: &str = "
    INSERT INTO stock.stock_holds (listing_id, quantity, order_id, expires_at, status)
    SELECT listing_id, 2, CASE WHEN v.status = 'active' AND v.expires_at IS NULL THEN listing_id END, v.expires_at, v.status
      FROM stock.stock_listings,
           (VALUES (NULL::timestamptz, 'active'), ('2001-01-01', 'active'), (NULL, 'released')) v (expires_at, status)";

/// Operators and functions that a statement of the engine would find here first.
const TRAPS: &str = "
    CREATE SCHEMA trap;
    CREATE FUNCTION trap.uuids(uuid, uuid) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
    CREATE FUNCTION trap.integers(integer, integer) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
    CREATE FUNCTION trap.unnest(uuid[]) RETURNS SETOF uuid LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
    CREATE OPERATOR trap.= (FUNCTION = trap.uuids, LEFTARG = uuid, RIGHTARG = uuid);
    CREATE OPERATOR trap.- (FUNCTION = trap.integers, LEFTARG = integer, RIGHTARG = integer)";

/// Makes every call, each in a transaction that is taken back.
#[track_caller]
fn call_all(client: &mut Client, db: &Db, path: &str) {
    let listing = one::<String>(client, "SELECT listing_id::text FROM stock.stock_listings");
    let lot = one::<String>(client, "SELECT lot_id::text FROM stock.stock_lots");
    let hold = "SELECT hold_id::text FROM stock.stock_holds WHERE status OPERATOR(pg_catalog.=) 'active' AND expires_at IS NULL";
    let hold = one::<String>(client, hold);
    for call in CALLS {
        let in_json = call.contains("[{");
        let quote = if in_json { '"' } else { '\'' };
        let call = call
            .replace("LISTING", &format!("{quote}{listing}{quote}"))
            .replace("LOT", &format!("{quote}{lot}{quote}"))
            .replace("HOLD", &format!("'{hold}'"))
            .replace("ORDER", &format!("'{listing}'"));
        // A session that has nothing prepared yet, and one that has.
        for client in [&mut *client, &mut db.client()] {
            let run = client.batch_execute(&format!("SET search_path = {path}; BEGIN; {call}"));
            run.unwrap_or_else(|error| panic!("{path}: {call}: {error:?}"));
            assert_eq!(one::<String>(client, "SHOW search_path"), path, "{call}");
            client.batch_execute("ROLLBACK").unwrap();
        }
    }
}

#[test]
fn of_the_caller_means_nothing_to_the_engines_statements() {
    for statements_only in [false, true] {
        let db = Db::with_extension_in("stock");
        let listing = work::stocked(&db);
        db.execute(HOLDS);
        db.execute(TRAPS);
        if statements_only {
            db.execute(&format!("SET search_path = stock; {STATEMENTS_ONLY}"));
        }
        let mut client = db.client();
        for path in ["trap, pg_catalog", "pg_temp, trap, stock, pg_catalog"] {
            call_all(&mut client, &db, path);
        }
        // An attached listing: its row is locked and written by statements.
        db.execute(&format!(
            "CREATE TABLE public.goods (id uuid PRIMARY KEY, quantity_available integer NOT NULL);
             INSERT INTO public.goods VALUES ('{listing}', 1000);
             SELECT stock.attach_table('public.goods', 'id')"
        ));
        call_all(&mut client, &db, "trap, pg_catalog");
    }
}

/// Code in an index of an admin's runs with the engine's rights.
#[test]
fn of_the_caller_means_nothing_to_an_index() {
    const LOOKS: &str = "
        CREATE FUNCTION public.looks(anyelement) RETURNS anyelement LANGUAGE plpgsql IMMUTABLE AS $$
        BEGIN
            IF current_setting('search_path') = 'trap, pg_catalog' THEN RAISE 'trapped'; END IF;
            RETURN $1;
        END $$";
    const ORDERS: &str = "
        CREATE FUNCTION public.compared(integer, integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
        BEGIN
            IF current_setting('search_path') = 'trap, pg_catalog' THEN RAISE 'trapped'; END IF;
            RETURN $1 - $2;
        END $$;
        CREATE OPERATOR CLASS public.looking FOR TYPE integer USING btree AS
            OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
            FUNCTION 1 public.compared(integer, integer)";
    const INDEXES: [&str; 8] = [
        "stock_allocations (public.looks(quantity))",
        "stock_allocations (lot_id) WHERE public.looks(quantity) > 0",
        "stock_allocations (quantity public.looking)",
        "stock_lots (public.looks(quantity_allocated))",
        "stock_listings (listing_id) WHERE public.looks(quantity_available) > 0",
        "stock_holds (public.looks(quantity))",
        "stock_holds (listing_id) WHERE public.looks(quantity) > 0",
        "stock_holds (quantity public.looking)",
    ];
    let db = Db::with_extension_in("stock");
    work::stocked(&db);
    db.execute(HOLDS);
    db.execute("CREATE SCHEMA trap");
    db.execute(LOOKS);
    db.execute(ORDERS);
    let mut client = db.client();
    for index in INDEXES {
        db.execute(&format!("CREATE INDEX app ON stock.{index}"));
        call_all(&mut client, &db, "trap, pg_catalog");
        db.execute("DROP INDEX stock.app");
    }
}
