-- Ours, and what the arms share. `bench.refill` does for us what `refill` does in each baseline's schema.
CREATE SCHEMA stock;
CREATE EXTENSION stockroom SCHEMA stock;
CREATE SCHEMA bench;

-- The listings of a benchmark are numbered from 1.
CREATE FUNCTION bench.listing_id(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid $$;

-- Claims that many single units of each lot, or of each lot of one listing.
CREATE FUNCTION bench.claim(claims integer, of_listing uuid DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO stock.stock_allocations (lot_id, listing_id, order_id, quantity)
    SELECT l.lot_id, l.listing_id, gen_random_uuid(), 1
      FROM stock.stock_lots l, generate_series(1, claims)
     WHERE of_listing IS NULL OR l.listing_id = of_listing $$;

-- Holds that many single units of each listing until then.
CREATE FUNCTION bench.hold(holds integer, until timestamptz) RETURNS void LANGUAGE sql AS $$
    INSERT INTO stock.stock_holds (listing_id, quantity, expires_at)
    SELECT g.listing_id, 1, until FROM stock.stock_listings g, generate_series(1, holds) $$;

-- Starts anew with so many listings, each with so many lots of so many units, of which so many are claimed,
-- and with so many units of each listing held.
CREATE FUNCTION bench.refill(listings integer, lots integer, units integer, claims integer, holds integer) RETURNS void
    LANGUAGE sql AS $$
    TRUNCATE stock.stock_listings, stock.stock_lots, stock.stock_allocations, stock.stock_holds;
    INSERT INTO stock.stock_listings (listing_id)
    SELECT bench.listing_id(n) FROM generate_series(1, listings) n;
    INSERT INTO stock.stock_lots (listing_id, quantity_total)
    SELECT bench.listing_id(n), units FROM generate_series(1, listings) n, generate_series(1, lots);
    SELECT bench.claim(claims);
    SELECT bench.hold(holds, now() + interval '1 day') $$;
