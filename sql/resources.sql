-- What is booked by calendar date: resources, how many of each a date has, and when they are not to be had.
-- No foreign keys: a restore with several jobs loads tables in any order, and triggers do what keys would do, in
-- lock order. Keys of resources are the app's own texts; "C" compares them byte by byte, which is the lock order too.
CREATE TABLE resource_type (
    name       text        COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    tenant_id  uuid        NOT NULL DEFAULT current_tenant(),
    is_preset  boolean     NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, tenant_id)
);

COMMENT ON TABLE resource_type IS 'Kinds of resources. VEHICLE, TOUR and GUIDE are preset and fixed; add your own with INSERT INTO resource_type (name).';
COMMENT ON COLUMN resource_type.name IS 'Name, unique within the tenant';
COMMENT ON COLUMN resource_type.tenant_id IS 'Tenant that owns the row; the nil uuid for presets, which everybody may use';
COMMENT ON COLUMN resource_type.is_preset IS 'True for the three types that come with the extension; they cannot be changed or deleted';
COMMENT ON COLUMN resource_type.created_at IS 'When it was added; a constant for presets';

INSERT INTO resource_type (name, tenant_id, is_preset, created_at)
SELECT name, '00000000-0000-0000-0000-000000000000', true, '2000-01-01 00:00:00+00'
  FROM unnest(ARRAY['VEHICLE', 'TOUR', 'GUIDE']) AS preset (name);

CREATE TABLE resource (
    id          text        COLLATE "C" PRIMARY KEY DEFAULT 'res_' || replace(gen_random_uuid()::text, '-', '')
        CHECK (length(id) BETWEEN 1 AND 200),
    tenant_id   uuid        NOT NULL DEFAULT current_tenant(),
    type        text        COLLATE "C" NOT NULL,
    name        text        NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    description text        CHECK (length(description) <= 10000),
    metadata    jsonb       NOT NULL DEFAULT '{}',
    is_active   boolean     NOT NULL DEFAULT true,
    timezone    text        NOT NULL DEFAULT 'UTC',
    listing_id  uuid,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at  timestamptz
);
CREATE INDEX resource_type_idx ON resource (tenant_id, type, id) WHERE is_active AND deleted_at IS NULL;
CREATE INDEX resource_listing_idx ON resource (listing_id) WHERE listing_id IS NOT NULL;

COMMENT ON TABLE resource IS 'Things that are booked by date: a vehicle, a tour, a guide. How many of one there are on a date is in resource_capacity.';
COMMENT ON COLUMN resource.id IS 'Key of the resource: the app''s own, or made';
COMMENT ON COLUMN resource.tenant_id IS 'Tenant that owns the row';
COMMENT ON COLUMN resource.type IS 'One of resource_type';
COMMENT ON COLUMN resource.name IS 'Name for people';
COMMENT ON COLUMN resource.description IS 'Text for people; at most 10000 characters';
COMMENT ON COLUMN resource.metadata IS 'Whatever the app wants to keep here';
COMMENT ON COLUMN resource.is_active IS 'False takes it off the market for a while: no new claims, what is booked stays';
COMMENT ON COLUMN resource.timezone IS 'Its own time zone, as Australia/Brisbane: there it is decided which date is today';
COMMENT ON COLUMN resource.listing_id IS 'Listing whose stock is behind it: what is sold cannot be booked, what is booked cannot be sold';
COMMENT ON COLUMN resource.created_at IS 'When it was made';
COMMENT ON COLUMN resource.updated_at IS 'When a client last changed the row';
COMMENT ON COLUMN resource.deleted_at IS 'When it was retired: no new claims from then on; NULL = it was not';
COMMENT ON INDEX resource_type_idx IS 'Resources of a type that can be booked: where find_available begins';
COMMENT ON INDEX resource_listing_idx IS 'Resources that a listing is behind';

-- fillfactor leaves room for heap-only updates: a counter changes at every claim. available_capacity has no
-- CHECK against zero: an app may write claims in any order inside a transaction; the deferred stockroom_check
-- judges it at commit. Functions refuse at once.
CREATE TABLE resource_capacity (
    id                 uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id          uuid        NOT NULL DEFAULT current_tenant(),
    resource_id        text        COLLATE "C" NOT NULL,
    date               date        NOT NULL CHECK (isfinite(date)),
    max_capacity       integer     NOT NULL CHECK (max_capacity >= 0),
    available_capacity integer     NOT NULL CHECK (available_capacity <= max_capacity),
    closures           integer     NOT NULL DEFAULT 0 CHECK (closures >= 0),
    listing_id         uuid,
    created_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (resource_id, date)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX resource_capacity_date_idx ON resource_capacity (date);
CREATE INDEX resource_capacity_listing_idx ON resource_capacity (listing_id, date) WHERE listing_id IS NOT NULL;

COMMENT ON TABLE resource_capacity IS 'How many of a resource a date has, and how many of these are free. One row a resource and date; a date without one cannot be booked.';
COMMENT ON COLUMN resource_capacity.id IS 'Key of the row';
COMMENT ON COLUMN resource_capacity.tenant_id IS 'Tenant that owns the row; its resource''s';
COMMENT ON COLUMN resource_capacity.resource_id IS 'The resource';
COMMENT ON COLUMN resource_capacity.date IS 'Calendar date in the resource''s own time zone';
COMMENT ON COLUMN resource_capacity.max_capacity IS 'Units that there are on this date';
COMMENT ON COLUMN resource_capacity.available_capacity IS 'Counter: max_capacity less active holds less allocations. Kept by the engine; what a client writes into it is put right without an error';
COMMENT ON COLUMN resource_capacity.closures IS 'What keeps new claims out: blackouts of the date, and one each where the resource is not active or retired; kept by the engine';
COMMENT ON COLUMN resource_capacity.listing_id IS 'The resource''s listing; kept by the engine';
COMMENT ON COLUMN resource_capacity.created_at IS 'When the date was opened';
COMMENT ON COLUMN resource_capacity.updated_at IS 'When its capacity or the free part of it last changed';
COMMENT ON INDEX resource_capacity_resource_id_date_key IS 'One row a resource and date: where every claim goes';
COMMENT ON INDEX resource_capacity_date_idx IS 'All resources of a date';
COMMENT ON INDEX resource_capacity_listing_idx IS 'What is booked of a listing, by date';

CREATE TABLE resource_blackout (
    id          uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id   uuid        NOT NULL DEFAULT current_tenant(),
    resource_id text        COLLATE "C" NOT NULL,
    start_date  date        NOT NULL CHECK (isfinite(start_date)),
    end_date    date        NOT NULL CHECK (isfinite(end_date)),
    reason      text        CHECK (length(reason) <= 1000),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (start_date <= end_date)
);
CREATE INDEX resource_blackout_dates_idx ON resource_blackout (resource_id, end_date);

COMMENT ON TABLE resource_blackout IS 'Dates on which a resource takes no new claims: repairs, holidays. What is booked already stays.';
COMMENT ON COLUMN resource_blackout.id IS 'Key of the blackout';
COMMENT ON COLUMN resource_blackout.tenant_id IS 'Tenant that owns the row; its resource''s';
COMMENT ON COLUMN resource_blackout.resource_id IS 'The resource';
COMMENT ON COLUMN resource_blackout.start_date IS 'First date';
COMMENT ON COLUMN resource_blackout.end_date IS 'Last date';
COMMENT ON COLUMN resource_blackout.reason IS 'Why; at most 1000 characters';
COMMENT ON COLUMN resource_blackout.created_at IS 'When it was made';
COMMENT ON COLUMN resource_blackout.updated_at IS 'When the row last changed';
COMMENT ON INDEX resource_blackout_dates_idx IS 'Blackouts of a resource that are not over by a date';
