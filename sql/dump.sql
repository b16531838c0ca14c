-- What pg_dump takes along besides CREATE EXTENSION: the rows of every table. The presets are made
-- by the extension itself.
SELECT pg_catalog.pg_extension_config_dump('locations', 'WHERE NOT is_preset');
SELECT pg_catalog.pg_extension_config_dump('stock_listings', '');
SELECT pg_catalog.pg_extension_config_dump('stock_levels', '');
SELECT pg_catalog.pg_extension_config_dump('stock_lots', '');
SELECT pg_catalog.pg_extension_config_dump('stock_holds', '');
SELECT pg_catalog.pg_extension_config_dump('stock_allocations', '');
SELECT pg_catalog.pg_extension_config_dump('allocation_strategies', '');
SELECT pg_catalog.pg_extension_config_dump('stock_requests', '');
SELECT pg_catalog.pg_extension_config_dump('stock_movements', '');
SELECT pg_catalog.pg_extension_config_dump('stock_feeds', '');
SELECT pg_catalog.pg_extension_config_dump('stock_archived_runs', '');
SELECT pg_catalog.pg_extension_config_dump('stock_archived_lots', '');
SELECT pg_catalog.pg_extension_config_dump('stock_loans', '');
SELECT pg_catalog.pg_extension_config_dump('attached_tables', '');
SELECT pg_catalog.pg_extension_config_dump('collapsed_tables', '');
SELECT pg_catalog.pg_extension_config_dump('collapsed_items', '');
SELECT pg_catalog.pg_extension_config_dump('collapsed_copies', '');
SELECT pg_catalog.pg_extension_config_dump('stock_imports', '');
SELECT pg_catalog.pg_extension_config_dump('stock_import_rows', '');
SELECT pg_catalog.pg_extension_config_dump('resource_type', 'WHERE NOT is_preset');
SELECT pg_catalog.pg_extension_config_dump('resource', '');
SELECT pg_catalog.pg_extension_config_dump('resource_capacity', '');
SELECT pg_catalog.pg_extension_config_dump('resource_blackout', '');
SELECT pg_catalog.pg_extension_config_dump('resource_hold', '');
SELECT pg_catalog.pg_extension_config_dump('resource_allocation', '');
