-- Hard claims on lots, the owners' strategies, and the answers kept for idempotent calls.
-- No foreign keys to lots or listings: their checks would lock hot counter rows (docs/design.md).
CREATE TABLE stock_allocations (
    allocation_id uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id     uuid        NOT NULL DEFAULT current_tenant(),
    listing_id    uuid        NOT NULL,
    lot_id        uuid        NOT NULL,
    order_id      uuid        NOT NULL,
    quantity      integer     NOT NULL CHECK (quantity > 0),
    status        text        NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'released', 'fulfilled')),
    hold_id       uuid,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at    timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.1);
CREATE INDEX stock_allocations_lot_idx ON stock_allocations (lot_id);
CREATE INDEX stock_allocations_order_idx ON stock_allocations (order_id);

COMMENT ON TABLE stock_allocations IS 'Hard claims of orders on lots: active, then released (freed) or fulfilled (goods left).';
COMMENT ON COLUMN stock_allocations.allocation_id IS 'Key of the allocation';
COMMENT ON COLUMN stock_allocations.tenant_id IS 'Tenant that owns the row; must be its lot''s';
COMMENT ON COLUMN stock_allocations.listing_id IS 'Listing of the lot; filled from the lot where a client leaves it out';
COMMENT ON COLUMN stock_allocations.lot_id IS 'Lot that is claimed';
COMMENT ON COLUMN stock_allocations.order_id IS 'The app''s order (or the loan) that claims it';
COMMENT ON COLUMN stock_allocations.quantity IS 'Units claimed';
COMMENT ON COLUMN stock_allocations.status IS 'active, released or fulfilled. Written directly, the last two only free the claim; fulfill_allocations also lowers the lot';
COMMENT ON COLUMN stock_allocations.hold_id IS 'Hold that was confirmed into this allocation, if any';
COMMENT ON COLUMN stock_allocations.created_at IS 'When the claim was made';
COMMENT ON COLUMN stock_allocations.updated_at IS 'When the row last changed';

CREATE TABLE allocation_strategies (
    strategy_id             uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id               uuid        NOT NULL DEFAULT current_tenant(),
    contractor_id           uuid        NOT NULL UNIQUE,
    strategy_type           text        NOT NULL DEFAULT 'fifo'
        CHECK (strategy_type IN ('fifo', 'lifo', 'fefo', 'location_priority', 'largest_first', 'fewest_lots', 'cheapest_first')),
    location_priority_order uuid[],
    created_at              timestamptz NOT NULL DEFAULT now(),
    updated_at              timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE allocation_strategies IS 'Which lots an owner''s listings are picked from first; one row an owner.';
COMMENT ON COLUMN allocation_strategies.strategy_id IS 'Key of the row';
COMMENT ON COLUMN allocation_strategies.tenant_id IS 'Tenant that owns the row';
COMMENT ON COLUMN allocation_strategies.contractor_id IS 'The owner: compared with stock_listings.owner_id';
COMMENT ON COLUMN allocation_strategies.strategy_type IS 'fifo, lifo, fefo, location_priority, largest_first, fewest_lots or cheapest_first';
COMMENT ON COLUMN allocation_strategies.location_priority_order IS 'For location_priority: locations, best first; all others come after, fifo';
COMMENT ON COLUMN allocation_strategies.created_at IS 'When the row was made';
COMMENT ON COLUMN allocation_strategies.updated_at IS 'When the row last changed';

CREATE TABLE stock_requests (
    tenant_id       uuid        NOT NULL DEFAULT current_tenant(),
    function        text        NOT NULL,
    idempotency_key text        NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 200),
    arguments       jsonb       NOT NULL,
    answer          jsonb,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, function, idempotency_key)
);

COMMENT ON TABLE stock_requests IS 'Calls that were made with an idempotency key, and what they answered: a replay gets the same answer.';
COMMENT ON COLUMN stock_requests.tenant_id IS 'Tenant that owns the row';
COMMENT ON COLUMN stock_requests.function IS 'Function that was called';
COMMENT ON COLUMN stock_requests.idempotency_key IS 'The caller''s key, unique per tenant and function';
COMMENT ON COLUMN stock_requests.arguments IS 'Arguments of the first call, in canonical form: a replay must bring the same';
COMMENT ON COLUMN stock_requests.answer IS 'What the first call answered';
COMMENT ON COLUMN stock_requests.created_at IS 'When the first call was made';

COMMENT ON INDEX stock_allocations_lot_idx IS 'Claims on a lot: invariants, deleting, verifying';
COMMENT ON INDEX stock_allocations_order_idx IS 'Claims of an order: releasing and fulfilling';
