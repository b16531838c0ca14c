//! What was acknowledged is never lost: early lock release step by step, and what crashes, kills and
//! cancels leave behind.

pub mod crash;
mod early;
mod followers;
mod interrupted;
mod load;
mod memory;
mod settings;
pub mod told;
mod transactions;
mod watched;

/// How much: the first in `make test`, the second in `make soak`, which sets STOCKROOM_SOAK.
pub fn size<T>(short: T, long: T) -> T {
    match std::env::var_os("STOCKROOM_SOAK") {
        None => short,
        Some(_) => long,
    }
}
