-- Places. The twenty presets are constants: a restored database equals the dumped one.
CREATE TABLE locations (
    location_id   uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id     uuid        NOT NULL DEFAULT current_tenant(),
    parent_id     uuid,
    name          text        NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    is_preset     boolean     NOT NULL DEFAULT false,
    display_order integer     NOT NULL DEFAULT 1000,
    created_by    text        DEFAULT session_user,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CHECK (parent_id IS DISTINCT FROM location_id),
    UNIQUE NULLS NOT DISTINCT (tenant_id, parent_id, name)
);
CREATE INDEX locations_parent_idx ON locations (parent_id) WHERE parent_id IS NOT NULL;

COMMENT ON TABLE locations IS 'Places where stock lies. Twenty are preset and fixed; add your own with INSERT INTO locations (name).';
COMMENT ON COLUMN locations.location_id IS 'Key of the location';
COMMENT ON COLUMN locations.tenant_id IS 'Tenant that owns the row; the nil uuid for presets, which everybody may use';
COMMENT ON COLUMN locations.parent_id IS 'Location that contains this one; kept free of loops and dangling ends by trigger';
COMMENT ON COLUMN locations.name IS 'Name, unique under its parent within the tenant';
COMMENT ON COLUMN locations.is_preset IS 'True for the twenty locations that come with the extension; they cannot be changed or deleted';
COMMENT ON COLUMN locations.display_order IS 'Position in lists, ascending';
COMMENT ON COLUMN locations.created_by IS 'Who added it; NULL for presets';
COMMENT ON COLUMN locations.created_at IS 'When it was added; a constant for presets';

COMMENT ON INDEX locations_parent_idx IS 'What lies within a location';

INSERT INTO locations (location_id, tenant_id, name, is_preset, display_order, created_by, created_at)
SELECT ('00000000-0000-8000-8000-' || lpad((place - 1)::text, 12, '0'))::uuid,
       '00000000-0000-0000-0000-000000000000', name, true, (place - 1) * 10, NULL,
       '2000-01-01 00:00:00+00'
  FROM unnest(ARRAY['Unspecified',
                    'Orison', 'Lorville', 'Area18', 'New Babbage',
                    'Port Olisar', 'Grim HEX', 'Everus Harbor', 'Baijini Point', 'Seraphim Station',
                    'CRU-L1', 'CRU-L4', 'CRU-L5', 'HUR-L1', 'HUR-L2', 'HUR-L3', 'HUR-L4', 'HUR-L5',
                    'ARC-L1', 'MIC-L1']) WITH ORDINALITY AS preset (name, place);
