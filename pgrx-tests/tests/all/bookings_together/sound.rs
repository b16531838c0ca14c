//! What must be so in every snapshot, said from the rows and not from the counters.

use postgres::{Client, IsolationLevel};

/// A hold that has expired and is not swept is still counted in its dates, but its unit of a listing may be sold; so
/// may that of a day that is over.
const UNSOUND: &str = "
    WITH claim AS (
        SELECT resource_id, dates, quantity, expires_at FROM resource_hold WHERE status = 'ACTIVE'
        UNION ALL SELECT resource_id, dates, quantity, NULL FROM resource_allocation),
    booked AS (
        SELECT k.resource_id, d.date, sum(k.quantity) AS units,
               sum(k.quantity) FILTER (WHERE k.expires_at IS NULL OR k.expires_at > clock_timestamp()) AS live
          FROM claim k, unnest(k.dates) AS d (date) GROUP BY 1, 2),
    peak AS (
        SELECT listing_id, max(live) AS units
          FROM (SELECT r.listing_id, b.date, sum(b.live) AS live FROM booked b JOIN resource r ON r.id = b.resource_id
                 WHERE r.listing_id IS NOT NULL AND b.date >= (clock_timestamp() AT TIME ZONE r.timezone)::date
                 GROUP BY 1, 2) AS day
         GROUP BY 1),
    stock AS (
        SELECT p.listing_id, p.units,
               (SELECT coalesce(sum(l.quantity_total), 0) FROM stock_lots l WHERE l.listing_id = p.listing_id AND l.listed)
               - (SELECT coalesce(sum(a.quantity), 0) FROM stock_allocations a JOIN stock_lots l USING (lot_id)
                   WHERE l.listing_id = p.listing_id AND l.listed AND a.status = 'active')
               - (SELECT coalesce(sum(h.quantity), 0) FROM stock_holds h
                   WHERE h.listing_id = p.listing_id AND h.status = 'active'
                     AND (h.expires_at IS NULL OR h.expires_at > clock_timestamp())) AS unsold
          FROM peak p)
    SELECT format('%s has %s booked on %s, of %s', b.resource_id, b.units, b.date, coalesce(c.max_capacity, 0))
      FROM booked b LEFT JOIN resource_capacity c USING (resource_id, date)
     WHERE b.units > coalesce(c.max_capacity, 0)
    UNION ALL
    SELECT format('%s on %s has a counter of %s with %s booked', c.resource_id, c.date, c.available_capacity, b.units)
      FROM resource_capacity c LEFT JOIN booked b USING (resource_id, date)
     WHERE c.available_capacity <> c.max_capacity - coalesce(b.units, 0)
    UNION ALL
    SELECT format('of listing %s %s are booked, %s are not sold', listing_id, units, unsold) FROM stock WHERE units > unsold
    UNION ALL SELECT 'bookings ' || verify_bookings::text FROM verify_bookings()
    UNION ALL SELECT 'counter ' || verify_stock::text FROM verify_stock()
    UNION ALL SELECT 'line ' || verify_ledger::text FROM verify_ledger()";

/// Everything that is wrong, in one snapshot.
pub fn unsound(client: &mut Client) -> Vec<String> {
    let snapshot = client.build_transaction();
    let snapshot = snapshot.isolation_level(IsolationLevel::RepeatableRead);
    let mut snapshot = snapshot.read_only(true).start().unwrap();
    let rows = snapshot.query(UNSOUND, &[]).expect("should be told");
    rows.iter().map(|row| row.get(0)).collect()
}

#[track_caller]
pub fn assert_sound(client: &mut Client, when: &str) {
    assert_eq!(unsound(client), Vec::<String>::new(), "{when}");
}
