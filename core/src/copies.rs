//! Copies that became counts and are to be rows again: which of them is where, as far as that is known.

/// What is known of a copy since it was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It was there, or has come back since.
    OnShelf,
    /// The loan that it was out with is still open.
    Out,
    /// The loan that it was out with ended in its loss.
    Lost,
}

/// Where a copy is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It can be had.
    Shelf,
    /// Out with the loan that it was out with all the time.
    Out,
    /// Out with another loan, which could have taken any.
    OutChosen,
    /// There, but not to be had.
    AsideChosen,
    /// Gone for good.
    Lost,
    /// Gone for good; it could have been any.
    LeftChosen,
}

/// Units of an item as the stock has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Units {
    /// All there are.
    pub total: usize,
    /// Those that can be had.
    pub available: usize,
    /// Those out with loans that are no known copy's.
    pub out_otherwise: usize,
}

/// Where the copies of an item are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Of the copies that were counted, in their order.
    pub counted: Vec<Place>,
    /// Of those that came since.
    pub came: Vec<Place>,
}

/// Places an item's copies so that they agree with its units. What can't be known is chosen from the
/// end, those that came since first: so most rows come back as they were, the first before all others.
pub fn place(counted: &[Known], units: Units) -> Placed {
    let mut places: Vec<Place> = counted
        .iter()
        .map(|known| match known {
            Known::OnShelf => Place::Shelf,
            Known::Out => Place::Out,
            Known::Lost => Place::Lost,
        })
        .collect();
    let still_out = counted.iter().filter(|known| **known == Known::Out).count();
    let here = units.total.saturating_sub(still_out);
    let on_shelf = counted
        .iter()
        .filter(|known| **known == Known::OnShelf)
        .count();
    choose(
        &mut places,
        on_shelf.saturating_sub(here),
        Place::LeftChosen,
    );
    places.extend(vec![Place::Shelf; here.saturating_sub(on_shelf)]);
    choose(&mut places, units.out_otherwise, Place::OutChosen);
    let aside = here.saturating_sub(units.out_otherwise + units.available);
    choose(&mut places, aside, Place::AsideChosen);
    let came = places.split_off(counted.len());
    Placed {
        counted: places,
        came,
    }
}

/// Puts so many copies from the shelf elsewhere, the last first.
fn choose(places: &mut [Place], count: usize, place: Place) {
    let on_shelf = places.iter_mut().rev().filter(|at| **at == Place::Shelf);
    on_shelf.take(count).for_each(|at| *at = place);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn units(total: usize, available: usize, out_otherwise: usize) -> Units {
        Units {
            total,
            available,
            out_otherwise,
        }
    }

    #[test]
    fn untouched_copies_are_where_they_were() {
        let placed = place(
            &[Known::OnShelf, Known::Out, Known::OnShelf],
            units(3, 2, 0),
        );
        assert_eq!(placed.counted, [Place::Shelf, Place::Out, Place::Shelf]);
        assert!(placed.came.is_empty());
    }

    #[test]
    fn a_loan_made_since_takes_the_last_copy() {
        let placed = place(&[Known::OnShelf, Known::OnShelf], units(2, 1, 1));
        assert_eq!(placed.counted, [Place::Shelf, Place::OutChosen]);
    }

    #[test]
    fn a_copy_whose_loan_was_lost_is_the_one_that_is_gone() {
        let placed = place(&[Known::Lost, Known::OnShelf], units(1, 1, 0));
        assert_eq!(placed.counted, [Place::Lost, Place::Shelf]);
    }

    #[test]
    fn copies_that_came_go_out_first() {
        let placed = place(&[Known::OnShelf], units(3, 1, 1));
        assert_eq!(placed.counted, [Place::Shelf]);
        assert_eq!(placed.came, [Place::AsideChosen, Place::OutChosen]);
    }

    #[test]
    fn with_nothing_left_all_are_gone() {
        let placed = place(&[Known::OnShelf, Known::OnShelf], units(0, 0, 0));
        assert_eq!(placed.counted, [Place::LeftChosen; 2]);
    }

    fn known() -> impl Strategy<Value = Known> {
        prop_oneof![Just(Known::OnShelf), Just(Known::Out), Just(Known::Lost)]
    }

    proptest! {
        #[test]
        fn places_agree_with_the_units(
            counted in prop::collection::vec(known(), 0..12),
            (available, out_otherwise, aside) in (0usize..8, 0usize..8, 0usize..4),
        ) {
            let still_out = counted.iter().filter(|known| **known == Known::Out).count();
            let total = still_out + available + out_otherwise + aside;
            let placed = place(&counted, units(total, available, out_otherwise));
            let all: Vec<Place> = placed.counted.iter().chain(&placed.came).copied().collect();
            let count = |place| all.iter().filter(|at| **at == place).count();
            prop_assert_eq!(count(Place::Shelf), available);
            prop_assert_eq!(count(Place::Out), still_out);
            prop_assert_eq!(count(Place::OutChosen), out_otherwise);
            prop_assert_eq!(count(Place::AsideChosen), aside);
            prop_assert_eq!(placed.counted.len(), counted.len());
            // Nothing leaves while something comes.
            prop_assert!(placed.came.is_empty() || count(Place::LeftChosen) == 0);
            for (known, place) in counted.iter().zip(&placed.counted) {
                prop_assert_eq!(*known == Known::Out, *place == Place::Out);
                prop_assert_eq!(*known == Known::Lost, *place == Place::Lost);
            }
        }
    }
}
