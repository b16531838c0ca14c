-- R, the tuned row lock: what somebody writes in PL/pgSQL who knows that foreign keys to a hot row are
-- slow. A counter on the listing and one on the lot, a guarded UPDATE of each, the claim's row, and
-- nothing else: no levels, no tenants' rights, no idempotency, no triggers. A hold that has expired is
-- held until somebody sweeps it.
--
-- Lots, claims and holds have our columns, indexes and CHECKs. The listing is narrower than ours, as a
-- table made for counting would be.
CREATE SCHEMA row_lock;

CREATE TABLE row_lock.stock_listings (
    listing_id         uuid    PRIMARY KEY,
    quantity_listed    integer NOT NULL DEFAULT 0 CHECK (quantity_listed >= 0),
    quantity_allocated integer NOT NULL DEFAULT 0 CHECK (quantity_allocated >= 0),
    quantity_held      integer NOT NULL DEFAULT 0 CHECK (quantity_held >= 0),
    CHECK (quantity_allocated + quantity_held <= quantity_listed)
) WITH (fillfactor = 50);

CREATE TABLE row_lock.stock_lots (LIKE stock.stock_lots INCLUDING ALL) WITH (fillfactor = 70);
-- It reads the oldest lots by their own index: a generated column would only cost at each UPDATE.
ALTER TABLE row_lock.stock_lots DROP COLUMN in_stock;
ALTER TABLE row_lock.stock_lots
    ALTER tenant_id SET DEFAULT '00000000-0000-0000-0000-000000000000',
    ADD CHECK (quantity_allocated <= quantity_total);

CREATE TABLE row_lock.stock_allocations (LIKE stock.stock_allocations INCLUDING ALL) WITH (fillfactor = 85);
ALTER TABLE row_lock.stock_allocations ALTER tenant_id SET DEFAULT '00000000-0000-0000-0000-000000000000';

CREATE TABLE row_lock.stock_holds (LIKE stock.stock_holds INCLUDING ALL) WITH (fillfactor = 90);
ALTER TABLE row_lock.stock_holds ALTER tenant_id SET DEFAULT '00000000-0000-0000-0000-000000000000';

-- Claims units for an order, oldest lot first. The listing's row comes first: who holds it has all of its
-- lots for himself, and at READ COMMITTED the next statement sees them as they are.
CREATE FUNCTION row_lock.allocate_stock(listing uuid, for_order uuid, wanted integer)
    RETURNS TABLE (allocation_id uuid, lot_id uuid, location_id uuid, quantity integer, available integer)
    LANGUAGE plpgsql AS $$
DECLARE
    rest integer := wanted;
BEGIN
    UPDATE row_lock.stock_listings g
       SET quantity_allocated = g.quantity_allocated + wanted
     WHERE g.listing_id = listing AND g.quantity_listed - g.quantity_allocated - g.quantity_held >= wanted
    RETURNING g.quantity_listed - g.quantity_allocated - g.quantity_held INTO available;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'not enough stock of %', listing USING ERRCODE = '23514';
    END IF;
    LOOP
        UPDATE row_lock.stock_lots l
           SET quantity_allocated = l.quantity_allocated + oldest.take
          FROM (SELECT f.lot_id, least(rest, f.quantity_total - f.quantity_allocated) AS take
                  FROM row_lock.stock_lots f
                 WHERE f.listing_id = listing AND f.listed AND f.quantity_total > f.quantity_allocated
                   AND (f.expires_on IS NULL OR f.expires_on >= current_date)
                 ORDER BY f.created_at
                 LIMIT 1) oldest
         WHERE l.lot_id = oldest.lot_id
        RETURNING l.lot_id, l.location_id, oldest.take INTO lot_id, location_id, quantity;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'not enough stock of %', listing USING ERRCODE = '23514';
        END IF;
        INSERT INTO row_lock.stock_allocations AS a (listing_id, lot_id, order_id, quantity)
        VALUES (listing, allocate_stock.lot_id, for_order, allocate_stock.quantity)
        RETURNING a.allocation_id INTO allocation_id;
        RETURN NEXT;
        rest := rest - quantity;
        EXIT WHEN rest = 0;
    END LOOP;
END $$;

-- Holds units of a listing for a while.
CREATE FUNCTION row_lock.hold_stock(listing uuid, wanted integer, ttl interval DEFAULT '30 minutes')
    RETURNS TABLE (hold_id uuid, expires_at timestamptz, available integer)
    LANGUAGE plpgsql AS $$
BEGIN
    UPDATE row_lock.stock_listings g
       SET quantity_held = g.quantity_held + wanted
     WHERE g.listing_id = listing AND g.quantity_listed - g.quantity_allocated - g.quantity_held >= wanted
    RETURNING g.quantity_listed - g.quantity_allocated - g.quantity_held INTO available;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'not enough stock of %', listing USING ERRCODE = '23514';
    END IF;
    INSERT INTO row_lock.stock_holds AS h (listing_id, quantity, quantity_requested, expires_at)
    VALUES (listing, wanted, wanted, clock_timestamp() + ttl)
    RETURNING h.hold_id, h.expires_at INTO hold_id, expires_at;
    RETURN NEXT;
END $$;

-- Makes a hold into claims for an order, oldest lot first.
CREATE FUNCTION row_lock.confirm_hold(hold uuid, for_order uuid)
    RETURNS TABLE (allocation_id uuid, lot_id uuid, location_id uuid, quantity integer, available integer)
    LANGUAGE plpgsql AS $$
DECLARE
    listing uuid;
    rest    integer;
BEGIN
    SELECT h.listing_id, h.quantity INTO listing, rest FROM row_lock.stock_holds h WHERE h.hold_id = hold;
    UPDATE row_lock.stock_listings g
       SET quantity_held = g.quantity_held - rest, quantity_allocated = g.quantity_allocated + rest
     WHERE g.listing_id = listing
    RETURNING g.quantity_listed - g.quantity_allocated - g.quantity_held INTO available;
    UPDATE row_lock.stock_holds h
       SET status = 'confirmed', order_id = for_order, confirmed_at = clock_timestamp(), updated_at = clock_timestamp()
     WHERE h.hold_id = hold AND h.status = 'active' AND h.expires_at > clock_timestamp();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'hold % is not active', hold USING ERRCODE = '55000';
    END IF;
    LOOP
        UPDATE row_lock.stock_lots l
           SET quantity_allocated = l.quantity_allocated + oldest.take
          FROM (SELECT f.lot_id, least(rest, f.quantity_total - f.quantity_allocated) AS take
                  FROM row_lock.stock_lots f
                 WHERE f.listing_id = listing AND f.listed AND f.quantity_total > f.quantity_allocated
                   AND (f.expires_on IS NULL OR f.expires_on >= current_date)
                 ORDER BY f.created_at
                 LIMIT 1) oldest
         WHERE l.lot_id = oldest.lot_id
        RETURNING l.lot_id, l.location_id, oldest.take INTO lot_id, location_id, quantity;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'not enough stock of %', listing USING ERRCODE = '23514';
        END IF;
        INSERT INTO row_lock.stock_allocations AS a (listing_id, lot_id, order_id, quantity, hold_id)
        VALUES (listing, confirm_hold.lot_id, for_order, confirm_hold.quantity, hold)
        RETURNING a.allocation_id INTO allocation_id;
        RETURN NEXT;
        rest := rest - quantity;
        EXIT WHEN rest = 0;
    END LOOP;
END $$;

-- The goods of an order leave: ends its claims and lowers lots and listings, these in the order of their keys.
CREATE FUNCTION row_lock.fulfill_allocations(for_order uuid) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    claim record;
    units integer := 0;
BEGIN
    FOR claim IN
        WITH ended AS (
            UPDATE row_lock.stock_allocations a SET status = 'fulfilled', updated_at = clock_timestamp()
             WHERE a.order_id = for_order AND a.status = 'active'
            RETURNING a.listing_id, a.lot_id, a.quantity)
        SELECT * FROM ended ORDER BY listing_id
    LOOP
        UPDATE row_lock.stock_listings g
           SET quantity_listed = g.quantity_listed - claim.quantity,
               quantity_allocated = g.quantity_allocated - claim.quantity
         WHERE g.listing_id = claim.listing_id;
        UPDATE row_lock.stock_lots l
           SET quantity_total = l.quantity_total - claim.quantity,
               quantity_allocated = l.quantity_allocated - claim.quantity
         WHERE l.lot_id = claim.lot_id;
        units := units + claim.quantity;
    END LOOP;
    RETURN units;
END $$;

CREATE FUNCTION row_lock.get_available_stock(listing uuid) RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT quantity_listed - quantity_allocated - quantity_held
      FROM row_lock.stock_listings WHERE listing_id = listing $$;

-- What does not add up; no rows is as it should be.
CREATE FUNCTION row_lock.verify_stock() RETURNS TABLE (kind text, key uuid, stored bigint, actual bigint)
    LANGUAGE sql STABLE AS $$
    SELECT 'lot', lot_id, l.quantity_allocated::bigint, coalesce(a.quantity, 0)
      FROM row_lock.stock_lots l
      LEFT JOIN (SELECT lot_id, sum(quantity) AS quantity FROM row_lock.stock_allocations
                  WHERE status = 'active' GROUP BY lot_id) a USING (lot_id)
     WHERE l.quantity_allocated <> coalesce(a.quantity, 0)
    UNION ALL
    SELECT 'listing', listing_id, g.quantity_listed::bigint - g.quantity_allocated, coalesce(l.free, 0)
      FROM row_lock.stock_listings g
      LEFT JOIN (SELECT listing_id, sum(quantity_total - quantity_allocated) AS free
                   FROM row_lock.stock_lots WHERE listed GROUP BY listing_id) l USING (listing_id)
     WHERE g.quantity_listed - g.quantity_allocated <> coalesce(l.free, 0)
    UNION ALL
    SELECT 'held', listing_id, g.quantity_held::bigint, coalesce(h.quantity, 0)
      FROM row_lock.stock_listings g
      LEFT JOIN (SELECT listing_id, sum(quantity) AS quantity FROM row_lock.stock_holds
                  WHERE status = 'active' GROUP BY listing_id) h USING (listing_id)
     WHERE g.quantity_held <> coalesce(h.quantity, 0) $$;

-- Starts anew with so many listings, each with so many lots of so many units, of which so many are claimed,
-- and with so many units of each listing held.
CREATE FUNCTION row_lock.refill(listings integer, lots integer, units integer, claims integer, holds integer)
    RETURNS void LANGUAGE sql AS $$
    TRUNCATE row_lock.stock_listings, row_lock.stock_lots, row_lock.stock_allocations, row_lock.stock_holds;
    INSERT INTO row_lock.stock_listings (listing_id, quantity_listed, quantity_allocated, quantity_held)
    SELECT bench.listing_id(n), lots * units, lots * claims, holds FROM generate_series(1, listings) n;
    INSERT INTO row_lock.stock_lots (listing_id, quantity_total, quantity_allocated)
    SELECT bench.listing_id(n), units, claims FROM generate_series(1, listings) n, generate_series(1, lots);
    INSERT INTO row_lock.stock_allocations (lot_id, listing_id, order_id, quantity)
    SELECT l.lot_id, l.listing_id, gen_random_uuid(), 1 FROM row_lock.stock_lots l, generate_series(1, claims);
    INSERT INTO row_lock.stock_holds (listing_id, quantity, quantity_requested, expires_at)
    SELECT bench.listing_id(n), 1, 1, now() + interval '1 day'
      FROM generate_series(1, listings) n, generate_series(1, holds) $$;
