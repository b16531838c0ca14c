-- Soft claims on a listing, for a while: a cart, a checkout. They take quantity and choose no lot.
-- No foreign key to the listing: its check would lock a hot counter row (docs/design.md).
CREATE TABLE stock_holds (
    hold_id            uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id          uuid        NOT NULL DEFAULT current_tenant(),
    listing_id         uuid        NOT NULL,
    location_id        uuid,
    quantity           integer     NOT NULL CHECK (quantity > 0),
    status             text        NOT NULL DEFAULT 'active'
        CHECK (status IN ('active', 'waiting', 'confirmed', 'released', 'expired')),
    expires_at         timestamptz DEFAULT clock_timestamp() + interval '30 minutes',
    idempotency_key    text        CHECK (length(idempotency_key) BETWEEN 1 AND 200),
    customer           text        CHECK (length(customer) BETWEEN 1 AND 200),
    order_id           uuid,
    metadata           jsonb,
    created_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    confirmed_at       timestamptz,
    quantity_requested integer     NOT NULL CHECK (quantity_requested > 0)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE UNIQUE INDEX stock_holds_key_idx ON stock_holds (tenant_id, idempotency_key, listing_id, location_id)
    NULLS NOT DISTINCT WHERE idempotency_key IS NOT NULL;
CREATE INDEX stock_holds_live_idx ON stock_holds (listing_id, expires_at) INCLUDE (quantity, location_id)
    WHERE status = 'active';
CREATE INDEX stock_holds_waiting_idx ON stock_holds (listing_id, created_at) WHERE status = 'waiting';
CREATE INDEX stock_holds_order_idx ON stock_holds (order_id) WHERE order_id IS NOT NULL;

COMMENT ON TABLE stock_holds IS 'Soft claims on a listing for a limited time: active, then confirmed (allocated), released or expired; or waiting for goods.';
COMMENT ON COLUMN stock_holds.hold_id IS 'Key of the hold';
COMMENT ON COLUMN stock_holds.tenant_id IS 'Tenant that owns the row; must be its listing''s';
COMMENT ON COLUMN stock_holds.listing_id IS 'Listing that is held';
COMMENT ON COLUMN stock_holds.location_id IS 'The only location whose stock is held; NULL = any';
COMMENT ON COLUMN stock_holds.quantity IS 'Units held; of a hold that has ended, those that it ended with';
COMMENT ON COLUMN stock_holds.status IS 'active, waiting (confirmed, but for goods still to come), confirmed, released or expired. Written directly, the last three only free the units; confirm_hold also allocates';
COMMENT ON COLUMN stock_holds.expires_at IS 'From then on the units count as free, swept or not; NULL = never';
COMMENT ON COLUMN stock_holds.idempotency_key IS 'The caller''s key: a replay finds the same hold';
COMMENT ON COLUMN stock_holds.customer IS 'Who holds it, in the app''s own words';
COMMENT ON COLUMN stock_holds.order_id IS 'The app''s order (or cart) that holds it';
COMMENT ON COLUMN stock_holds.metadata IS 'Whatever the app wants to keep here';
COMMENT ON COLUMN stock_holds.created_at IS 'When the hold was made';
COMMENT ON COLUMN stock_holds.updated_at IS 'When the row last changed';
COMMENT ON COLUMN stock_holds.confirmed_at IS 'When it was last confirmed, in whole or in part';
COMMENT ON COLUMN stock_holds.quantity_requested IS 'Units that were asked for at first; a replay is compared with them';

COMMENT ON INDEX stock_holds_key_idx IS 'One hold for each key, listing and location, also where two first calls race';
COMMENT ON INDEX stock_holds_live_idx IS 'Active holds of a listing by expiry: what of them has expired, and where, is one probe, without their rows once they are vacuumed';
COMMENT ON INDEX stock_holds_waiting_idx IS 'Holds that wait for goods of a listing, oldest first';
COMMENT ON INDEX stock_holds_order_idx IS 'Holds of an order';
