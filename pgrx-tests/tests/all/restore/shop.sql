-- A shop with some of everything; {s} is the extension's schema. Two tenants, four attached tables.
SET search_path = {s}, app, public;

-- A tree whose leaf comes before its root, in the table and by key.
INSERT INTO locations (location_id, name) VALUES ('10000000-0000-4000-8000-000000000001', E'Shelf "7"\t\\N');
INSERT INTO locations (location_id, name) VALUES ('f0000000-0000-4000-8000-000000000001', 'Hall, Süd');
UPDATE locations SET parent_id = 'f0000000-0000-4000-8000-000000000001'
 WHERE location_id = '10000000-0000-4000-8000-000000000001';

INSERT INTO allocation_strategies (contractor_id, strategy_type, location_priority_order)
VALUES ('0c000000-0000-4000-8000-000000000001', 'location_priority',
        '{00000000-0000-8000-8000-000000000002, 10000000-0000-4000-8000-000000000001}'),
       ('0c000000-0000-4000-8000-000000000002', 'fefo', NULL);

-- Listings of the engine's own.
SELECT register_listing('MUG', 'Blue mug', '00000000-0000-4000-8000-00000000000a', barcode => '4006381333931',
                        metadata => '{"colour": "blue", "note": "a \"quoted\" word"}', unit_cost => 2.5,
                        owner_id => '0c000000-0000-4000-8000-000000000001', safety_stock => 1);
SELECT register_listing('OIL', 'Oil', '00000000-0000-4000-8000-00000000000b', unit => 'L', quantity_scale => 3,
                        owner_id => '0c000000-0000-4000-8000-000000000002', backorder_limit => 5);
SELECT register_listing('EMPTY', listing_id => '00000000-0000-4000-8000-00000000000c');
UPDATE stock_listings SET reorder_threshold = 5, reorder_quantity = 50 WHERE sku = 'MUG';

SELECT receive_stock('00000000-0000-4000-8000-00000000000a', 40, idempotency_key => 'received');
SELECT receive_stock('00000000-0000-4000-8000-00000000000a', 30, '10000000-0000-4000-8000-000000000001',
                     lot_code => 'B-1', notes => E'two\nlines', unit_cost => 2.75);
SELECT receive_stock('00000000-0000-4000-8000-00000000000a', 7, '00000000-0000-8000-8000-000000000002', listed => false);
SELECT receive_stock('00000000-0000-4000-8000-00000000000b', 12345, expires_on => '2099-12-31');
SELECT receive_stock('00000000-0000-4000-8000-00000000000b', 500, expires_on => '2001-01-01');
INSERT INTO stock_lots (listing_id, quantity_total, updated_at)
VALUES ('00000000-0000-4000-8000-00000000000a', 0, '2020-02-02 02:02:02.020202+00');

-- Claims in every state, whole and in part.
SELECT FROM allocate_stock('00000000-0000-4000-8000-00000000000a', 'd0000000-0000-4000-8000-000000000001', 12,
                           idempotency_key => 'claimed');
SELECT FROM allocate_stock('00000000-0000-4000-8000-00000000000a', 'd0000000-0000-4000-8000-000000000002', 33);
SELECT FROM allocate_stock('00000000-0000-4000-8000-00000000000b', 'd0000000-0000-4000-8000-000000000002', 2000);
SELECT release_allocations('d0000000-0000-4000-8000-000000000001', quantity => 4, idempotency_key => 'freed');
SELECT fulfill_allocations('d0000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-00000000000b', 1500);
INSERT INTO stock_allocations (lot_id, order_id, quantity, status)
SELECT lot_id, 'd0000000-0000-4000-8000-000000000003', 2, status
  FROM stock_lots, unnest(ARRAY['active', 'released', 'fulfilled']) AS status WHERE lot_code = 'B-1';

-- Holds in every state: of anywhere and of one place, of one order, and backorders that wait.
SELECT register_listing('SEAT', listing_id => '00000000-0000-4000-8000-00000000000e');
SELECT register_listing('PART', listing_id => '00000000-0000-4000-8000-00000000000f', backorder_limit => 10);
SELECT receive_stock('00000000-0000-4000-8000-00000000000e', 20);
SELECT receive_stock('00000000-0000-4000-8000-00000000000e', 5, '00000000-0000-8000-8000-000000000001');
SELECT receive_stock('00000000-0000-4000-8000-00000000000f', 2);
SELECT FROM hold_stock('00000000-0000-4000-8000-00000000000e', 3, ttl => NULL, idempotency_key => 'cart',
                       customer => E'c\t9', metadata => '{"note": "a \"quoted\" word", "n": 1e400}');
SELECT FROM hold_stock('00000000-0000-4000-8000-00000000000e', 2, ttl => '100 years',
                       location_id => '00000000-0000-8000-8000-000000000001');
SELECT release_hold(hold_id) FROM hold_stock('00000000-0000-4000-8000-00000000000e', 1);
SELECT confirm_hold(hold_id, 'd0000000-0000-4000-8000-000000000006', 2, 'keep')
  FROM hold_stock('00000000-0000-4000-8000-00000000000e', 5, ttl => '100 years');
SELECT confirm_hold(hold_id, 'd0000000-0000-4000-8000-000000000006', idempotency_key => 'paid')
  FROM hold_stock('00000000-0000-4000-8000-00000000000e', 4, ttl => '100 years');
SELECT confirm_hold(hold_id, 'd0000000-0000-4000-8000-000000000007')
  FROM hold_stock('00000000-0000-4000-8000-00000000000f', 6);
SELECT FROM hold_order('[{"listing_id": "00000000-0000-4000-8000-00000000000e", "quantity": 1},
                         {"listing_id": "00000000-0000-4000-8000-00000000000f", "quantity": 1}]',
                       NULL, 'order', order_id => 'd0000000-0000-4000-8000-000000000008');
SELECT FROM hold_many('[{"listing_id": "00000000-0000-4000-8000-00000000000c", "quantity": 1}]', idempotency_key => 'many');
INSERT INTO stock_holds (listing_id, quantity, status) VALUES ('00000000-0000-4000-8000-00000000000e', 1, 'expired');
-- Expired, and not swept yet.
INSERT INTO stock_holds (listing_id, quantity, expires_at)
VALUES ('00000000-0000-4000-8000-00000000000e', 6, '2001-01-01'), ('00000000-0000-4000-8000-00000000000e', 1, '-infinity');

-- Loans: open, in parts back and lost, closed, and picked up from a hold.
SELECT register_listing('BOOK', listing_id => '00000000-0000-4000-8000-000000000011');
SELECT receive_stock('00000000-0000-4000-8000-000000000011', 4);
SELECT receive_stock('00000000-0000-4000-8000-000000000011', 6, '00000000-0000-8000-8000-000000000001');
SELECT borrow_stock('00000000-0000-4000-8000-000000000011', E'a\tnn', 5, '2099-01-01', E'two\nlines',
                    metadata => '{"n": 1e400}', idempotency_key => 'lent');
SELECT return_stock(loan_id, 1, idempotency_key => 'back'), lose_stock(loan_id, 1, 'eaten') FROM stock_loans;
SELECT return_stock(borrow_stock('00000000-0000-4000-8000-000000000011', 'bob', 1));
SELECT borrow_stock(NULL, NULL, 1, hold_id => hold_id)
  FROM hold_stock('00000000-0000-4000-8000-000000000011', 2, customer => 'cleo');

-- The app's own tables.
CREATE SCHEMA app;
CREATE TABLE app.goods (id uuid PRIMARY KEY, title text NOT NULL, quantity_available integer NOT NULL,
                        on_hand integer NOT NULL, claimed integer NOT NULL);
INSERT INTO app.goods VALUES ('a0000000-0000-4000-8000-000000000001', 'hat', 6, 10, 4),
                             ('a0000000-0000-4000-8000-000000000002', 'coat', 20, 20, 0);
SELECT FROM attach_table('goods', 'id', total_column => 'on_hand', reserved_column => 'claimed');
-- With a column that was dropped: in a restored database the numbers of those after it are others.
CREATE TABLE app."Items" (gone text, id bigint PRIMARY KEY, "Left" bigint NOT NULL CHECK ("Left" >= 0));
ALTER TABLE app."Items" DROP COLUMN gone;
INSERT INTO app."Items" VALUES (1, 5), (2, 0);
SELECT FROM attach_table('"Items"', 'id', 'Left', sync => 'deferred', on_delete => 'restrict');
CREATE TABLE app.litres (sku text PRIMARY KEY, quantity_available numeric NOT NULL);
INSERT INTO app.litres VALUES ('milk, 3.5 %', 12.5);
SELECT FROM attach_table('litres', 'sku', quantity_scale => 2, direct_writes => 'reject', on_delete => 'keep');
CREATE TABLE app.shared (id uuid PRIMARY KEY, tenant uuid NOT NULL, quantity_available integer NOT NULL);
INSERT INTO app.shared VALUES ('b0000000-0000-4000-8000-000000000001', '00000000-0000-0000-0000-000000000000', 3),
                              ('b0000000-0000-4000-8000-000000000002', '77777777-7777-4777-8777-777777777777', 4);
SELECT FROM attach_table('shared', 'id', tenant_column => 'tenant', direct_writes => 'ignore');

SELECT FROM allocate_stock('a0000000-0000-4000-8000-000000000002', 'd0000000-0000-4000-8000-000000000004', 7);
SELECT FROM hold_stock('a0000000-0000-4000-8000-000000000002', 2, ttl => NULL);
SELECT FROM allocate_stock(listing_id_of('"Items"', '1'), 'd0000000-0000-4000-8000-000000000004', 2);
UPDATE app.goods SET quantity_available = quantity_available + 1;
INSERT INTO app.goods VALUES ('a0000000-0000-4000-8000-000000000003', 'cap', 1, 1, 0);

-- Copies that became counts.
CREATE TABLE app.books (id bigint PRIMARY KEY, parent_item_id bigint, title text NOT NULL,
                        is_available boolean, borrower text, due_at date);
INSERT INTO app.books VALUES (1, NULL, 'Dune, or "so"');
INSERT INTO app.books VALUES (11, 1, E'copy\t\\N', true, NULL, NULL), (12, 1, 'Kopie', false, 'Ann', '2030-01-02');
SELECT FROM collapse_children('app.books', borrower_column => 'borrower', due_column => 'due_at');

-- Another tenant, with the same sku and the same keys of calls.
SET stockroom.tenant_id = '77777777-7777-4777-8777-777777777777';
INSERT INTO locations (name) VALUES ('Hall, Süd');
SELECT register_listing('MUG', listing_id => '00000000-0000-4000-8000-00000000000d');
SELECT receive_stock('00000000-0000-4000-8000-00000000000d', 9, idempotency_key => 'received');
SELECT FROM allocate_stock('00000000-0000-4000-8000-00000000000d', 'd0000000-0000-4000-8000-000000000005', 9,
                           idempotency_key => 'claimed');
SELECT FROM allocate_stock('b0000000-0000-4000-8000-000000000002', 'd0000000-0000-4000-8000-000000000005', 1);
SELECT register_listing('SEAT', listing_id => '00000000-0000-4000-8000-000000000010');
SELECT receive_stock('00000000-0000-4000-8000-000000000010', 9);
SELECT FROM hold_stock('00000000-0000-4000-8000-000000000010', 4, ttl => NULL, idempotency_key => 'cart');
INSERT INTO stock_holds (listing_id, quantity, expires_at)
VALUES ('00000000-0000-4000-8000-000000000010', 3, '2001-01-01');
RESET stockroom.tenant_id;
