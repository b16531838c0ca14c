//! Moving in: an app's own lots and allocations become the engine's.

mod bad_rows;
mod conventional;
mod errors;
mod guide;
mod interrupted;
mod legacy;
mod old_shop;
mod options;
mod rights;
mod scale;
mod tenants;
mod undo;
