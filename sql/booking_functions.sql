-- What \df+ says about bookings.
COMMENT ON FUNCTION create_resource(text, text, text, text, jsonb, uuid, text)
    IS 'Makes a thing that is booked by date, and returns its key; a listing may be the stock behind it';
COMMENT ON FUNCTION change_resource(text, text, text, jsonb, boolean, text, uuid, boolean)
    IS 'Changes what is given of a resource; NULL leaves it as it is';
COMMENT ON FUNCTION retire_resource(text, boolean)
    IS 'Retires a resource: no new claims from now on; refused while it is booked from today on';
COMMENT ON FUNCTION resource_today(text, timestamptz) IS 'Which date it is for a resource, in its own time zone: now, or at a moment';
COMMENT ON FUNCTION open_capacity(text, date, date, integer, integer[], jsonb)
    IS 'Opens the dates of a range for booking, and returns how many that are; dates that are open stay as they are';
COMMENT ON FUNCTION set_capacity(text, date, date, integer)
    IS 'Gives open dates another capacity, never below what is booked, and returns how many that are';
COMMENT ON FUNCTION check_availability(text, date, date, integer)
    IS 'What of each date of a range is free, and why it cannot be booked: not_open, in_past, blacked_out, inactive, retired or insufficient_capacity';
COMMENT ON FUNCTION find_available(text, date[], integer, integer)
    IS 'Resources of a type that have so many units free on all of these dates';
COMMENT ON FUNCTION hold_resource(text, date[], integer, text, text, interval, text, jsonb)
    IS 'Holds units of a resource on dates for a while: on all of them, or on none';
COMMENT ON FUNCTION hold_resource_range(text, daterange, integer, text, text, interval, text, jsonb)
    IS 'Holds units of a resource on all dates of a range for a while, or on none';
COMMENT ON FUNCTION hold_package(jsonb, date[], text, text, interval, text, jsonb)
    IS 'Holds several resources, [{"resource_id", "quantity"?, "dates"?}], all or none';
COMMENT ON FUNCTION get_resource_hold(uuid) IS 'A hold as it is: its true state, dates and quantity, and what it was made with';
COMMENT ON FUNCTION extend_resource_hold(uuid, interval) IS 'Lets a live hold live longer, and returns until when';
COMMENT ON FUNCTION confirm_resource_hold(uuid, text, text, text)
    IS 'Turns a hold into the booking of an order''s line item, and returns the allocation''s key';
COMMENT ON FUNCTION confirm_package(uuid, text, text, text) IS 'Turns all holds of a package into bookings of an order, all or none';
COMMENT ON FUNCTION release_resource_hold(uuid) IS 'Gives a hold up, and returns how many dates that frees';
COMMENT ON FUNCTION release_package(uuid) IS 'Gives all holds of a package up, all or none, and returns how many dates that frees';
COMMENT ON FUNCTION cancel_resource_allocation(uuid) IS 'Cancels a booking: its row goes, its dates are free; returns how many those are';
COMMENT ON FUNCTION move_resource_allocation(uuid, date[], integer, text, text)
    IS 'Moves a booking to other dates in one step, or leaves it where it was';
COMMENT ON FUNCTION add_blackout(text, date, date, text, boolean)
    IS 'Closes dates of a resource for new claims, and returns the holds and bookings that it hits; may release the holds';
COMMENT ON FUNCTION remove_blackout(uuid) IS 'Takes a blackout away: its dates can be booked again';
COMMENT ON FUNCTION purge_resource_holds(interval, integer) IS 'Deletes holds that were over so long ago, in batches';
COMMENT ON FUNCTION verify_bookings() IS 'Checks tables, indexes, triggers and constraints of bookings, and every number in them; no rows is the proof';
COMMENT ON FUNCTION repair_bookings() IS 'Rewrites every number of bookings from the claims, and returns how many were wrong';
COMMENT ON FUNCTION seed_bookings() IS 'Makes three vehicles, each open for 90 dates, to try things out; may be called again';

COMMENT ON FUNCTION resource_type_before() IS 'Trigger: presets stay as they are; a type that is used does not go';
COMMENT ON FUNCTION resource_before() IS 'Trigger: checks type, time zone and listing';
COMMENT ON FUNCTION resource_changed() IS 'Trigger: the dates of a resource know whether they are closed, and which listing is behind them';
COMMENT ON FUNCTION resource_removed() IS 'Trigger: a booked resource does not go; another takes all it has with it';
COMMENT ON FUNCTION resource_capacity_before() IS 'Trigger: puts back what belongs to the engine; more units are more free ones';
COMMENT ON FUNCTION resource_capacity_after() IS 'Trigger: counts new dates; booked ones do not go';
COMMENT ON FUNCTION resource_capacity_check() IS 'Trigger, at commit: no date has more booked than there is';
COMMENT ON FUNCTION resource_blackout_before() IS 'Trigger: a blackout stays its resource''s';
COMMENT ON FUNCTION resource_blackout_after() IS 'Trigger: closes and opens dates';
COMMENT ON FUNCTION resource_hold_before() IS 'Trigger: sorts the dates; keeps key, tenant and resource fixed';
COMMENT ON FUNCTION resource_hold_after() IS 'Trigger: counts what a client''s own DML holds and frees';
COMMENT ON FUNCTION resource_allocation_before() IS 'Trigger: sorts the dates; keeps key, tenant and resource fixed';
COMMENT ON FUNCTION resource_allocation_after() IS 'Trigger: counts what a client''s own DML books and frees';
