//! Items with their copies and their stock, on the way back: some at a time, in the order of their keys.

use super::registration::{Names, Registration};
use super::stock::ITEMS;
use super::table::CopyTable;
use super::take::NOBODY;
use crate::clock;
use crate::counters::removal;
use crate::engine::Engine;
use crate::plans::{self, id, id_list, Row, Statement};
use pgrx::pg_sys::{INT8OID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID, UUIDARRAYOID, UUIDOID};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use stockroom_core::copies::Known;
use uuid::Uuid;

/// Columns and values of a row, each as text.
pub type Content = Map<String, Value>;

pub struct Item {
    pub key: String,
    pub listing_id: Uuid,
    pub total: i32,
    pub available: i32,
    /// Whether orders or holds have claims on its stock.
    pub is_claimed: bool,
    /// Its own row; None where that is gone.
    pub content: Option<Content>,
    /// In the order of their keys, its own row first.
    pub copies: Vec<Copy>,
    /// Those that are out with no known copy.
    pub loans: Vec<Loan>,
}

pub struct Copy {
    pub key: String,
    pub content: Content,
    pub known: Known,
    /// The loan that it was out with, if it was.
    pub loan: Option<Loan>,
}

pub struct Loan {
    pub loan_id: Uuid,
    pub borrower: Option<String>,
    pub due: Option<String>,
    pub contact: Option<String>,
    pub borrowed: Option<String>,
    /// Units still out.
    pub out: i32,
    /// Whether the row of its copy says the same.
    pub same: Same,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Same {
    pub borrower: bool,
    pub due: bool,
    pub contact: bool,
}

impl Item {
    /// Units that are out with loans.
    pub fn units_out(&self) -> i64 {
        let known = self
            .copies
            .iter()
            .filter(|copy| copy.known == Known::Out)
            .filter_map(|copy| copy.loan.as_ref());
        known
            .chain(&self.loans)
            .map(|loan| i64::from(loan.out))
            .sum()
    }
}

static COLUMNS: Statement = Statement::fresh(
    "SELECT json_object_keys(content::json) FROM (
       SELECT c.content
         FROM {s}.collapsed_items i
         JOIN {s}.collapsed_copies c ON c.collapse_id = i.collapse_id AND c.item_key = i.item_key
        WHERE i.collapse_id = $1 AND i.tenant_id = $2 LIMIT 1) AS c",
    &[UUIDOID, UUIDOID],
);

/// Columns that a copy had when it was collapsed.
pub fn columns_of_copies(engine: &Engine, known: &Registration) -> Vec<String> {
    let args = [id(known.collapse_id), id(known.tenant_id)];
    plans::run(engine, &COLUMNS, &args, |row| row.need(1))
}

static NEXT: Statement = Statement::fresh(
    "SELECT item_key, listing_id, made_listing FROM {s}.collapsed_items
      WHERE collapse_id = $1 AND tenant_id = $2 AND item_key > $3 ORDER BY item_key LIMIT $4",
    &[UUIDOID, UUIDOID, TEXTOID, INT8OID],
);
static LOCK_LOANS: Statement = Statement::fresh(
    "SELECT FROM {s}.stock_loans WHERE listing_id = ANY ($1) AND tenant_id IS NOT DISTINCT FROM $2 AND is_open
      ORDER BY loan_id FOR UPDATE",
    &[UUIDARRAYOID, UUIDOID],
);
/// What is available counts holds that have expired as free: live ones stand in the way.
static STOCK: Statement = Statement::fresh(
    "SELECT g.listing_id, g.quantity_total, g.quantity_listed - g.quantity_allocated,
            EXISTS (SELECT FROM {s}.stock_holds h
                     WHERE h.listing_id = g.listing_id AND h.status = 'active'
                       AND (h.expires_at IS NULL OR h.expires_at > $3))
         OR EXISTS (SELECT FROM {s}.stock_holds h WHERE h.listing_id = g.listing_id AND h.status = 'waiting')
         OR EXISTS (SELECT FROM {s}.stock_lots l
                      JOIN {s}.stock_allocations a ON a.lot_id = l.lot_id AND a.status = 'active'
                     WHERE l.listing_id = g.listing_id AND l.quantity_allocated > 0
                       AND NOT EXISTS (SELECT FROM {s}.stock_loans o
                                        WHERE o.loan_id = a.order_id AND o.tenant_id = $2))
       FROM {s}.stock_listings g WHERE g.listing_id = ANY ($1) AND g.tenant_id = $2",
    &[UUIDARRAYOID, UUIDOID, TIMESTAMPTZOID],
);
/// With what has become of the loan that a copy was out with; columns $5 to $7 are the row's borrower, due
/// date and contact.
static COPIES: Statement = Statement::fresh(
    "SELECT c.item_key, c.copy_key, c.content, c.loan_id, coalesce(l.is_open, false),
            coalesce(NOT l.is_open AND l.quantity_lost > 0, false),
            l.borrower, l.due_at::text, l.contact_info, l.borrowed_at::text,
            coalesce(l.quantity - l.quantity_returned - l.quantity_lost, 0),
            coalesce(nullif(c.content::json ->> $5, ''), $4) IS NOT DISTINCT FROM l.borrower,
            (c.content::json ->> $6)::timestamptz IS NOT DISTINCT FROM l.due_at,
            nullif(c.content::json ->> $7, '') IS NOT DISTINCT FROM l.contact_info
       FROM {s}.collapsed_copies c
       LEFT JOIN {s}.stock_loans l ON l.loan_id = c.loan_id AND l.tenant_id = $2
      WHERE c.collapse_id = $1 AND c.tenant_id = $2 AND c.item_key = ANY ($3)
      ORDER BY c.copy_key <> c.item_key, c.copy_key",
    &[
        UUIDOID,
        UUIDOID,
        TEXTARRAYOID,
        TEXTOID,
        TEXTOID,
        TEXTOID,
        TEXTOID,
    ],
);
static LOANS: Statement = Statement::fresh(
    "SELECT listing_id, loan_id, borrower, due_at::text, contact_info, borrowed_at::text,
            quantity - quantity_returned - quantity_lost
       FROM {s}.stock_loans WHERE listing_id = ANY ($1) AND tenant_id IS NOT DISTINCT FROM $2 AND is_open
      ORDER BY borrowed_at, loan_id",
    &[UUIDARRAYOID, UUIDOID],
);

/// An item, and its listing.
pub struct Named {
    pub key: String,
    pub listing_id: Uuid,
    pub made_listing: bool,
}

/// The next items after this key.
pub fn keys_after(engine: &Engine, known: &Registration, key: &str) -> Vec<Named> {
    let args = [
        id(known.collapse_id),
        id(known.tenant_id),
        key.to_owned().into(),
        ITEMS.into(),
    ];
    plans::run(engine, &NEXT, &args, |row| Named {
        key: row.need(1),
        listing_id: row.id(2),
        made_listing: row.need(3),
    })
}

/// The same with all that is known of them, locked with all their stock unless it is only looked at.
pub fn after(
    engine: &Engine,
    table: &CopyTable,
    known: &Registration,
    key: &str,
    locked: bool,
) -> Vec<Item> {
    let named = keys_after(engine, known, key).into_iter();
    let mut items: Vec<Item> = named
        .map(|named| Item {
            key: named.key,
            listing_id: named.listing_id,
            total: 0,
            available: 0,
            is_claimed: false,
            content: None,
            copies: Vec::new(),
            loans: Vec::new(),
        })
        .collect();
    let listings: Vec<Uuid> = items.iter().map(|item| item.listing_id).collect();
    if locked {
        let args = [id_list(listings.iter().copied()), id(known.tenant_id)];
        plans::run(engine, &LOCK_LOANS, &args, |_| ());
        removal::lock(engine, &listings);
    }
    read_stock(engine, known, &listings, &mut items);
    // Moments are written in the zone in which the table's dates were read.
    let (mut copies, mut loans) = table.with_portable_text(|| {
        (
            read_copies(engine, known, &items),
            read_loans(engine, known, &listings),
        )
    });
    let mut rows = own_rows(engine, table, &items);
    for item in &mut items {
        item.copies = copies.remove(&item.key).unwrap_or_default();
        item.content = rows.remove(&item.key);
        let known_out: HashSet<Uuid> = item
            .copies
            .iter()
            .filter(|copy| copy.known == Known::Out)
            .filter_map(|copy| copy.loan.as_ref().map(|loan| loan.loan_id))
            .collect();
        item.loans = loans.remove(&item.listing_id).unwrap_or_default();
        item.loans.retain(|loan| !known_out.contains(&loan.loan_id));
    }
    items
}

fn read_stock(engine: &Engine, known: &Registration, listings: &[Uuid], items: &mut [Item]) {
    let args = [
        id_list(listings.iter().copied()),
        id(known.tenant_id),
        clock::now().into(),
    ];
    let stock: HashMap<Uuid, (i32, i32, bool)> = plans::run(engine, &STOCK, &args, |row| {
        (row.id(1), (row.need(2), row.need(3), row.need(4)))
    })
    .into_iter()
    .collect();
    for item in items {
        // Without a listing nothing is left of it.
        if let Some(&(total, available, is_claimed)) = stock.get(&item.listing_id) {
            item.total = total;
            item.available = available;
            item.is_claimed = is_claimed;
        }
    }
}

fn read_copies(
    engine: &Engine,
    known: &Registration,
    items: &[Item],
) -> HashMap<String, Vec<Copy>> {
    let keys: Vec<String> = items.iter().map(|item| item.key.clone()).collect();
    let names = &known.names;
    let args = [
        id(known.collapse_id),
        id(known.tenant_id),
        keys.into(),
        NOBODY.into(),
        names.borrower.clone().into(),
        names.due.clone().into(),
        names.contact.clone().into(),
    ];
    let mut copies: HashMap<String, Vec<Copy>> = HashMap::new();
    for (item_key, copy) in plans::run(engine, &COPIES, &args, |row| read_copy(row, names)) {
        copies.entry(item_key).or_default().push(copy);
    }
    copies
}

fn read_copy(row: &Row, names: &Names) -> (String, Copy) {
    let known = match (row.need(5), row.need(6)) {
        (true, _) => Known::Out,
        (_, true) => Known::Lost,
        _ => Known::OnShelf,
    };
    let loan = row.maybe_id(4).map(|loan_id| Loan {
        loan_id,
        borrower: row.get(7),
        due: row.get(8),
        contact: row.get(9),
        borrowed: row.get(10),
        out: row.need(11),
        same: Same {
            borrower: row.need(12),
            due: row.need(13),
            contact: row.need(14),
        },
    });
    let (item_key, key): (String, String) = (row.need(1), row.need(2));
    let mut content = content(row.need(3));
    let parent = (item_key != key).then(|| item_key.clone());
    content.insert(names.key.clone(), key.clone().into());
    content.insert(names.parent.clone(), parent.into());
    let copy = Copy {
        key,
        content,
        known,
        loan,
    };
    (item_key, copy)
}

fn read_loans(
    engine: &Engine,
    known: &Registration,
    listings: &[Uuid],
) -> HashMap<Uuid, Vec<Loan>> {
    let args = [id_list(listings.iter().copied()), id(known.tenant_id)];
    let mut loans: HashMap<Uuid, Vec<Loan>> = HashMap::new();
    let read = |row: &Row| {
        let loan = Loan {
            loan_id: row.id(2),
            borrower: row.get(3),
            due: row.get(4),
            contact: row.get(5),
            borrowed: row.get(6),
            out: row.need(7),
            same: Same::default(),
        };
        (row.id(1), loan)
    };
    for (listing_id, loan) in plans::run(engine, &LOANS, &args, read) {
        loans.entry(listing_id).or_default().push(loan);
    }
    loans
}

/// The items' own rows, as far as they are still there.
fn own_rows(engine: &Engine, table: &CopyTable, items: &[Item]) -> HashMap<String, Content> {
    let text = format!(
        "SELECT {}, {}::pg_catalog.text FROM ONLY {} AS t
          WHERE {} OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.text[]::{}[]) AND {} IS NULL",
        table.text_of("t", &table.key),
        table.content_of("t"),
        table.name,
        table.of("t", &table.key),
        table.key_type(),
        table.of("t", &table.parent),
    );
    let keys: Vec<String> = items.iter().map(|item| item.key.clone()).collect();
    let rows = table.as_owner(|| {
        plans::run_made(engine, text, &[TEXTARRAYOID], &[keys.into()], |row| {
            (row.need::<String>(1), row.need::<String>(2))
        })
    });
    rows.into_iter()
        .map(|(key, text)| (key, content(text)))
        .collect()
}

fn content(text: String) -> Content {
    serde_json::from_str(&text).expect("it is JSON, and an object was written")
}
