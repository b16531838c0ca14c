//! A whole library: items with 1 to 20 copies, a fifth of them lent out, there and back.

use crate::attached::app::empty;
use crate::durability::size;

#[test]
fn a_library_goes_there_and_back() {
    let (_db, mut sql) = empty();
    let items = size(2_000, 50_000);
    sql.run(&format!(
        "SET synchronous_commit = off; SELECT setseed(0.5);
         CREATE TABLE items (id uuid PRIMARY KEY, parent_item_id uuid REFERENCES items, title text NOT NULL,
                             is_available boolean NOT NULL, borrower text, due_at date);
         CREATE INDEX ON items (parent_item_id);
         INSERT INTO items SELECT gen_random_uuid(), NULL, 'Title ' || n, true FROM generate_series(1, {items}) n;
         INSERT INTO items
         SELECT gen_random_uuid(), i.id, i.title || ', copy ' || n, NOT lent,
                CASE WHEN lent THEN 'member ' || (random() * 1000)::int END,
                CASE WHEN lent AND n % 3 > 0 THEN date '2030-01-01' + n END
           FROM (SELECT id, title, 1 + (random() * 19)::int AS copies FROM items) AS i,
                generate_series(1, i.copies) n, LATERAL (SELECT random() < 0.2 AND i.id IS NOT NULL AS lent) AS l;
         ANALYZE items;
         CREATE TABLE before AS SELECT * FROM items;
         CREATE TABLE expected AS
         SELECT p.id, count(c.id) AS total, count(*) FILTER (WHERE c.is_available) AS available,
                count(*) FILTER (WHERE NOT c.is_available) AS lent
           FROM items p JOIN items c ON c.parent_item_id = p.id GROUP BY p.id"
    ));
    let columns = "'items', borrower_column => 'borrower', due_column => 'due_at'";
    let odd = "WHERE kind IN ('mismatch', 'problem') OR found IS NULL OR found <> counted";
    let answer = sql.rows(&format!("SELECT * FROM collapse_children({columns}) {odd}"));
    assert_eq!(answer, [""; 0]);

    let differences = "SELECT e.id FROM expected e LEFT JOIN stock_listings g ON g.listing_id = e.id
        LEFT JOIN LATERAL (SELECT count(*) AS loans FROM stock_loans l
                            WHERE l.listing_id = e.id AND l.is_open AND l.quantity = 1) AS o ON true
        WHERE (e.total, e.available, e.lent) IS DISTINCT FROM (g.quantity_total, g.quantity_available, o.loans)";
    assert_eq!(sql.rows(differences), [""; 0]);
    let loans = "SELECT l.metadata ->> 'copy', l.borrower, l.due_at::date FROM stock_loans l";
    let rows = "SELECT id::text, borrower, due_at FROM before WHERE NOT is_available";
    let lost = format!(
        "SELECT count(*) FROM (({loans} EXCEPT {rows}) UNION ALL ({rows} EXCEPT {loans})) AS d"
    );
    assert_eq!(sql.row(&lost), "0");
    assert_eq!(sql.row("SELECT count(*) FROM items"), items.to_string());
    sql.assert_verified();

    // Run twice, it changes nothing.
    let listings = "SELECT md5(string_agg(g::text, '' ORDER BY listing_id)) FROM stock_listings g";
    let before = sql.row(listings);
    sql.run(&format!("SELECT collapse_children({columns})"));
    assert_eq!(sql.row(listings), before);

    let guesses = "SELECT * FROM expand_children('items') WHERE found IS NULL OR found <> counted";
    assert_eq!(sql.rows(guesses), [""; 0]);
    let lost = "SELECT count(*) FROM ((TABLE before EXCEPT ALL TABLE items) UNION ALL (TABLE items EXCEPT ALL TABLE before)) AS d";
    assert_eq!(sql.row(lost), "0");
    assert_eq!(sql.row("SELECT count(*) FROM stock_loans"), "0");
    sql.assert_verified();
}
