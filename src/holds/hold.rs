//! hold_stock, hold_order and hold_many: taking stock for a while.

use super::answer::{refusal, Columns, ColumnsWithPlace, Held};
use super::key;
use super::place::{place, Fate, Wish};
use super::written::{Common, NewHold};
use crate::arguments::{answer_when_short, name, positive, required, required_id};
use crate::clock;
use crate::counters::lives;
use crate::engine::{pinned, Engine};
use crate::error::Error;
use crate::ids;
use crate::jsonb::Jsonb;
use crate::requests::{self, Request};
use crate::tries::KeyTaken;
use pgrx::datum::Interval;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::Uuid;
use serde_json::{json, Value};
use stockroom_core::lines::{HoldLine, HoldLines, LineError, ManyHolds};

/// What the holds of a call have in common.
fn common(ttl: Option<Interval>, metadata: Option<Jsonb>) -> Result<Common, Error> {
    Ok(Common {
        expires_at: clock::later("ttl", clock::microseconds(), ttl)?,
        metadata,
    })
}

/// Makes holds that belong together, once a key.
fn hold_together(
    engine: &Engine,
    function: &'static str,
    key: Option<&str>,
    wish: &mut Wish,
    answer_when_short: bool,
) -> Result<Vec<Held>, Error> {
    for tries in 0.. {
        if let Some(key) = key {
            if let Some(rows) = key::replay(engine, function, key, &wish.holds)? {
                return Ok(rows.iter().map(|row| Held::replayed(engine, row)).collect());
            }
            if tries > 0 {
                lives::key_not_found(tries)?;
            }
        }
        let placed = match place(engine, wish)? {
            Ok(placed) => placed,
            Err(KeyTaken) => continue,
        };
        let is_held = !placed.fates.iter().any(|fate| *fate != Fate::Held);
        // Another call with the key may have taken the last units.
        if let (false, Some(key)) = (is_held, key) {
            if let Some(rows) = key::replay(engine, function, key, &wish.holds)? {
                return Ok(rows.iter().map(|row| Held::replayed(engine, row)).collect());
            }
        }
        let unknown = placed.fates.contains(&Fate::Unknown);
        if !is_held && (unknown || !answer_when_short) {
            return Err(refusal(&wish.holds, &placed.fates));
        }
        let answer = wish.holds.iter().zip(&placed.fates);
        return Ok(answer
            // Of holds that belong together only the short ones are worth a row.
            .filter(|(_, fate)| is_held || **fate != Fate::Held)
            .map(|(hold, fate)| Held::placed(hold, wish.common.expires_at, *fate, &placed))
            .collect());
    }
    unreachable!("it is tried until it ends")
}

fn new_hold(
    line: HoldLine,
    key: &Option<String>,
    customer: &Option<String>,
    order_id: Option<uuid::Uuid>,
) -> NewHold {
    NewHold {
        hold_id: uuid::Uuid::nil(),
        line,
        idempotency_key: key.clone(),
        customer: customer.clone(),
        order_id,
    }
}

fn bad_lines(problem: LineError) -> Error {
    Error::BadArgument {
        argument: "lines",
        problem: problem.to_string(),
    }
}

/// Holds units of a listing for a while.
///
/// `quantity` in smallest units, above zero; `ttl` how long, NULL for ever; `location_id` limits it to
/// one location, whose own stock then guards it. `on_short` 'error' raises insufficient_stock, 'answer'
/// returns a row with state insufficient. `available` is the listing's after it. With an
/// `idempotency_key`, which belongs to the tenant, a replay returns the same hold as it is now, with
/// `replayed`. Errors: insufficient_stock, listing_not_found, location_not_found, bad_argument,
/// idempotency_mismatch.
#[pg_extern(security_definer)]
fn hold_stock(
    listing_id: Option<Uuid>,
    quantity: Option<i32>,
    ttl: default!(Option<Interval>, "'30 minutes'"),
    idempotency_key: default!(Option<String>, "NULL"),
    location_id: default!(Option<Uuid>, "NULL"),
    customer: default!(Option<String>, "NULL"),
    order_id: default!(Option<Uuid>, "NULL"),
    metadata: default!(Option<Jsonb>, "NULL"),
    on_short: default!(Option<String>, "'error'"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(hold_id, Option<Uuid>),
            name!(state, String),
            name!(quantity, i32),
            name!(expires_at, Option<TimestampWithTimeZone>),
            name!(available, i32),
            name!(replayed, bool),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let line = HoldLine {
        listing_id: required_id("listing_id", listing_id)?,
        quantity: positive("quantity", quantity)?,
        location_id: location_id.map(ids::from_pg),
    };
    let customer = name("customer", customer, LONGEST_CUSTOMER)?;
    let mut wish = Wish {
        holds: vec![new_hold(
            line,
            &idempotency_key,
            &customer,
            order_id.map(ids::from_pg),
        )],
        common: common(ttl, metadata)?,
        together: true,
    };
    let answers = answer_when_short(on_short.as_deref())?;
    let held = hold_together(
        &engine,
        "hold_stock",
        idempotency_key.as_deref(),
        &mut wish,
        answers,
    )?;
    let rows: Vec<Columns> = held.into_iter().map(Held::columns).collect();
    Ok(TableIterator::new(rows))
}

/// Longest customer, as the table's CHECK has it.
const LONGEST_CUSTOMER: usize = 200;

/// Holds all lines of an order, or nothing.
///
/// `lines`: `[{"listing_id", "quantity", "location_id"?}]`, at most 10000; lines of one listing and
/// location are merged; an unknown key is an error. All else as in hold_stock; a replay compares the
/// set of lines. Returns a row a line; with `on_short` 'answer', of an order that cannot be held only
/// the lines that are short. Errors: insufficient_stock (DETAIL names the first listing that is short),
/// listing_not_found, location_not_found, bad_argument, idempotency_mismatch.
#[pg_extern(security_definer)]
fn hold_order(
    lines: Option<Jsonb>,
    ttl: default!(Option<Interval>, "'30 minutes'"),
    idempotency_key: default!(Option<String>, "NULL"),
    customer: default!(Option<String>, "NULL"),
    order_id: default!(Option<Uuid>, "NULL"),
    metadata: default!(Option<Jsonb>, "NULL"),
    on_short: default!(Option<String>, "'error'"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(hold_id, Option<Uuid>),
            name!(state, String),
            name!(quantity, i32),
            name!(expires_at, Option<TimestampWithTimeZone>),
            name!(available, i32),
            name!(replayed, bool),
            name!(listing_id, Uuid),
            name!(location_id, Option<Uuid>),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let lines = HoldLines::parse(&required("lines", lines)?.parse("lines")?).map_err(bad_lines)?;
    let customer = name("customer", customer, LONGEST_CUSTOMER)?;
    let order_id = order_id.map(ids::from_pg);
    let mut wish = Wish {
        holds: lines
            .as_slice()
            .iter()
            .map(|line| new_hold(line.clone(), &idempotency_key, &customer, order_id))
            .collect(),
        common: common(ttl, metadata)?,
        together: true,
    };
    let answers = answer_when_short(on_short.as_deref())?;
    let held = hold_together(
        &engine,
        "hold_order",
        idempotency_key.as_deref(),
        &mut wish,
        answers,
    )?;
    let rows: Vec<ColumnsWithPlace> = held.into_iter().map(Held::columns_with_place).collect();
    Ok(TableIterator::new(rows))
}

/// Makes many holds, each on its own: a result a line, in their order.
///
/// `lines`: `[{"listing_id", "quantity", "location_id"?, "idempotency_key"?, "customer"?,
/// "order_id"?}]`, at most 10000; an unknown key is an error. A line that does not fit has the state
/// insufficient, one of an unknown listing listing_not_found; the others are held. A line with a key of
/// its own is replayed alone; with an `idempotency_key` of the call, a replay returns the first answer.
/// Errors: location_not_found, bad_argument, idempotency_mismatch.
#[pg_extern(security_definer)]
fn hold_many(
    lines: Option<Jsonb>,
    ttl: default!(Option<Interval>, "'30 minutes'"),
    idempotency_key: default!(Option<String>, "NULL"),
    metadata: default!(Option<Jsonb>, "NULL"),
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<
    TableIterator<
        'static,
        (
            name!(hold_id, Option<Uuid>),
            name!(state, String),
            name!(quantity, i32),
            name!(expires_at, Option<TimestampWithTimeZone>),
            name!(available, i32),
            name!(replayed, bool),
            name!(listing_id, Uuid),
            name!(location_id, Option<Uuid>),
        ),
    >,
    ErrorReport,
> {
    let engine = Engine::of_call(fcinfo);
    let lines = ManyHolds::parse(&required("lines", lines)?.parse("lines")?).map_err(bad_lines)?;
    let common = common(ttl, metadata)?;
    let arguments = || json!({"lines": lines.canonical()});
    let held = match Request::with_key("hold_many", idempotency_key.as_deref(), arguments) {
        None => hold_each(&engine, &lines, common)?,
        // Keys of calls are kept by statements: pinned once for all of them.
        Some(request) => pinned(|| -> Result<Vec<Held>, Error> {
            let run = || -> Result<Value, Error> {
                let held = hold_each(&engine, &lines, common)?;
                Ok(serde_json::to_value(held).expect("rows are plain JSON"))
            };
            let (answer, replayed) = requests::once(&engine, Some(request), run)?;
            let held: Vec<Held> = serde_json::from_value(answer).unwrap_or_default();
            let with_mark = |row: Held| Held {
                replayed: row.replayed || replayed,
                ..row
            };
            Ok(held.into_iter().map(with_mark).collect())
        })?,
    };
    let rows: Vec<ColumnsWithPlace> = held.into_iter().map(Held::columns_with_place).collect();
    Ok(TableIterator::new(rows))
}

fn hold_each(engine: &Engine, lines: &ManyHolds, common: Common) -> Result<Vec<Held>, Error> {
    let wanted: Vec<NewHold> = lines
        .as_slice()
        .iter()
        .map(|hold| {
            new_hold(
                hold.line.clone(),
                &hold.idempotency_key,
                &hold.customer,
                hold.order_id,
            )
        })
        .collect();
    for tries in 0.. {
        let mut rows: Vec<Option<Held>> = Vec::with_capacity(wanted.len());
        for hold in &wanted {
            let known = match &hold.idempotency_key {
                Some(key) => {
                    let hold = std::slice::from_ref(hold);
                    key::replay(engine, "hold_many", key, hold)?
                }
                None => None,
            };
            let known = known.and_then(|rows| rows.into_iter().next());
            rows.push(known.map(|row| Held::replayed(engine, &row)));
        }
        if tries > 0 && rows.iter().all(Option::is_none) {
            lives::key_not_found(tries)?;
        }
        let new = wanted.iter().zip(&rows).filter(|(_, row)| row.is_none());
        let mut wish = Wish {
            holds: new.map(|(hold, _)| hold.clone()).collect(),
            common,
            together: false,
        };
        if !wish.holds.is_empty() {
            let Ok(placed) = place(engine, &mut wish)? else {
                continue;
            };
            let mut fates = wish.holds.iter().zip(&placed.fates);
            for row in rows.iter_mut().filter(|row| row.is_none()) {
                let (hold, fate) = fates.next().expect("a fate for each new hold");
                *row = Some(Held::placed(hold, common.expires_at, *fate, &placed));
            }
        }
        return Ok(rows.into_iter().flatten().collect());
    }
    unreachable!("it is tried until it ends")
}
