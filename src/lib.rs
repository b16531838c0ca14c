//! Stockroom: stock logic inside PostgreSQL. This file is the map: the modules, the SQL files and
//! their order, and what happens when the library is loaded.
//!
//! Data flows one way: API → plan (pure, `stockroom-core`) → counters → rows.

use pgrx::prelude::*;

// The ground floor.
mod arguments;
mod calendar;
mod clock;
mod commit;
mod direct;
mod engine;
mod error;
mod ids;
mod jsonb;
mod plans;
mod queue;
mod requests;
mod restore;
mod settings;
mod sqlstates;
mod stored_rows;
mod subtransaction;
mod tenant;
mod tries;

// The one place that changes counters.
mod counters;

// The domains.
mod adopt;
mod allocations;
mod attach;
mod bookings;
mod copies;
mod goods;
mod holds;
mod ledger;
mod lending;
mod stock;

// What runs by itself.
mod worker;

::pgrx::pg_module_magic!(name, version);

// Tables first, in the order of their references; then the triggers over the functions that pgrx
// declares; last what holds for every object at once.
extension_sql_file!("../sql/requirements.sql", name = "requirements", bootstrap);
extension_sql_file!(
    "../sql/locations.sql",
    name = "locations",
    requires = [tenant::current_tenant]
);
extension_sql_file!(
    "../sql/listings.sql",
    name = "listings",
    requires = ["locations"]
);
extension_sql_file!("../sql/lots.sql", name = "lots", requires = ["listings"]);
extension_sql_file!(
    "../sql/allocations.sql",
    name = "allocations",
    requires = ["lots"]
);
extension_sql_file!(
    "../sql/holds.sql",
    name = "holds",
    requires = ["allocations"]
);
extension_sql_file!("../sql/ledger.sql", name = "ledger", requires = ["holds"]);
extension_sql_file!(
    "../sql/archive.sql",
    name = "archive",
    requires = ["ledger"]
);
extension_sql_file!("../sql/loans.sql", name = "loans", requires = ["archive"]);
extension_sql_file!("../sql/copies.sql", name = "copies", requires = ["loans"]);
extension_sql_file!(
    "../sql/attached.sql",
    name = "attached",
    requires = ["copies"]
);
extension_sql_file!(
    "../sql/counters.sql",
    name = "counters",
    requires = [
        "attached",
        counters::allocation_triggers::stock_allocations_before,
        counters::allocation_triggers::stock_allocations_after,
        counters::hold_triggers::stock_holds_before,
        counters::hold_triggers::stock_holds_after,
        counters::invariants::stock_lots_check,
        counters::invariants::stock_lots_check_unlisted,
        counters::invariants::stock_levels_check,
        counters::invariants::stock_listings_check,
        counters::listing_triggers::stock_listings_before,
        counters::listing_triggers::stock_levels_before,
        counters::listing_removal::stock_listings_removed,
        counters::listing_triggers::stock_listings_deferred_sync,
        counters::lot_triggers::stock_lots_before,
        counters::lot_triggers::stock_lots_after,
        counters::lot_triggers::stock_lots_truncated,
        counters::ledger_triggers::stock_movements_before,
        lending::triggers::stock_loans_before,
        counters::verify::verify_stock,
        counters::repair::repair_stock,
        stock::locations::locations_before,
    ]
);
extension_sql_file!("../sql/views.sql", name = "views", requires = ["counters"]);
extension_sql_file!(
    "../sql/resources.sql",
    name = "resources",
    requires = ["views"]
);
extension_sql_file!(
    "../sql/bookings.sql",
    name = "bookings",
    requires = ["resources"]
);
extension_sql_file!(
    "../sql/booking_triggers.sql",
    name = "booking_triggers",
    requires = [
        "bookings",
        counters::capacity::blackout_triggers::resource_blackout_before,
        counters::capacity::blackout_triggers::resource_blackout_after,
        counters::capacity::claim_triggers::resource_hold_before,
        counters::capacity::claim_triggers::resource_hold_after,
        counters::capacity::claim_triggers::resource_allocation_before,
        counters::capacity::claim_triggers::resource_allocation_after,
        counters::capacity::date_triggers::resource_capacity_before,
        counters::capacity::date_triggers::resource_capacity_after,
        counters::capacity::date_triggers::resource_capacity_check,
        counters::capacity::resource_triggers::resource_before,
        counters::capacity::resource_triggers::resource_changed,
        counters::capacity::resource_triggers::resource_removed,
        counters::capacity::resource_triggers::resource_type_before,
    ]
);
extension_sql_file!(
    "../sql/booking_views.sql",
    name = "booking_views",
    requires = ["booking_triggers"]
);
extension_sql_file!(
    "../sql/booking_functions.sql",
    name = "booking_functions",
    requires = [
        "booking_triggers",
        bookings::add_blackout::add_blackout,
        bookings::add_blackout::remove_blackout,
        bookings::allocation::cancel_resource_allocation,
        bookings::availability::check_availability,
        bookings::confirm::confirm_resource_hold,
        bookings::dates::resource_today,
        bookings::ends::extend_resource_hold,
        bookings::ends::release_resource_hold,
        bookings::find::find_available,
        bookings::hold::hold_resource,
        bookings::hold::hold_resource_range,
        bookings::move_allocation::move_resource_allocation,
        bookings::open::open_capacity,
        bookings::package::hold_package,
        bookings::package::confirm_package,
        bookings::package::release_package,
        bookings::purge::purge_resource_holds,
        bookings::read::get_resource_hold,
        bookings::resources::create_resource,
        bookings::resources::change_resource,
        bookings::retire::retire_resource,
        bookings::seed::seed_bookings,
        bookings::set::set_capacity,
        counters::capacity::repair::repair_bookings,
        counters::capacity::verify::verify_bookings,
    ]
);
extension_sql_file!(
    "../sql/functions.sql",
    name = "functions",
    requires = [
        "counters",
        allocations::allocate::allocate_stock,
        allocations::allocate::allocate_order,
        allocations::explain::explain_allocation,
        allocations::lots::allocate_lots,
        allocations::settle::release_allocations,
        allocations::settle::fulfill_allocations,
        goods::adjust::adjust_stock,
        goods::condition::set_lot_condition,
        goods::count::count_stock,
        goods::count_location::count_location,
        goods::expire::expire_lots,
        goods::merge::merge_lots,
        goods::receive::receive_stock,
        goods::split::split_lot,
        goods::transfer::transfer_stock,
        holds::confirm::confirm_hold,
        holds::confirm::confirm_order,
        holds::expire::expire_holds,
        holds::hold::hold_stock,
        holds::hold::hold_order,
        holds::hold::hold_many,
        holds::purge::purge_holds,
        holds::read::get_hold,
        holds::settle::extend_hold,
        holds::settle::release_hold,
        holds::settle::release_order_holds,
        lending::borrow::borrow_stock,
        lending::ends::return_stock,
        lending::ends::lose_stock,
        lending::extend::extend_loan,
        lending::read::get_loan,
        lending::read::loans_of,
        lending::read::overdue_loans,
        ledger::archive::archive_movements,
        ledger::at::stock_at,
        ledger::events::stock_events,
        ledger::history::stock_history,
        ledger::value::stock_value,
        ledger::verify::verify_ledger,
        ledger::verify_archive::verify_archive,
        stock::listings::register_listing,
        stock::listings::delete_listing,
        stock::locations::list_locations,
        stock::read::get_available_stock,
        stock::read::get_reserved_stock,
        stock::read::get_total_stock,
        stock::read::get_available_stock_at,
        stock::read::get_reserved_stock_at,
        stock::read::get_total_stock_at,
        stock::read::get_stock,
        stock::stockroom_version,
        stock::units::quantity_to_units,
        stock::units::units_to_quantity,
        stock::units::to_units,
        stock::units::to_quantity,
    ]
);
extension_sql_file!(
    "../sql/attach.sql",
    name = "attach",
    requires = [
        "attached",
        attach::app_writes::attached_rows_inserted,
        attach::app_writes::attached_row_updated,
        attach::app_writes::attached_rows_deleted,
        attach::ddl::attached_tables_altered,
        attach::ddl::attached_tables_changed,
        attach::ddl::attached_tables_dropped,
        attach::detach::detach_table,
        attach::keys::listing_id_of,
        attach::keys::get_available_stock_of,
        attach::keys::get_reserved_stock_of,
        attach::keys::get_total_stock_of,
        attach::register::attach_table,
        copies::collapse::collapse_children,
        copies::expand::expand_children,
    ]
);
extension_sql_file!(
    "../sql/adopt.sql",
    name = "adopt",
    requires = [
        "attach",
        adopt::guess::guess_stock_columns,
        adopt::import::import_stock,
        adopt::keys::imported_id,
        adopt::undo::undo_import_stock,
    ]
);
extension_sql_file!(
    "../sql/dump.sql",
    name = "dump",
    requires = ["adopt", "booking_views", "booking_functions"]
);
extension_sql_file!("../sql/privileges.sql", name = "privileges", finalize);

/// Runs once in every backend that loads the library, or once in the server that preloads it.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    settings::define();
    commit::watch();
    engine::watch();
    direct::known::watch();
    counters::aside::watch();
    counters::own_code::watch();
    holds::watch();
    worker::register();
}
