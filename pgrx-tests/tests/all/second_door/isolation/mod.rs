//! Two clients at once, in every order in which their steps can run.
//!
//! After each order: every counter is what the rows say, nothing is oversold, nothing has lost its
//! parent, and each refusal is one that the case allows:
//!
//! | SQLSTATE | why |
//! |---|---|
//! | 40001 | a transaction at REPEATABLE READ or SERIALIZABLE meets a row changed after its snapshot; run again, it succeeds |
//! | 23514 | the other one took the stock: `insufficient_stock` at once, `stock_committed` at commit |
//! | P0002 | the other one deleted (or moved away) the lot, the listing or the place |
//! | 55000 | the other one brought a lot to the place that this one deletes |
//! | 40P01 | never |

mod deadlocks;
mod last_units;
mod locations;
mod moved_lots;
mod parents;
pub mod race;
pub mod rows;
