//! Finding rows by an index: the rows themselves, or what the index has of them.

use super::shape::{EntryColumn, IndexPlace, Key};
use super::{Table, Tuple};
use pgrx::{pg_sys, FromDatum, IntoDatum};
use std::ops::ControlFlow;
use std::thread::panicking;
use uuid::Uuid;

/// As many columns as an index can have.
const MOST_COLUMNS: usize = pg_sys::INDEX_MAX_KEYS as usize;

impl Table {
    /// Rows whose first index columns are as these keys say, in the index's order, as the active snapshot
    /// sees them. None where the index can't be used now.
    pub fn scan(
        &self,
        index: IndexPlace,
        key: &[Key],
        mut each: impl FnMut(&Tuple) -> ControlFlow<()>,
    ) -> Option<()> {
        let mut scan = Scan::begin(self, index, key, Wanted::Rows)?;
        let slot = Slot::of(self);
        scan.rows(&slot, &mut each);
        Some(())
    }

    /// Rows by the first column of an index, one key after another; a break ends that key's rows.
    pub fn scan_each(
        &self,
        index: IndexPlace,
        keys: impl Iterator<Item = Uuid>,
        mut each: impl FnMut(&Tuple) -> ControlFlow<()>,
    ) -> Option<()> {
        let mut scan = Scan::open(self, index, 1, Wanted::Rows)?;
        let slot = Slot::of(self);
        for key in keys {
            pgrx::check_for_interrupts!();
            scan.begin_at(&[Key::Id(key)]);
            scan.rows(&slot, &mut each);
        }
        Some(())
    }

    /// The same of their index entries alone: rows on pages that a vacuum has found visible to all are not
    /// fetched. At SERIALIZABLE they are, for what was read is noted there by the row.
    pub fn scan_entries(
        &self,
        index: IndexPlace,
        key: &[Key],
        mut each: impl FnMut(&Entry),
    ) -> Option<()> {
        let mut scan = Scan::begin(self, index, key, Wanted::Entries)?;
        // SAFETY: a plain read.
        let fetch_all = unsafe { pg_sys::XactIsoLevel == pg_sys::XACT_SERIALIZABLE as i32 };
        let mut pages = VisiblePages::default();
        let mut slot = None;
        let mut entry = Entry::default();
        while let Some(row) = scan.next_entry() {
            if (!fetch_all && pages.has(self, &row))
                || scan.sees_row(slot.get_or_insert_with(|| Slot::of(self)))
            {
                entry.read(&scan);
                each(&entry);
            }
        }
        Some(())
    }
}

/// Which pages' rows are all visible to everybody.
#[derive(Default)]
struct VisiblePages {
    /// The last page of the visibility map that was looked at, pinned.
    buffer: pg_sys::Buffer,
}

impl VisiblePages {
    /// Without a lock, as PostgreSQL's own index-only scans do: a row that is new since the snapshot was
    /// taken clears its page's bit before its index entry can be found.
    fn has(&mut self, table: &Table, row: &pg_sys::ItemPointerData) -> bool {
        // SAFETY: the table is open, the place an index entry's, and the buffer is let go below.
        let status = unsafe {
            let block = pgrx::itemptr::item_pointer_get_block_number(row);
            pg_sys::visibilitymap_get_status(table.relation, block, &raw mut self.buffer)
        };
        u32::from(status) & pg_sys::VISIBILITYMAP_ALL_VISIBLE != 0
    }
}

impl Drop for VisiblePages {
    fn drop(&mut self) {
        // On an error the transaction's abort lets go of it.
        if self.buffer != pg_sys::InvalidBuffer as pg_sys::Buffer && !panicking() {
            // SAFETY: pinned by the look into the map.
            unsafe { pg_sys::ReleaseBuffer(self.buffer) };
        }
    }
}

/// What an index has of a row, while the scan that found it stands on it.
pub struct Entry {
    values: [pg_sys::Datum; MOST_COLUMNS],
    is_null: [bool; MOST_COLUMNS],
}

impl Default for Entry {
    fn default() -> Entry {
        Entry {
            values: [pg_sys::Datum::null(); MOST_COLUMNS],
            is_null: [true; MOST_COLUMNS],
        }
    }
}

impl Entry {
    fn read(&mut self, scan: &Scan) {
        // SAFETY: the scan stands on an entry, of no more columns than there is room for.
        unsafe {
            pg_sys::index_deform_tuple(
                (*scan.scan).xs_itup,
                (*scan.scan).xs_itupdesc,
                self.values.as_mut_ptr(),
                self.is_null.as_mut_ptr(),
            );
        }
    }

    /// A column's value; None where NULL. `T` must be its type, or one of the same representation.
    pub fn get<T: FromDatum>(&self, column: EntryColumn) -> Option<T> {
        // SAFETY: the index's columns were compared with the shape, and what is returned is a copy.
        unsafe { T::from_datum(self.values[column.0], self.is_null[column.0]) }
    }
}

/// More conditions than any key has.
const MOST_CONDITIONS: usize = 3;

/// What an index is asked for: strategy, comparing function and value.
type Condition = (u32, u32, pg_sys::Datum);

/// The conditions that a value of a key stands for.
fn conditions(value: &Key) -> [Option<Condition>; 2] {
    let equal = |compares, value: Option<pg_sys::Datum>| {
        let value = value.expect("a key is not NULL");
        [Some((pg_sys::BTEqualStrategyNumber, compares, value)), None]
    };
    let day = |day: i32| pg_sys::Datum::from(day);
    match value {
        Key::Id(id) => equal(pg_sys::F_UUID_EQ, crate::ids::to_pg(*id).into_datum()),
        Key::Text(text) => equal(pg_sys::F_TEXTEQ, text.into_datum()),
        Key::Date(date) => equal(pg_sys::F_DATE_EQ, Some(day(*date))),
        Key::Dates(first, last) => [
            Some((
                pg_sys::BTGreaterEqualStrategyNumber,
                pg_sys::F_DATE_GE,
                day(*first),
            )),
            Some((
                pg_sys::BTLessEqualStrategyNumber,
                pg_sys::F_DATE_LE,
                day(*last),
            )),
        ],
        Key::UpTo(moment) => [
            Some((
                pg_sys::BTLessEqualStrategyNumber,
                pg_sys::F_TIMESTAMPTZ_LE,
                moment.into_datum().expect("a key is not NULL"),
            )),
            None,
        ],
    }
}

/// How many conditions a key stands for.
pub(super) fn width(key: &[Key]) -> usize {
    key.iter()
        .map(|value| 1 + usize::from(matches!(value, Key::Dates(..))))
        .sum()
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Wanted {
    Rows,
    Entries,
}

pub(super) struct Scan {
    index: pg_sys::Relation,
    scan: pg_sys::IndexScanDesc,
}

impl Scan {
    fn begin(table: &Table, index: IndexPlace, key: &[Key], wanted: Wanted) -> Option<Scan> {
        let mut scan = Scan::open(table, index, width(key), wanted)?;
        scan.begin_at(key);
        Some(scan)
    }

    /// A scan by so many conditions, which is yet to be begun.
    pub(super) fn open(
        table: &Table,
        index: IndexPlace,
        conditions: usize,
        wanted: Wanted,
    ) -> Option<Scan> {
        // SAFETY: the table is open; what is opened here is closed by Drop.
        unsafe {
            let index = pg_sys::try_relation_open(
                table.known.indexes[index.0],
                pg_sys::AccessShareLock as _,
            );
            // Dropped concurrently since it was looked up.
            if index.is_null() {
                return None;
            }
            let state = &*(*index).rd_index;
            // A rebuilt index may miss versions that an old snapshot needs.
            if !state.indisvalid || state.indcheckxmin {
                pg_sys::index_close(index, pg_sys::NoLock as _);
                return None;
            }
            let count = conditions as i32;
            let snapshot = pg_sys::GetActiveSnapshot();
            #[cfg(any(feature = "pg15", feature = "pg17"))]
            let scan = pg_sys::index_beginscan(table.relation, index, snapshot, count, 0);
            #[cfg(feature = "pg18")]
            let scan = pg_sys::index_beginscan(
                table.relation,
                index,
                snapshot,
                std::ptr::null_mut(),
                count,
                0,
            );
            // Before the scan begins, which makes room for them.
            (*scan).xs_want_itup = wanted == Wanted::Entries;
            Some(Scan { index, scan })
        }
    }

    /// Begins, or begins anew, with the rows of this key.
    pub(super) fn begin_at(&mut self, key: &[Key]) {
        let mut keys = [pg_sys::ScanKeyData::default(); MOST_CONDITIONS];
        let mut count = 0;
        for (at, value) in key.iter().enumerate() {
            for (strategy, compares, value) in conditions(value).into_iter().flatten() {
                // SAFETY: the scan is open, by as many columns as the key has.
                unsafe {
                    pg_sys::ScanKeyEntryInitialize(
                        &mut keys[count],
                        0,
                        at as i16 + 1,
                        strategy as _,
                        pg_sys::InvalidOid,
                        *(*self.index).rd_indcollation.add(at),
                        compares.into(),
                        value,
                    );
                }
                count += 1;
            }
        }
        // SAFETY: the scan has room for so many conditions, and copies them.
        unsafe {
            pg_sys::index_rescan(
                self.scan,
                keys.as_mut_ptr(),
                count as i32,
                std::ptr::null_mut(),
                0,
            );
        }
    }

    pub(super) fn rows(&mut self, slot: &Slot, each: &mut impl FnMut(&Tuple) -> ControlFlow<()>) {
        while self.next(slot) {
            if each(&slot.0).is_break() {
                break;
            }
        }
    }

    /// Where the row is, as long as its entry says; whether it is seen is still open.
    fn next_entry(&mut self) -> Option<pg_sys::ItemPointerData> {
        // SAFETY: the scan is open.
        unsafe {
            let found =
                pg_sys::index_getnext_tid(self.scan, pg_sys::ScanDirection::ForwardScanDirection);
            found.as_ref().copied()
        }
    }

    /// Whether the snapshot sees the row of the entry on which the scan stands.
    fn sees_row(&mut self, slot: &Slot) -> bool {
        // SAFETY: the scan stands on an entry, and the slot fits its table.
        unsafe { pg_sys::index_fetch_heap(self.scan, slot.0.slot) }
    }

    fn next(&mut self, slot: &Slot) -> bool {
        // SAFETY: the scan is open, and the slot fits its table.
        unsafe {
            pg_sys::index_getnext_slot(
                self.scan,
                pg_sys::ScanDirection::ForwardScanDirection,
                slot.0.slot,
            )
        }
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        // On an error the transaction's abort closes what is open.
        if !panicking() {
            // SAFETY: opened by `begin`, and closed only here.
            unsafe {
                pg_sys::index_endscan(self.scan);
                pg_sys::index_close(self.index, pg_sys::NoLock as _);
            }
        }
    }
}

/// Room for a row of a table.
pub(super) struct Slot(Tuple);

impl Slot {
    pub(super) fn of(table: &Table) -> Slot {
        // SAFETY: the table is open; Drop lets go of the slot.
        let slot = unsafe { pg_sys::table_slot_create(table.relation, std::ptr::null_mut()) };
        Slot(Tuple { slot })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // On an error the transaction's abort lets go of it.
        if !panicking() {
            // SAFETY: made by `of`, and dropped only here.
            unsafe { pg_sys::ExecDropSingleTupleTableSlot(self.0.slot) };
        }
    }
}
