-- Tables of the user's own app in which each copy was a row of its own, until they were collapsed into
-- counts (docs/copies.md). What is kept here leads back: expand_children.
CREATE TABLE collapsed_tables (
    collapse_id      uuid        PRIMARY KEY,
    tenant_id        uuid        NOT NULL,
    table_oid        oid         NOT NULL,
    table_schema     text        NOT NULL,
    table_name       text        NOT NULL,
    key_column       text        NOT NULL,
    parent_column    text        NOT NULL,
    available_column text        NOT NULL,
    borrower_column  text,
    due_column       text,
    contact_column   text,
    borrowed_column  text,
    parent_is_copy   boolean     NOT NULL,
    children         text        NOT NULL CHECK (children IN ('remove', 'keep')),
    key_is_uuid      boolean     NOT NULL,
    key_namespace    uuid        NOT NULL,
    search_path      text        NOT NULL,
    time_zone        text        NOT NULL,
    collapsed_by     text        NOT NULL DEFAULT session_user,
    collapsed_at     timestamptz NOT NULL DEFAULT now()
);
-- Keys are compared byte by byte: their order must not depend on a collation that another server lacks.
CREATE TABLE collapsed_items (
    collapse_id      uuid    NOT NULL,
    tenant_id        uuid    NOT NULL,
    item_key         text    COLLATE "C" NOT NULL,
    listing_id       uuid    NOT NULL,
    run_id           uuid    NOT NULL,
    made_listing     boolean NOT NULL DEFAULT true,
    total_before     integer NOT NULL DEFAULT 0,
    available_before integer NOT NULL DEFAULT 0,
    PRIMARY KEY (collapse_id, item_key)
);
-- The keys of copies come first in both indexes: they tell rows apart, and are compared a million times.
CREATE TABLE collapsed_copies (
    collapse_id uuid  NOT NULL,
    tenant_id   uuid  NOT NULL,
    copy_key    text  COLLATE "C" NOT NULL,
    item_key    text  COLLATE "C" NOT NULL,
    loan_id     uuid,
    run_id      uuid  NOT NULL,
    content     text  NOT NULL,
    PRIMARY KEY (copy_key, collapse_id)
);
CREATE INDEX collapsed_copies_item_idx ON collapsed_copies (item_key, collapse_id);

COMMENT ON TABLE collapsed_tables IS 'The app''s own tables whose copies became counts; see collapse_children.';
COMMENT ON COLUMN collapsed_tables.collapse_id IS 'Key of the registration';
COMMENT ON COLUMN collapsed_tables.tenant_id IS 'Tenant whose stock the copies became';
COMMENT ON COLUMN collapsed_tables.table_oid IS 'The table, for one that was renamed since; in a restored database it is found by its name';
COMMENT ON COLUMN collapsed_tables.table_schema IS 'Its schema then';
COMMENT ON COLUMN collapsed_tables.table_name IS 'Its name then';
COMMENT ON COLUMN collapsed_tables.key_column IS 'Column that identifies a row';
COMMENT ON COLUMN collapsed_tables.parent_column IS 'Column that names a copy''s item';
COMMENT ON COLUMN collapsed_tables.available_column IS 'Column that says whether a copy is there';
COMMENT ON COLUMN collapsed_tables.borrower_column IS 'Column with who has it, if any';
COMMENT ON COLUMN collapsed_tables.due_column IS 'Column with when it is due, if any';
COMMENT ON COLUMN collapsed_tables.contact_column IS 'Column with how to reach the borrower, if any';
COMMENT ON COLUMN collapsed_tables.borrowed_column IS 'Column with when it was handed out, if any';
COMMENT ON COLUMN collapsed_tables.parent_is_copy IS 'Whether an item''s own row is a copy as well';
COMMENT ON COLUMN collapsed_tables.children IS 'What became of the copies'' rows: remove or keep';
COMMENT ON COLUMN collapsed_tables.key_is_uuid IS 'True: an item''s key is its listing_id; false: the listing_id is a uuid v5 of key_namespace and the key';
COMMENT ON COLUMN collapsed_tables.key_namespace IS 'Namespace of the uuid v5 for keys that are no uuids; attach_table takes the same';
COMMENT ON COLUMN collapsed_tables.search_path IS 'search_path of whoever collapsed it: the table''s own triggers run with it';
COMMENT ON COLUMN collapsed_tables.time_zone IS 'TimeZone in which its dates were read as moments';
COMMENT ON COLUMN collapsed_tables.collapsed_by IS 'Who collapsed it';
COMMENT ON COLUMN collapsed_tables.collapsed_at IS 'When it was collapsed first';

COMMENT ON TABLE collapsed_items IS 'The items of collapsed tables, and their listings.';
COMMENT ON COLUMN collapsed_items.collapse_id IS 'Registration in collapsed_tables';
COMMENT ON COLUMN collapsed_items.tenant_id IS 'Tenant that owns the row';
COMMENT ON COLUMN collapsed_items.item_key IS 'Key of the item''s row, as text';
COMMENT ON COLUMN collapsed_items.listing_id IS 'Its listing';
COMMENT ON COLUMN collapsed_items.run_id IS 'The call that found it';
COMMENT ON COLUMN collapsed_items.made_listing IS 'Whether the listing was made for it; if not, it stays when the copies come back';
COMMENT ON COLUMN collapsed_items.total_before IS 'Units that the listing had before copies were added to it';
COMMENT ON COLUMN collapsed_items.available_before IS 'Units of it that were available then';

COMMENT ON TABLE collapsed_copies IS 'The copies of collapsed tables, each row as it was.';
COMMENT ON COLUMN collapsed_copies.collapse_id IS 'Registration in collapsed_tables';
COMMENT ON COLUMN collapsed_copies.tenant_id IS 'Tenant that owns the row';
COMMENT ON COLUMN collapsed_copies.copy_key IS 'Key of the copy''s row, as text; where the item is a copy as well, the item''s own';
COMMENT ON COLUMN collapsed_copies.item_key IS 'Key of its item';
COMMENT ON COLUMN collapsed_copies.loan_id IS 'The loan that it was out with, if it was';
COMMENT ON COLUMN collapsed_copies.run_id IS 'The call that counted it';
COMMENT ON COLUMN collapsed_copies.content IS 'The rest of the row as JSON: column and value, each value as text';

COMMENT ON INDEX collapsed_copies_item_idx IS 'Copies of an item';
