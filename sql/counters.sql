-- The second door: triggers that keep the counters right whoever writes, and judge the final state
-- at commit. Their functions stand aside for the engine's own statements.

-- stock_lots
CREATE TRIGGER stockroom_before BEFORE INSERT OR UPDATE ON stock_lots
    FOR EACH ROW EXECUTE FUNCTION stock_lots_before();
CREATE TRIGGER stockroom_insert AFTER INSERT ON stock_lots
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION stock_lots_after();
CREATE TRIGGER stockroom_update AFTER UPDATE ON stock_lots
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION stock_lots_after();
CREATE TRIGGER stockroom_delete AFTER DELETE ON stock_lots
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION stock_lots_after();
CREATE TRIGGER stockroom_truncate AFTER TRUNCATE ON stock_lots
    FOR EACH STATEMENT EXECUTE FUNCTION stock_lots_after();
CREATE CONSTRAINT TRIGGER stockroom_check AFTER INSERT OR UPDATE ON stock_lots
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.quantity_allocated > NEW.quantity_total) EXECUTE FUNCTION stock_lots_check();
CREATE CONSTRAINT TRIGGER stockroom_check_unlisted AFTER UPDATE ON stock_lots
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.listed AND NOT NEW.listed AND NEW.quantity_allocated > 0) EXECUTE FUNCTION stock_lots_check_unlisted();

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

-- stock_levels
CREATE TRIGGER stockroom_before BEFORE INSERT OR UPDATE OR DELETE ON stock_levels
    FOR EACH ROW EXECUTE FUNCTION stock_levels_before();
CREATE TRIGGER stockroom_truncate BEFORE TRUNCATE ON stock_levels
    FOR EACH STATEMENT EXECUTE FUNCTION stock_levels_before();
CREATE CONSTRAINT TRIGGER stockroom_check AFTER INSERT OR UPDATE ON stock_levels
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.quantity_listed - NEW.quantity_allocated - NEW.quantity_held < 0) EXECUTE FUNCTION stock_levels_check();

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
    WHEN (NEW.quantity_available < -NEW.backorder_limit) EXECUTE FUNCTION stock_listings_check();
CREATE CONSTRAINT TRIGGER stockroom_deferred_sync AFTER UPDATE ON stock_listings
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.sync_deferred
          AND (NEW.quantity_total, NEW.quantity_available, NEW.quantity_allocated, NEW.quantity_held)
              IS DISTINCT FROM (OLD.quantity_total, OLD.quantity_available, OLD.quantity_allocated, OLD.quantity_held))
    EXECUTE FUNCTION stock_listings_deferred_sync();
