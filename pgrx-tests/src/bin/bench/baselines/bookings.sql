-- Bookings by date as others write them: what is free of each date in a row of its own, and a hold that takes
-- units of all its dates or of none. Two ways to keep two buyers apart: R locks the rows of the dates, A takes an
-- advisory lock on the resource until the transaction ends. Both in PL/pgSQL, with our columns, indexes and CHECKs,
-- and without what ours do besides: no blackouts, no time zones, no idempotency, no triggers. A hold that has expired
-- is held until somebody sweeps it.
CREATE TABLE row_lock.resource_capacity (LIKE stock.resource_capacity INCLUDING ALL) WITH (fillfactor = 70);
CREATE TABLE row_lock.resource_hold (LIKE stock.resource_hold INCLUDING ALL) WITH (fillfactor = 90);
ALTER TABLE row_lock.resource_capacity
    ALTER tenant_id SET DEFAULT '00000000-0000-0000-0000-000000000000', ADD CHECK (available_capacity >= 0);
ALTER TABLE row_lock.resource_hold ALTER tenant_id SET DEFAULT '00000000-0000-0000-0000-000000000000';

-- Several dates are locked in their order first, or two bookings would meet in a deadlock.
CREATE FUNCTION row_lock.hold_resource(resource text, on_dates date[], wanted integer, ttl interval DEFAULT '30 minutes')
    RETURNS TABLE (hold_id uuid, expires_at timestamptz) LANGUAGE plpgsql AS $$
DECLARE
    found_dates integer;
BEGIN
    IF cardinality(on_dates) > 1 THEN
        PERFORM FROM row_lock.resource_capacity c
          WHERE c.resource_id = resource AND c.date = ANY (on_dates) ORDER BY c.date FOR NO KEY UPDATE;
    END IF;
    UPDATE row_lock.resource_capacity c SET available_capacity = c.available_capacity - wanted
     WHERE c.resource_id = resource AND c.date = ANY (on_dates) AND c.available_capacity >= wanted;
    GET DIAGNOSTICS found_dates = ROW_COUNT;
    IF found_dates <> cardinality(on_dates) THEN
        RAISE EXCEPTION 'not enough of % on these dates', resource USING ERRCODE = '23514';
    END IF;
    INSERT INTO row_lock.resource_hold AS h (resource_id, dates, quantity, expires_at)
    VALUES (resource, on_dates, wanted, clock_timestamp() + ttl)
    RETURNING h.id, h.expires_at INTO hold_id, expires_at;
    RETURN NEXT;
END $$;

CREATE SCHEMA advisory_lock;
CREATE TABLE advisory_lock.resource_capacity (LIKE row_lock.resource_capacity INCLUDING ALL) WITH (fillfactor = 70);
CREATE TABLE advisory_lock.resource_hold (LIKE row_lock.resource_hold INCLUDING ALL) WITH (fillfactor = 90);

-- I, the bare INSERT: the row of a hold, and nothing that counts or refuses.
CREATE TABLE bare.resource_hold (LIKE row_lock.resource_hold INCLUDING ALL) WITH (fillfactor = 90);

-- With the lock nobody else is in the way: it looks, and then writes.
CREATE FUNCTION advisory_lock.hold_resource(resource text, on_dates date[], wanted integer, ttl interval DEFAULT '30 minutes')
    RETURNS TABLE (hold_id uuid, expires_at timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(resource, 0));
    IF (SELECT count(*) FROM advisory_lock.resource_capacity c
         WHERE c.resource_id = resource AND c.date = ANY (on_dates) AND c.available_capacity >= wanted)
       <> cardinality(on_dates)
    THEN
        RAISE EXCEPTION 'not enough of % on these dates', resource USING ERRCODE = '23514';
    END IF;
    UPDATE advisory_lock.resource_capacity c SET available_capacity = c.available_capacity - wanted
     WHERE c.resource_id = resource AND c.date = ANY (on_dates);
    INSERT INTO advisory_lock.resource_hold AS h (resource_id, dates, quantity, expires_at)
    VALUES (resource, on_dates, wanted, clock_timestamp() + ttl)
    RETURNING h.id, h.expires_at INTO hold_id, expires_at;
    RETURN NEXT;
END $$;

-- Starts anew with so many resources r1, r2, …, each open for so many dates from 2030-01-01 on. Our triggers rest
-- meanwhile: row by row they would take long.
CREATE FUNCTION bench.open_dates(resources integer, dates integer, capacity integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL session_replication_role = replica;
    TRUNCATE stock.resource, stock.resource_capacity, stock.resource_blackout, stock.resource_hold,
             stock.resource_allocation, row_lock.resource_capacity, row_lock.resource_hold,
             advisory_lock.resource_capacity, advisory_lock.resource_hold, bare.resource_hold;
    INSERT INTO stock.resource (id, type, name) SELECT 'r' || n, 'VEHICLE', 'Vehicle ' || n FROM generate_series(1, resources) n;
    INSERT INTO stock.resource_capacity (resource_id, date, max_capacity, available_capacity)
    SELECT 'r' || n, date '2030-01-01' + d, capacity, capacity
      FROM generate_series(1, resources) n, generate_series(0, dates - 1) d;
    INSERT INTO row_lock.resource_capacity SELECT * FROM stock.resource_capacity;
    INSERT INTO advisory_lock.resource_capacity SELECT * FROM stock.resource_capacity;
END $$;
