//! The tenant of this session.

use crate::{ids, settings};
use pgrx::prelude::*;

/// Tenant whose rows this session reads and writes: the setting `stockroom.tenant_id`, or the nil
/// uuid. Rust and not SQL over `current_setting`, which a plain role can fool before the library
/// is loaded.
#[pg_extern(stable, parallel_safe)]
fn current_tenant() -> pgrx::Uuid {
    ids::to_pg(settings::tenant_id())
}
