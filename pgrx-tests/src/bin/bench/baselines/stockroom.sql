-- Ours, and what the arms share. `bench.refill` does for us what `refill` does in each baseline's schema.
CREATE SCHEMA stock;
CREATE EXTENSION stockroom SCHEMA stock;
CREATE SCHEMA bench;

-- The listings of a benchmark are numbered from 1.
CREATE FUNCTION bench.listing_id(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid $$;

-- Starts anew with so many listings, each with so many lots of so many units.
CREATE FUNCTION bench.refill(listings integer, lots integer, units integer) RETURNS void LANGUAGE sql AS $$
    TRUNCATE stock.stock_listings, stock.stock_lots, stock.stock_allocations;
    INSERT INTO stock.stock_listings (listing_id)
    SELECT bench.listing_id(n) FROM generate_series(1, listings) n;
    INSERT INTO stock.stock_lots (listing_id, quantity_total)
    SELECT bench.listing_id(n), units FROM generate_series(1, listings) n, generate_series(1, lots) $$;
