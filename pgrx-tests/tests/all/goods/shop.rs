//! What these tests add to the shop of the API's tests: lots as they lie there, the lines of the ledger, and
//! the proof that both agree.

use crate::api::shop::Shop;
use uuid::Uuid;

impl Shop {
    /// The lines of a listing's ledger from this version on: what, units in the lot before and after, why.
    #[track_caller]
    pub fn lines_from(&mut self, listing: Uuid, version: i64) -> Vec<String> {
        self.texts(&format!(
            "SELECT concat_ws(' ', movement_type, lot_before || '→' || lot_after, reason)
               FROM stock_movements WHERE listing_id = '{listing}' AND version >= {version} ORDER BY version"
        ))
    }

    /// All of them.
    #[track_caller]
    pub fn lines(&mut self, listing: Uuid) -> Vec<String> {
        self.lines_from(listing, 1)
    }

    /// The lots of a listing, oldest first: place, units, what of it is allocated, and the condition.
    #[track_caller]
    pub fn lots(&mut self, listing: Uuid) -> Vec<String> {
        self.texts(&format!(
            "SELECT format('%s %s/%s %s', p.name, quantity_allocated, quantity_total, condition)
               FROM stock_lots JOIN locations p USING (location_id)
              WHERE listing_id = '{listing}' ORDER BY stock_lots.created_at, p.display_order, quantity_total"
        ))
    }

    /// A call that answers an integer.
    #[track_caller]
    pub fn units(&mut self, call: &str) -> i32 {
        self.value(&format!("SELECT {call}"), &[])
    }

    /// A call that answers a key.
    #[track_caller]
    pub fn key(&mut self, call: &str) -> Uuid {
        self.value(&format!("SELECT {call}"), &[])
    }

    /// The name of the error of a call that must fail, and what it says of one field.
    #[track_caller]
    pub fn refused(&mut self, call: &str, field: &str) -> (String, String) {
        let error = self.error(&format!("SELECT {call}"), &[]);
        (error.name(), error.field(field).to_string())
    }

    /// That the call is a bad argument, this one, for this reason.
    #[track_caller]
    pub fn assert_bad(&mut self, call: &str, argument: &str, problem: &str) {
        let error = self.error(&format!("SELECT {call}"), &[]);
        assert_eq!(error.name(), "bad_argument", "{call}: {error:?}");
        let told = (error.field("argument"), error.field("problem"));
        assert_eq!(told, (argument.into(), problem.into()), "{call}");
    }

    /// The proof: the counters are what the rows say, and the rows what the ledger says.
    #[track_caller]
    pub fn prove(&mut self) {
        self.verify();
        let wrong = self.texts(UNPROVEN);
        assert_eq!(wrong, [""; 0]);
    }
}

/// Lines that do not follow from the one before, in their listing and in their lot; and lots and listings
/// that are not what their last line says.
const UNPROVEN: &str = "
    WITH line AS (
      SELECT *, lag(version, 1, 0::bigint) OVER listing AS version_before,
             lag(listing_after, 1, 0) OVER listing AS total_before, lag(lot_after, 1, 0) OVER lot AS units_before
        FROM stock_movements
      WINDOW listing AS (PARTITION BY listing_id ORDER BY version),
             lot AS (PARTITION BY lot_id ORDER BY version))
    SELECT format('line %s of %s', version, listing_id) FROM line
     WHERE version <> version_before + 1 OR listing_before <> total_before OR lot_before <> units_before
        OR lot_after <> lot_before + delta OR listing_after <> listing_before + delta
    UNION ALL
    SELECT format('lot %s', lot_id) FROM stock_lots l
      LEFT JOIN (SELECT lot_id, sum(delta) AS units FROM stock_movements GROUP BY 1) m USING (lot_id)
     WHERE quantity_total <> coalesce(units, 0)
    UNION ALL
    SELECT format('level %s at %s', listing_id, location_id) FROM stock_levels v
      LEFT JOIN (SELECT listing_id, location_id, sum(delta) AS units FROM stock_movements GROUP BY 1, 2) m
          USING (listing_id, location_id)
     WHERE quantity_total <> coalesce(units, 0)
    UNION ALL
    SELECT format('listing %s', listing_id) FROM stock_listings g
     WHERE version <> (SELECT count(*) FROM stock_movements m WHERE m.listing_id = g.listing_id)";

/// What the tests of two sessions ask of the database after each order.
pub fn unproven() -> &'static str {
    UNPROVEN
}
