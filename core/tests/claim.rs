//! Properties of ending claims: exactly what was asked, in the given order.

use proptest::prelude::*;
use stockroom_core::claim::{split, TooMuch};
use uuid::Uuid;

fn any_claims() -> impl Strategy<Value = Vec<(Uuid, i32)>> {
    let quantity = prop_oneof![9 => 1..10, 1 => Just(i32::MAX)];
    prop::collection::vec(quantity, 0..8).prop_map(|quantities| {
        let keys = (0u128..).map(Uuid::from_u128);
        keys.zip(quantities).collect()
    })
}

fn active(claims: &[(Uuid, i32)]) -> i64 {
    claims
        .iter()
        .map(|(_, quantity)| i64::from(*quantity))
        .sum()
}

proptest! {
    #[test]
    fn exactly_what_was_asked_ends_or_nothing(claims in any_claims(), wanted in 1..60) {
        let active = active(&claims);
        match split(&claims, Some(wanted)) {
            Err(error) => {
                prop_assert_eq!(error, TooMuch { active });
                prop_assert!(i64::from(wanted) > active);
            }
            Ok(parts) => {
                let ended: i64 = parts.iter().map(|part| i64::from(part.quantity)).sum();
                prop_assert_eq!(ended, i64::from(wanted));
            }
        }
    }

    #[test]
    fn claims_end_in_order_and_only_the_last_in_part(claims in any_claims(), wanted in 1..60) {
        let Ok(parts) = split(&claims, Some(wanted)) else {
            return Ok(());
        };
        for (position, (part, claim)) in parts.iter().zip(&claims).enumerate() {
            prop_assert_eq!(part.allocation_id, claim.0);
            prop_assert!(part.quantity > 0 && part.quantity <= claim.1);
            prop_assert_eq!(part.whole, part.quantity == claim.1);
            prop_assert!(part.whole || position + 1 == parts.len());
        }
    }

    #[test]
    fn all_ends_every_claim_whole(claims in any_claims()) {
        let parts = split(&claims, None).unwrap();
        let ended: Vec<_> = parts.iter().map(|part| (part.allocation_id, part.quantity)).collect();
        prop_assert!(parts.iter().all(|part| part.whole));
        prop_assert_eq!(ended, claims);
    }
}
