-- The demo's app: a shop that knows nothing of Stockroom. It has a table of what it offers, with a
-- quantity of its own, like any shop.

CREATE SCHEMA shop;

CREATE TABLE shop.market_listings (
    listing_id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    title              text NOT NULL,
    price_cents        integer NOT NULL UNIQUE CHECK (price_cents >= 0),
    quantity_available integer NOT NULL CHECK (quantity_available >= 0),
    created_at         timestamptz NOT NULL DEFAULT now()
);
