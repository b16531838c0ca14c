-- Numbers for people: integer units beside the decimal quantities that the listing's scale makes of
-- them. security_invoker: a view shows nobody more than the tables would.
CREATE VIEW stock_overview WITH (security_invoker = true) AS
SELECT listing_id, tenant_id, sku, name, unit, quantity_scale,
       quantity_available + dead                         AS available_units,
       quantity_allocated + quantity_held - dead         AS reserved_units,
       quantity_total                                    AS total_units,
       quantity_available::bigint + dead - safety_stock - quantity_booked AS available_to_promise_units,
       round((quantity_available + dead)                 / power(10::numeric, quantity_scale), quantity_scale) AS available,
       round((quantity_allocated + quantity_held - dead) / power(10::numeric, quantity_scale), quantity_scale) AS reserved,
       round(quantity_total                              / power(10::numeric, quantity_scale), quantity_scale) AS total
  FROM (SELECT g.*,
               -- Held by holds that have expired: free, swept or not.
               CASE WHEN g.quantity_held = 0 THEN 0 ELSE
                   (SELECT coalesce(sum(h.quantity), 0)::integer FROM stock_holds h
                     WHERE h.listing_id = g.listing_id AND h.tenant_id = g.tenant_id
                       AND h.status = 'active' AND h.expires_at <= clock_timestamp())
               END AS dead
          FROM stock_listings g) AS listing;

COMMENT ON VIEW stock_overview IS 'Stock of every listing, in integer units and in the decimal quantities of its unit';
COMMENT ON COLUMN stock_overview.listing_id IS 'Listing';
COMMENT ON COLUMN stock_overview.tenant_id IS 'Tenant that owns it';
COMMENT ON COLUMN stock_overview.sku IS 'Stock keeping unit';
COMMENT ON COLUMN stock_overview.name IS 'Name for people';
COMMENT ON COLUMN stock_overview.unit IS 'What one counts';
COMMENT ON COLUMN stock_overview.quantity_scale IS 'Decimal places of the unit';
COMMENT ON COLUMN stock_overview.available_units IS 'Units that can be had now';
COMMENT ON COLUMN stock_overview.reserved_units IS 'Units that are claimed';
COMMENT ON COLUMN stock_overview.total_units IS 'Units of all lots';
COMMENT ON COLUMN stock_overview.available_to_promise_units IS 'Units that a new claim may take';
COMMENT ON COLUMN stock_overview.available IS 'available_units as a decimal quantity';
COMMENT ON COLUMN stock_overview.reserved IS 'reserved_units as a decimal quantity';
COMMENT ON COLUMN stock_overview.total IS 'total_units as a decimal quantity';

CREATE VIEW stock_lots_overview WITH (security_invoker = true) AS
SELECT l.lot_id, l.tenant_id, l.listing_id, g.sku, g.unit, p.name AS location, l.listed, l.condition, l.expires_on,
       l.quantity_total                        AS total_units,
       l.quantity_allocated                    AS allocated_units,
       l.quantity_total - l.quantity_allocated AS free_units,
       round(l.quantity_total                          / power(10::numeric, g.quantity_scale), g.quantity_scale) AS total,
       round(l.quantity_allocated                      / power(10::numeric, g.quantity_scale), g.quantity_scale) AS allocated,
       round((l.quantity_total - l.quantity_allocated) / power(10::numeric, g.quantity_scale), g.quantity_scale) AS free
  FROM stock_lots l
  JOIN stock_listings g ON g.listing_id = l.listing_id
  JOIN locations p ON p.location_id = l.location_id;

COMMENT ON VIEW stock_lots_overview IS 'Every lot with its place, in integer units and in decimal quantities';
COMMENT ON COLUMN stock_lots_overview.lot_id IS 'Lot';
COMMENT ON COLUMN stock_lots_overview.tenant_id IS 'Tenant that owns it';
COMMENT ON COLUMN stock_lots_overview.listing_id IS 'Listing';
COMMENT ON COLUMN stock_lots_overview.sku IS 'Stock keeping unit of the listing';
COMMENT ON COLUMN stock_lots_overview.unit IS 'What one counts';
COMMENT ON COLUMN stock_lots_overview.location IS 'Name of the place where it lies';
COMMENT ON COLUMN stock_lots_overview.listed IS 'Only listed lots count as available';
COMMENT ON COLUMN stock_lots_overview.condition IS 'And of these only good ones';
COMMENT ON COLUMN stock_lots_overview.expires_on IS 'Last day on which it may be picked';
COMMENT ON COLUMN stock_lots_overview.total_units IS 'Units in the lot';
COMMENT ON COLUMN stock_lots_overview.allocated_units IS 'Units that are allocated';
COMMENT ON COLUMN stock_lots_overview.free_units IS 'Units that are not';
COMMENT ON COLUMN stock_lots_overview.total IS 'total_units as a decimal quantity';
COMMENT ON COLUMN stock_lots_overview.allocated IS 'allocated_units as a decimal quantity';
COMMENT ON COLUMN stock_lots_overview.free IS 'free_units as a decimal quantity';

CREATE VIEW stock_movements_overview WITH (security_invoker = true) AS
SELECT m.movement_id, m.tenant_id, m.listing_id, g.sku, g.unit, m.version, m.movement_type, m.lot_id,
       p.name AS location, m.reason, m.reference, m.actor, m.recorded_at, m.effective_at,
       m.delta         AS moved_units,
       m.listing_after AS total_units,
       round(m.delta         / power(10::numeric, g.quantity_scale), g.quantity_scale) AS moved,
       round(m.listing_after / power(10::numeric, g.quantity_scale), g.quantity_scale) AS total
  FROM stock_movements m
  LEFT JOIN stock_listings g ON g.listing_id = m.listing_id AND g.tenant_id = m.tenant_id
  LEFT JOIN locations p ON p.location_id = m.location_id;

COMMENT ON VIEW stock_movements_overview IS 'Every line of the ledger with names, in integer units and in decimal quantities';
COMMENT ON COLUMN stock_movements_overview.movement_id IS 'Key of the line';
COMMENT ON COLUMN stock_movements_overview.tenant_id IS 'Tenant that owns it';
COMMENT ON COLUMN stock_movements_overview.listing_id IS 'Listing';
COMMENT ON COLUMN stock_movements_overview.sku IS 'Stock keeping unit of the listing; NULL where it is gone';
COMMENT ON COLUMN stock_movements_overview.unit IS 'What one counts';
COMMENT ON COLUMN stock_movements_overview.version IS 'Number of the line in its listing';
COMMENT ON COLUMN stock_movements_overview.movement_type IS 'What happened';
COMMENT ON COLUMN stock_movements_overview.lot_id IS 'Lot';
COMMENT ON COLUMN stock_movements_overview.location IS 'Name of the place where it lay; NULL where that is gone';
COMMENT ON COLUMN stock_movements_overview.reason IS 'Why';
COMMENT ON COLUMN stock_movements_overview.reference IS 'What it belongs to';
COMMENT ON COLUMN stock_movements_overview.actor IS 'Who';
COMMENT ON COLUMN stock_movements_overview.recorded_at IS 'When it was written';
COMMENT ON COLUMN stock_movements_overview.effective_at IS 'When it happened';
COMMENT ON COLUMN stock_movements_overview.moved_units IS 'Units that came (+) or left (-)';
COMMENT ON COLUMN stock_movements_overview.total_units IS 'Units of the listing after it';
COMMENT ON COLUMN stock_movements_overview.moved IS 'moved_units as a decimal quantity';
COMMENT ON COLUMN stock_movements_overview.total IS 'total_units as a decimal quantity';
