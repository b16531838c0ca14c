//! Loans: how many units are out, and what a return or a loss makes of that.

/// Units of one loan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loan {
    /// Units that were handed out, at least 1.
    pub quantity: i32,
    /// Units that came back.
    pub returned: i32,
    /// Units that never will.
    pub lost: i32,
}

/// What becomes of units that were out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// They are back.
    Returned,
    /// They are gone for good.
    Lost,
}

/// Why units of a loan don't end so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// None are out any more.
    Closed,
    /// Only so many are out.
    TooMany {
        /// How many.
        out: i32,
    },
}

impl Loan {
    /// Units that are still out.
    pub fn out(&self) -> i32 {
        self.quantity - self.returned - self.lost
    }

    /// Whether any are.
    pub fn is_open(&self) -> bool {
        self.out() > 0
    }

    /// The loan after `units` of it, all that are out without a number, have come to this; and how many
    /// units that were.
    ///
    /// # Errors
    ///
    /// [`Refusal::Closed`] where none are out, [`Refusal::TooMany`] where fewer are.
    pub fn end(self, units: Option<i32>, outcome: Outcome) -> Result<(Loan, i32), Refusal> {
        let out = self.out();
        let units = units.unwrap_or(out);
        if !self.is_open() {
            return Err(Refusal::Closed);
        }
        if units > out {
            return Err(Refusal::TooMany { out });
        }
        let after = match outcome {
            Outcome::Returned => Loan {
                returned: self.returned + units,
                ..self
            },
            Outcome::Lost => Loan {
                lost: self.lost + units,
                ..self
            },
        };
        Ok((after, units))
    }
}
