-- Loans: goods handed out that come back. What is out is claimed by active allocations whose order is the
-- loan, so the total stays and what is available falls. No foreign key to the listing: its check would lock a
-- hot counter row, and closed loans stay as history.
CREATE TABLE stock_loans (
    loan_id           uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id         uuid        NOT NULL DEFAULT current_tenant(),
    listing_id        uuid        NOT NULL,
    borrower          text        NOT NULL CHECK (length(borrower) BETWEEN 1 AND 200),
    contact_info      text        CHECK (length(contact_info) <= 1000),
    quantity          integer     NOT NULL CHECK (quantity > 0),
    quantity_returned integer     NOT NULL DEFAULT 0 CHECK (quantity_returned >= 0),
    quantity_lost     integer     NOT NULL DEFAULT 0 CHECK (quantity_lost >= 0),
    is_open           boolean     GENERATED ALWAYS AS (quantity_returned + quantity_lost < quantity) STORED,
    due_at            timestamptz CHECK (isfinite(due_at)),
    hold_id           uuid,
    metadata          jsonb,
    borrowed_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_at         timestamptz,
    updated_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (quantity_returned + quantity_lost <= quantity),
    CHECK ((closed_at IS NULL) = (quantity_returned + quantity_lost < quantity))
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX stock_loans_listing_idx ON stock_loans (listing_id) WHERE is_open;
CREATE INDEX stock_loans_due_idx ON stock_loans (tenant_id, due_at) WHERE is_open;
CREATE INDEX stock_loans_borrower_idx ON stock_loans (tenant_id, borrower, borrowed_at);

COMMENT ON TABLE stock_loans IS 'Goods handed out that come back. What is out is allocated: available falls, the total stays.';
COMMENT ON COLUMN stock_loans.loan_id IS 'Key of the loan, and the order of its allocations';
COMMENT ON COLUMN stock_loans.tenant_id IS 'Tenant that owns the row';
COMMENT ON COLUMN stock_loans.listing_id IS 'What was borrowed';
COMMENT ON COLUMN stock_loans.borrower IS 'Who borrowed it: a key or a name of the app''s own';
COMMENT ON COLUMN stock_loans.contact_info IS 'How to reach the borrower; at most 1000 characters';
COMMENT ON COLUMN stock_loans.quantity IS 'Units that were handed out';
COMMENT ON COLUMN stock_loans.quantity_returned IS 'Units that came back';
COMMENT ON COLUMN stock_loans.quantity_lost IS 'Units that never will';
COMMENT ON COLUMN stock_loans.is_open IS 'Whether some are still out';
COMMENT ON COLUMN stock_loans.due_at IS 'When they are due; NULL = whenever';
COMMENT ON COLUMN stock_loans.hold_id IS 'The hold by which they had been reserved';
COMMENT ON COLUMN stock_loans.metadata IS 'Whatever the app wants to keep here';
COMMENT ON COLUMN stock_loans.borrowed_at IS 'When they were handed out';
COMMENT ON COLUMN stock_loans.closed_at IS 'When the last came back, or was lost';
COMMENT ON COLUMN stock_loans.updated_at IS 'When the row last changed';
COMMENT ON INDEX stock_loans_listing_idx IS 'Open loans of a listing: what may not be deleted; whether there are any at all';
COMMENT ON INDEX stock_loans_due_idx IS 'Open loans, those that are due first in front';
COMMENT ON INDEX stock_loans_borrower_idx IS 'History of a borrower';
