-- Bookings for people. Holds that have expired are free, swept or not. security_invoker: a view shows nobody more
-- than the tables would.
CREATE VIEW resource_calendar WITH (security_invoker = true) AS
SELECT c.tenant_id, c.resource_id, r.type, r.name, c.date,
       CASE WHEN g.stock IS NULL THEN c.max_capacity ELSE greatest(0, least(c.max_capacity, g.stock))::integer END AS capacity,
       coalesce(held.units, 0)::integer AS held,
       (c.max_capacity::bigint - c.available_capacity - coalesce(held.units, 0) - coalesce(dead.units, 0))::integer AS booked,
       greatest(0, CASE WHEN g.stock IS NULL THEN c.available_capacity + coalesce(dead.units, 0)
                        ELSE least(c.available_capacity + coalesce(dead.units, 0), g.stock - coalesce(same.units, 0))
                   END)::integer AS available,
       blackout.reasons AS blackouts,
       c.date < (clock_timestamp() AT TIME ZONE r.timezone)::date AS is_past,
       c.closures = 0 AND c.date >= (clock_timestamp() AT TIME ZONE r.timezone)::date AS is_open
  FROM resource_capacity c
  JOIN resource r ON r.id = c.resource_id
  LEFT JOIN LATERAL (SELECT sum(h.quantity) AS units FROM resource_hold h
                      WHERE c.available_capacity < c.max_capacity AND h.resource_id = c.resource_id
                        AND h.status = 'ACTIVE' AND h.expires_at <= clock_timestamp() AND c.date = ANY (h.dates)) AS dead ON true
  LEFT JOIN LATERAL (SELECT sum(h.quantity) AS units FROM resource_hold h
                      WHERE c.available_capacity < c.max_capacity AND h.resource_id = c.resource_id
                        AND h.status = 'ACTIVE' AND (h.expires_at IS NULL OR h.expires_at > clock_timestamp())
                        AND c.date = ANY (h.dates)) AS held ON true
  LEFT JOIN LATERAL (SELECT array_agg(coalesce(b.reason, '') ORDER BY b.start_date, b.id) AS reasons FROM resource_blackout b
                      WHERE c.closures > 0 AND b.resource_id = c.resource_id
                        AND c.date BETWEEN b.start_date AND b.end_date) AS blackout ON true
  LEFT JOIN LATERAL (SELECT o.available_units::bigint - l.safety_stock AS stock
                       FROM stock_overview o JOIN stock_listings l ON l.listing_id = o.listing_id
                      WHERE o.listing_id = c.listing_id) AS g ON true
  LEFT JOIN LATERAL (SELECT sum(k.max_capacity::bigint - k.available_capacity) - coalesce(sum(gone.units), 0) AS units
                       FROM resource_capacity k
                       LEFT JOIN LATERAL (SELECT sum(h.quantity) AS units FROM resource_hold h
                                           WHERE h.resource_id = k.resource_id AND h.status = 'ACTIVE'
                                             AND h.expires_at <= clock_timestamp() AND k.date = ANY (h.dates)) AS gone ON true
                      WHERE k.listing_id = c.listing_id AND k.date = c.date) AS same ON true;

COMMENT ON VIEW resource_calendar IS 'Every open date of every resource: what there is, what is held and booked, what is free, what closes it';
COMMENT ON COLUMN resource_calendar.tenant_id IS 'Tenant that owns it';
COMMENT ON COLUMN resource_calendar.resource_id IS 'Resource';
COMMENT ON COLUMN resource_calendar.type IS 'Its type';
COMMENT ON COLUMN resource_calendar.name IS 'Its name';
COMMENT ON COLUMN resource_calendar.date IS 'Date in its own time zone';
COMMENT ON COLUMN resource_calendar.capacity IS 'Units that there are; with a listing behind it not more than that has';
COMMENT ON COLUMN resource_calendar.held IS 'Units in live holds';
COMMENT ON COLUMN resource_calendar.booked IS 'Units in allocations';
COMMENT ON COLUMN resource_calendar.available IS 'Units that are free';
COMMENT ON COLUMN resource_calendar.blackouts IS 'Reasons of the blackouts of the date; NULL without one';
COMMENT ON COLUMN resource_calendar.is_past IS 'Whether the date is over there';
COMMENT ON COLUMN resource_calendar.is_open IS 'Whether it takes new claims';

CREATE VIEW resource_utilisation WITH (security_invoker = true) AS
SELECT c.tenant_id, c.resource_id, c.type, c.name, date_trunc('month', c.date)::date AS month,
       count(*)::integer        AS dates,
       sum(c.capacity)::bigint  AS capacity,
       sum(c.booked)::bigint    AS booked,
       sum(c.held)::bigint      AS held,
       round(100.0 * sum(c.booked) / nullif(sum(c.capacity), 0), 1) AS booked_percent
  FROM resource_calendar c
 GROUP BY c.tenant_id, c.resource_id, c.type, c.name, date_trunc('month', c.date);

COMMENT ON VIEW resource_utilisation IS 'How well each resource is booked, month by month; a unit on a date counts as one';
COMMENT ON COLUMN resource_utilisation.tenant_id IS 'Tenant that owns it';
COMMENT ON COLUMN resource_utilisation.resource_id IS 'Resource';
COMMENT ON COLUMN resource_utilisation.type IS 'Its type';
COMMENT ON COLUMN resource_utilisation.name IS 'Its name';
COMMENT ON COLUMN resource_utilisation.month IS 'First day of the month';
COMMENT ON COLUMN resource_utilisation.dates IS 'Dates of it that are open for booking';
COMMENT ON COLUMN resource_utilisation.capacity IS 'Units on these dates, added up';
COMMENT ON COLUMN resource_utilisation.booked IS 'Of these, units in allocations';
COMMENT ON COLUMN resource_utilisation.held IS 'Of these, units in live holds';
COMMENT ON COLUMN resource_utilisation.booked_percent IS 'Booked of capacity, in percent; NULL where there is none';

CREATE VIEW order_bookings WITH (security_invoker = true) AS
SELECT a.tenant_id, a.order_id, a.line_item_id, a.id AS allocation_id, a.resource_id, r.type, r.name, a.dates,
       a.dates[1] AS first_date, a.dates[cardinality(a.dates)] AS last_date, cardinality(a.dates) AS date_count,
       a.quantity, a.hold_id, h.customer_email, a.created_at
  FROM resource_allocation a
  JOIN resource r ON r.id = a.resource_id
  LEFT JOIN resource_hold h ON h.id = a.hold_id;

COMMENT ON VIEW order_bookings IS 'What orders have booked, with names and customers';
COMMENT ON COLUMN order_bookings.tenant_id IS 'Tenant that owns it';
COMMENT ON COLUMN order_bookings.order_id IS 'Order';
COMMENT ON COLUMN order_bookings.line_item_id IS 'Its line';
COMMENT ON COLUMN order_bookings.allocation_id IS 'Allocation';
COMMENT ON COLUMN order_bookings.resource_id IS 'Resource';
COMMENT ON COLUMN order_bookings.type IS 'Its type';
COMMENT ON COLUMN order_bookings.name IS 'Its name';
COMMENT ON COLUMN order_bookings.dates IS 'The dates';
COMMENT ON COLUMN order_bookings.first_date IS 'The first of them';
COMMENT ON COLUMN order_bookings.last_date IS 'The last of them';
COMMENT ON COLUMN order_bookings.date_count IS 'How many they are';
COMMENT ON COLUMN order_bookings.quantity IS 'Units on each of them';
COMMENT ON COLUMN order_bookings.hold_id IS 'Hold that was confirmed into it';
COMMENT ON COLUMN order_bookings.customer_email IS 'Who held it; NULL where the hold was purged';
COMMENT ON COLUMN order_bookings.created_at IS 'When it was booked';

CREATE VIEW blackout_conflicts WITH (security_invoker = true) AS
SELECT b.tenant_id, b.resource_id, r.name, b.id AS blackout_id, b.start_date, b.end_date, b.reason, claim.kind, claim.id AS claim_id,
       ARRAY(SELECT d FROM unnest(claim.dates) AS d WHERE d BETWEEN b.start_date AND b.end_date ORDER BY d) AS dates,
       claim.quantity, claim.order_id, claim.line_item_id, claim.customer_email
  FROM resource_blackout b
  JOIN resource r ON r.id = b.resource_id
  JOIN LATERAL (SELECT 'hold' AS kind, h.id, h.dates, h.quantity, NULL AS order_id, NULL AS line_item_id, h.customer_email
                  FROM resource_hold h
                 WHERE h.resource_id = b.resource_id AND h.status = 'ACTIVE'
                   AND (h.expires_at IS NULL OR h.expires_at > clock_timestamp())
                UNION ALL
                SELECT 'allocation', a.id, a.dates, a.quantity, a.order_id, a.line_item_id, h.customer_email
                  FROM resource_allocation a LEFT JOIN resource_hold h ON h.id = a.hold_id
                 WHERE a.resource_id = b.resource_id AND a.dates[cardinality(a.dates)] >= b.start_date) AS claim
    ON EXISTS (SELECT FROM unnest(claim.dates) AS d WHERE d BETWEEN b.start_date AND b.end_date);

COMMENT ON VIEW blackout_conflicts IS 'Live holds and bookings on dates that are blacked out: whom to call';
COMMENT ON COLUMN blackout_conflicts.tenant_id IS 'Tenant that owns it';
COMMENT ON COLUMN blackout_conflicts.resource_id IS 'Resource';
COMMENT ON COLUMN blackout_conflicts.name IS 'Its name';
COMMENT ON COLUMN blackout_conflicts.blackout_id IS 'Blackout';
COMMENT ON COLUMN blackout_conflicts.start_date IS 'Its first date';
COMMENT ON COLUMN blackout_conflicts.end_date IS 'Its last date';
COMMENT ON COLUMN blackout_conflicts.reason IS 'Why';
COMMENT ON COLUMN blackout_conflicts.kind IS 'hold or allocation';
COMMENT ON COLUMN blackout_conflicts.claim_id IS 'Its key';
COMMENT ON COLUMN blackout_conflicts.dates IS 'Those of its dates that are blacked out';
COMMENT ON COLUMN blackout_conflicts.quantity IS 'Units on each of them';
COMMENT ON COLUMN blackout_conflicts.order_id IS 'Order of an allocation';
COMMENT ON COLUMN blackout_conflicts.line_item_id IS 'Its line';
COMMENT ON COLUMN blackout_conflicts.customer_email IS 'Who held it';
