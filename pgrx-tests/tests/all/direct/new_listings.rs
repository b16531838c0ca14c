//! Listings that an attached table makes: below SQL and by statements they are the same, and what an owner
//! added to stock_listings takes part.

use super::work::{one, STATEMENTS_ONLY};
use crate::api::shop::{connect, verify};
use postgres::Client;
use stockroom_tests::{texts, Db};

const TABLE: &str = "CREATE TABLE public.products (id uuid PRIMARY KEY, name text, stock int, total int);
    INSERT INTO public.products
    SELECT ('00000000-0000-4000-8000-' || lpad((n * 7919 % 1000)::text, 12, '0'))::uuid, 'p', n % 3, n % 3 + n % 2
      FROM generate_series(1, 300) n";

fn attach(client: &mut Client) -> String {
    one(
        client,
        "SELECT concat_ws('|', listings, lots, units, mismatches)
           FROM attach_table('public.products', 'id', 'stock', 'total')",
    )
}

/// All of the listings but for when they were made.
fn listings(client: &mut Client) -> Vec<String> {
    let rows =
        "SELECT (to_jsonb(g) - ARRAY['created_at', 'updated_at', 'moved_at', 'attached_to'])::text
                  FROM stock_listings g ORDER BY listing_id";
    texts(client, rows)
}

/// Some were there before, and have lines, or had some.
fn history(client: &mut Client) {
    client
        .batch_execute(&format!(
            "{TABLE};
             INSERT INTO stock_listings (listing_id) SELECT id FROM public.products ORDER BY id LIMIT 20;
             SELECT receive_stock(id, 5) FROM public.products ORDER BY id LIMIT 10;
             SELECT adjust_stock(lot_id, -5) FROM stock_lots;
             DELETE FROM stock_lots;
             DELETE FROM stock_listings WHERE listing_id IN (SELECT id FROM public.products ORDER BY id OFFSET 5 LIMIT 10)"
        ))
        .unwrap();
}

#[test]
fn both_ways_come_to_the_same() {
    let [below, by_statements] = [false, true].map(|statements_only| {
        let db = Db::with_extension_in("stock");
        let mut client = connect(&db);
        if statements_only {
            client.batch_execute(STATEMENTS_ONLY).unwrap();
        }
        history(&mut client);
        let answer = attach(&mut client);
        verify(&mut client);
        let versions = "SELECT listing_id, array_agg(version ORDER BY recorded_at, version) FROM stock_movements
                         GROUP BY 1 ORDER BY 1";
        let times = "SELECT count(*) FROM stock_listings
                      WHERE (version > 0) <> (moved_at IS NOT NULL) OR created_at IS NULL OR created_at <> updated_at";
        assert_eq!(texts(&mut client, times), ["0"]);
        (answer, listings(&mut client), texts(&mut client, versions))
    });
    assert_eq!(below.0, "300|241|444|0");
    assert_eq!(below, by_statements);
}

#[test]
fn what_an_owner_added_takes_part() {
    for (addition, seen) in [
        (
            "CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN NEW.name = 'noted'; RETURN NEW; END $$;
             CREATE TRIGGER app BEFORE INSERT ON stock_listings FOR EACH ROW EXECUTE FUNCTION public.note()",
            "name = 'noted'",
        ),
        (
            "ALTER TABLE stock_listings ALTER name SET DEFAULT 'new'",
            "name = 'new'",
        ),
        (
            r#"ALTER TABLE stock_listings ALTER metadata SET DEFAULT '{"a": 1}'"#,
            r#"metadata = '{"a": 1}'"#,
        ),
        (
            "ALTER TABLE stock_listings ALTER safety_stock SET DEFAULT 4",
            "safety_stock = 4",
        ),
        (
            "ALTER TABLE stock_listings ADD app int NOT NULL DEFAULT 5",
            "app = 5",
        ),
        (
            "CREATE FUNCTION public.twice(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 2 * $1; END';
             ALTER TABLE stock_listings ADD app int GENERATED ALWAYS AS (public.twice(quantity_total)) STORED",
            "app = 2 * quantity_total",
        ),
        (
            "CREATE INDEX app ON stock_listings (attached_key, quantity_total)",
            "name IS NULL",
        ),
    ] {
        let db = Db::with_extension_in("stock");
        let mut client = connect(&db);
        client.batch_execute(TABLE).unwrap();
        client.batch_execute(addition).unwrap();
        assert_eq!(attach(&mut client), "300|250|450|0", "{addition}");
        let others = format!("SELECT count(*) FROM stock_listings WHERE ({seen}) IS NOT TRUE");
        assert_eq!(texts(&mut client, &others), ["0"], "{addition}");
        verify(&mut client);
    }
}

#[test]
fn a_check_of_the_owner_is_asked() {
    let db = Db::with_extension_in("stock");
    let mut client = connect(&db);
    client.batch_execute(TABLE).unwrap();
    client
        .batch_execute("ALTER TABLE stock_listings ADD CHECK (quantity_total < 3)")
        .unwrap();
    let error = client
        .batch_execute("SELECT FROM attach_table('public.products', 'id', 'stock', 'total')")
        .unwrap_err();
    assert_eq!(error.code().unwrap().code(), "23514");
}
