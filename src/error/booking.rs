//! What can go wrong with bookings by date.

use super::Parts;
use pgrx::prelude::*;
use serde_json::json;
use stockroom_core::calendar::Day;
use uuid::Uuid;

/// Some of the claims that stand in the way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Claims {
    pub holds: Vec<Uuid>,
    pub allocations: Vec<Uuid>,
}

/// Why a booking, or a change of a resource, was refused.
#[derive(Debug, Clone, PartialEq)]
pub enum Booking {
    ResourceNotFound {
        resource_id: String,
    },
    ResourceExists {
        resource_id: String,
    },
    /// It takes no new claims.
    ResourceNotActive {
        resource_id: String,
        /// `inactive` or `retired`.
        state: &'static str,
    },
    /// Claims stand in the way of retiring, deleting or changing it.
    ResourceBooked {
        resource_id: String,
        claims: Claims,
    },
    TypeNotFound {
        name: String,
    },
    TypeInUse {
        name: String,
    },
    TypeFixed {
        name: String,
    },
    DateNotOpen {
        resource_id: String,
        dates: Vec<Day>,
    },
    DateInPast {
        resource_id: String,
        dates: Vec<Day>,
        today: Day,
        timezone: String,
    },
    BlackedOut {
        resource_id: String,
        dates: Vec<Day>,
        blackouts: Vec<Uuid>,
    },
    InsufficientCapacity {
        resource_id: String,
        /// Those on which there is too little.
        dates: Vec<Day>,
        requested: i64,
        available: i64,
        /// The listing behind it, where that has too little.
        listing_id: Option<Uuid>,
    },
    /// A client's own DML claims more than there is.
    Overbooked {
        resource_id: String,
        date: Day,
        over_by: i64,
        claims: Claims,
    },
    CapacityCommitted {
        resource_id: String,
        date: Day,
        capacity: i32,
        booked: i64,
        claims: Claims,
    },
    AllocationNotFound {
        allocation_id: Uuid,
    },
    BlackoutNotFound {
        blackout_id: Uuid,
    },
    PackageNotFound {
        package_id: Uuid,
    },
    LineItemBooked {
        order_id: String,
        line_item_id: String,
    },
    /// A listing cannot go while resources are booked from its stock.
    ListingBacks {
        listing_id: Uuid,
        resources: Vec<String>,
    },
}

/// Dates for a message: not more of them than one reads.
fn listed(dates: &[Day]) -> String {
    const MOST: usize = 5;
    let mut texts: Vec<String> = dates.iter().take(MOST).map(Day::to_string).collect();
    if dates.len() > MOST {
        texts.push(format!("{} more", dates.len() - MOST));
    }
    texts.join(", ")
}

fn texts(dates: &[Day]) -> Vec<String> {
    dates.iter().map(Day::to_string).collect()
}

impl Booking {
    pub(super) fn parts(&self) -> Parts {
        use PgSqlErrorCode as S;
        let part = |sqlstate, message: String, detail, hint: &str| Parts {
            sqlstate,
            message,
            detail,
            hint: hint.to_owned(),
        };
        match self {
            Booking::ResourceNotFound { resource_id } => part(
                S::ERRCODE_NO_DATA_FOUND,
                format!("resource {resource_id} does not exist"),
                json!({"error": "resource_not_found", "resource_id": resource_id}),
                "Make it with create_resource; it may also belong to another tenant.",
            ),
            Booking::ResourceExists { resource_id } => part(
                S::ERRCODE_UNIQUE_VIOLATION,
                format!("a resource with this key exists already: {resource_id}"),
                json!({"error": "resource_exists", "resource_id": resource_id}),
                "Change it with change_resource, or choose another key.",
            ),
            Booking::ResourceNotActive { resource_id, state } => part(
                S::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("resource {resource_id} is {state} and takes no new bookings"),
                json!({"error": "resource_not_active", "resource_id": resource_id, "state": state}),
                "change_resource(…, is_active => true) brings an inactive one back; a retired one UPDATE resource SET deleted_at = NULL.",
            ),
            Booking::ResourceBooked { resource_id, claims } => part(
                S::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("resource {resource_id} is booked"),
                json!({"error": "resource_booked", "resource_id": resource_id,
                       "holds": claims.holds, "allocations": claims.allocations}),
                "Cancel or move the allocations and release the holds that DETAIL names first.",
            ),
            Booking::TypeNotFound { name } => part(
                S::ERRCODE_NO_DATA_FOUND,
                format!("resource type {name} does not exist"),
                json!({"error": "resource_type_not_found", "type": name}),
                "VEHICLE, TOUR and GUIDE are preset; add your own with INSERT INTO resource_type (name).",
            ),
            Booking::TypeInUse { name } => part(
                S::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("resource type {name} is in use"),
                json!({"error": "resource_type_in_use", "type": name}),
                "Give its resources another type first.",
            ),
            Booking::TypeFixed { name } => part(
                S::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("preset type {name} cannot be added, changed or deleted"),
                json!({"error": "preset_fixed", "name": name}),
                "Add a type of your own: INSERT INTO resource_type (name).",
            ),
            Booking::DateNotOpen { resource_id, dates } => part(
                S::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("resource {resource_id} is not open on {}", listed(dates)),
                json!({"error": "date_not_open", "resource_id": resource_id, "dates": texts(dates)}),
                "Open the dates with open_capacity.",
            ),
            Booking::DateInPast { resource_id, dates, today, timezone } => part(
                S::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("resource {resource_id} cannot be booked in the past: {} (today is {today} in {timezone})", listed(dates)),
                json!({"error": "date_in_past", "resource_id": resource_id, "dates": texts(dates),
                       "today": today.to_string(), "timezone": timezone}),
                "Ask for dates from today on, in the resource's own time zone.",
            ),
            Booking::BlackedOut { resource_id, dates, blackouts } => part(
                S::ERRCODE_EXCLUSION_VIOLATION,
                format!("resource {resource_id} is blacked out on {}", listed(dates)),
                json!({"error": "date_blacked_out", "resource_id": resource_id, "dates": texts(dates), "blackouts": blackouts}),
                "Choose other dates; remove_blackout opens them again.",
            ),
            Booking::InsufficientCapacity { resource_id, dates, requested, available, listing_id } => part(
                S::ERRCODE_CHECK_VIOLATION,
                format!("not enough capacity of resource {resource_id} on {}: {requested} requested, {available} available", listed(dates)),
                json!({"error": "insufficient_capacity", "resource_id": resource_id, "dates": texts(dates),
                       "requested": requested, "available": available, "listing_id": listing_id}),
                "Choose other dates (check_availability, find_available), or pass on_short => 'answer' for an answer instead of an error.",
            ),
            Booking::Overbooked { resource_id, date, over_by, claims } => part(
                S::ERRCODE_CHECK_VIOLATION,
                format!("not enough capacity of resource {resource_id} on {date}: {over_by} too many are claimed"),
                json!({"error": "insufficient_capacity", "resource_id": resource_id, "dates": [date.to_string()],
                       "over_by": over_by, "holds": claims.holds, "allocations": claims.allocations}),
                "Claim less, or end other claims on the date in the same transaction.",
            ),
            Booking::CapacityCommitted { resource_id, date, capacity, booked, claims } => part(
                S::ERRCODE_CHECK_VIOLATION,
                format!("resource {resource_id} has {booked} booked on {date}: its capacity cannot be {capacity}"),
                json!({"error": "capacity_committed", "resource_id": resource_id, "date": date.to_string(),
                       "capacity": capacity, "booked": booked, "holds": claims.holds, "allocations": claims.allocations}),
                "Cancel or move some of the bookings that DETAIL names first.",
            ),
            Booking::AllocationNotFound { allocation_id } => part(
                S::ERRCODE_NO_DATA_FOUND,
                format!("resource allocation {allocation_id} does not exist"),
                json!({"error": "resource_allocation_not_found", "allocation_id": allocation_id}),
                "It may have been cancelled before, or belong to another tenant.",
            ),
            Booking::BlackoutNotFound { blackout_id } => part(
                S::ERRCODE_NO_DATA_FOUND,
                format!("blackout {blackout_id} does not exist"),
                json!({"error": "blackout_not_found", "blackout_id": blackout_id}),
                "add_blackout answers its key; it may have been removed before, or belong to another tenant.",
            ),
            Booking::PackageNotFound { package_id } => part(
                S::ERRCODE_NO_DATA_FOUND,
                format!("package {package_id} does not exist"),
                json!({"error": "package_not_found", "package_id": package_id}),
                "Make it with hold_package; it may also belong to another tenant.",
            ),
            Booking::LineItemBooked { order_id, line_item_id } => part(
                S::ERRCODE_UNIQUE_VIOLATION,
                format!("line item {line_item_id} of order {order_id} is booked already"),
                json!({"error": "line_item_booked", "order_id": order_id, "line_item_id": line_item_id}),
                "A line item has one allocation: move that one, or give this one a line item of its own.",
            ),
            Booking::ListingBacks { listing_id, resources } => part(
                S::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("listing {listing_id} is the stock behind resources"),
                json!({"error": "listing_backs_resources", "listing_id": listing_id, "resources": resources}),
                "Take it from these resources first: change_resource(…, without_listing => true) while they are not booked, or delete them.",
            ),
        }
    }
}
