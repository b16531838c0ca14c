-- What is kept of lines that archive_movements has moved into a table of the user's: enough to prove them,
-- and to go on from where they end.
CREATE TABLE stock_archived_runs (
    tenant_id         uuid        NOT NULL,
    listing_id        uuid        NOT NULL,
    first_version     bigint      NOT NULL,
    last_version      bigint      NOT NULL,
    total_before      integer     NOT NULL,
    total_after       integer     NOT NULL,
    average_value     numeric     NOT NULL,
    last_recorded_at  timestamptz NOT NULL,
    last_effective_at timestamptz NOT NULL,
    last_movement_id  uuid        NOT NULL,
    digest            bytea       NOT NULL,
    archived_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, listing_id, last_version)
);
CREATE INDEX stock_archived_runs_key_idx ON stock_archived_runs (tenant_id, last_movement_id);

COMMENT ON TABLE stock_archived_runs IS 'Lines of the ledger that were archived: a row for each listing and call of archive_movements';
COMMENT ON COLUMN stock_archived_runs.tenant_id IS 'Tenant that owns the row';
COMMENT ON COLUMN stock_archived_runs.listing_id IS 'Listing';
COMMENT ON COLUMN stock_archived_runs.first_version IS 'Number of the first line';
COMMENT ON COLUMN stock_archived_runs.last_version IS 'Number of the last line';
COMMENT ON COLUMN stock_archived_runs.total_before IS 'Units of the listing before the first line';
COMMENT ON COLUMN stock_archived_runs.total_after IS 'Units of the listing after the last line';
COMMENT ON COLUMN stock_archived_runs.average_value IS 'Value of these units by moving average, without those of unknown cost';
COMMENT ON COLUMN stock_archived_runs.last_recorded_at IS 'When the last line was written';
COMMENT ON COLUMN stock_archived_runs.last_effective_at IS 'The latest time at which one of the lines happened';
COMMENT ON COLUMN stock_archived_runs.last_movement_id IS 'The highest key of the lines';
COMMENT ON COLUMN stock_archived_runs.digest IS 'SHA-256 over the lines in their order (docs/ledger.md)';
COMMENT ON COLUMN stock_archived_runs.archived_at IS 'When they were archived';
COMMENT ON INDEX stock_archived_runs_key_idx IS 'Whether events after a key were archived';

CREATE TABLE stock_archived_lots (
    tenant_id   uuid    NOT NULL,
    listing_id  uuid    NOT NULL,
    lot_id      uuid    NOT NULL,
    location_id uuid    NOT NULL,
    quantity    integer NOT NULL,
    unit_cost   numeric(16, 4),
    PRIMARY KEY (tenant_id, listing_id, lot_id, location_id)
);
COMMENT ON TABLE stock_archived_lots IS 'What the archived lines of each lot add up to: where its lines in the ledger go on';
COMMENT ON COLUMN stock_archived_lots.tenant_id IS 'Tenant that owns the row';
COMMENT ON COLUMN stock_archived_lots.listing_id IS 'Listing';
COMMENT ON COLUMN stock_archived_lots.lot_id IS 'Lot; it may be gone by now';
COMMENT ON COLUMN stock_archived_lots.location_id IS 'Where it lay';
COMMENT ON COLUMN stock_archived_lots.quantity IS 'Units';
COMMENT ON COLUMN stock_archived_lots.unit_cost IS 'Cost of one unit';
