//! What a change adds to the counters of dates.

use std::collections::BTreeMap;
use std::rc::Rc;
use stockroom_core::calendar::Day;
use uuid::Uuid;

/// One date of a resource. Ordered as the lock order wants it: by resource, then dates ascending.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateKey {
    pub resource_id: Rc<str>,
    pub date: Day,
    pub tenant_id: Uuid,
}

/// Units of dates that are claimed (above zero) or freed (below), in lock order.
#[derive(Debug, Clone, Default)]
pub struct DateDeltas(BTreeMap<DateKey, i64>);

impl DateDeltas {
    /// Adds units to each of these dates; zero touches them all the same.
    pub fn add(&mut self, tenant_id: Uuid, resource_id: &Rc<str>, dates: &[Day], units: i64) {
        for date in dates {
            self.add_to(
                DateKey {
                    resource_id: resource_id.clone(),
                    date: *date,
                    tenant_id,
                },
                units,
            );
        }
    }

    pub fn add_to(&mut self, key: DateKey, units: i64) {
        *self.0.entry(key).or_default() += units;
    }

    pub fn add_all(&mut self, other: &DateDeltas) {
        for (key, units) in &other.0 {
            self.add_to(key.clone(), *units);
        }
    }

    pub fn keys(&self) -> Vec<DateKey> {
        self.0.keys().cloned().collect()
    }

    /// What one date changes by.
    pub fn of(&self, key: &DateKey) -> i64 {
        self.0.get(key).copied().unwrap_or(0)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&DateKey, i64)> {
        self.0.iter().map(|(key, units)| (key, *units))
    }
}
