-- C, the conventional schema: foreign keys, row triggers that sum up anew, functions that sum up. Written
-- with care: the index that its sums need covers them, and a claim locks before it reads.
CREATE SCHEMA conventional;

CREATE TABLE conventional.locations (
    location_id uuid PRIMARY KEY,
    name        text NOT NULL UNIQUE
);
INSERT INTO conventional.locations VALUES ('00000000-0000-8000-8000-000000000000', 'Unspecified');

CREATE TABLE conventional.stock_listings (
    listing_id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    name               text,
    quantity_available integer     NOT NULL DEFAULT 0 CHECK (quantity_available >= 0),
    updated_at         timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

CREATE TABLE conventional.stock_lots (
    lot_id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    listing_id     uuid        NOT NULL REFERENCES conventional.stock_listings ON DELETE CASCADE,
    quantity_total integer     NOT NULL CHECK (quantity_total >= 0),
    location_id    uuid        NOT NULL DEFAULT '00000000-0000-8000-8000-000000000000' REFERENCES conventional.locations,
    owner_id       uuid,
    listed         boolean     NOT NULL DEFAULT true,
    notes          text        CHECK (length(notes) <= 1000),
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ON conventional.stock_lots (listing_id, created_at);
CREATE INDEX ON conventional.stock_lots (location_id);

CREATE TABLE conventional.stock_allocations (
    allocation_id uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    lot_id        uuid        NOT NULL REFERENCES conventional.stock_lots ON DELETE CASCADE,
    order_id      uuid        NOT NULL,
    quantity      integer     NOT NULL CHECK (quantity > 0),
    status        text        NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'released', 'fulfilled')),
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ON conventional.stock_allocations (lot_id) INCLUDE (quantity) WHERE status = 'active';
CREATE INDEX ON conventional.stock_allocations (order_id);

CREATE TABLE conventional.stock_holds (
    hold_id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    listing_id      uuid        NOT NULL REFERENCES conventional.stock_listings ON DELETE CASCADE,
    quantity        integer     NOT NULL CHECK (quantity > 0),
    status          text        NOT NULL DEFAULT 'active'
        CHECK (status IN ('active', 'confirmed', 'released', 'expired')),
    expires_at      timestamptz NOT NULL,
    idempotency_key text,
    customer        text,
    order_id        uuid,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    confirmed_at    timestamptz
);
CREATE INDEX ON conventional.stock_holds (listing_id, expires_at) INCLUDE (quantity) WHERE status = 'active';
CREATE INDEX ON conventional.stock_holds (order_id) WHERE order_id IS NOT NULL;
CREATE UNIQUE INDEX ON conventional.stock_holds (idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE FUNCTION conventional.get_available_stock(listing uuid) RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT (coalesce((SELECT sum(l.quantity_total) FROM conventional.stock_lots l
                       WHERE l.listing_id = listing AND l.listed), 0)
          - coalesce((SELECT sum(a.quantity)
                        FROM conventional.stock_lots l
                        JOIN conventional.stock_allocations a ON a.lot_id = l.lot_id AND a.status = 'active'
                       WHERE l.listing_id = listing AND l.listed), 0)
          - coalesce((SELECT sum(h.quantity) FROM conventional.stock_holds h
                       WHERE h.listing_id = listing AND h.status = 'active' AND h.expires_at > now()), 0))::integer $$;

-- The column that the app shows follows every row.
CREATE FUNCTION conventional.recount() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF tg_table_name IN ('stock_lots', 'stock_holds') THEN
        UPDATE conventional.stock_listings g
           SET quantity_available = conventional.get_available_stock(g.listing_id)
         WHERE g.listing_id IN (NEW.listing_id, OLD.listing_id);
    ELSE
        UPDATE conventional.stock_listings g
           SET quantity_available = conventional.get_available_stock(g.listing_id)
         WHERE g.listing_id IN (SELECT l.listing_id FROM conventional.stock_lots l
                                 WHERE l.lot_id IN (NEW.lot_id, OLD.lot_id));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER recount AFTER INSERT OR UPDATE OR DELETE ON conventional.stock_lots
    FOR EACH ROW EXECUTE FUNCTION conventional.recount();
CREATE TRIGGER recount AFTER INSERT OR UPDATE OR DELETE ON conventional.stock_allocations
    FOR EACH ROW EXECUTE FUNCTION conventional.recount();
CREATE TRIGGER recount AFTER INSERT OR UPDATE OR DELETE ON conventional.stock_holds
    FOR EACH ROW EXECUTE FUNCTION conventional.recount();

-- Claims units for an order, oldest lot first. It sums in a statement after the one that locks: the
-- locking statement's own snapshot is from before the wait, and would oversell.
CREATE FUNCTION conventional.allocate_stock(listing uuid, for_order uuid, wanted integer)
    RETURNS TABLE (allocation_id uuid, lot_id uuid, location_id uuid, quantity integer)
    LANGUAGE plpgsql AS $$
DECLARE
    rest integer := wanted;
    lot  record;
BEGIN
    PERFORM FROM conventional.stock_lots l WHERE l.listing_id = listing ORDER BY l.lot_id FOR UPDATE;
    IF coalesce(conventional.get_available_stock(listing), 0) < wanted THEN
        RAISE EXCEPTION 'not enough stock of %', listing USING ERRCODE = '23514';
    END IF;
    FOR lot IN
        SELECT l.lot_id, l.location_id, (l.quantity_total - coalesce(
                   (SELECT sum(a.quantity) FROM conventional.stock_allocations a
                     WHERE a.lot_id = l.lot_id AND a.status = 'active'), 0))::integer AS free
          FROM conventional.stock_lots l
         WHERE l.listing_id = listing AND l.listed
         ORDER BY l.created_at
    LOOP
        CONTINUE WHEN lot.free <= 0;
        lot_id := lot.lot_id;
        location_id := lot.location_id;
        quantity := least(rest, lot.free);
        INSERT INTO conventional.stock_allocations AS a (lot_id, order_id, quantity)
        VALUES (lot.lot_id, for_order, allocate_stock.quantity)
        RETURNING a.allocation_id INTO allocation_id;
        RETURN NEXT;
        rest := rest - quantity;
        EXIT WHEN rest = 0;
    END LOOP;
END $$;

-- Holds units of a listing for a while. It locks what a claim locks, and looks after that.
CREATE FUNCTION conventional.hold_stock(listing uuid, wanted integer, ttl interval DEFAULT '30 minutes')
    RETURNS TABLE (hold_id uuid, expires_at timestamptz, available integer)
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM conventional.stock_lots l WHERE l.listing_id = listing ORDER BY l.lot_id FOR UPDATE;
    available := coalesce(conventional.get_available_stock(listing), 0) - wanted;
    IF available < 0 THEN
        RAISE EXCEPTION 'not enough stock of %', listing USING ERRCODE = '23514';
    END IF;
    INSERT INTO conventional.stock_holds AS h (listing_id, quantity, expires_at)
    VALUES (listing, wanted, clock_timestamp() + ttl)
    RETURNING h.hold_id, h.expires_at INTO hold_id, expires_at;
    RETURN NEXT;
END $$;

-- What does not add up; no rows is as it should be.
CREATE FUNCTION conventional.verify_stock() RETURNS TABLE (kind text, key uuid, stored bigint, actual bigint)
    LANGUAGE sql STABLE AS $$
    WITH lots AS (
        SELECT l.lot_id, l.listing_id, l.listed, l.quantity_total, coalesce(a.quantity, 0) AS allocated
          FROM conventional.stock_lots l
          LEFT JOIN (SELECT lot_id, sum(quantity) AS quantity FROM conventional.stock_allocations
                      WHERE status = 'active' GROUP BY lot_id) a USING (lot_id))
    SELECT 'lot', lot_id, quantity_total::bigint, allocated FROM lots WHERE allocated > quantity_total
    UNION ALL
    SELECT 'listing', listing_id, g.quantity_available::bigint, coalesce(l.free, 0) - coalesce(h.quantity, 0)
      FROM conventional.stock_listings g
      LEFT JOIN (SELECT listing_id, sum(quantity_total - allocated) AS free
                   FROM lots WHERE listed GROUP BY listing_id) l USING (listing_id)
      LEFT JOIN (SELECT listing_id, sum(quantity) AS quantity FROM conventional.stock_holds
                  WHERE status = 'active' AND expires_at > now() GROUP BY listing_id) h USING (listing_id)
     WHERE g.quantity_available <> coalesce(l.free, 0) - coalesce(h.quantity, 0) $$;

-- Starts anew with so many listings, each with so many lots of so many units, of which so many are claimed,
-- and with so many units of each listing held. The triggers rest meanwhile: row by row they would take long.
CREATE FUNCTION conventional.refill(listings integer, lots integer, units integer, claims integer, holds integer)
    RETURNS void LANGUAGE sql AS $$
    TRUNCATE conventional.stock_listings, conventional.stock_lots, conventional.stock_allocations,
             conventional.stock_holds;
    ALTER TABLE conventional.stock_lots DISABLE TRIGGER recount;
    ALTER TABLE conventional.stock_allocations DISABLE TRIGGER recount;
    ALTER TABLE conventional.stock_holds DISABLE TRIGGER recount;
    INSERT INTO conventional.stock_listings (listing_id, quantity_available)
    SELECT bench.listing_id(n), lots * (units - claims) - holds FROM generate_series(1, listings) n;
    INSERT INTO conventional.stock_lots (listing_id, quantity_total)
    SELECT bench.listing_id(n), units FROM generate_series(1, listings) n, generate_series(1, lots);
    INSERT INTO conventional.stock_allocations (lot_id, order_id, quantity)
    SELECT l.lot_id, gen_random_uuid(), 1 FROM conventional.stock_lots l, generate_series(1, claims);
    INSERT INTO conventional.stock_holds (listing_id, quantity, expires_at)
    SELECT bench.listing_id(n), 1, now() + interval '1 day'
      FROM generate_series(1, listings) n, generate_series(1, holds);
    ALTER TABLE conventional.stock_lots ENABLE TRIGGER recount;
    ALTER TABLE conventional.stock_allocations ENABLE TRIGGER recount;
    ALTER TABLE conventional.stock_holds ENABLE TRIGGER recount $$;
