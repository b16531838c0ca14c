-- Lots and allocations that were taken over from an app's own tables: from which tables, by which
-- mapping, and which row became what. So a second import knows what is new, and the way back what was taken.
CREATE TABLE stock_imports (
    import_id          uuid        PRIMARY KEY,
    tenant_id          uuid        NOT NULL,
    lots_oid           oid         NOT NULL,
    lots_schema        text        NOT NULL,
    lots_table         text        NOT NULL,
    allocations_schema text,
    allocations_table  text,
    mapping            jsonb       NOT NULL,
    key_namespaces     jsonb       NOT NULL,
    imported_by        text        NOT NULL,
    imported_at        timestamptz NOT NULL,
    UNIQUE (tenant_id, lots_schema, lots_table)
);
CREATE TABLE stock_import_rows (
    import_id  uuid    NOT NULL,
    tenant_id  uuid    NOT NULL,
    kind       text    NOT NULL CHECK (kind IN ('listing', 'lot', 'allocation', 'location')),
    source_key text    NOT NULL,
    target_id  uuid    NOT NULL,
    quantity   integer,
    status     text,
    PRIMARY KEY (import_id, kind, source_key)
);

COMMENT ON TABLE stock_imports IS 'Tables of the app whose lots and allocations were taken over; see import_stock.';
COMMENT ON COLUMN stock_imports.import_id IS 'Key of the registration';
COMMENT ON COLUMN stock_imports.tenant_id IS 'Tenant that imported';
COMMENT ON COLUMN stock_imports.lots_oid IS 'The table of lots; survives renames';
COMMENT ON COLUMN stock_imports.lots_schema IS 'Its schema when it was imported last';
COMMENT ON COLUMN stock_imports.lots_table IS 'Its name when it was imported last';
COMMENT ON COLUMN stock_imports.allocations_schema IS 'Schema of the table of allocations, if any';
COMMENT ON COLUMN stock_imports.allocations_table IS 'Its name';
COMMENT ON COLUMN stock_imports.mapping IS 'Which column means what, as it was used last';
COMMENT ON COLUMN stock_imports.key_namespaces IS 'For keys that are no uuids: the namespace of the uuid v5 that each becomes';
COMMENT ON COLUMN stock_imports.imported_by IS 'Who imported first';
COMMENT ON COLUMN stock_imports.imported_at IS 'When, the first time';

COMMENT ON TABLE stock_import_rows IS 'What each row of an imported table became.';
COMMENT ON COLUMN stock_import_rows.import_id IS 'Registration in stock_imports';
COMMENT ON COLUMN stock_import_rows.tenant_id IS 'Tenant that imported';
COMMENT ON COLUMN stock_import_rows.kind IS 'listing, lot, allocation or location';
COMMENT ON COLUMN stock_import_rows.source_key IS 'Key there, as text';
COMMENT ON COLUMN stock_import_rows.target_id IS 'Key here';
COMMENT ON COLUMN stock_import_rows.quantity IS 'Of a lot: units there when it was imported; of an allocation: units claimed';
COMMENT ON COLUMN stock_import_rows.status IS 'Of an allocation: its state when it was imported; of a listing or location: made by the import, or there before';

COMMENT ON FUNCTION guess_stock_columns(regclass, regclass) IS
    'Which columns of an app''s lots and allocations import_stock would read, and why; reads the catalog alone.';
COMMENT ON FUNCTION import_stock(regclass, regclass, jsonb, boolean) IS
    'Takes over the lots and allocations of an app''s own tables, once more only what is new; a preview changes nothing. The caller must own the tables.';
COMMENT ON FUNCTION undo_import_stock(regclass, boolean) IS
    'Removes what import_stock made of this table, if nothing of it has moved since. The caller must own the table.';
COMMENT ON FUNCTION imported_id(regclass, text, text) IS
    'What a key of an imported table became: kind is listing, lot, allocation, location, order or owner.';
