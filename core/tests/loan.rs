//! Properties of loans: no unit ends twice, and none is forgotten.

use proptest::prelude::*;
use stockroom_core::loan::{Loan, Outcome, Refusal};

fn any_ends() -> impl Strategy<Value = Vec<(Option<i32>, Outcome)>> {
    let outcome = prop_oneof![Just(Outcome::Returned), Just(Outcome::Lost)];
    let units = prop_oneof![9 => (1..6).prop_map(Some), 1 => Just(None), 1 => Just(Some(i32::MAX))];
    prop::collection::vec((units, outcome), 0..12)
}

proptest! {
    #[test]
    fn every_unit_is_out_returned_or_lost(
        quantity in prop_oneof![9 => 1..20, 1 => Just(i32::MAX)],
        ends in any_ends(),
    ) {
        let mut loan = Loan { quantity, returned: 0, lost: 0 };
        let (mut returned, mut lost) = (0, 0);
        for (units, outcome) in ends {
            let out = loan.out();
            match loan.end(units, outcome) {
                Ok((after, ended)) => {
                    prop_assert!(ended > 0 && ended <= out);
                    prop_assert_eq!(ended, units.unwrap_or(out));
                    prop_assert_eq!(after.out(), out - ended);
                    match outcome {
                        Outcome::Returned => returned += ended,
                        Outcome::Lost => lost += ended,
                    }
                    loan = after;
                }
                Err(Refusal::Closed) => prop_assert_eq!(out, 0),
                Err(Refusal::TooMany { out: told }) => {
                    prop_assert_eq!(told, out);
                    prop_assert!(out > 0 && units.is_some_and(|units| units > out));
                }
            }
            prop_assert_eq!(loan, Loan { quantity, returned, lost });
            prop_assert_eq!(loan.is_open(), returned + lost < quantity);
        }
    }
}
