-- The ledger: a line for every physical change of a lot. No foreign keys: history outlives its lots.
-- The key orders lines by the transaction that wrote them, so it is an event feed too (docs/ledger.md);
-- a line is inserted into two indexes, and into the third only where it is dated back.
CREATE TABLE stock_movements (
    movement_id    uuid        NOT NULL,
    tenant_id      uuid        NOT NULL,
    listing_id     uuid        NOT NULL,
    version        bigint      NOT NULL,
    lot_id         uuid        NOT NULL,
    location_id    uuid        NOT NULL,
    movement_type  text        NOT NULL CHECK (movement_type IN ('receive', 'adjust', 'count', 'transfer_in', 'transfer_out',
                                                                 'fulfill', 'loss', 'return', 'import', 'condition', 'correction')),
    delta          integer     NOT NULL,
    lot_before     integer     NOT NULL,
    lot_after      integer     NOT NULL,
    listing_before integer     NOT NULL,
    listing_after  integer     NOT NULL,
    unit_cost      numeric(16, 4),
    reason         text,
    reference      text,
    actor          text        NOT NULL,
    recorded_at    timestamptz NOT NULL,
    effective_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, movement_id)
);
CREATE INDEX stock_movements_listing_idx ON stock_movements (listing_id, recorded_at, version);
CREATE INDEX stock_movements_dated_back_idx ON stock_movements (listing_id, effective_at) WHERE effective_at <> recorded_at;

COMMENT ON TABLE stock_movements IS 'The ledger: a line for every physical change of a lot, by function or by direct DML. Append-only: a correction is a counter-entry.';
COMMENT ON COLUMN stock_movements.movement_id IS 'Key; ordered by transaction, for stock_events()';
COMMENT ON COLUMN stock_movements.tenant_id IS 'Tenant that owns the row';
COMMENT ON COLUMN stock_movements.listing_id IS 'Listing';
COMMENT ON COLUMN stock_movements.version IS 'Number of the line in its listing: 1, 2, 3 and so on, without a gap';
COMMENT ON COLUMN stock_movements.lot_id IS 'Lot; it may be gone by now';
COMMENT ON COLUMN stock_movements.location_id IS 'Where the lot lay';
COMMENT ON COLUMN stock_movements.movement_type IS 'receive, adjust, count, transfer_in, transfer_out, fulfill, loss, return, import, condition (no unit moves) or correction';
COMMENT ON COLUMN stock_movements.delta IS 'Units that came (+) or left (-)';
COMMENT ON COLUMN stock_movements.lot_before IS 'Units in the lot before';
COMMENT ON COLUMN stock_movements.lot_after IS 'Units in the lot after';
COMMENT ON COLUMN stock_movements.listing_before IS 'Units of all lots of the listing before';
COMMENT ON COLUMN stock_movements.listing_after IS 'Units of all lots of the listing after';
COMMENT ON COLUMN stock_movements.unit_cost IS 'Cost of one unit of the lot at that time';
COMMENT ON COLUMN stock_movements.reason IS 'Why';
COMMENT ON COLUMN stock_movements.reference IS 'What it belongs to: an order, a delivery note';
COMMENT ON COLUMN stock_movements.actor IS 'Who: the setting stockroom.actor, else the session''s user';
COMMENT ON COLUMN stock_movements.recorded_at IS 'When it was written, after the lock; never goes back within a listing';
COMMENT ON COLUMN stock_movements.effective_at IS 'When it happened';
COMMENT ON INDEX stock_movements_listing_idx IS 'Lines of a listing: stock at a moment, history, verifying';
COMMENT ON INDEX stock_movements_dated_back_idx IS 'Lines that say they happened at another time than they were written';

-- Where a tenant's movement_ids come from. A server that was restored from a dump, or promoted, counts
-- its transactions anew: the generation in front keeps the order.
CREATE TABLE stock_feeds (
    tenant_id         uuid    PRIMARY KEY,
    generation        integer NOT NULL CHECK (generation BETWEEN 1 AND 4095),
    system_identifier bigint  NOT NULL,
    timeline          integer NOT NULL,
    first_transaction bigint  NOT NULL
);
COMMENT ON TABLE stock_feeds IS 'Generation of the keys of stock_movements; kept by the engine';
COMMENT ON COLUMN stock_feeds.tenant_id IS 'Tenant whose feed it is';
COMMENT ON COLUMN stock_feeds.generation IS 'First part of each key: 1, and one more for every restore and promotion';
COMMENT ON COLUMN stock_feeds.system_identifier IS 'Server that writes it';
COMMENT ON COLUMN stock_feeds.timeline IS 'Its timeline';
COMMENT ON COLUMN stock_feeds.first_transaction IS 'The transaction that began the generation';
