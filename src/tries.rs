//! A claim's tries: judged on what is read and then written under that judgement; judged again when somebody was
//! faster; and at last judged under locks, with which nobody can be.

use crate::engine::Engine;
use crate::error::Error;
use std::ops::ControlFlow;

/// Somebody else has a claim with one of the keys.
pub struct KeyTaken;

/// Why a try came to nothing. It has left no lock behind: the next may need rows that come before its own.
pub enum Loss<D> {
    /// Somebody was faster.
    Raced,
    KeyTaken,
    /// With all that could change it locked.
    Refused(D),
    Error(Error),
}

impl<D> From<Error> for Loss<D> {
    fn from(error: Error) -> Loss<D> {
        Loss::Error(error)
    }
}

/// A claim that can be tried again and again.
pub trait Claim {
    /// What a try is made on.
    type Seen;
    /// What comes of it, a refusal as an answer too.
    type Done;

    /// Reads and judges; `Break` is a refusal.
    fn read(&self, engine: &Engine) -> Result<ControlFlow<Self::Done, Self::Seen>, Error>;
    /// Writes what was judged to fit.
    fn write(&self, engine: &Engine, seen: Self::Seen) -> Result<Self::Done, Loss<Self::Done>>;
    /// Locks, judges and writes.
    fn under_locks(&self, engine: &Engine) -> Result<Self::Done, Loss<Self::Done>>;
}

/// Under locks one is enough, but for what is behind the rows.
const MOST_TRIES: usize = 10;

/// Two tries on what is read, the first of them on this, and one under locks.
pub fn run<C: Claim>(
    engine: &Engine,
    claim: &C,
    seen: C::Seen,
) -> Result<Result<C::Done, KeyTaken>, Error> {
    match claim.write(engine, seen) {
        Err(Loss::Raced) => anew(engine, claim),
        other => ended(other),
    }
}

/// The same from a second reading on.
pub fn anew<C: Claim>(engine: &Engine, claim: &C) -> Result<Result<C::Done, KeyTaken>, Error> {
    match claim.read(engine)? {
        ControlFlow::Break(refused) => Ok(Ok(refused)),
        ControlFlow::Continue(seen) => match claim.write(engine, seen) {
            Err(Loss::Raced) => at_last(engine, claim),
            other => ended(other),
        },
    }
}

/// What is behind the rows may still change under locks: then it is read once more, and refused or tried again.
fn at_last<C: Claim>(engine: &Engine, claim: &C) -> Result<Result<C::Done, KeyTaken>, Error> {
    for _ in 0..MOST_TRIES {
        match claim.under_locks(engine) {
            Err(Loss::Raced) => {
                if let ControlFlow::Break(refused) = claim.read(engine)? {
                    return Ok(Ok(refused));
                }
            }
            other => return ended(other),
        }
    }
    Err(Error::WriteInterfered)
}

fn ended<D>(outcome: Result<D, Loss<D>>) -> Result<Result<D, KeyTaken>, Error> {
    match outcome {
        Ok(done) => Ok(Ok(done)),
        Err(Loss::KeyTaken) => Ok(Err(KeyTaken)),
        Err(Loss::Refused(refused)) => Ok(Ok(refused)),
        Err(Loss::Error(error)) => Err(error),
        // Tried again by whoever asks.
        Err(Loss::Raced) => Err(Error::WriteInterfered),
    }
}
