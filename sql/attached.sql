-- Tables of the user's own app whose quantity column the engine keeps right.
CREATE TABLE attached_tables (
    attachment_id    uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id        uuid        NOT NULL DEFAULT current_tenant(),
    table_oid        oid         NOT NULL,
    table_schema     text        NOT NULL,
    table_name       text        NOT NULL,
    key_column       text        NOT NULL,
    key_attnum       smallint    NOT NULL,
    key_is_uuid      boolean     NOT NULL,
    available_column text        NOT NULL,
    available_attnum smallint    NOT NULL,
    total_column     text,
    total_attnum     smallint,
    reserved_column  text,
    reserved_attnum  smallint,
    tenant_column    text,
    tenant_attnum    smallint,
    quantity_scale   smallint    NOT NULL CHECK (quantity_scale BETWEEN 0 AND 9),
    direct_writes    text        NOT NULL CHECK (direct_writes IN ('adjust', 'reject', 'ignore')),
    on_delete        text        NOT NULL CHECK (on_delete IN ('cascade', 'restrict', 'keep')),
    on_bad           text        NOT NULL CHECK (on_bad IN ('error', 'zero')),
    sync             text        NOT NULL CHECK (sync IN ('immediate', 'deferred')),
    key_namespace    uuid        NOT NULL,
    search_path      text        NOT NULL,
    attached_by      text        NOT NULL DEFAULT session_user,
    attached_at      timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE attached_tables IS 'The app''s own tables whose quantity columns mirror the counters; see attach_table.';
COMMENT ON COLUMN attached_tables.attachment_id IS 'Key of the registration';
COMMENT ON COLUMN attached_tables.tenant_id IS 'Tenant that attached the table';
COMMENT ON COLUMN attached_tables.table_oid IS 'The table; survives renames. In a restored database it is found anew by the table''s triggers';
COMMENT ON COLUMN attached_tables.table_schema IS 'Its schema, kept up to date by event trigger';
COMMENT ON COLUMN attached_tables.table_name IS 'Its name, kept up to date by event trigger';
COMMENT ON COLUMN attached_tables.key_column IS 'Column that identifies a row';
COMMENT ON COLUMN attached_tables.key_attnum IS 'Number of that column; survives renames';
COMMENT ON COLUMN attached_tables.key_is_uuid IS 'True: the key is the listing_id; false: the listing_id is a uuid v5 of key_namespace and the key';
COMMENT ON COLUMN attached_tables.available_column IS 'Column that mirrors quantity_available';
COMMENT ON COLUMN attached_tables.available_attnum IS 'Number of that column';
COMMENT ON COLUMN attached_tables.total_column IS 'Column that mirrors quantity_total, if any';
COMMENT ON COLUMN attached_tables.total_attnum IS 'Number of that column';
COMMENT ON COLUMN attached_tables.reserved_column IS 'Column that mirrors allocated + held, if any';
COMMENT ON COLUMN attached_tables.reserved_attnum IS 'Number of that column';
COMMENT ON COLUMN attached_tables.tenant_column IS 'Column with the tenant of a row, if any';
COMMENT ON COLUMN attached_tables.tenant_attnum IS 'Number of that column';
COMMENT ON COLUMN attached_tables.quantity_scale IS 'Decimal places: a column value of 1.5 is 15 units with scale 1';
COMMENT ON COLUMN attached_tables.direct_writes IS 'When the app writes the column itself: adjust the stock, reject, or ignore (put back)';
COMMENT ON COLUMN attached_tables.on_delete IS 'When the app deletes a row: cascade (its stock goes too), restrict (only without active claims), keep';
COMMENT ON COLUMN attached_tables.on_bad IS 'NULL, negative or impossible quantities: error, or count as zero';
COMMENT ON COLUMN attached_tables.sync IS 'immediate: with each change, locking the row first; deferred: once at commit, where it may meet a deadlock with an app that edits the row and then claims';
COMMENT ON COLUMN attached_tables.key_namespace IS 'Namespace of the uuid v5 for keys that are no uuids';
COMMENT ON COLUMN attached_tables.search_path IS 'search_path of whoever attached: the table''s own triggers run with it when the engine writes';
COMMENT ON COLUMN attached_tables.attached_by IS 'Who attached it';
COMMENT ON COLUMN attached_tables.attached_at IS 'When it was attached';
