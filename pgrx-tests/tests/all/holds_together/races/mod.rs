//! Two clients at once, in every order in which their steps can run, at every isolation level.
//!
//! After each order: every counter is what the rows say, nothing is oversold, each hold is in the one
//! state that its callers were told, and each refusal is one that the case allows:
//!
//! | refusal | why |
//! |---|---|
//! | 40001 | at REPEATABLE READ or SERIALIZABLE a row has changed after the snapshot; run again, it succeeds |
//! | insufficient_stock | the other one took the stock |
//! | stock_committed | at commit, for direct DML |
//! | hold_not_active | the other one ended the hold |
//! | hold_expired | its time ran out, or was ended by the other one |
//! | hold_not_found, listing_not_found | the other one deleted it |
//! | 40P01 | never |

mod deadlocks;
mod deletions;
mod first_calls;
mod last_units;
mod one_hold;
mod orders;
pub mod race;
pub mod stage;
mod time;
mod waiting;
