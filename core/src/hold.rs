//! Holds: their states, and what a call makes of one.
//!
//! The clock is an argument, so that the caller can read it after it has the hold's lock. A hold that
//! has lapsed is answered as an expired one everywhere, whether or not its row already says so.

use std::fmt;

/// The state of a hold, the column `stock_holds.status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HoldStatus {
    /// The units are kept for somebody until the hold expires.
    Active,
    /// Confirmed, but for goods that are still to come.
    Waiting,
    /// It became allocations. Final.
    Confirmed,
    /// It was given up: its units are free again. Final.
    Released,
    /// Its time ran out: its units are free again. Final.
    Expired,
}

impl HoldStatus {
    /// Every state, as the column's CHECK lists them.
    pub const ALL: [HoldStatus; 5] = [
        HoldStatus::Active,
        HoldStatus::Waiting,
        HoldStatus::Confirmed,
        HoldStatus::Released,
        HoldStatus::Expired,
    ];

    /// The state called `name`, in the column's spelling; `None` for any other text.
    pub fn parse(name: &str) -> Option<HoldStatus> {
        HoldStatus::ALL
            .into_iter()
            .find(|status| status.name() == name)
    }

    /// The state as the column spells it.
    pub fn name(self) -> &'static str {
        match self {
            HoldStatus::Active => "active",
            HoldStatus::Waiting => "waiting",
            HoldStatus::Confirmed => "confirmed",
            HoldStatus::Released => "released",
            HoldStatus::Expired => "expired",
        }
    }

    /// The same as the holds of resources spell it.
    pub fn upper_name(self) -> &'static str {
        match self {
            HoldStatus::Active => "ACTIVE",
            HoldStatus::Waiting => "WAITING",
            HoldStatus::Confirmed => "CONFIRMED",
            HoldStatus::Released => "RELEASED",
            HoldStatus::Expired => "EXPIRED",
        }
    }

    /// The state that they spell so; `None` for any other text.
    pub fn parse_upper(name: &str) -> Option<HoldStatus> {
        HoldStatus::ALL
            .into_iter()
            .find(|status| status.upper_name() == name)
    }

    /// Whether a hold in this state still has units in the counters.
    pub fn is_live(self) -> bool {
        matches!(self, HoldStatus::Active | HoldStatus::Waiting)
    }
}

/// What becomes of the units that a partial confirmation leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Remainder {
    /// They are free again.
    Release,
    /// They stay held, until the same time.
    Keep,
}

impl Remainder {
    /// Every name that [`Remainder::parse`] knows.
    pub const NAMES: [&'static str; 2] = ["release", "keep"];

    /// The choice called `name`, exactly as in [`Remainder::NAMES`]; `None` for any other text.
    pub fn parse(name: &str) -> Option<Remainder> {
        match name {
            "release" => Some(Remainder::Release),
            "keep" => Some(Remainder::Keep),
            _ => None,
        }
    }
}

/// A hold, as far as its life goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// The state that is written down; [`Hold::state_at`] is the true one.
    pub status: HoldStatus,
    /// Units held, at least 1; of a hold that has ended, those that it ended with.
    pub quantity: i32,
    /// From when on the units are free, in microseconds of any epoch that `now` has too; `None` for
    /// never.
    pub expires_at: Option<i64>,
}

/// Why a call on a hold was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The hold isn't active.
    NotActive {
        /// The state it is in.
        status: HoldStatus,
    },
    /// The hold has expired.
    Expired,
    /// More was to be confirmed than is held.
    TooMuch {
        /// How many units are held.
        held: i32,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NotActive { status } => write!(f, "the hold is {}", status.name()),
            Refusal::Expired => write!(f, "the hold has expired"),
            Refusal::TooMuch { held } => write!(f, "only {held} units are held"),
        }
    }
}

impl std::error::Error for Refusal {}

/// What a confirmation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmation {
    /// The hold afterwards.
    pub after: Hold,
    /// Units that become allocations.
    pub confirmed: i32,
    /// Units that are free again.
    pub released: i32,
}

impl Hold {
    /// Whether its time has run out although it still stands as active.
    pub fn has_lapsed(&self, now: i64) -> bool {
        self.status == HoldStatus::Active && self.expires_at.is_some_and(|at| at <= now)
    }

    /// The state it is in at `now`, swept or not.
    pub fn state_at(&self, now: i64) -> HoldStatus {
        self.expire(now).status
    }

    /// Its units in the counters, where those of a lapsed hold stay until it is swept.
    pub fn counted(&self) -> i32 {
        if self.status.is_live() {
            self.quantity
        } else {
            0
        }
    }

    /// The units it keeps from others at `now`.
    pub fn units_at(&self, now: i64) -> i32 {
        self.expire(now).counted()
    }

    /// Confirms `quantity` units, at least 1, or all of them for `None`; `remainder` says what becomes
    /// of the others.
    ///
    /// A hold that ends so has the quantity that was confirmed; one that keeps a remainder stays
    /// active with that.
    ///
    /// # Errors
    ///
    /// In this order: [`Refusal::Expired`], [`Refusal::NotActive`], [`Refusal::TooMuch`].
    pub fn confirm(
        &self,
        quantity: Option<i32>,
        remainder: Remainder,
        now: i64,
    ) -> Result<Confirmation, Refusal> {
        self.must_be_active(now)?;
        let confirmed = quantity.unwrap_or(self.quantity);
        if confirmed > self.quantity {
            return Err(Refusal::TooMuch {
                held: self.quantity,
            });
        }
        let rest = self.quantity - confirmed;
        if rest > 0 && remainder == Remainder::Keep {
            return Ok(Confirmation {
                after: Hold {
                    quantity: rest,
                    ..*self
                },
                confirmed,
                released: 0,
            });
        }
        Ok(Confirmation {
            after: Hold {
                status: HoldStatus::Confirmed,
                quantity: confirmed,
                ..*self
            },
            confirmed,
            released: rest,
        })
    }

    /// The hold that waits for `short_by` units, at least 1, which its confirmation found no stock for.
    ///
    /// Asked of the hold as it was before, since a confirmed one never changes again; of a hold that
    /// isn't active nothing can wait, and it stays as it is. It takes the place of
    /// [`Confirmation::after`], or stands beside it where that keeps a remainder.
    pub fn waits(&self, short_by: i32) -> Hold {
        if self.status != HoldStatus::Active {
            return *self;
        }
        Hold {
            status: HoldStatus::Waiting,
            quantity: short_by,
            expires_at: None,
        }
    }

    /// Lets it expire at `until` instead, `None` for never.
    ///
    /// # Errors
    ///
    /// [`Refusal::Expired`], or else [`Refusal::NotActive`].
    pub fn extend(&self, until: Option<i64>, now: i64) -> Result<Hold, Refusal> {
        self.must_be_active(now)?;
        Ok(Hold {
            expires_at: until,
            ..*self
        })
    }

    /// Gives it up, and tells how many units the caller has freed by that: none where it was released
    /// before or has expired, which is no error.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotActive`] where it is confirmed: its units are allocations then.
    pub fn release(&self, now: i64) -> Result<(Hold, i32), Refusal> {
        match self.state_at(now) {
            HoldStatus::Active | HoldStatus::Waiting => {
                let after = Hold {
                    status: HoldStatus::Released,
                    ..*self
                };
                Ok((after, self.quantity))
            }
            HoldStatus::Released | HoldStatus::Expired => Ok((self.expire(now), 0)),
            status @ HoldStatus::Confirmed => Err(Refusal::NotActive { status }),
        }
    }

    /// What a sweep at `now` makes of it.
    pub fn expire(&self, now: i64) -> Hold {
        if !self.has_lapsed(now) {
            return *self;
        }
        Hold {
            status: HoldStatus::Expired,
            ..*self
        }
    }

    /// Gives goods to a hold that waits: it waits for the rest, or is confirmed with the last of them,
    /// keeping the quantity that these fill. `units` are no more than it waits for. A hold that doesn't
    /// wait, and one that gets nothing, stays as it is.
    pub fn fill(&self, units: i32) -> Hold {
        if self.status != HoldStatus::Waiting || units <= 0 {
            *self
        } else if units < self.quantity {
            Hold {
                quantity: self.quantity - units,
                ..*self
            }
        } else {
            Hold {
                status: HoldStatus::Confirmed,
                ..*self
            }
        }
    }

    fn must_be_active(&self, now: i64) -> Result<(), Refusal> {
        match self.state_at(now) {
            HoldStatus::Active => Ok(()),
            HoldStatus::Expired => Err(Refusal::Expired),
            status => Err(Refusal::NotActive { status }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPIRY: i64 = 100;
    const BEFORE: i64 = EXPIRY - 1;

    fn hold(status: HoldStatus) -> Hold {
        Hold {
            status,
            quantity: 5,
            expires_at: Some(EXPIRY),
        }
    }

    fn active() -> Hold {
        hold(HoldStatus::Active)
    }

    fn waiting() -> Hold {
        active().waits(5)
    }

    fn refused(status: HoldStatus) -> Refusal {
        Refusal::NotActive { status }
    }

    #[test]
    fn states_have_the_names_of_the_column() {
        for status in HoldStatus::ALL {
            assert_eq!(HoldStatus::parse(status.name()), Some(status));
        }
        for status in HoldStatus::ALL {
            assert_eq!(HoldStatus::parse_upper(status.upper_name()), Some(status));
            assert_eq!(status.upper_name(), status.name().to_uppercase());
        }
        assert_eq!(HoldStatus::parse("Active"), None);
        assert_eq!(HoldStatus::parse("fulfilled"), None);
    }

    #[test]
    fn every_name_of_a_remainder_is_known() {
        assert_eq!(
            Remainder::NAMES.map(Remainder::parse),
            [Some(Remainder::Release), Some(Remainder::Keep)]
        );
        assert_eq!(Remainder::parse("Keep"), None);
        assert_eq!(Remainder::parse(""), None);
    }

    #[test]
    fn a_hold_lapses_at_its_expiry_and_stays_counted_until_it_is_swept() {
        assert_eq!(active().state_at(BEFORE), HoldStatus::Active);
        assert_eq!((active().counted(), active().units_at(BEFORE)), (5, 5));

        assert!(active().has_lapsed(EXPIRY));
        assert_eq!(active().state_at(EXPIRY), HoldStatus::Expired);
        assert_eq!((active().counted(), active().units_at(EXPIRY)), (5, 0));

        let swept = active().expire(EXPIRY);
        assert_eq!(swept, hold(HoldStatus::Expired));
        assert_eq!((swept.counted(), swept.units_at(EXPIRY)), (0, 0));
    }

    #[test]
    fn without_an_expiry_a_hold_never_lapses() {
        let forever = active().extend(None, BEFORE).unwrap();
        assert_eq!(forever.expire(i64::MAX), forever);
        assert_eq!(waiting().expire(i64::MAX), waiting());
        assert_eq!(waiting().units_at(i64::MAX), 5);
    }

    #[test]
    fn a_hold_is_confirmed_in_full() {
        for remainder in [Remainder::Release, Remainder::Keep] {
            for quantity in [None, Some(5)] {
                assert_eq!(
                    active().confirm(quantity, remainder, BEFORE),
                    Ok(Confirmation {
                        after: hold(HoldStatus::Confirmed),
                        confirmed: 5,
                        released: 0,
                    })
                );
            }
        }
    }

    #[test]
    fn what_a_partial_confirmation_leaves_is_released_or_kept() {
        let confirm = |remainder| active().confirm(Some(2), remainder, BEFORE).unwrap();
        assert_eq!(
            confirm(Remainder::Release),
            Confirmation {
                after: Hold {
                    quantity: 2,
                    ..hold(HoldStatus::Confirmed)
                },
                confirmed: 2,
                released: 3,
            }
        );
        assert_eq!(
            confirm(Remainder::Keep),
            Confirmation {
                after: Hold {
                    quantity: 3,
                    ..active()
                },
                confirmed: 2,
                released: 0,
            }
        );
    }

    #[test]
    fn more_than_is_held_is_not_confirmed() {
        let error = active().confirm(Some(6), Remainder::Keep, BEFORE);
        assert_eq!(error, Err(Refusal::TooMuch { held: 5 }));
        let late = active().confirm(Some(6), Remainder::Keep, EXPIRY);
        assert_eq!(late, Err(Refusal::Expired), "that it expired comes first");
    }

    #[test]
    fn an_expired_hold_is_neither_confirmed_nor_extended_swept_or_not() {
        for hold in [active(), hold(HoldStatus::Expired)] {
            assert_eq!(
                hold.confirm(None, Remainder::Release, EXPIRY),
                Err(Refusal::Expired)
            );
            assert_eq!(hold.extend(Some(200), EXPIRY), Err(Refusal::Expired));
        }
    }

    #[test]
    fn only_an_active_hold_is_confirmed_or_extended() {
        for status in [
            HoldStatus::Waiting,
            HoldStatus::Confirmed,
            HoldStatus::Released,
        ] {
            let error = hold(status).confirm(None, Remainder::Release, BEFORE);
            assert_eq!(error, Err(refused(status)));
            let error = hold(status).extend(Some(200), BEFORE);
            assert_eq!(error, Err(refused(status)));
        }
        let extended = active().extend(Some(200), BEFORE).unwrap();
        assert_eq!(extended.expires_at, Some(200));
        assert_eq!(extended.state_at(EXPIRY), HoldStatus::Active);
    }

    #[test]
    fn releasing_frees_units_once() {
        let (released, units) = active().release(BEFORE).unwrap();
        assert_eq!((released, units), (hold(HoldStatus::Released), 5));
        assert_eq!(released.release(BEFORE), Ok((released, 0)));

        let (released, units) = waiting().release(BEFORE).unwrap();
        assert_eq!((released.status, units), (HoldStatus::Released, 5));
    }

    #[test]
    fn releasing_a_lapsed_hold_sweeps_it() {
        let expired = hold(HoldStatus::Expired);
        assert_eq!(active().release(EXPIRY), Ok((expired, 0)));
        assert_eq!(expired.release(EXPIRY), Ok((expired, 0)));
    }

    #[test]
    fn what_is_confirmed_is_not_released() {
        assert_eq!(
            hold(HoldStatus::Confirmed).release(BEFORE),
            Err(refused(HoldStatus::Confirmed))
        );
    }

    #[test]
    fn a_hold_waits_for_what_is_short_and_goods_fill_it() {
        let waiting = active().waits(3);
        assert_eq!(
            waiting,
            Hold {
                status: HoldStatus::Waiting,
                quantity: 3,
                expires_at: None,
            }
        );
        assert_eq!([waiting.fill(0), waiting.fill(-1)], [waiting; 2]);
        let less = waiting.fill(1);
        assert_eq!((less.status, less.counted()), (HoldStatus::Waiting, 2));
        let filled = less.fill(2);
        assert_eq!((filled.status, filled.quantity), (HoldStatus::Confirmed, 2));
        assert_eq!(filled.counted(), 0);
    }

    #[test]
    fn only_an_active_hold_waits_and_only_a_waiting_one_is_filled() {
        for status in [
            HoldStatus::Confirmed,
            HoldStatus::Released,
            HoldStatus::Expired,
        ] {
            assert_eq!(hold(status).waits(1), hold(status));
            assert_eq!(hold(status).fill(1), hold(status));
        }
        assert_eq!(waiting().waits(1), waiting());
        assert_eq!(active().fill(1), active());
    }

    #[test]
    fn a_refusal_says_what_the_hold_is() {
        assert_eq!(
            refused(HoldStatus::Waiting).to_string(),
            "the hold is waiting"
        );
        assert_eq!(Refusal::Expired.to_string(), "the hold has expired");
        assert_eq!(
            Refusal::TooMuch { held: 2 }.to_string(),
            "only 2 units are held"
        );
    }
}
