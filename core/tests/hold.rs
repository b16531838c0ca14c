//! Properties of a hold's life: whatever happens to it and in which order, every unit that was asked
//! for ends in exactly one place. A ledger beside it counts what each call says it did.

use proptest::prelude::*;
use stockroom_core::claim::{split, AllocationStatus};
use stockroom_core::hold::{Hold, HoldStatus, Refusal, Remainder};
use uuid::Uuid;

/// One call on a hold.
#[derive(Debug, Clone)]
enum Event {
    Confirm {
        quantity: Option<i32>,
        remainder: Remainder,
        /// How many of the confirmed units find no stock, as far as there are so many.
        short_by: i32,
    },
    Extend {
        by: Option<i64>,
    },
    Release,
    Sweep,
    Fill {
        units: i32,
    },
}

fn any_event() -> impl Strategy<Value = Event> {
    let quantity = proptest::option::of(prop_oneof![9 => 1..6, 1 => Just(i32::MAX)]);
    let remainder = prop::sample::select(vec![Remainder::Release, Remainder::Keep]);
    let short_by = prop_oneof![2 => Just(0), 1 => 1..4];
    prop_oneof![
        3 => (quantity, remainder, short_by).prop_map(|(quantity, remainder, short_by)| {
            Event::Confirm { quantity, remainder, short_by }
        }),
        2 => proptest::option::weighted(0.9, 1..20i64).prop_map(|by| Event::Extend { by }),
        1 => Just(Event::Release),
        1 => Just(Event::Sweep),
        2 => (0..6i32).prop_map(|units| Event::Fill { units }),
    ]
}

/// A live hold, which may have lapsed before anything happens at 0 or later.
fn any_live_hold() -> impl Strategy<Value = Hold> {
    let status = prop_oneof![4 => Just(HoldStatus::Active), 1 => Just(HoldStatus::Waiting)];
    let quantity = prop_oneof![9 => 1..12, 1 => Just(i32::MAX)];
    (status, quantity, proptest::option::weighted(0.8, -2..25i64)).prop_map(
        |(status, quantity, expires_at)| Hold {
            status,
            quantity,
            expires_at,
        },
    )
}

/// Events with the time that passes before each, and which of the holds there are then it meets.
fn any_life() -> impl Strategy<Value = Vec<(i64, prop::sample::Index, Event)>> {
    prop::collection::vec((0..8i64, any::<prop::sample::Index>(), any_event()), 0..15)
}

/// A row of a hold, and until when it was last said to be held: what the caller knows of it.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    hold: Hold,
    until: Option<i64>,
}

impl Row {
    fn is_over(&self, now: i64) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// Where units are that were asked for and are no longer held.
#[derive(Debug, Default, PartialEq)]
struct Ledger {
    confirmed: i64,
    released: i64,
    expired: i64,
}

/// A hold that was asked for, the rows it has become, and the ledger beside.
#[derive(Debug, PartialEq)]
struct Life {
    rows: Vec<Row>,
    ledger: Ledger,
}

impl Life {
    fn of(hold: Hold) -> Life {
        let until = match hold.status {
            HoldStatus::Active => hold.expires_at,
            _ => None,
        };
        Life {
            rows: vec![Row { hold, until }],
            ledger: Ledger::default(),
        }
    }

    fn counted(&self) -> i64 {
        self.rows
            .iter()
            .map(|row| i64::from(row.hold.counted()))
            .sum()
    }

    fn sweep(&mut self, now: i64) {
        for row in &mut self.rows {
            let swept = row.hold.expire(now);
            self.ledger.expired += i64::from(row.hold.counted() - swept.counted());
            row.hold = swept;
        }
    }

    /// What the event says of the row at `at`: its answer, in words that can be compared.
    fn happen(&mut self, at: usize, event: &Event, now: i64) -> String {
        let row = &mut self.rows[at];
        let before = row.hold;
        match event {
            Event::Confirm {
                quantity,
                remainder,
                short_by,
            } => {
                let confirmation = match before.confirm(*quantity, *remainder, now) {
                    Ok(confirmation) => confirmation,
                    Err(refusal) => return format!("{refusal:?}"),
                };
                let short_by = confirmation.confirmed.min(*short_by);
                self.ledger.confirmed += i64::from(confirmation.confirmed - short_by);
                self.ledger.released += i64::from(confirmation.released);
                row.hold = confirmation.after;
                if short_by > 0 {
                    let waiting = Row {
                        hold: before.waits(short_by),
                        until: None,
                    };
                    if row.hold.status.is_live() {
                        self.rows.push(waiting);
                    } else {
                        *row = waiting;
                    }
                }
                format!("{confirmation:?}")
            }
            Event::Extend { by } => match before.extend(by.map(|by| now + by), now) {
                Ok(extended) => {
                    row.hold = extended;
                    row.until = by.map(|by| now + by);
                    format!("{extended:?}")
                }
                Err(refusal) => format!("{refusal:?}"),
            },
            Event::Release => match before.release(now) {
                Ok((after, units)) => {
                    if after.status == HoldStatus::Expired {
                        self.ledger.expired += i64::from(before.counted());
                    }
                    self.ledger.released += i64::from(units);
                    row.hold = after;
                    format!("{after:?}, {units}")
                }
                Err(refusal) => format!("{refusal:?}"),
            },
            Event::Sweep => {
                self.sweep(now);
                String::new()
            }
            Event::Fill { units } => {
                // Goods are given to those that wait, and no more than they wait for.
                if before.status == HoldStatus::Waiting {
                    let units = before.quantity.min(*units);
                    row.hold = before.fill(units);
                    self.ledger.confirmed += i64::from(units);
                }
                String::new()
            }
        }
    }
}

fn is_final(status: HoldStatus) -> bool {
    matches!(
        status,
        HoldStatus::Confirmed | HoldStatus::Released | HoldStatus::Expired
    )
}

/// An allocation of a confirmed hold.
#[derive(Debug, Clone)]
struct Allocation {
    allocation_id: Uuid,
    quantity: i32,
    status: AllocationStatus,
}

/// The units of all allocations in a state.
fn units_in(allocations: &[Allocation], status: AllocationStatus) -> i64 {
    allocations
        .iter()
        .filter(|allocation| allocation.status == status)
        .map(|allocation| i64::from(allocation.quantity))
        .sum()
}

/// Takes confirmed units from so many lots, as evenly as it goes.
fn allocate(allocations: &mut Vec<Allocation>, units: i64, lots: i64) {
    for lot in 0..lots {
        let quantity = units / lots + i64::from(lot < units % lots);
        if quantity > 0 {
            allocations.push(Allocation {
                allocation_id: Uuid::from_u128(allocations.len() as u128),
                quantity: quantity as i32,
                status: AllocationStatus::Active,
            });
        }
    }
}

/// Ends so many active units, `None` for all of them, as the extension writes what `split` chooses.
fn settle(allocations: &mut Vec<Allocation>, wanted: Option<i32>, status: AllocationStatus) {
    let active: Vec<(Uuid, i32)> = allocations
        .iter()
        .filter(|allocation| allocation.status == AllocationStatus::Active)
        .map(|allocation| (allocation.allocation_id, allocation.quantity))
        .collect();
    for part in split(&active, wanted).unwrap_or_default() {
        let row = allocations
            .iter_mut()
            .find(|allocation| allocation.allocation_id == part.allocation_id)
            .unwrap();
        if part.whole {
            row.status = status;
        } else {
            row.quantity -= part.quantity;
            allocations.push(Allocation {
                allocation_id: Uuid::from_u128(allocations.len() as u128),
                quantity: part.quantity,
                status,
            });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_unit_asked_for_is_held_or_ends_once(hold in any_live_hold(), life in any_life()) {
        let asked_for = i64::from(hold.quantity);
        let mut held = Life::of(hold);
        let mut now = 0;
        for (passed, at, event) in life {
            now += passed;
            held.happen(at.index(held.rows.len()), &event, now);
            let Ledger { confirmed, released, expired } = held.ledger;
            prop_assert_eq!(asked_for, held.counted() + confirmed + released + expired);
            for Row { hold, .. } in &held.rows {
                prop_assert!(hold.quantity > 0);
                prop_assert!(hold.units_at(now) >= 0 && hold.units_at(now) <= hold.counted());
            }
        }
    }

    #[test]
    fn a_hold_that_has_ended_never_changes_again(hold in any_live_hold(), life in any_life()) {
        let mut held = Life::of(hold);
        let mut now = 0;
        for (passed, at, event) in life {
            now += passed;
            let before = held.rows.clone();
            held.happen(at.index(before.len()), &event, now);
            for (row, before) in held.rows.iter().zip(&before) {
                if is_final(before.hold.status) {
                    prop_assert_eq!(row, before);
                }
                if is_final(before.hold.state_at(now)) {
                    prop_assert_eq!(row.hold.state_at(now), before.hold.state_at(now));
                }
            }
        }
    }

    #[test]
    fn nothing_is_confirmed_or_extended_at_its_expiry_or_later(
        hold in any_live_hold(), life in any_life(),
    ) {
        let mut held = Life::of(hold);
        let mut now = 0;
        for (passed, at, event) in life {
            now += passed;
            let at = at.index(held.rows.len());
            let before = held.rows[at].clone();
            let confirmed = held.ledger.confirmed;
            held.happen(at, &event, now);
            let is_late = before.hold.status == HoldStatus::Active && before.is_over(now);
            prop_assert_eq!(before.hold.has_lapsed(now), is_late);
            if is_late {
                prop_assert_eq!(held.ledger.confirmed, confirmed);
                prop_assert_eq!(held.rows[at].hold.state_at(now), HoldStatus::Expired);
                prop_assert_eq!(held.rows[at].hold.units_at(now), 0);
            }
        }
    }

    #[test]
    fn whether_a_hold_was_swept_makes_no_difference(hold in any_live_hold(), life in any_life()) {
        let mut swept = Life::of(hold);
        let mut unswept = Life::of(hold);
        let mut now = 0;
        for (passed, at, event) in life {
            now += passed;
            if matches!(event, Event::Sweep) {
                continue;
            }
            swept.sweep(now);
            let at = at.index(swept.rows.len());
            prop_assert_eq!(swept.happen(at, &event, now), unswept.happen(at, &event, now));
            prop_assert_eq!(swept.rows.len(), unswept.rows.len());
            for (swept, unswept) in swept.rows.iter().zip(&unswept.rows) {
                prop_assert_eq!(swept.hold.state_at(now), unswept.hold.state_at(now));
                prop_assert_eq!(swept.hold.units_at(now), unswept.hold.units_at(now));
            }
        }
        swept.sweep(now);
        unswept.sweep(now);
        prop_assert_eq!(swept, unswept);
    }

    #[test]
    fn a_refusal_changes_nothing_and_names_the_true_state(
        hold in any_live_hold(), life in any_life(), quantity in proptest::option::of(1..15i32),
    ) {
        let mut held = Life::of(hold);
        let mut now = 0;
        for (passed, at, event) in life {
            now += passed;
            held.happen(at.index(held.rows.len()), &event, now);
        }
        for Row { hold, .. } in held.rows {
            let refusal = match hold.confirm(quantity, Remainder::Keep, now) {
                Err(refusal) => refusal,
                Ok(confirmation) => {
                    prop_assert_eq!(hold.state_at(now), HoldStatus::Active);
                    prop_assert!(confirmation.confirmed <= hold.units_at(now));
                    continue;
                }
            };
            match refusal {
                Refusal::NotActive { status } => prop_assert_eq!(status, hold.state_at(now)),
                Refusal::Expired => prop_assert_eq!(hold.state_at(now), HoldStatus::Expired),
                Refusal::TooMuch { held } => {
                    prop_assert_eq!(held, hold.units_at(now));
                    prop_assert!(quantity.is_some_and(|quantity| quantity > held));
                }
            }
        }
    }

    /// A hold, confirmed piece by piece; each piece is allocated from some lots, and the allocations
    /// are released and fulfilled piece by piece.
    #[test]
    fn every_unit_ends_in_exactly_one_final_state(
        hold in any_live_hold(), life in any_life(), lots in 1..4i64,
        settled in prop::collection::vec((1..6i32, any::<bool>()), 0..8), last: bool,
    ) {
        let asked_for = i64::from(hold.quantity);
        let mut held = Life::of(hold);
        let mut now = 0;
        let mut allocations: Vec<Allocation> = Vec::new();
        let mut settled = settled.into_iter();
        let final_state = |fulfilled| {
            if fulfilled { AllocationStatus::Fulfilled } else { AllocationStatus::Released }
        };
        for (passed, at, event) in life {
            now += passed;
            let confirmed = held.ledger.confirmed;
            held.happen(at.index(held.rows.len()), &event, now);
            allocate(&mut allocations, held.ledger.confirmed - confirmed, lots);
            if let Some((wanted, fulfilled)) = settled.next() {
                settle(&mut allocations, Some(wanted), final_state(fulfilled));
            }
        }

        // Whoever still holds gives up, and every claim is settled.
        for at in 0..held.rows.len() {
            held.happen(at, &Event::Release, now);
        }
        settle(&mut allocations, None, final_state(last));
        prop_assert!(held.rows.iter().all(|row| is_final(row.hold.status)));
        prop_assert_eq!(units_in(&allocations, AllocationStatus::Active), 0);
        prop_assert!(allocations.iter().all(|allocation| allocation.quantity > 0));
        let Ledger { confirmed, released, expired } = held.ledger;
        let given_back = units_in(&allocations, AllocationStatus::Released);
        let fulfilled = units_in(&allocations, AllocationStatus::Fulfilled);
        prop_assert_eq!(given_back + fulfilled, confirmed);
        prop_assert_eq!(asked_for, released + expired + given_back + fulfilled);
    }
}
