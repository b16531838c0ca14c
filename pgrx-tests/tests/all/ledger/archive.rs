//! archive_movements: old lines go, what they prove stays; and verify_archive sees whatever becomes of them.

use crate::api::shop::{Shop, ORISON};
use stockroom_tests::{interleave, script};
use uuid::Uuid;

const NONE: [&str; 0] = [];

fn archive(shop: &mut Shop, before: &str, batch: i32) -> i32 {
    let sql = format!("SELECT archive_movements({before}, 'public.old', $1)");
    shop.value(&sql, &[&batch])
}

fn proof(shop: &mut Shop) -> Vec<String> {
    shop.texts("SELECT version, problem FROM verify_archive('public.old')")
}

/// A listing with lots of every kind, and a table to archive into.
fn shop_with_past() -> (Shop, Uuid, [Uuid; 3]) {
    let mut shop = Shop::open();
    shop.run("CREATE TABLE public.old (LIKE stock_movements INCLUDING ALL)");
    let listing = shop.listing();
    let lots = ["1.5", "2", "NULL"].map(|cost| {
        let sql = format!("SELECT receive_stock($1, 10, unit_cost => {cost})");
        shop.value(&sql, &[&listing])
    });
    shop.change(lots[0], -3);
    let sql = "UPDATE stock_lots SET location_id = $2 WHERE lot_id = $1";
    shop.rows(sql, &[&lots[1], &ORISON]);
    shop.change(lots[1], -10);
    shop.change(lots[2], 5);
    (shop, listing, lots)
}

#[test]
fn lines_move_oldest_first_and_the_newest_stays() {
    let (mut shop, listing, lots) = shop_with_past();
    let middle = shop.moment();
    shop.change(lots[0], 2);
    shop.change(lots[2], 1);
    let all = "SELECT * FROM stock_movements UNION ALL SELECT * FROM public.old ORDER BY version";
    let before = shop.texts(all);
    let everything = |shop: &mut Shop| {
        [
            shop.texts("SELECT * FROM stock_value()"),
            shop.texts("SELECT * FROM stock_value(method => 'average')"),
            shop.texts("SELECT * FROM stock_value(now())"),
            vec![
                shop.stock_at(listing, "now()").to_string(),
                shop.stock_at(listing, "now(), NULL, 'effective'")
                    .to_string(),
                shop.stock_at(listing, &format!("now(), '{ORISON}'"))
                    .to_string(),
            ],
        ]
    };
    let answers = everything(&mut shop);
    // Nothing is older than the first; a transfer's two lines are not parted.
    assert_eq!(archive(&mut shop, "'2000-01-01'", 10), 0);
    assert_eq!(archive(&mut shop, "'infinity'", 2), 2);
    assert_eq!(archive(&mut shop, "'infinity'", 3), 4);
    let moment = format!("'{middle}'");
    assert_eq!(archive(&mut shop, &moment, 100), 2);
    assert_eq!(archive(&mut shop, &moment, 100), 0);
    assert_eq!(archive(&mut shop, "'infinity'", 100), 1);
    assert_eq!(archive(&mut shop, "'infinity'", 100), 0);
    assert_eq!(shop.texts("SELECT version FROM stock_movements"), ["10"]);
    assert_eq!(shop.texts(all), before, "nothing was lost or changed");
    assert_eq!(everything(&mut shop), answers);
    assert_eq!(proof(&mut shop), NONE);
    shop.verify();
    let kept =
        "SELECT first_version, last_version, total_after FROM stock_archived_runs ORDER BY 1";
    assert_eq!(shop.texts(kept), ["1|2|20", "3|6|27", "7|8|22", "9|9|24"]);
    // The ledger goes on.
    shop.change(lots[1], 4);
    shop.verify();
    shop.rows("SELECT delete_listing($1)", &[&listing]);
    shop.verify();
    assert_eq!(archive(&mut shop, "'infinity'", 100), 2);
    shop.rows(
        "SELECT register_listing(NULL, listing_id => $1)",
        &[&listing],
    );
    shop.receive(listing, 1);
    assert_eq!(proof(&mut shop), NONE);
    shop.verify();
}

#[test]
fn what_lies_in_the_archive_is_not_answered_wrongly() {
    let (mut shop, listing, lots) = shop_with_past();
    let last_year = shop.moment();
    let last: String = shop.text("SELECT movement_id FROM stock_movements WHERE version = 3");
    shop.change(lots[0], 1);
    let between = shop.moment();
    shop.change(lots[0], 1);
    let moment = format!("'{last_year}'");
    assert_eq!(archive(&mut shop, &moment, 100), 8);
    for call in [
        format!("stock_at('{listing}', {moment}::timestamptz - interval '1 ms')"),
        format!("stock_at('{listing}', '2000-01-01', '{ORISON}')"),
        format!("stock_at('{listing}', '2000-01-01', by => 'effective')"),
        "stock_value('2000-01-01')".to_owned(),
        "stock_value('2000-01-01', 'average')".to_owned(),
        format!("stock_value('2000-01-01', listing_id => '{listing}')"),
        format!("stock_events('{last}')"),
    ] {
        let call = call.replace("- interval '1 ms'", "- interval '1 day'");
        let error = shop.error(&format!("SELECT {call}"), &[]);
        assert_eq!(error.name(), "ledger_archived", "{call}");
    }
    // From the end of the archive on it is known; between the last line there and the first here, too.
    assert_eq!(shop.stock_at(listing, &moment), 22);
    assert_eq!(shop.stock_at(listing, &format!("'{between}'")), 23);
    let value = format!("SELECT quantity, value, uncosted FROM stock_value({moment}, $m)");
    let by = |shop: &mut Shop, method: &str| shop.text(&value.replace("$m", method));
    assert_eq!(by(&mut shop, "'fifo'"), "22|10.5000|15");
    // 17 at 1.75 less the 3 before the second came: 10 × 1.5, 10 × 2, less 3, less 10.
    assert_eq!(by(&mut shop, "'average'"), "22|12.2500|15");
    assert_eq!(shop.history(listing), ["adjust|1|23", "adjust|1|24"]);
    // A consumer that has all of it goes on; so does one that begins.
    let newest = "SELECT movement_id FROM public.old ORDER BY movement_id DESC LIMIT 1";
    let newest = shop.text(newest);
    shop.rows(&format!("SELECT FROM stock_events('{newest}')"), &[]);
    shop.rows("SELECT FROM stock_events()", &[]);
    shop.verify();
}

#[test]
fn whatever_becomes_of_an_archived_line_is_seen() {
    let (mut shop, listing, _) = shop_with_past();
    assert_eq!(archive(&mut shop, "'infinity'", 4), 4);
    assert_eq!(archive(&mut shop, "'infinity'", 100), 3);
    let other = shop.stocked(5);
    let mut after = |change: &str| {
        shop.run(&format!("BEGIN; {change}"));
        let found = proof(&mut shop);
        shop.run("ROLLBACK");
        found
    };
    let changed =
        |run: &str, first| vec![format!("{first}|lines {run} are not as they were archived")];
    for (column, value) in [
        ("movement_id", "gen_random_uuid()"),
        ("lot_id", "gen_random_uuid()"),
        ("location_id", "gen_random_uuid()"),
        ("movement_type", "'loss'"),
        ("delta", "delta + 1"),
        ("lot_before", "lot_before + 1"),
        ("lot_after", "lot_after + 1"),
        ("listing_before", "listing_before + 1"),
        ("listing_after", "listing_after + 1"),
        ("unit_cost", "9"),
        ("reason", "''"),
        ("reference", "'r'"),
        ("actor", "actor || ' '"),
        ("recorded_at", "recorded_at + interval '1 us'"),
        ("effective_at", "effective_at - interval '1 us'"),
    ] {
        let change = format!("UPDATE public.old SET {column} = {value} WHERE version = 2");
        assert_eq!(after(&change), changed("1 to 4", 1), "{column}");
    }
    let change = "UPDATE public.old SET actor = 'x' WHERE version = 6";
    assert_eq!(after(change), changed("5 to 7", 5));
    assert_eq!(
        after("DELETE FROM public.old WHERE version = 2"),
        ["3|lines 2 to 2 are missing"]
    );
    assert_eq!(
        after("DELETE FROM public.old WHERE version >= 4"),
        ["4|lines 4 to 4 are missing", "5|lines 5 to 7 are missing"]
    );
    assert_eq!(
        after("TRUNCATE public.old"),
        ["1|lines 1 to 4 are missing", "5|lines 5 to 7 are missing"]
    );
    let twice = "ALTER TABLE public.old DROP CONSTRAINT old_pkey;
                 INSERT INTO public.old SELECT * FROM public.old WHERE version = 3";
    assert_eq!(after(twice), ["3|it is there twice"]);
    let never = "archive_movements() did not put it here";
    let added = format!(
        "INSERT INTO public.old SELECT * FROM stock_movements WHERE listing_id IN ('{listing}', '{other}')"
    );
    assert_eq!(after(&added), [format!("8|{never}"), format!("1|{never}")]);
    // Another tenant's line in the same table is none of ours.
    let theirs = "INSERT INTO public.old SELECT gen_random_uuid(), gen_random_uuid(), listing_id, 99, lot_id, location_id,
        movement_type, delta, lot_before, lot_after, listing_before, listing_after, unit_cost, reason, reference, actor,
        recorded_at, effective_at FROM stock_movements";
    assert_eq!(after(theirs), NONE);
    // What settings of the session say of dates, zones and digits has no part in it.
    let settings = "SET LOCAL TimeZone = 'Asia/Tokyo'; SET LOCAL DateStyle = 'SQL, DMY';
                    SET LOCAL extra_float_digits = -5; SET LOCAL bytea_output = 'escape'; SET LOCAL search_path = ''";
    shop.run(&format!("BEGIN; {settings}"));
    let sql = "SELECT problem FROM stock.verify_archive('public.old')";
    assert_eq!(shop.texts(sql), NONE);
    shop.run("ROLLBACK");
    shop.verify();
}

/// Partitions by month, as the guide has them; other columns of one's own; several tables under one view.
#[test]
fn the_archive_may_be_partitioned_and_divided() {
    let mut shop = Shop::open();
    shop.run(
        "CREATE TABLE public.old (LIKE stock_movements, kept_by text DEFAULT 'me', more integer)
           PARTITION BY RANGE (recorded_at);
         CREATE TABLE public.old_2020 PARTITION OF public.old FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
         CREATE TABLE public.old_rest PARTITION OF public.old DEFAULT;
         CREATE TABLE public.second (LIKE stock_movements);
         CREATE VIEW public.both AS SELECT movement_id, tenant_id, listing_id, version, lot_id, location_id, movement_type,
            delta, lot_before, lot_after, listing_before, listing_after, unit_cost, reason, reference, actor, recorded_at,
            effective_at FROM public.old UNION ALL SELECT * FROM public.second",
    );
    let lot = {
        let listing = shop.listing();
        shop.receive(listing, 10)
    };
    for _ in 0..5 {
        shop.change(lot, 1);
    }
    shop.tamper("UPDATE stock_movements SET recorded_at = '2020-05-01' WHERE version <= 2");
    assert_eq!(archive(&mut shop, "'infinity'", 3), 3);
    let second = "SELECT archive_movements('infinity', 'public.second')";
    assert_eq!(shop.value::<i32>(second, &[]), 2);
    assert_eq!(shop.text("SELECT count(*) FROM public.old_2020"), "2");
    assert_eq!(
        shop.text("SELECT count(*), min(kept_by) FROM public.old"),
        "3|me"
    );
    assert_eq!(proof(&mut shop), ["4|lines 4 to 5 are missing"]);
    assert_eq!(
        shop.texts("SELECT problem FROM verify_archive('public.both')"),
        NONE
    );
    shop.verify();
}

/// Two archive at once, in every order of their steps, beside one who moves goods: each line is moved once.
#[test]
fn archiving_meets_archiving_and_writing() {
    let mut shop = Shop::open();
    shop.run("CREATE TABLE public.old (LIKE stock_movements INCLUDING ALL)");
    let mut client = shop.db.client();
    let summary = interleave(
        &shop.db,
        |client| {
            let listing = client.query_one("SELECT stock.register_listing(NULL)", &[]);
            let listing: Uuid = listing.unwrap().get(0);
            let receive = format!("SELECT stock.receive_stock('{listing}', 5)");
            for _ in 0..4 {
                client.batch_execute(&receive).unwrap();
            }
            let archive = "BEGIN; SELECT stock.archive_movements('infinity', 'public.old', 3)";
            let scripts = vec![
                script("one", [archive, "COMMIT"]),
                script("two", [archive, "COMMIT"]),
                script("writer", [receive]),
            ];
            (listing, scripts)
        },
        |_, listing, run| {
            assert!(run.errors().is_empty(), "{:?}", run.errors());
            client.batch_execute("SET search_path = stock").unwrap();
            let lines = "SELECT count(DISTINCT version), count(*), max(version) FROM (
                           SELECT listing_id, version FROM stock_movements
                           UNION ALL SELECT listing_id, version FROM public.old) AS l WHERE listing_id = $1";
            let lines = client.query_one(lines, &[listing]).unwrap();
            assert_eq!(
                (lines.get(0), lines.get(1), lines.get(2)),
                (5i64, 5i64, 5i64)
            );
            let wrong = "SELECT problem FROM verify_archive('public.old')";
            assert!(client.query(wrong, &[]).unwrap().is_empty());
            crate::api::shop::verify(&mut client);
        },
    );
    assert!(summary.run > 10 && summary.waits > 0, "{summary:?}");
}

/// What the archive's proof rests on is dumped and restored with the rest.
#[test]
fn a_rollback_leaves_everything_where_it_was() {
    let (mut shop, _, _) = shop_with_past();
    let before = shop.everything();
    shop.run("BEGIN; SELECT archive_movements('infinity', 'public.old'); ROLLBACK");
    assert_eq!(shop.everything(), before);
    assert_eq!(shop.text("SELECT count(*) FROM public.old"), "0");
    shop.verify();
}
