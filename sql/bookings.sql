-- Claims on resources by date: holds for a while, and allocations of orders. No foreign keys to the resource:
-- each claim would lock its row (docs/design.md). What is claimed is counted in resource_capacity.
CREATE TABLE resource_hold (
    id                uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id         uuid        NOT NULL DEFAULT current_tenant(),
    resource_id       text        COLLATE "C" NOT NULL,
    dates             date[]      NOT NULL CHECK (cardinality(dates) BETWEEN 1 AND 366),
    quantity          integer     NOT NULL CHECK (quantity > 0),
    customer_email    text        CHECK (length(customer_email) BETWEEN 3 AND 320 AND customer_email LIKE '_%@_%'),
    idempotency_token text        CHECK (length(idempotency_token) BETWEEN 1 AND 200),
    status            text        NOT NULL DEFAULT 'ACTIVE'
        CHECK (status IN ('ACTIVE', 'CONFIRMED', 'RELEASED', 'EXPIRED')),
    expires_at        timestamptz DEFAULT clock_timestamp() + interval '30 minutes',
    confirmed_at      timestamptz,
    package_id        uuid,
    metadata          jsonb,
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at        timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE UNIQUE INDEX resource_hold_token_idx ON resource_hold (tenant_id, idempotency_token)
    WHERE idempotency_token IS NOT NULL;
CREATE INDEX resource_hold_live_idx ON resource_hold (resource_id, expires_at) INCLUDE (quantity, dates)
    WHERE status = 'ACTIVE';
CREATE INDEX resource_hold_customer_idx ON resource_hold (customer_email) WHERE customer_email IS NOT NULL;
CREATE INDEX resource_hold_package_idx ON resource_hold (package_id) WHERE package_id IS NOT NULL;

COMMENT ON TABLE resource_hold IS 'Claims on dates of a resource for a limited time: ACTIVE, then CONFIRMED (allocated), RELEASED or EXPIRED.';
COMMENT ON COLUMN resource_hold.id IS 'Key of the hold';
COMMENT ON COLUMN resource_hold.tenant_id IS 'Tenant that owns the row; must be its resource''s';
COMMENT ON COLUMN resource_hold.resource_id IS 'Resource that is held';
COMMENT ON COLUMN resource_hold.dates IS 'The dates, ascending, each once; at most 366';
COMMENT ON COLUMN resource_hold.quantity IS 'Units held on each of the dates';
COMMENT ON COLUMN resource_hold.customer_email IS 'Who holds it; at most 320 characters';
COMMENT ON COLUMN resource_hold.idempotency_token IS 'The caller''s token, unique per tenant: a replay finds the same hold';
COMMENT ON COLUMN resource_hold.status IS 'ACTIVE, CONFIRMED, RELEASED or EXPIRED. Written directly, the last three only free the dates; confirm_resource_hold also allocates';
COMMENT ON COLUMN resource_hold.expires_at IS 'From then on the dates count as free, swept or not; NULL = never';
COMMENT ON COLUMN resource_hold.confirmed_at IS 'When it was confirmed';
COMMENT ON COLUMN resource_hold.package_id IS 'Package that it is a part of: holds that were made all or none';
COMMENT ON COLUMN resource_hold.metadata IS 'Whatever the app wants to keep here';
COMMENT ON COLUMN resource_hold.created_at IS 'When the hold was made';
COMMENT ON COLUMN resource_hold.updated_at IS 'When the row last changed';
COMMENT ON INDEX resource_hold_token_idx IS 'One hold for each token, also where two first calls race';
COMMENT ON INDEX resource_hold_live_idx IS 'Active holds of a resource by expiry: what of them has expired, and on which dates, is one probe';
COMMENT ON INDEX resource_hold_customer_idx IS 'Holds of a customer';
COMMENT ON INDEX resource_hold_package_idx IS 'Holds of a package';

CREATE TABLE resource_allocation (
    id           uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id    uuid        NOT NULL DEFAULT current_tenant(),
    resource_id  text        COLLATE "C" NOT NULL,
    order_id     text        NOT NULL CHECK (length(order_id) BETWEEN 1 AND 200),
    line_item_id text        NOT NULL CHECK (length(line_item_id) BETWEEN 1 AND 200),
    dates        date[]      NOT NULL CHECK (cardinality(dates) BETWEEN 1 AND 366),
    quantity     integer     NOT NULL CHECK (quantity > 0),
    hold_id      uuid,
    metadata     jsonb,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (order_id, line_item_id, tenant_id)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX resource_allocation_line_item_idx ON resource_allocation (line_item_id);
CREATE INDEX resource_allocation_dates_idx ON resource_allocation (resource_id, (dates[cardinality(dates)]));

COMMENT ON TABLE resource_allocation IS 'Bookings: claims of orders on dates of a resource. Cancelling one deletes it.';
COMMENT ON COLUMN resource_allocation.id IS 'Key of the allocation';
COMMENT ON COLUMN resource_allocation.tenant_id IS 'Tenant that owns the row; must be its resource''s';
COMMENT ON COLUMN resource_allocation.resource_id IS 'Resource that is booked';
COMMENT ON COLUMN resource_allocation.order_id IS 'The app''s order';
COMMENT ON COLUMN resource_allocation.line_item_id IS 'The order''s line; one allocation a line';
COMMENT ON COLUMN resource_allocation.dates IS 'The dates, ascending, each once; at most 366';
COMMENT ON COLUMN resource_allocation.quantity IS 'Units booked on each of the dates';
COMMENT ON COLUMN resource_allocation.hold_id IS 'Hold that was confirmed into it, if any';
COMMENT ON COLUMN resource_allocation.metadata IS 'Whatever the app wants to keep here; at first the hold''s';
COMMENT ON COLUMN resource_allocation.created_at IS 'When it was booked';
COMMENT ON COLUMN resource_allocation.updated_at IS 'When the row last changed';
COMMENT ON INDEX resource_allocation_order_id_line_item_id_tenant_id_key IS 'Bookings of an order; one for each line item';
COMMENT ON INDEX resource_allocation_line_item_idx IS 'The booking of a line item';
COMMENT ON INDEX resource_allocation_dates_idx IS 'Bookings of a resource by their last date: those that are not over';
