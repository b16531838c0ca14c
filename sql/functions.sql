-- What \df+ says about the API.
COMMENT ON FUNCTION current_tenant() IS 'Tenant of this session: the setting stockroom.tenant_id, or the nil uuid';
COMMENT ON FUNCTION stockroom_version() IS 'Version of the library';

COMMENT ON FUNCTION get_available_stock(uuid) IS 'Units that can be had now: listed less allocated less held; 0 for an unknown listing';
COMMENT ON FUNCTION get_reserved_stock(uuid) IS 'Units that are claimed: active allocations on listed lots, and live holds';
COMMENT ON FUNCTION get_total_stock(uuid) IS 'Units of all lots, listed or not';
COMMENT ON FUNCTION get_available_stock(uuid, uuid) IS 'Units that can be had now at one location';
COMMENT ON FUNCTION get_reserved_stock(uuid, uuid) IS 'Units that are claimed at one location';
COMMENT ON FUNCTION get_total_stock(uuid, uuid) IS 'Units of all lots at one location';
COMMENT ON FUNCTION get_stock(uuid[]) IS 'Numbers of many listings, a row for each id given; available_to_promise is available less safety_stock and what is booked by date';

COMMENT ON FUNCTION register_listing(text, text, uuid, text, text, numeric, jsonb, uuid, text, integer, integer, integer, integer, integer)
    IS 'Registers a thing with a quantity and returns its key; listing_exists if sku, barcode or key is taken';
COMMENT ON FUNCTION delete_listing(uuid) IS 'Deletes a listing with its lots and all claims on them';

COMMENT ON FUNCTION receive_stock(uuid, integer, uuid, uuid, text, date, numeric, text, boolean, text, uuid, text, text, timestamptz, numeric)
    IS 'Receives units, as a new lot or into one that is there, and returns the lot''s key';
COMMENT ON FUNCTION adjust_stock(uuid, integer, text, integer, text, timestamptz, text, numeric)
    IS 'Adds units to a lot, or takes them, and returns how many it has then';
COMMENT ON FUNCTION count_stock(uuid, integer, integer, text, text, timestamptz, text, numeric)
    IS 'Sets a lot to what was counted, and returns the difference';
COMMENT ON FUNCTION count_location(uuid, jsonb, boolean, text, text, text, timestamptz, text)
    IS 'Sets lots of a place to what was counted, [{"lot_id" or "listing_id" or "sku", "counted" or "amount", "expected"?}], all or none; a dry run only tells';
COMMENT ON FUNCTION transfer_stock(uuid, integer, uuid, uuid, text, text, timestamptz, text, numeric)
    IS 'Brings a lot, or a part of it, to another place, and returns the lot in which it is then';
COMMENT ON FUNCTION split_lot(uuid, integer, text, text, timestamptz, text, numeric)
    IS 'Makes a lot of its own of a part of a lot, and returns its key';
COMMENT ON FUNCTION merge_lots(uuid, uuid, text, text, timestamptz, text)
    IS 'Puts all of a lot into another one that is alike, with its allocations, and returns how many units that has then';
COMMENT ON FUNCTION set_lot_condition(uuid, text, integer, text, text, timestamptz, text, numeric)
    IS 'Says what state the goods of a lot, or of a part of it, are in: good, quarantine, damaged, expired; returns their lot';
COMMENT ON FUNCTION expire_lots(integer) IS 'Sets good lots past their expires_on to expired, up to so many, and returns how many';

COMMENT ON FUNCTION list_locations() IS 'Locations that this tenant can use, in display order';
COMMENT ON FUNCTION quantity_to_units(numeric, integer) IS 'Whole units of a decimal quantity: 12.345 with scale 3 is 12345';
COMMENT ON FUNCTION units_to_quantity(integer, integer) IS 'Decimal quantity of whole units: 12345 with scale 3 is 12.345';
COMMENT ON FUNCTION to_units(uuid, numeric) IS 'Whole units of a decimal quantity, by the listing''s quantity_scale';
COMMENT ON FUNCTION to_quantity(uuid, integer) IS 'Decimal quantity of whole units, by the listing''s quantity_scale';

COMMENT ON FUNCTION allocate_stock(uuid, uuid, integer, text, uuid, boolean, text, text)
    IS 'Allocates units to an order, from lots chosen by strategy; a row a lot';
COMMENT ON FUNCTION allocate_order(uuid, jsonb, text, text)
    IS 'Allocates all lines [{"listing_id", "quantity", "location_id"?, "strategy"?}] of an order, or nothing';
COMMENT ON FUNCTION allocate_lots(uuid, jsonb, text, text)
    IS 'Allocates chosen lots [{"lot_id", "quantity"}] to an order, all or nothing';
COMMENT ON FUNCTION release_allocations(uuid, uuid, integer, text) IS 'Frees active allocations of an order; returns the units';
COMMENT ON FUNCTION fulfill_allocations(uuid, uuid, integer, text) IS 'Goods leave: ends active allocations of an order and lowers their lots; returns the units';
COMMENT ON FUNCTION explain_allocation(uuid, integer, text, uuid) IS 'Which lots allocate_stock would choose, and why; takes nothing';

COMMENT ON FUNCTION hold_stock(uuid, integer, interval, text, uuid, text, uuid, jsonb, text)
    IS 'Holds units of a listing for a while: a cart, a checkout';
COMMENT ON FUNCTION hold_order(jsonb, interval, text, text, uuid, jsonb, text)
    IS 'Holds all lines [{"listing_id", "quantity", "location_id"?}] of an order for a while, or nothing';
COMMENT ON FUNCTION hold_many(jsonb, interval, text, jsonb)
    IS 'Makes many holds [{"listing_id", "quantity", "location_id"?, "idempotency_key"?, "customer"?, "order_id"?}], each on its own: a result a line';
COMMENT ON FUNCTION confirm_hold(uuid, uuid, integer, text, text, text)
    IS 'Turns a hold, or a part of it, into allocations of an order, from lots chosen by strategy';
COMMENT ON FUNCTION confirm_order(uuid, text, text) IS 'Turns all active holds of an order into its allocations, or none';
COMMENT ON FUNCTION extend_hold(uuid, interval) IS 'Keeps a hold longer, by so much; returns until when';
COMMENT ON FUNCTION release_hold(uuid) IS 'Gives a hold up; returns the units that this frees';
COMMENT ON FUNCTION release_order_holds(uuid) IS 'Gives up all holds of an order that are active or waiting; returns the units';
COMMENT ON FUNCTION get_hold(uuid) IS 'A hold as it is now: expired from the moment it expires, swept or not';
COMMENT ON FUNCTION expire_holds(integer) IS 'Ends holds that have expired, up to so many, and returns how many; nothing depends on it';
COMMENT ON FUNCTION purge_holds(interval, integer) IS 'Deletes holds that were over so long ago, up to so many, and returns how many';

COMMENT ON FUNCTION borrow_stock(uuid, text, integer, timestamptz, text, uuid, uuid, text, jsonb, text, text)
    IS 'Hands units out that are to come back, or those that a hold has reserved; returns the loan';
COMMENT ON FUNCTION return_stock(uuid, integer, text, text)
    IS 'Takes units of a loan back, to the lots they came from; returns how many are still out';
COMMENT ON FUNCTION lose_stock(uuid, integer, text, text)
    IS 'Writes units of a loan off that will not come back: their lots shrink; returns how many are still out';
COMMENT ON FUNCTION extend_loan(uuid, timestamptz, text) IS 'Sets when an open loan is due';
COMMENT ON FUNCTION get_loan(uuid) IS 'A loan as it is now: what is out, returned and lost';
COMMENT ON FUNCTION loans_of(text, boolean) IS 'Loans of a borrower, the newest first';
COMMENT ON FUNCTION overdue_loans(timestamptz, uuid) IS 'Open loans that are past their due date, the longest first';

COMMENT ON FUNCTION verify_stock() IS 'Every counter and attached column against the rows; no rows is the proof that all is right';
COMMENT ON FUNCTION repair_stock() IS 'Rewrites every counter and attached column from the rows, and adds the lines that the ledger lacks; returns how many were wrong';

COMMENT ON FUNCTION stock_at(uuid, timestamptz, uuid, text) IS 'Units of a listing at a moment, by when lines were recorded or by when things happened';
COMMENT ON FUNCTION stock_history(uuid, timestamptz, timestamptz, uuid, integer, bigint) IS 'Lines of the ledger of a listing, oldest first';
COMMENT ON FUNCTION stock_events(uuid, integer) IS 'Lines of the ledger after one of them: the feed for those who poll, without a gap';
COMMENT ON FUNCTION stock_value(timestamptz, text, uuid) IS 'What the stock is worth, by lots (fifo) or by moving average';
COMMENT ON FUNCTION verify_ledger() IS 'The ledger replayed and compared with the stock; no rows is the proof';
COMMENT ON FUNCTION archive_movements(timestamptz, regclass, integer) IS 'Moves old lines of the ledger into a table of the caller''s; what proves them stays';
COMMENT ON FUNCTION verify_archive(regclass) IS 'Archived lines compared with what was kept of them; no rows is the proof';

COMMENT ON FUNCTION locations_before() IS 'Trigger: presets stay as they are, the tree stays a tree';
COMMENT ON FUNCTION stock_lots_before() IS 'Trigger: puts the true counter back, takes no location for Unspecified';
COMMENT ON FUNCTION stock_lots_after() IS 'Trigger: counts what a client''s statement adds and takes';
COMMENT ON FUNCTION stock_lots_truncated() IS 'Trigger: counts that no lots are left';
COMMENT ON FUNCTION stock_movements_before() IS 'Trigger: the ledger is append-only';
COMMENT ON FUNCTION stock_lots_check() IS 'Trigger at commit: a lot has what is allocated from it';
COMMENT ON FUNCTION stock_lots_check_unlisted() IS 'Trigger at commit: a lot taken off the list, or no longer good, is not claimed';
COMMENT ON FUNCTION stock_allocations_before() IS 'Trigger: fills the listing in from the lot';
COMMENT ON FUNCTION stock_allocations_after() IS 'Trigger: counts what a client''s statement claims and frees';
COMMENT ON FUNCTION stock_loans_before() IS 'Trigger: what is out belongs to the engine';
COMMENT ON FUNCTION stock_holds_before() IS 'Trigger: fills in what a new hold leaves out';
COMMENT ON FUNCTION stock_holds_after() IS 'Trigger: counts what a client''s statement holds and frees';
COMMENT ON FUNCTION stock_levels_before() IS 'Trigger: levels belong to the engine';
COMMENT ON FUNCTION stock_levels_check() IS 'Trigger at commit: no location has less than is claimed there';
COMMENT ON FUNCTION stock_listings_before() IS 'Trigger: puts back what belongs to the engine';
COMMENT ON FUNCTION stock_listings_removed() IS 'Trigger: a deleted listing takes its lots, levels, claims and live holds with it';
COMMENT ON FUNCTION stock_listings_check() IS 'Trigger at commit: available is not below -backorder_limit';
COMMENT ON FUNCTION stock_listings_deferred_sync() IS 'Trigger at commit: writes the attached row of a listing with deferred sync';
