-- Lots. No foreign keys: pg_restore with several jobs loads the tables of an extension in any order,
-- and a key's check can't stand aside. The triggers keep what keys would (docs/design.md).
CREATE TABLE stock_lots (
    lot_id             uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id          uuid        NOT NULL DEFAULT current_tenant(),
    listing_id         uuid        NOT NULL,
    quantity_total     integer     NOT NULL CHECK (quantity_total >= 0),
    quantity_allocated integer     NOT NULL DEFAULT 0 CHECK (quantity_allocated >= 0),
    location_id        uuid        NOT NULL DEFAULT '00000000-0000-8000-8000-000000000000',
    owner_id           uuid,
    listed             boolean     NOT NULL DEFAULT true,
    condition          text        NOT NULL DEFAULT 'good' CHECK (condition IN ('good', 'quarantine', 'damaged', 'expired')),
    notes              text        CHECK (length(notes) <= 1000),
    lot_code           text        CHECK (length(lot_code) <= 200),
    expires_on         date,
    unit_cost          numeric(16, 4) CHECK (unit_cost >= 0 AND unit_cost < 900000000000),
    created_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    sellable           boolean     GENERATED ALWAYS AS (listed AND condition = 'good') STORED,
    in_stock           boolean     GENERATED ALWAYS AS (listed AND condition = 'good' AND quantity_total > quantity_allocated) STORED
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX stock_lots_listing_idx ON stock_lots (listing_id, created_at);
-- Its keys differ, so only versions of one lot could share an entry: that would then stay in the way of
-- every claim for as long as one of them lives.
CREATE INDEX stock_lots_in_stock_idx ON stock_lots (listing_id, created_at, lot_id)
    WITH (deduplicate_items = off) WHERE in_stock;
CREATE INDEX stock_lots_location_idx ON stock_lots (location_id);
CREATE INDEX stock_lots_expiry_idx ON stock_lots (expires_on) WHERE expires_on IS NOT NULL AND condition = 'good';

COMMENT ON TABLE stock_lots IS 'A quantity of one listing in one place. INSERT INTO stock_lots (listing_id, quantity_total) is enough.';
COMMENT ON COLUMN stock_lots.lot_id IS 'Key of the lot; never changes';
COMMENT ON COLUMN stock_lots.tenant_id IS 'Tenant that owns the row; must be its listing''s';
COMMENT ON COLUMN stock_lots.listing_id IS 'Listing; a lot may be moved to another listing of its tenant, with its active allocations';
COMMENT ON COLUMN stock_lots.quantity_total IS 'Units in the lot';
COMMENT ON COLUMN stock_lots.quantity_allocated IS 'Counter: active allocations on the lot; belongs to the engine';
COMMENT ON COLUMN stock_lots.location_id IS 'Where the lot lies; NULL is taken as Unspecified';
COMMENT ON COLUMN stock_lots.owner_id IS 'Whose goods these are';
COMMENT ON COLUMN stock_lots.listed IS 'Only listed lots count as available';
COMMENT ON COLUMN stock_lots.condition IS 'good, quarantine, damaged or expired: only good lots count as available. Each change is a line of the ledger';
COMMENT ON COLUMN stock_lots.notes IS 'At most 1000 characters';
COMMENT ON COLUMN stock_lots.lot_code IS 'The maker''s batch or serial mark';
COMMENT ON COLUMN stock_lots.expires_on IS 'Last day on which the lot may be picked; NULL = keeps for ever';
COMMENT ON COLUMN stock_lots.unit_cost IS 'Cost of one unit of this lot';
COMMENT ON COLUMN stock_lots.created_at IS 'When the lot came in: fifo goes by it';
COMMENT ON COLUMN stock_lots.updated_at IS 'When the row last changed';
COMMENT ON COLUMN stock_lots.sellable IS 'Listed and good: what counts as listed in the counters';
COMMENT ON COLUMN stock_lots.in_stock IS 'Listed, good, and not all of it is allocated: a claim may find something here';

COMMENT ON INDEX stock_lots_listing_idx IS 'Lots of a listing: reading, explaining, verifying';
COMMENT ON INDEX stock_lots_in_stock_idx IS 'Lots that a claim may take from, oldest first. Its predicate is a column of its own, so that an update of the counter stays heap-only until the lot runs out';
COMMENT ON INDEX stock_lots_location_idx IS 'Lots of a location, for deleting and counting it';
COMMENT ON INDEX stock_lots_expiry_idx IS 'Good lots that will expire, those that do first in front';
