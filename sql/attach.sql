-- Attached tables: what follows renames and drops, and what the functions are for.
CREATE EVENT TRIGGER stockroom_altered ON ddl_command_end
    WHEN TAG IN ('ALTER TABLE', 'ALTER SCHEMA', 'CREATE TRIGGER')
    EXECUTE FUNCTION attached_tables_altered();
CREATE EVENT TRIGGER stockroom_dropped ON sql_drop
    EXECUTE FUNCTION attached_tables_dropped();

CREATE TRIGGER stockroom_insert AFTER INSERT ON attached_tables
    FOR EACH STATEMENT EXECUTE FUNCTION attached_tables_changed();
CREATE TRIGGER stockroom_delete AFTER DELETE ON attached_tables
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION attached_tables_changed();

COMMENT ON TRIGGER stockroom_insert ON attached_tables IS 'What a restore brings finds its table';
COMMENT ON TRIGGER stockroom_delete ON attached_tables IS 'Listings of a registration that was deleted are linked to nothing';
COMMENT ON FUNCTION attach_table(regclass, text, text, text, text, text, integer, text, text, text, text, boolean) IS
    'Makes a table of the app an attached table: every row is a listing, and its quantity columns show the counters, in the same transaction. The caller must own the table.';
COMMENT ON FUNCTION detach_table(regclass) IS
    'Takes triggers and registration of an attached table away; its columns, the listings and their stock stay. The caller must own the table.';
COMMENT ON FUNCTION listing_id_of(regclass, text) IS
    'Listing of the row of an attached table with this key, given as PostgreSQL writes it.';
COMMENT ON FUNCTION get_available_stock_of(regclass, text) IS
    'What is available of the row with this key, in smallest units; 0 for an unknown key.';
COMMENT ON FUNCTION get_reserved_stock_of(regclass, text) IS
    'What is claimed (allocated or held) of the row with this key, in smallest units; 0 for an unknown key.';
COMMENT ON FUNCTION get_total_stock_of(regclass, text) IS
    'All that is there of the row with this key, in smallest units; 0 for an unknown key.';
COMMENT ON FUNCTION attached_rows_inserted() IS 'Trigger of attached tables: new rows become listings with their stock.';
COMMENT ON FUNCTION attached_row_updated() IS 'Trigger of attached tables: what the app writes into a mirrored column, as direct_writes says.';
COMMENT ON FUNCTION attached_rows_deleted() IS 'Trigger of attached tables: what becomes of the listings of deleted rows, as on_delete says.';
COMMENT ON FUNCTION attached_tables_changed() IS 'Trigger of attached_tables: what a restore brings finds its table; what is deleted leaves no link behind.';
COMMENT ON FUNCTION attached_tables_altered() IS 'Event trigger: the names in attached_tables follow renames; restored tables are found.';
COMMENT ON FUNCTION attached_tables_dropped() IS 'Event trigger: a table that is dropped, or loses a column it is attached by, is detached.';
COMMENT ON EVENT TRIGGER stockroom_altered IS 'stockroom: the names in attached_tables follow renames; restored tables are found.';
COMMENT ON EVENT TRIGGER stockroom_dropped IS 'stockroom: a table that is dropped, or loses a column it is attached by, is detached.';

COMMENT ON FUNCTION collapse_children(regclass, text, text, text, text, text, text, text, boolean, text, boolean) IS
    'Copies that are rows of their own become counts: a listing an item, an open loan for each copy that is out. The caller must own the table.';
COMMENT ON FUNCTION expand_children(regclass, boolean) IS
    'The way back: counts become one row per copy again, and what is a guess is a row of the answer. The caller must own the table.';
