-- The second door: triggers that keep the counters right whoever writes, and judge the final state
-- at commit. Their functions stand aside for the engine's own statements.

-- locations
CREATE TRIGGER stockroom_before BEFORE INSERT OR UPDATE OR DELETE ON locations
    FOR EACH ROW EXECUTE FUNCTION locations_before();
CREATE TRIGGER stockroom_truncate BEFORE TRUNCATE ON locations
    FOR EACH STATEMENT EXECUTE FUNCTION locations_before();

-- stock_lots
CREATE TRIGGER stockroom_before BEFORE INSERT OR UPDATE ON stock_lots
    FOR EACH ROW EXECUTE FUNCTION stock_lots_before();
CREATE TRIGGER stockroom_insert AFTER INSERT ON stock_lots
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION stock_lots_after();
CREATE TRIGGER stockroom_update AFTER UPDATE ON stock_lots
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION stock_lots_after();
CREATE TRIGGER stockroom_delete AFTER DELETE ON stock_lots
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION stock_lots_after();
CREATE TRIGGER stockroom_truncate BEFORE TRUNCATE ON stock_lots
    FOR EACH STATEMENT EXECUTE FUNCTION stock_lots_truncated();
CREATE CONSTRAINT TRIGGER stockroom_check AFTER INSERT OR UPDATE ON stock_lots
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.quantity_allocated > NEW.quantity_total) EXECUTE FUNCTION stock_lots_check();
CREATE CONSTRAINT TRIGGER stockroom_check_unlisted AFTER UPDATE ON stock_lots
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.sellable AND NOT NEW.sellable AND NEW.quantity_allocated > 0) EXECUTE FUNCTION stock_lots_check_unlisted();

-- stock_movements
CREATE TRIGGER stockroom_append_only BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON stock_movements
    FOR EACH STATEMENT EXECUTE FUNCTION stock_movements_before();
CREATE TRIGGER stockroom_append_only BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON stock_archived_runs
    FOR EACH STATEMENT EXECUTE FUNCTION stock_movements_before();
CREATE TRIGGER stockroom_append_only BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON stock_archived_lots
    FOR EACH STATEMENT EXECUTE FUNCTION stock_movements_before();

-- stock_allocations
CREATE TRIGGER stockroom_before BEFORE INSERT OR UPDATE ON stock_allocations
    FOR EACH ROW EXECUTE FUNCTION stock_allocations_before();
CREATE TRIGGER stockroom_insert AFTER INSERT ON stock_allocations
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION stock_allocations_after();
CREATE TRIGGER stockroom_update AFTER UPDATE ON stock_allocations
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION stock_allocations_after();
CREATE TRIGGER stockroom_delete AFTER DELETE ON stock_allocations
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION stock_allocations_after();
CREATE TRIGGER stockroom_truncate AFTER TRUNCATE ON stock_allocations
    FOR EACH STATEMENT EXECUTE FUNCTION stock_allocations_after();

-- stock_loans
CREATE TRIGGER stockroom_before BEFORE INSERT OR UPDATE OR DELETE ON stock_loans
    FOR EACH ROW EXECUTE FUNCTION stock_loans_before();
CREATE TRIGGER stockroom_truncate BEFORE TRUNCATE ON stock_loans
    FOR EACH STATEMENT EXECUTE FUNCTION stock_loans_before();

-- stock_holds
CREATE TRIGGER stockroom_before BEFORE INSERT OR UPDATE ON stock_holds
    FOR EACH ROW EXECUTE FUNCTION stock_holds_before();
CREATE TRIGGER stockroom_insert AFTER INSERT ON stock_holds
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION stock_holds_after();
CREATE TRIGGER stockroom_update AFTER UPDATE ON stock_holds
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION stock_holds_after();
CREATE TRIGGER stockroom_delete AFTER DELETE ON stock_holds
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION stock_holds_after();
CREATE TRIGGER stockroom_truncate AFTER TRUNCATE ON stock_holds
    FOR EACH STATEMENT EXECUTE FUNCTION stock_holds_after();

-- stock_levels
CREATE TRIGGER stockroom_before BEFORE INSERT OR UPDATE OR DELETE ON stock_levels
    FOR EACH ROW EXECUTE FUNCTION stock_levels_before();
CREATE TRIGGER stockroom_truncate BEFORE TRUNCATE ON stock_levels
    FOR EACH STATEMENT EXECUTE FUNCTION stock_levels_before();
CREATE CONSTRAINT TRIGGER stockroom_check AFTER INSERT OR UPDATE ON stock_levels
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.quantity_allocated < 0 OR NEW.quantity_listed::bigint - NEW.quantity_allocated - NEW.quantity_held < 0) EXECUTE FUNCTION stock_levels_check();

-- stock_listings
CREATE TRIGGER stockroom_before BEFORE INSERT OR UPDATE ON stock_listings
    FOR EACH ROW EXECUTE FUNCTION stock_listings_before();
CREATE TRIGGER stockroom_delete AFTER DELETE ON stock_listings
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION stock_listings_removed();
CREATE TRIGGER stockroom_before_truncate BEFORE TRUNCATE ON stock_listings
    FOR EACH STATEMENT EXECUTE FUNCTION stock_listings_removed();
CREATE TRIGGER stockroom_truncate AFTER TRUNCATE ON stock_listings
    FOR EACH STATEMENT EXECUTE FUNCTION stock_listings_removed();
CREATE CONSTRAINT TRIGGER stockroom_check AFTER INSERT OR UPDATE ON stock_listings
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.quantity_allocated < 0
          OR NEW.quantity_available < CASE WHEN NEW.quantity_booked > 0 THEN NEW.quantity_booked ELSE -NEW.backorder_limit END)
    EXECUTE FUNCTION stock_listings_check();
CREATE CONSTRAINT TRIGGER stockroom_deferred_sync AFTER UPDATE ON stock_listings
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.sync_deferred
          AND (NEW.quantity_total, NEW.quantity_available, NEW.quantity_allocated, NEW.quantity_held)
              IS DISTINCT FROM (OLD.quantity_total, OLD.quantity_available, OLD.quantity_allocated, OLD.quantity_held))
    EXECUTE FUNCTION stock_listings_deferred_sync();

COMMENT ON TRIGGER stockroom_before ON locations IS 'Presets stay as they are, the tree stays a tree';
COMMENT ON TRIGGER stockroom_truncate ON locations IS 'The presets cannot be truncated away';
COMMENT ON TRIGGER stockroom_before ON stock_lots IS 'Puts the true counter back, takes no location for Unspecified';
COMMENT ON TRIGGER stockroom_insert ON stock_lots IS 'Counts new lots';
COMMENT ON TRIGGER stockroom_update ON stock_lots IS 'Counts changed lots';
COMMENT ON TRIGGER stockroom_delete ON stock_lots IS 'Counts deleted lots and takes their claims away';
COMMENT ON TRIGGER stockroom_truncate ON stock_lots IS 'Counts that no lots are left';
COMMENT ON TRIGGER stockroom_check ON stock_lots IS 'At commit: a lot has what is allocated from it';
COMMENT ON TRIGGER stockroom_check_unlisted ON stock_lots IS 'At commit: a lot taken off the list, or no longer good, is not claimed';
COMMENT ON TRIGGER stockroom_append_only ON stock_movements IS 'The ledger is append-only, and the engine alone writes it';
COMMENT ON TRIGGER stockroom_append_only ON stock_archived_runs IS 'What proves archived lines is written by the engine alone';
COMMENT ON TRIGGER stockroom_append_only ON stock_archived_lots IS 'What archived lines add up to is written by the engine alone';
COMMENT ON TRIGGER stockroom_before ON stock_allocations IS 'Fills the listing in from the lot';
COMMENT ON TRIGGER stockroom_insert ON stock_allocations IS 'Counts new claims';
COMMENT ON TRIGGER stockroom_update ON stock_allocations IS 'Counts changed claims';
COMMENT ON TRIGGER stockroom_delete ON stock_allocations IS 'Counts deleted claims';
COMMENT ON TRIGGER stockroom_truncate ON stock_allocations IS 'Counts that no claims are left';
COMMENT ON TRIGGER stockroom_before ON stock_loans IS 'What is out belongs to the engine: open loans are made and ended by its functions';
COMMENT ON TRIGGER stockroom_truncate ON stock_loans IS 'Open loans cannot be truncated away';
COMMENT ON TRIGGER stockroom_before ON stock_holds IS 'Fills in what a new hold leaves out; keeps key, tenant and listing fixed';
COMMENT ON TRIGGER stockroom_insert ON stock_holds IS 'Counts new holds';
COMMENT ON TRIGGER stockroom_update ON stock_holds IS 'Counts changed holds';
COMMENT ON TRIGGER stockroom_delete ON stock_holds IS 'Counts deleted holds';
COMMENT ON TRIGGER stockroom_truncate ON stock_holds IS 'Counts that no holds are left';
COMMENT ON TRIGGER stockroom_before ON stock_levels IS 'Levels belong to the engine';
COMMENT ON TRIGGER stockroom_truncate ON stock_levels IS 'Levels belong to the engine';
COMMENT ON TRIGGER stockroom_check ON stock_levels IS 'At commit: no location has less than is claimed there';
COMMENT ON TRIGGER stockroom_before ON stock_listings IS 'Puts back what belongs to the engine';
COMMENT ON TRIGGER stockroom_delete ON stock_listings IS 'A deleted listing takes its lots, levels, claims and holds with it';
COMMENT ON TRIGGER stockroom_before_truncate ON stock_listings IS 'Listings of attached tables cannot be truncated away';
COMMENT ON TRIGGER stockroom_truncate ON stock_listings IS 'Takes all levels away';
COMMENT ON TRIGGER stockroom_check ON stock_listings IS 'At commit: available is not below -backorder_limit, nor below what is booked by date';
COMMENT ON TRIGGER stockroom_deferred_sync ON stock_listings IS 'At commit: writes attached rows with deferred sync';
