//! A whole shop of the conventional kind, there and back.

use super::old_shop::{assert_sound, conventional, let_it_write, problems, IMPORT};
use crate::durability::size;

#[test]
fn a_shop_goes_there_and_back() {
    let (_db, mut sql) = conventional();
    let_it_write(&mut sql);
    let listings = size(1_000, 50_000);
    sql.run(&format!(
        "SET synchronous_commit = off; SELECT conventional.refill({listings}, 2, 10, 3, 0);
         ANALYZE;
         UPDATE conventional.stock_allocations SET status = 'released' WHERE quantity = 1 AND allocation_id::text < '4';
         UPDATE conventional.stock_lots SET listed = false WHERE lot_id::text < '2';
         ANALYZE"
    ));
    let theirs = "SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM (
                    SELECT l::text FROM conventional.stock_lots l
                    UNION ALL SELECT a::text FROM conventional.stock_allocations a
                    UNION ALL SELECT g::text FROM conventional.stock_listings g) AS t";
    let before = sql.row(theirs);

    assert_eq!(problems(&mut sql, IMPORT), [""; 0]);
    let differences = "SELECT g.listing_id FROM conventional.stock_listings g
                         FULL JOIN stock.stock_listings s USING (listing_id)
                         LEFT JOIN LATERAL (SELECT sum(quantity_total) AS total FROM conventional.stock_lots l
                                             WHERE l.listing_id = g.listing_id) AS lots ON true
                        WHERE (g.listing_id, conventional.get_available_stock(g.listing_id), total)
                              IS DISTINCT FROM (s.listing_id, s.quantity_available, s.quantity_total)";
    assert_eq!(sql.rows(differences), [""; 0]);
    let lost = "SELECT count(*) FROM conventional.stock_allocations a
                  FULL JOIN stock.stock_allocations s USING (allocation_id, lot_id, order_id, quantity, status)
                 WHERE a.created_at IS NULL OR s.created_at IS NULL";
    assert_eq!(sql.row(lost), "0");
    assert_sound(&mut sql);

    // Run twice, it changes nothing.
    let listings = "SELECT md5(string_agg(g::text, '' ORDER BY listing_id)), (SELECT count(*) FROM stock.stock_movements)
                      FROM stock.stock_listings g";
    let ours = sql.row(listings);
    sql.run(&format!("{IMPORT})"));
    assert_eq!(sql.row(listings), ours);

    sql.run("SELECT stock.undo_import_stock('conventional.stock_lots')");
    let left = "SELECT (SELECT count(*) FROM stock.stock_lots), (SELECT count(*) FROM stock.stock_listings),
                       (SELECT count(*) FROM stock.stock_allocations)";
    assert_eq!(sql.row(left), "0|0|0");
    assert_eq!(sql.row(theirs), before);
    assert_sound(&mut sql);
}
