//! Allocations: their states, and which of them a release or a fulfilment ends.

use std::fmt;

use uuid::Uuid;

/// The state of an allocation, the column `stock_allocations.status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AllocationStatus {
    /// The claim stands: its units are in the lot and belong to the order.
    Active,
    /// The claim was given up: its units are free again. Final.
    Released,
    /// The goods left. Final.
    Fulfilled,
}

impl AllocationStatus {
    /// Every state, as the column's CHECK lists them.
    pub const ALL: [AllocationStatus; 3] = [
        AllocationStatus::Active,
        AllocationStatus::Released,
        AllocationStatus::Fulfilled,
    ];

    /// The state called `name`, in the column's spelling; `None` for any other text.
    pub fn parse(name: &str) -> Option<AllocationStatus> {
        AllocationStatus::ALL
            .into_iter()
            .find(|status| status.name() == name)
    }

    /// The state as the column spells it.
    pub fn name(self) -> &'static str {
        match self {
            AllocationStatus::Active => "active",
            AllocationStatus::Released => "released",
            AllocationStatus::Fulfilled => "fulfilled",
        }
    }
}

/// What of one claim is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The allocation.
    pub allocation_id: Uuid,
    /// How many of its units, at least 1.
    pub quantity: i32,
    /// Whether these are all of its units: the row itself then gets the final status. Otherwise it
    /// keeps the rest and stays active, and the part becomes a new row.
    pub whole: bool,
}

/// More was to be ended than is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMuch {
    /// How many units are active.
    pub active: i64,
}

impl fmt::Display for TooMuch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "only {} units are active", self.active)
    }
}

impl std::error::Error for TooMuch {}

/// Chooses which active claims of an order are released or fulfilled.
///
/// `quantities` are the active claims with their units, and are ended in the given order. `wanted` is
/// how many units to end in all, `None` for every one. No claim active and `None` wanted is no error:
/// nothing is chosen, as for a `wanted` of zero or less.
///
/// # Errors
///
/// [`TooMuch`] where `wanted` is more than is active.
pub fn split(quantities: &[(Uuid, i32)], wanted: Option<i32>) -> Result<Vec<Part>, TooMuch> {
    let claims = quantities.iter().filter(|(_, quantity)| *quantity > 0);
    let active: i64 = claims
        .clone()
        .map(|(_, quantity)| i64::from(*quantity))
        .sum();
    let mut rest = wanted.map_or(active, i64::from);
    if rest > active {
        return Err(TooMuch { active });
    }
    let mut parts = Vec::new();
    for (allocation_id, quantity) in claims {
        if rest <= 0 {
            break;
        }
        // Where the rest doesn't fit in an i32 it is above this claim anyway.
        let part = i32::try_from(rest).map_or(*quantity, |rest| rest.min(*quantity));
        rest -= i64::from(part);
        parts.push(Part {
            allocation_id: *allocation_id,
            quantity: part,
            whole: part == *quantity,
        });
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Uuid = Uuid::from_u128(1);
    const SECOND: Uuid = Uuid::from_u128(2);

    fn part(allocation_id: Uuid, quantity: i32, whole: bool) -> Part {
        Part {
            allocation_id,
            quantity,
            whole,
        }
    }

    #[test]
    fn states_have_the_names_of_the_column() {
        for status in AllocationStatus::ALL {
            assert_eq!(AllocationStatus::parse(status.name()), Some(status));
        }
        assert_eq!(AllocationStatus::parse("Active"), None);
        assert_eq!(AllocationStatus::parse("waiting"), None);
    }

    #[test]
    fn without_a_quantity_all_claims_end() {
        let claims = [(SECOND, 3), (FIRST, 2)];
        assert_eq!(
            split(&claims, None),
            Ok(vec![part(SECOND, 3, true), part(FIRST, 2, true)])
        );
        assert_eq!(split(&[], None), Ok(vec![]));
    }

    #[test]
    fn the_last_claim_may_end_in_part() {
        let claims = [(FIRST, 2), (SECOND, 3)];
        assert_eq!(split(&claims, Some(2)), Ok(vec![part(FIRST, 2, true)]));
        assert_eq!(
            split(&claims, Some(3)),
            Ok(vec![part(FIRST, 2, true), part(SECOND, 1, false)])
        );
        assert_eq!(split(&claims, Some(0)), Ok(vec![]));
    }

    #[test]
    fn more_than_is_active_is_refused() {
        let claims = [(FIRST, 2), (SECOND, 3)];
        assert_eq!(split(&claims, Some(6)), Err(TooMuch { active: 5 }));
        assert_eq!(split(&[], Some(1)), Err(TooMuch { active: 0 }));
    }

    #[test]
    fn an_order_may_hold_more_than_one_listings_maximum() {
        let claims = [(FIRST, i32::MAX), (SECOND, i32::MAX)];
        let parts = split(&claims, None).unwrap();
        assert!(parts.iter().all(|part| part.whole));
        assert_eq!(parts.len(), 2);
    }
}
