-- The second door of bookings: triggers that keep what is free of each date right whoever writes, and judge the
-- final state at commit. Their functions stand aside for the engine's own statements.

-- resource_type
CREATE TRIGGER stockroom_before BEFORE INSERT OR UPDATE OR DELETE ON resource_type
    FOR EACH ROW EXECUTE FUNCTION resource_type_before();
CREATE TRIGGER stockroom_truncate BEFORE TRUNCATE ON resource_type
    FOR EACH STATEMENT EXECUTE FUNCTION resource_type_before();

-- resource
CREATE TRIGGER stockroom_before BEFORE INSERT OR UPDATE ON resource
    FOR EACH ROW EXECUTE FUNCTION resource_before();
CREATE TRIGGER stockroom_update AFTER UPDATE ON resource
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION resource_changed();
CREATE TRIGGER stockroom_delete AFTER DELETE ON resource
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION resource_removed();
CREATE TRIGGER stockroom_truncate AFTER TRUNCATE ON resource
    FOR EACH STATEMENT EXECUTE FUNCTION resource_removed();

-- resource_capacity
CREATE TRIGGER stockroom_before BEFORE INSERT OR UPDATE ON resource_capacity
    FOR EACH ROW EXECUTE FUNCTION resource_capacity_before();
CREATE TRIGGER stockroom_insert AFTER INSERT ON resource_capacity
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION resource_capacity_after();
CREATE TRIGGER stockroom_delete AFTER DELETE ON resource_capacity
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION resource_capacity_after();
CREATE TRIGGER stockroom_truncate AFTER TRUNCATE ON resource_capacity
    FOR EACH STATEMENT EXECUTE FUNCTION resource_capacity_after();
CREATE CONSTRAINT TRIGGER stockroom_check AFTER INSERT OR UPDATE ON resource_capacity
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.available_capacity < 0) EXECUTE FUNCTION resource_capacity_check();

-- resource_blackout
CREATE TRIGGER stockroom_before BEFORE INSERT OR UPDATE ON resource_blackout
    FOR EACH ROW EXECUTE FUNCTION resource_blackout_before();
CREATE TRIGGER stockroom_insert AFTER INSERT ON resource_blackout
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION resource_blackout_after();
CREATE TRIGGER stockroom_update AFTER UPDATE ON resource_blackout
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION resource_blackout_after();
CREATE TRIGGER stockroom_delete AFTER DELETE ON resource_blackout
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION resource_blackout_after();
CREATE TRIGGER stockroom_truncate AFTER TRUNCATE ON resource_blackout
    FOR EACH STATEMENT EXECUTE FUNCTION resource_blackout_after();

-- resource_hold
CREATE TRIGGER stockroom_before BEFORE INSERT OR UPDATE ON resource_hold
    FOR EACH ROW EXECUTE FUNCTION resource_hold_before();
CREATE TRIGGER stockroom_insert AFTER INSERT ON resource_hold
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION resource_hold_after();
CREATE TRIGGER stockroom_update AFTER UPDATE ON resource_hold
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION resource_hold_after();
CREATE TRIGGER stockroom_delete AFTER DELETE ON resource_hold
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION resource_hold_after();
CREATE TRIGGER stockroom_truncate AFTER TRUNCATE ON resource_hold
    FOR EACH STATEMENT EXECUTE FUNCTION resource_hold_after();

-- resource_allocation
CREATE TRIGGER stockroom_before BEFORE INSERT OR UPDATE ON resource_allocation
    FOR EACH ROW EXECUTE FUNCTION resource_allocation_before();
CREATE TRIGGER stockroom_insert AFTER INSERT ON resource_allocation
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION resource_allocation_after();
CREATE TRIGGER stockroom_update AFTER UPDATE ON resource_allocation
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION resource_allocation_after();
CREATE TRIGGER stockroom_delete AFTER DELETE ON resource_allocation
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION resource_allocation_after();
CREATE TRIGGER stockroom_truncate AFTER TRUNCATE ON resource_allocation
    FOR EACH STATEMENT EXECUTE FUNCTION resource_allocation_after();

COMMENT ON TRIGGER stockroom_before ON resource_type IS 'Presets stay as they are; a type that is used does not go';
COMMENT ON TRIGGER stockroom_truncate ON resource_type IS 'The presets cannot be truncated away';
COMMENT ON TRIGGER stockroom_before ON resource IS 'Checks type, time zone and listing';
COMMENT ON TRIGGER stockroom_update ON resource IS 'Its dates know whether they are closed, and which listing is behind them';
COMMENT ON TRIGGER stockroom_delete ON resource IS 'A booked resource does not go; another takes its dates, blackouts, ended holds and past bookings with it';
COMMENT ON TRIGGER stockroom_truncate ON resource IS 'Booked resources do not go; others take all they have with them';
COMMENT ON TRIGGER stockroom_before ON resource_capacity IS 'Puts back what belongs to the engine; more units are more free ones';
COMMENT ON TRIGGER stockroom_insert ON resource_capacity IS 'Counts what is booked on new dates already, and what closes them';
COMMENT ON TRIGGER stockroom_delete ON resource_capacity IS 'A booked date does not go';
COMMENT ON TRIGGER stockroom_truncate ON resource_capacity IS 'Booked dates do not go';
COMMENT ON TRIGGER stockroom_check ON resource_capacity IS 'At commit: no date has more booked than there is';
COMMENT ON TRIGGER stockroom_before ON resource_blackout IS 'A blackout stays its resource''s';
COMMENT ON TRIGGER stockroom_insert ON resource_blackout IS 'Closes dates';
COMMENT ON TRIGGER stockroom_update ON resource_blackout IS 'Closes dates, and opens those that it leaves';
COMMENT ON TRIGGER stockroom_delete ON resource_blackout IS 'Opens dates';
COMMENT ON TRIGGER stockroom_truncate ON resource_blackout IS 'Opens all dates that blackouts closed';
COMMENT ON TRIGGER stockroom_before ON resource_hold IS 'Sorts the dates; keeps key, tenant and resource fixed';
COMMENT ON TRIGGER stockroom_insert ON resource_hold IS 'Counts new holds';
COMMENT ON TRIGGER stockroom_update ON resource_hold IS 'Counts changed holds';
COMMENT ON TRIGGER stockroom_delete ON resource_hold IS 'Counts deleted holds';
COMMENT ON TRIGGER stockroom_truncate ON resource_hold IS 'Counts that no holds are left';
COMMENT ON TRIGGER stockroom_before ON resource_allocation IS 'Sorts the dates; keeps key, tenant and resource fixed';
COMMENT ON TRIGGER stockroom_insert ON resource_allocation IS 'Counts new bookings';
COMMENT ON TRIGGER stockroom_update ON resource_allocation IS 'Counts changed bookings';
COMMENT ON TRIGGER stockroom_delete ON resource_allocation IS 'Counts cancelled bookings';
COMMENT ON TRIGGER stockroom_truncate ON resource_allocation IS 'Counts that no bookings are left';
