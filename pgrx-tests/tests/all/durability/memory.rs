//! A connection that lives long: its server process does not grow.

use super::size;
use postgres::Client;
use stockroom_tests::{expect_error, own_memory, Db};
use uuid::Uuid;

/// What a round of calls is made of.
const CALLS_A_ROUND: usize = 10;

struct Customer {
    client: Client,
    listing: Uuid,
    row: Uuid,
}

impl Customer {
    /// Reads, a claim and its release, an answer and an error for lack of stock, an error that
    /// PL/pgSQL catches, plain DML, and an attached row.
    fn round(&mut self) {
        let (order, client) = (Uuid::new_v4(), &mut self.client);
        let (listing, row) = (&self.listing, &self.row);
        for key in [listing, row] {
            let sql = "SELECT stock.get_available_stock($1)";
            client.query_one(sql, &[key]).unwrap();
        }
        let sql = "SELECT * FROM stock.get_stock($1)";
        client.query(sql, &[&vec![*listing, *row]]).unwrap();
        for (key, quantity) in [(listing, 2), (row, 1)] {
            let sql = "SELECT stock.allocate_stock($1, $2, $3)";
            client.query(sql, &[key, &order, &quantity]).unwrap();
        }
        let sql = "SELECT stock.release_allocations($1)";
        client.query_one(sql, &[&order]).unwrap();
        let sql = "SELECT stock.allocate_stock($1, $2, 1000000, on_short => 'answer')";
        client.query(sql, &[listing, &order]).unwrap();
        let sql = "SELECT stock.allocate_stock($1, $2, 1000000)";
        expect_error(client.query(sql, &[listing, &order]));
        client
            .query_one("SELECT public.caught($1)", &[listing])
            .unwrap();
        let sql = "DELETE FROM stock.stock_allocations WHERE order_id = $1";
        client.execute(sql, &[&order]).unwrap();
    }
}

#[test]
fn memory_stays_flat() {
    let calls = size(20_000, 1_000_000);
    let db = Db::with_extension_in("stock");
    db.execute(
        "CREATE TABLE public.shop (id uuid PRIMARY KEY, quantity_available integer NOT NULL);
         SELECT * FROM stock.attach_table('public.shop', 'id');
         INSERT INTO public.shop VALUES (gen_random_uuid(), 100);
         CREATE FUNCTION public.caught(listing uuid) RETURNS void LANGUAGE plpgsql AS $$
         BEGIN
           PERFORM stock.allocate_stock(listing, gen_random_uuid(), 1000000);
         EXCEPTION WHEN check_violation THEN
         END $$",
    );
    let mut client = db.client();
    // What is looked at is memory, not the disk.
    client
        .batch_execute("SET synchronous_commit = off")
        .unwrap();
    let listing: Uuid = client
        .query_one("SELECT stock.register_listing(NULL)", &[])
        .unwrap()
        .get(0);
    let sql = "SELECT stock.receive_stock($1, 100)";
    client.query_one(sql, &[&listing]).unwrap();
    let row = client.query_one("SELECT id FROM public.shop", &[]);
    let row = row.unwrap().get(0);
    let pid = client.query_one("SELECT pg_backend_pid()", &[]);
    let pid: i32 = pid.unwrap().get(0);
    let mut customer = Customer {
        client,
        listing,
        row,
    };

    let mut after = Vec::new();
    for _ in 0..4 {
        for _ in 0..calls / 4 / CALLS_A_ROUND {
            customer.round();
        }
        after.push(own_memory(pid).unwrap() as i64);
    }
    println!("{calls} calls; kB of memory after each quarter: {after:?}");
    let growth = after[3] - after[0];
    assert!(growth < 1024, "grown by {growth} kB");
}
