-- Listings with their counters, and the counters of each listing at each location.
-- fillfactor leaves room for heap-only updates: a counter changes at every claim. quantity_allocated has
-- no CHECK: it may be below zero inside a statement that touches lots and claims at once; the deferred
-- stockroom_check judges it at commit.
CREATE TABLE stock_listings (
    listing_id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id          uuid        NOT NULL DEFAULT current_tenant(),
    sku                text        CHECK (length(sku) BETWEEN 1 AND 200),
    name               text        CHECK (length(name) <= 1000),
    category           text        CHECK (length(category) <= 200),
    barcode            text        CHECK (length(barcode) BETWEEN 1 AND 200),
    unit_cost          numeric(16, 4) CHECK (unit_cost >= 0 AND unit_cost < 900000000000),
    metadata           jsonb       NOT NULL DEFAULT '{}',
    owner_id           uuid,
    unit               text        CHECK (length(unit) <= 50),
    quantity_scale     smallint    NOT NULL DEFAULT 0 CHECK (quantity_scale BETWEEN 0 AND 9),
    safety_stock       integer     NOT NULL DEFAULT 0 CHECK (safety_stock >= 0),
    backorder_limit    integer     NOT NULL DEFAULT 0 CHECK (backorder_limit >= 0),
    reorder_threshold  integer     CHECK (reorder_threshold >= 0),
    reorder_quantity   integer     CHECK (reorder_quantity > 0),
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    attached_to        uuid,
    attached_key       text,
    sync_deferred      boolean     NOT NULL DEFAULT false,
    quantity_total     integer     NOT NULL DEFAULT 0 CHECK (quantity_total >= 0),
    quantity_listed    integer     NOT NULL DEFAULT 0 CHECK (quantity_listed >= 0),
    quantity_allocated integer     NOT NULL DEFAULT 0,
    quantity_held      integer     NOT NULL DEFAULT 0 CHECK (quantity_held >= 0),
    quantity_available integer     GENERATED ALWAYS AS (quantity_listed - quantity_allocated - quantity_held) STORED,
    version            bigint      NOT NULL DEFAULT 0,
    moved_at           timestamptz,
    quantity_booked    integer     NOT NULL DEFAULT 0 CHECK (quantity_booked >= 0)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE UNIQUE INDEX stock_listings_sku_idx ON stock_listings (tenant_id, sku) WHERE sku IS NOT NULL;
CREATE UNIQUE INDEX stock_listings_barcode_idx ON stock_listings (tenant_id, barcode) WHERE barcode IS NOT NULL;
CREATE INDEX stock_listings_attached_idx ON stock_listings (attached_to) WHERE attached_to IS NOT NULL;

COMMENT ON TABLE stock_listings IS 'Things with a quantity, and their counters. The counters belong to the engine: what a client writes into them is put right without an error.';
COMMENT ON COLUMN stock_listings.listing_id IS 'Key of the listing; an attached table''s own uuid key is used as it is';
COMMENT ON COLUMN stock_listings.tenant_id IS 'Tenant that owns the row';
COMMENT ON COLUMN stock_listings.sku IS 'Stock keeping unit, unique in its tenant';
COMMENT ON COLUMN stock_listings.name IS 'Name for people';
COMMENT ON COLUMN stock_listings.category IS 'Free grouping';
COMMENT ON COLUMN stock_listings.barcode IS 'Barcode, unique in its tenant';
COMMENT ON COLUMN stock_listings.unit_cost IS 'Default cost of one unit, for lots that name none';
COMMENT ON COLUMN stock_listings.metadata IS 'Whatever the app wants to keep here';
COMMENT ON COLUMN stock_listings.owner_id IS 'Owner; their row in allocation_strategies gives the default strategy';
COMMENT ON COLUMN stock_listings.unit IS 'What one counts: piece, kg, L';
COMMENT ON COLUMN stock_listings.quantity_scale IS 'Decimal places of the unit: with 3, 12.345 L is stored as 12345';
COMMENT ON COLUMN stock_listings.safety_stock IS 'Units that are not sold: a new claim needs available - safety_stock';
COMMENT ON COLUMN stock_listings.backorder_limit IS 'How far below zero available may go by holds; allocations never go below zero';
COMMENT ON COLUMN stock_listings.reorder_threshold IS 'Level at which to order anew';
COMMENT ON COLUMN stock_listings.reorder_quantity IS 'How much to order then';
COMMENT ON COLUMN stock_listings.created_at IS 'When the listing was registered';
COMMENT ON COLUMN stock_listings.updated_at IS 'When a client last changed the row; counter changes do not count';
COMMENT ON COLUMN stock_listings.attached_to IS 'Registration in attached_tables of the app row that mirrors this listing; kept by the engine';
COMMENT ON COLUMN stock_listings.attached_key IS 'Key of that row, as text; kept by the engine';
COMMENT ON COLUMN stock_listings.sync_deferred IS 'True where that row is written once at commit; kept by the engine';
COMMENT ON COLUMN stock_listings.quantity_total IS 'Counter: units of all lots, listed or not';
COMMENT ON COLUMN stock_listings.quantity_listed IS 'Counter: units of listed lots in good condition';
COMMENT ON COLUMN stock_listings.quantity_allocated IS 'Counter: active allocations on these lots';
COMMENT ON COLUMN stock_listings.quantity_held IS 'Counter: live holds';
COMMENT ON COLUMN stock_listings.quantity_available IS 'Listed less allocated less held';
COMMENT ON COLUMN stock_listings.version IS 'Number of the listing''s last line in stock_movements; kept by the engine';
COMMENT ON COLUMN stock_listings.moved_at IS 'When that line was written; kept by the engine';
COMMENT ON COLUMN stock_listings.quantity_booked IS 'Units that resources with this listing behind them have booked at most on any date from today on: so many are not sold. Kept by the engine; too high for a while where days pass or holds expire';

CREATE TABLE stock_levels (
    tenant_id          uuid    NOT NULL,
    listing_id         uuid    NOT NULL,
    location_id        uuid    NOT NULL,
    quantity_total     integer NOT NULL DEFAULT 0 CHECK (quantity_total >= 0),
    quantity_listed    integer NOT NULL DEFAULT 0 CHECK (quantity_listed >= 0),
    quantity_allocated integer NOT NULL DEFAULT 0,
    quantity_held      integer NOT NULL DEFAULT 0 CHECK (quantity_held >= 0),
    PRIMARY KEY (listing_id, location_id)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX stock_levels_location_idx ON stock_levels (location_id);

COMMENT ON TABLE stock_levels IS 'The roll-up of one listing at one location. Rows are made and kept by the engine.';
COMMENT ON COLUMN stock_levels.tenant_id IS 'Tenant that owns the row';
COMMENT ON COLUMN stock_levels.listing_id IS 'Listing';
COMMENT ON COLUMN stock_levels.location_id IS 'Location';
COMMENT ON COLUMN stock_levels.quantity_total IS 'Counter: units of all lots here, listed or not';
COMMENT ON COLUMN stock_levels.quantity_listed IS 'Counter: units of listed lots in good condition here';
COMMENT ON COLUMN stock_levels.quantity_allocated IS 'Counter: active allocations on these lots';
COMMENT ON COLUMN stock_levels.quantity_held IS 'Counter: live holds that name this location';

COMMENT ON INDEX stock_listings_sku_idx IS 'A sku is unique in its tenant';
COMMENT ON INDEX stock_listings_barcode_idx IS 'A barcode is unique in its tenant';
COMMENT ON INDEX stock_listings_attached_idx IS 'Listings of one attached table, for detaching and verifying';
COMMENT ON INDEX stock_levels_location_idx IS 'Levels of one location, for deleting it';
