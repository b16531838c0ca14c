//! The ledger of a tenant replayed: every line beside what the lines before it lead to.

/// The start of a statement whose $1 is the tenant. `line` has each line with what was to be expected of
/// it; `opening` what archived lines add up to, `at_location` what all lines do.
///
/// A correction goes on from what all lines before it add up to, and what did not fit before it is settled
/// by it: `total_fits` and `units_fit` say so.
///
/// Windows and no joins: nobody knows here how many rows there are, and a join might be planned for few.
macro_rules! replayed {
    () => {
        "WITH opening AS (
           SELECT listing_id, lot_id, location_id, quantity
             FROM {s}.stock_archived_lots WHERE tenant_id = $1),
         source AS (
           SELECT listing_id, version, lot_id, location_id, delta, lot_before, lot_after, listing_before,
                  listing_after, recorded_at, movement_type = 'correction' AS corrects, false AS is_archived
             FROM {s}.stock_movements WHERE tenant_id = $1
           UNION ALL
           (SELECT DISTINCT ON (listing_id) listing_id, last_version, NULL, NULL, 0, NULL, NULL, NULL,
                   total_after, last_recorded_at, false, true
              FROM {s}.stock_archived_runs WHERE tenant_id = $1
             ORDER BY listing_id, last_version DESC)
           UNION ALL
           SELECT listing_id, 0, lot_id, NULL, sum(quantity)::int, NULL, sum(quantity)::int, NULL, NULL, NULL,
                  false, true
             FROM opening GROUP BY listing_id, lot_id),
         numbered AS (
           SELECT s.*,
                  coalesce(lag(version) OVER of_listing, 0) + 1 AS version_expected,
                  lag(recorded_at) OVER of_listing AS not_before,
                  coalesce(lag(listing_after) OVER of_listing, 0) AS total_left,
                  sum(delta) OVER of_listing - delta AS total_sum,
                  coalesce(lag(lot_after) OVER of_lot, 0) AS units_left,
                  sum(delta) OVER of_lot - delta AS units_sum,
                  lead(version) OVER of_listing IS NULL AS ends_listing,
                  lead(version) OVER of_lot IS NULL AS ends_lot,
                  max(version) FILTER (WHERE corrects) OVER (PARTITION BY listing_id) AS listing_settled,
                  max(version) FILTER (WHERE corrects) OVER (PARTITION BY listing_id, lot_id) AS lot_settled
             FROM source s
           WINDOW of_listing AS (PARTITION BY listing_id ORDER BY version),
                  of_lot AS (PARTITION BY listing_id, lot_id ORDER BY version)),
         expected AS (
           SELECT n.*, CASE WHEN corrects THEN total_sum ELSE total_left END AS total_expected,
                  CASE WHEN corrects THEN units_sum ELSE units_left END AS units_expected
             FROM numbered n),
         replayed AS MATERIALIZED (
           SELECT e.*,
                  listing_before = total_expected
                  OR NOT corrects AND coalesce(version < listing_settled, false) AS total_fits,
                  lot_before = units_expected
                  OR NOT corrects AND coalesce(version < lot_settled, false) AS units_fit
             FROM expected e),
         line AS (SELECT * FROM replayed WHERE NOT is_archived),
         at_location AS (
           SELECT listing_id, lot_id, location_id, sum(units)::bigint AS units
             FROM (SELECT listing_id, lot_id, location_id, delta AS units FROM line
                   UNION ALL SELECT listing_id, lot_id, location_id, quantity FROM opening) AS u
            GROUP BY listing_id, lot_id, location_id),
         lot AS (
           SELECT listing_id, lot_id, location_id, quantity_total, unit_cost
             FROM {s}.stock_lots WHERE tenant_id = $1)"
    };
}

pub(crate) use replayed;
