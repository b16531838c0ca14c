//! The ledger as it is read, proved, valued and archived. That all writers write it, the proofs of all
//! other tests show.

mod append_only;
mod archive;
mod archive_refusals;
mod at;
mod bad_input;
mod errors;
mod events;
mod feeds;
mod guide;
mod history;
mod proof;
mod repair;
mod servers;
mod shop;
mod tenants;
mod value;
