//! Rows that carry counters, changed one after the other in lock order: below SQL where that does the
//! same, else by statements. What a change means is computed here in Rust either way.

use super::Refusal;
use crate::direct::shape::{IndexPlace, PRIMARY};
use crate::direct::{self, Access, Change, NewValues, Shape, Table, Tuple, Updated, Updating};
use crate::engine::Engine;

/// A row of stock_lots, stock_levels, stock_listings or resource_capacity, as its counters go.
pub trait Stored: Sized {
    type Key: Clone;
    const SHAPE: &'static Shape;
    /// The unique index that it is found by.
    const INDEX: IndexPlace = PRIMARY;

    /// What that index is probed with.
    fn probe(key: &Self::Key) -> Vec<direct::Key<'_>>;
    /// None where the row is not the one meant: another tenant's, say.
    fn read(key: &Self::Key, tuple: &Tuple) -> Option<Self>;
    /// The columns that a change may have changed: its shape's `written`.
    fn values(&self) -> NewValues;
    /// Whether a trigger of ours has something to do about the row as it is now.
    fn concerns_triggers(&self) -> bool;
    /// Makes those of these rows that are missing, where the engine makes such rows itself; answers
    /// whether it does.
    fn make(_engine: &Engine, _keys: &[Self::Key]) -> bool {
        false
    }
    /// Locks the rows of these keys in lock order by a statement; those that are not there are left out.
    fn lock(engine: &Engine, keys: &[Self::Key]) -> Vec<Self>;
    /// Writes locked rows by a statement.
    fn write(engine: &Engine, keys: &[Self::Key], rows: &[Self]);
    /// Whether the row is the key's.
    fn is(&self, key: &Self::Key) -> bool;
}

/// Why rows were not changed. Those before may have been: the caller takes them back, rolls back or
/// fails.
pub enum Stopped<K> {
    /// No row has this key.
    Missing(K),
    Refused(Refusal),
}

/// Locks the rows of these keys, given in lock order and each once, and changes each to what `compute`
/// makes of it. `compute` may be called again for a row that somebody else has changed meanwhile.
pub fn change<T: Stored>(
    engine: &Engine,
    keys: &[T::Key],
    compute: impl FnMut(&T::Key, T) -> Result<T, Refusal>,
) -> Result<Vec<T>, Stopped<T::Key>> {
    change_or_leave_out(engine, keys, |_| false, compute)
}

/// The same where rows of some keys may be missing.
pub fn change_or_leave_out<T: Stored>(
    engine: &Engine,
    keys: &[T::Key],
    may_be_missing: impl Fn(&T::Key) -> bool,
    mut compute: impl FnMut(&T::Key, T) -> Result<T, Refusal>,
) -> Result<Vec<T>, Stopped<T::Key>> {
    directly(engine, keys, &may_be_missing, &mut compute)
        .unwrap_or_else(|| by_statements(engine, keys, may_be_missing, compute))
}

/// None where only SQL can change them.
fn directly<T: Stored>(
    engine: &Engine,
    keys: &[T::Key],
    may_be_missing: &impl Fn(&T::Key) -> bool,
    mut compute: impl FnMut(&T::Key, T) -> Result<T, Refusal>,
) -> Option<Result<Vec<T>, Stopped<T::Key>>> {
    let Some(first) = keys.first() else {
        return Some(Ok(Vec::new()));
    };
    let table = Table::open(engine, T::SHAPE, Access::Update)?;
    table.updating(T::INDEX, &T::probe(first), |rows| {
        let mut changed = Vec::with_capacity(keys.len());
        for key in keys {
            let mut update = |rows: &mut Updating| {
                rows.update(&T::probe(key), |tuple| {
                    let Some(row) = T::read(key, tuple) else {
                        return Change::ToSql;
                    };
                    match compute(key, row) {
                        Err(refusal) => Change::Refuse(refusal),
                        Ok(row) if row.concerns_triggers() => Change::ToSql,
                        Ok(row) => Change::Set(row.values(), row),
                    }
                })
            };
            let updated = match update(rows) {
                Updated::NotFound if T::make(engine, std::slice::from_ref(key)) => {
                    rows.outdate();
                    update(rows)
                }
                other => other,
            };
            match updated {
                Updated::Set(row) => changed.push(row),
                Updated::Refused(refusal) => return Err(Stopped::Refused(refusal)),
                Updated::NotFound if may_be_missing(key) => {}
                Updated::NotFound => return Err(Stopped::Missing(key.clone())),
                Updated::ToSql => {
                    let key = std::slice::from_ref(key);
                    changed.extend(by_statements(engine, key, may_be_missing, &mut compute)?);
                    rows.outdate();
                }
            }
        }
        Ok(changed)
    })
}

fn by_statements<T: Stored>(
    engine: &Engine,
    keys: &[T::Key],
    may_be_missing: impl Fn(&T::Key) -> bool,
    mut compute: impl FnMut(&T::Key, T) -> Result<T, Refusal>,
) -> Result<Vec<T>, Stopped<T::Key>> {
    T::make(engine, keys);
    let rows = T::lock(engine, keys);
    let is_there = |key: &&T::Key| !may_be_missing(key) || rows.iter().any(|row| row.is(key));
    let there: Vec<T::Key> = match rows.len() == keys.len() {
        true => keys.to_vec(),
        false => keys.iter().filter(is_there).cloned().collect(),
    };
    let keys = &there[..];
    if rows.len() != keys.len() {
        let missing = keys.iter().find(|key| !rows.iter().any(|row| row.is(key)));
        let missing = missing.expect("a row is missing");
        return Err(Stopped::Missing(missing.clone()));
    }
    let rows = keys
        .iter()
        .zip(rows)
        .map(|(key, row)| compute(key, row))
        .collect::<Result<Vec<_>, _>>()
        .map_err(Stopped::Refused)?;
    T::write(engine, keys, &rows);
    Ok(rows)
}
