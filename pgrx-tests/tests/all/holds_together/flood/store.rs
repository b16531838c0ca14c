//! The listings of a flood, and what must be so when it is over.

use super::tally::Tally;
use crate::api::shop::{verify, LORVILLE, ORISON};
use postgres::Client;
use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use stockroom_tests::{Cluster, Db};
use uuid::Uuid;

/// A listing that is fought for.
#[derive(Clone, Copy)]
pub struct Goods {
    pub listing: Uuid,
    /// Has a row in the app's own table.
    pub is_attached: bool,
}

/// Places at which every listing has some of its units.
pub const PLACES: [Uuid; 2] = [ORISON, LORVILLE];
const UNITS: i32 = 30;

pub struct Store {
    pub goods: Arc<Vec<Goods>>,
    pub db: Db,
}

/// A hold as the database has it in the end.
#[derive(Debug)]
pub struct HoldRow {
    pub status: String,
    pub quantity: i64,
    /// Units of all allocations that it became.
    pub allocated: i64,
}

impl Store {
    pub fn open() -> Store {
        let db = Db::on(Cluster::durable());
        db.execute("CREATE SCHEMA stock; CREATE EXTENSION stockroom SCHEMA stock");
        // Deadlocks among plain DML are expected, and retried: no need to wait a second for each.
        let quick = format!("ALTER DATABASE {} SET deadlock_timeout = '20ms'", db.name());
        db.execute(&quick);
        db.execute(
            "CREATE TABLE public.shop_listings (listing_id uuid PRIMARY KEY, title text NOT NULL DEFAULT 'new',
                                                quantity_available integer NOT NULL CHECK (quantity_available >= 0));
             SELECT * FROM stock.attach_table('public.shop_listings', 'listing_id')",
        );
        let mut client = connect(&db);
        let mut goods = Vec::new();
        for (safety_stock, backorder_limit) in [(0, 0), (0, 0), (0, 0), (5, 0), (0, 8), (4, 8)] {
            let sql = "SELECT register_listing(NULL, safety_stock => $1, backorder_limit => $2)";
            let row = client.query_one(sql, &[&safety_stock, &backorder_limit]);
            goods.push(Goods {
                listing: row.unwrap().get(0),
                is_attached: false,
            });
        }
        for _ in 0..2 {
            let sql = "INSERT INTO public.shop_listings VALUES (gen_random_uuid(), DEFAULT, 0) RETURNING listing_id";
            goods.push(Goods {
                listing: client.query_one(sql, &[]).unwrap().get(0),
                is_attached: true,
            });
        }
        for Goods { listing, .. } in &goods {
            for place in PLACES {
                let sql = "SELECT receive_stock($1, $2, $3)";
                client.query(sql, &[listing, &UNITS, &place]).unwrap();
            }
        }
        Store {
            goods: Arc::new(goods),
            db,
        }
    }

    pub fn client(&self) -> Client {
        connect(&self.db)
    }

    /// After the flood: the counters are right, no unit was lost, and every hold and order is as its
    /// callers were told.
    #[track_caller]
    pub fn assert_as_told(&self, tally: &Tally) {
        let mut client = self.client();
        verify(&mut client);
        let problems = tally.problems(&mut client);
        assert_eq!(problems, Vec::<String>::new());
        let units = i64::from(UNITS) * (PLACES.len() * self.goods.len()) as i64 + tally.units;
        let sql = "SELECT sum(quantity_total)::bigint FROM stock_lots";
        assert_eq!(client.query_one(sql, &[]).unwrap().get::<_, i64>(0), units);
        sweep_to_the_end(&mut client);
        verify(&mut client);
    }
}

fn connect(db: &Db) -> Client {
    let mut client = db.client();
    client.batch_execute("SET search_path = stock").unwrap();
    client
}

/// When the last short hold has expired and is swept, what is held is what still lives.
fn sweep_to_the_end(client: &mut Client) {
    thread::sleep(super::by_function::LONGEST_SHORT_TTL + Duration::from_millis(10));
    let sql = "SELECT expire_holds(7)";
    while client.query_one(sql, &[]).unwrap().get::<_, i32>(0) > 0 {}
    let dead = "SELECT count(*) FROM stock_holds WHERE status = 'active' AND expires_at <= clock_timestamp()";
    assert_eq!(client.query_one(dead, &[]).unwrap().get::<_, i64>(0), 0);
}

/// Every hold, by key.
pub fn holds(client: &mut Client) -> HashMap<Uuid, HoldRow> {
    let sql = "SELECT h.hold_id, h.status, h.quantity::bigint,
                      (SELECT coalesce(sum(a.quantity), 0)::bigint FROM stock_allocations a
                        WHERE a.hold_id = h.hold_id)
                 FROM stock_holds h";
    let rows = client.query(sql, &[]).unwrap();
    rows.iter()
        .map(|row| {
            let hold = HoldRow {
                status: row.get(1),
                quantity: row.get(2),
                allocated: row.get(3),
            };
            (row.get(0), hold)
        })
        .collect()
}
