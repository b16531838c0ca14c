//! A hot standby: what reads runs there, what claims fails cleanly; and what it is when promoted.

use super::shop::{connect, verify, Shop};
use postgres::NoTls;
use stockroom_tests::{expect_error, Cluster, Db};
use uuid::Uuid;

/// Key of the row whose column is written at commit.
const LATE: &str = "a0000000-0000-4000-8000-000000000001";

const TABLES: [&str; 10] = [
    "locations",
    "stock_listings",
    "stock_levels",
    "stock_lots",
    "stock_allocations",
    "stock_holds",
    "stock_loans",
    "stock_requests",
    "goods",
    "late",
];

#[test]
fn a_standby_reads_refuses_to_claim_and_can_be_promoted() {
    let cluster = Cluster::options().fsync(false).start().unwrap();
    let db = Db::on(&cluster);
    db.execute("CREATE SCHEMA stock; CREATE EXTENSION stockroom SCHEMA stock");
    let client = connect(&db);
    let mut shop = Shop { client, db };
    let standby = cluster.standby(Cluster::options()).unwrap();
    // Written after the backup: it comes by streaming.
    let listing: Uuid = shop.value(
        "SELECT register_listing('S', quantity_scale => 2, safety_stock => 1)",
        &[],
    );
    let lot = shop.receive(listing, 9);
    let order = shop.allocate(listing, 4);
    shop.run("INSERT INTO locations (name) VALUES ('Cellar')");
    // Holds in every state; one has expired and is not swept, one waits for goods.
    let seats: Uuid = shop.value(
        "SELECT register_listing('T', listing_id => 'e0000000-0000-4000-8000-000000000001', backorder_limit => 5)",
        &[],
    );
    shop.receive(seats, 20);
    let [held, confirmed, released, waiting] = [3, 2, 1, 19].map(|units| shop.hold(seats, units));
    shop.run(&format!(
        "SELECT confirm_hold('{confirmed}', '{confirmed}'); SELECT release_hold('{released}');
         SELECT confirm_hold('{waiting}', '{waiting}')"
    ));
    let expired = shop.expired_hold(seats, 1);
    let book: Uuid = shop.value("SELECT register_listing('BOOK')", &[]);
    shop.receive(book, 5);
    let loan: Uuid = shop.value("SELECT borrow_stock($1, 'ann', 3, '2001-01-01')", &[&book]);
    // An attached table, written at once, and one that is written at commit.
    shop.run(&format!(
        "CREATE TABLE goods (id int PRIMARY KEY, quantity_available integer NOT NULL);
         INSERT INTO goods VALUES (1, 20);
         SELECT attach_table('goods', 'id');
         CREATE TABLE late (id uuid PRIMARY KEY, quantity_available integer NOT NULL);
         INSERT INTO late VALUES ('{LATE}', 30);
         SELECT attach_table('late', 'id', sync => 'deferred');
         SELECT allocate_stock(listing_id_of('goods', '1'), gen_random_uuid(), 8);
         SELECT allocate_stock('{LATE}', gen_random_uuid(), 8)"
    ));

    standby.catch_up_with(&cluster).unwrap();
    let mut config = standby.config();
    config.dbname(shop.db.name());
    let mut client = config.connect(NoTls).unwrap();
    client.batch_execute("SET search_path = stock").unwrap();
    for (sql, expected) in [
        ("SELECT pg_is_in_recovery()::text", "true"),
        (
            "SELECT format('%s %s %s', get_available_stock($1), get_reserved_stock($1), get_total_stock($1))",
            "5 4 9",
        ),
        (
            "SELECT format('%s %s', get_available_stock($1, NULL), get_total_stock($1, gen_random_uuid()))",
            "5 0",
        ),
        (
            "SELECT format('%s %s %s', available, allocated, available_to_promise)
               FROM get_stock(ARRAY[$1::uuid])",
            "5 4 4",
        ),
        (
            "SELECT format('%s %s', take, reason) FROM explain_allocation($1, 2)",
            "2 oldest first, takes 2 of 5",
        ),
        ("SELECT count(*)::text FROM list_locations()", "21"),
        ("SELECT count(*)::text FROM verify_stock()", "0"),
        (
            "SELECT format('%s %s %s', get_available_stock_of('goods', '1'), get_reserved_stock_of('goods', '1'),
                           get_total_stock_of('goods', '1'))",
            "12 8 20",
        ),
        ("SELECT quantity_available::text FROM goods", "12"),
        ("SELECT quantity_available::text FROM late", "22"),
        (
            "SELECT format('%s %s', location, free_units) FROM stock_lots_overview WHERE listing_id = $1",
            "Unspecified 5",
        ),
        ("SELECT format('%s %s', to_units($1, 1.5), to_quantity($1, 150))", "150 1.50"),
        ("SELECT available::text FROM stock_overview WHERE listing_id = $1", "0.05"),
        ("SELECT current_tenant()::text", "00000000-0000-0000-0000-000000000000"),
        (
            "SELECT string_agg(format('%s %s', state, h.quantity), ', ' ORDER BY s.created_at)
               FROM stock_holds s, get_hold(s.hold_id) h",
            "active 3, confirmed 2, released 1, waiting 1, expired 1",
        ),
        (
            "SELECT format('%s %s', get_available_stock(listing_id), get_reserved_stock(listing_id))
               FROM stock_listings WHERE sku = 'T'",
            "-4 24",
        ),
        (
            "SELECT format('%s %s', available_units, reserved_units) FROM stock_overview WHERE sku = 'T'",
            "-4 24",
        ),
        (
            "SELECT format('%s %s', state, quantity_out) FROM stock_loans n, get_loan(n.loan_id)",
            "overdue 3",
        ),
        (
            "SELECT format('%s %s', (SELECT count(*) FROM loans_of('ann')), (SELECT count(*) FROM overdue_loans()))",
            "1 1",
        ),
        // A refusal is decided by a read, so it is one here too.
        (
            "SELECT (borrow_stock($1, 'bob', 5, on_short => 'answer') IS NULL)::text",
            "true",
        ),
        ("SELECT state FROM hold_stock($1, 6, on_short => 'answer')", "insufficient"),
        ("SELECT state FROM allocate_stock($1, $1, 5, on_short => 'answer')", "insufficient"),
    ] {
        let row = match sql.contains("$1") {
            true => client.query_one(sql, &[&listing]),
            false => client.query_one(sql, &[]),
        };
        let row = row.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        assert_eq!(row.get::<_, &str>(0), expected, "{sql}");
    }
    let lines = format!(r#"[{{"listing_id": "{listing}", "quantity": 1}}]"#);
    let lots = format!(r#"[{{"lot_id": "{lot}", "quantity": 1}}]"#);
    for call in [
        format!("allocate_stock('{listing}', '{order}', 1)"),
        format!("allocate_stock('{listing}', '{order}', 1, idempotency_key => 'k')"),
        format!("allocate_order('{order}', '{lines}')"),
        format!("allocate_lots('{order}', '{lots}')"),
        format!("release_allocations('{order}')"),
        format!("fulfill_allocations('{order}', quantity => 1)"),
        format!("receive_stock('{listing}', 1)"),
        format!("hold_stock('{listing}', 1)"),
        format!("hold_stock('{listing}', 1, idempotency_key => 'k')"),
        format!("hold_order('{lines}')"),
        format!("hold_many('{lines}')"),
        format!("confirm_hold('{held}', '{order}')"),
        format!("extend_hold('{held}', '1 h')"),
        format!("release_hold('{held}')"),
        format!("release_order_holds('{waiting}')"),
        format!("borrow_stock('{book}', 'bob', 1)"),
        format!("return_stock('{loan}')"),
        format!("lose_stock('{loan}', 1, 'x')"),
        format!("extend_loan('{loan}', now())"),
        "expire_holds()".to_owned(),
        "purge_holds('0')".to_owned(),
        "register_listing(NULL)".to_owned(),
        format!("delete_listing('{listing}')"),
        "repair_stock()".to_owned(),
        format!("allocate_stock('{LATE}', '{order}', 1)"),
        "allocate_stock(listing_id_of('goods', '1'), gen_random_uuid(), 1)".to_owned(),
        "attach_table('late', 'id')".to_owned(),
        "detach_table('goods')".to_owned(),
    ] {
        let error = expect_error(client.query(&format!("SELECT {call}"), &[]));
        assert_eq!(error.sqlstate, "25006", "{call}: {error:?}");
        // The backend is well, and so are the numbers.
        verify(&mut client);
    }
    for table in TABLES {
        let rows = format!("SELECT t::text FROM {table} AS t ORDER BY 1");
        let of = |client: &mut postgres::Client| -> Vec<String> {
            let rows = client.query(&rows, &[]).unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        };
        assert_eq!(of(&mut client), of(&mut shop.client), "{table}");
    }

    // The primary is lost.
    assert_eq!(shop.numbers(listing), (5, 4, 9));
    cluster.crash().unwrap();
    standby.promote().unwrap();
    verify(&mut client);
    for (call, answer) in [
        (format!("state FROM get_hold('{expired}')"), "expired"),
        (
            format!("sum(quantity)::text FROM confirm_hold('{held}', '{order}')"),
            "3",
        ),
        (format!("return_stock('{loan}', 2)::text"), "1"),
        ("expire_holds()::text".to_owned(), "1"),
        (
            format!("(receive_stock('{seats}', 4) IS NOT NULL)::text"),
            "true",
        ),
        (format!("state FROM get_hold('{waiting}')"), "confirmed"),
        (format!("get_available_stock('{seats}')::text"), "0"),
        (
            format!("state FROM hold_stock('{seats}', 5, ttl => NULL)"),
            "active",
        ),
    ] {
        let row = client.query_one(&format!("SELECT {call}"), &[]);
        let row = row.unwrap_or_else(|error| panic!("{call}: {error:?}"));
        assert_eq!(row.get::<_, &str>(0), answer, "{call}");
        verify(&mut client);
    }
    for work in [
        format!("SELECT allocate_stock('{listing}', gen_random_uuid(), 2)"),
        format!("SELECT receive_stock('{listing}', 6)"),
        format!("INSERT INTO stock_lots (listing_id, quantity_total) VALUES ('{listing}', 1)"),
        format!("SELECT release_allocations('{order}')"),
        "SELECT allocate_stock(listing_id_of('goods', '1'), gen_random_uuid(), 5)".to_owned(),
        "UPDATE goods SET quantity_available = quantity_available + 1".to_owned(),
        format!("SELECT allocate_stock('{LATE}', gen_random_uuid(), 5)"),
        "INSERT INTO goods VALUES (2, 3)".to_owned(),
        "ALTER TABLE goods RENAME TO things".to_owned(),
    ] {
        client.batch_execute(&work).unwrap();
        verify(&mut client);
    }
    let numbers = "SELECT format('%s %s %s %s', get_available_stock($1), get_reserved_stock($1),
                          (SELECT quantity_available FROM things WHERE id = 1),
                          (SELECT quantity_available FROM late))";
    let numbers = client.query_one(numbers, &[&listing]).unwrap();
    assert_eq!(numbers.get::<_, &str>(0), "14 2 8 17");
}
