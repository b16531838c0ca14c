-- I, the bare INSERT: rows of the width of our holds into a table with our columns, indexes and CHECKs, keys by
-- its default, and nothing that counts or refuses. Nobody could sell by it: it is what writing the rows costs.
CREATE SCHEMA bare;

CREATE TABLE bare.stock_holds (LIKE stock.stock_holds INCLUDING ALL) WITH (fillfactor = 90);
ALTER TABLE bare.stock_holds ALTER tenant_id SET DEFAULT '00000000-0000-0000-0000-000000000000';

CREATE TABLE bare.stock_lots (LIKE stock.stock_lots INCLUDING ALL) WITH (fillfactor = 70);
ALTER TABLE bare.stock_lots ALTER tenant_id SET DEFAULT '00000000-0000-0000-0000-000000000000';
CREATE TABLE bare.stock_movements (LIKE stock.stock_movements INCLUDING ALL);
ALTER TABLE bare.stock_movements ALTER tenant_id SET DEFAULT '00000000-0000-0000-0000-000000000000';
