//! The report: what happened, and whether the books agree. Every figure comes from the run.

use crate::orders::Order;
use crate::replay::{Fate, Replay};
use crate::shop::{Attached, Offer, Stock, HOT_LISTINGS, HOT_PERCENT};
use std::collections::HashMap;
use std::fmt::Display;
use std::time::Duration;
use uuid::Uuid;

/// How many of the most wanted listings are shown.
const SHOWN: usize = 10;

pub struct Facts<'a> {
    pub offers: &'a [Offer],
    pub orders: &'a [Order],
    pub attached: &'a Attached,
    pub before: &'a HashMap<Uuid, Stock>,
    pub after: &'a HashMap<Uuid, Stock>,
    pub differences: &'a [String],
    pub replay: &'a Replay,
    pub connections: usize,
}

/// What the clients were told about one listing.
#[derive(Default)]
struct Told {
    sold: i64,
    cancelled: i64,
    refused_orders: i64,
    refused: i64,
}

/// Prints everything; true when every check came out right.
pub fn print(facts: &Facts) -> bool {
    let told = what_clients_were_told(facts);
    print_totals(facts);
    print_steps(facts);
    print_hottest(facts, &told);
    print_refused(facts, &told);
    print_checks(facts, &told)
}

fn what_clients_were_told(facts: &Facts) -> HashMap<Uuid, Told> {
    let mut told: HashMap<Uuid, Told> = HashMap::new();
    for (order, fate) in facts.orders.iter().zip(&facts.replay.fates) {
        let listing = told.entry(order.listing).or_default();
        let quantity = i64::from(order.quantity);
        match fate {
            Some(Fate::Sold) => listing.sold += quantity,
            Some(Fate::Cancelled) => listing.cancelled += quantity,
            Some(Fate::Refused { .. }) => {
                listing.refused_orders += 1;
                listing.refused += quantity;
            }
            None => {}
        }
    }
    told
}

fn print_totals(facts: &Facts) {
    let seconds = facts.replay.took.as_secs_f64();
    let orders = facts.orders.len();
    let calls = facts.replay.calls.len();
    let (first, last) = (facts.orders.first(), facts.orders.last());
    println!("\nWhat happened");
    println!(
        "  {} real orders ({} to {}), {} listings, {} connections at once",
        number(orders),
        first.map_or("-".into(), |order| day(&order.date)),
        last.map_or("-".into(), |order| day(&order.date)),
        number(facts.offers.len()),
        facts.connections,
    );
    println!(
        "  {seconds:.1} s: {} orders a second, {} calls a second, each call a durable transaction",
        number((orders as f64 / seconds).round() as i64),
        number((calls as f64 / seconds).round() as i64),
    );
}

fn print_steps(facts: &Facts) {
    let mut table = Table::new(&["step", "calls", "units", "median ms", "99 % ms"]);
    for step in [
        "allocate_stock",
        "allocate_stock, refused",
        "fulfill_allocations",
        "release_allocations",
    ] {
        let calls = facts.replay.calls.iter().filter(|call| call.step == step);
        let units: i64 = calls.clone().map(|call| call.units).sum();
        let mut times: Vec<Duration> = calls.map(|call| call.took).collect();
        times.sort();
        let at = |percent: usize| {
            let place = (times.len() * percent / 100).min(times.len().saturating_sub(1));
            let time = times.get(place);
            time.map_or("-".into(), |time| {
                format!("{:.2}", time.as_secs_f64() * 1e3)
            })
        };
        table.row([
            step.into(),
            number(times.len()),
            number(units),
            at(50),
            at(99),
        ]);
    }
    table.print("Steps");
}

fn print_hottest(facts: &Facts, told: &HashMap<Uuid, Told>) {
    let mut table = Table::new(&[
        "listing",
        "asked for",
        "before",
        "sold",
        "cancelled",
        "refused",
        "after",
        "get_available",
        "get_total",
    ]);
    for offer in facts.offers.iter().take(SHOWN) {
        let nothing = Told::default();
        let told = told.get(&offer.listing).unwrap_or(&nothing);
        let before = facts.before.get(&offer.listing);
        let after = facts.after.get(&offer.listing);
        let figure = |stock: Option<&Stock>, read: fn(&Stock) -> i64| {
            stock.map_or("missing".into(), |stock| number(read(stock)))
        };
        table.row([
            format!("CDs at {}", price(offer.price_cents)),
            number(offer.demand),
            figure(before, |stock| stock.quantity_available),
            number(told.sold),
            number(told.cancelled),
            number(told.refused),
            figure(after, |stock| stock.quantity_available),
            figure(after, |stock| stock.available),
            figure(after, |stock| stock.total),
        ]);
    }
    table.print(
        "The most wanted listings (units; before and after: the shop's own quantity_available)",
    );
}

fn print_refused(facts: &Facts, told: &HashMap<Uuid, Told>) {
    let orders: i64 = told.values().map(|told| told.refused_orders).sum();
    let units: i64 = told.values().map(|told| told.refused).sum();
    let listings = told.values().filter(|told| told.refused_orders > 0).count();
    let sold_out = facts.replay.fates.iter().flatten();
    let sold_out = sold_out.filter(|fate| matches!(fate, Fate::Refused { available: 0 }));
    println!("\nRefused");
    println!(
        "  {} orders for {} units of {} listings: {} found nothing left, {} too little",
        number(orders),
        number(units),
        number(listings),
        number(sold_out.clone().count()),
        number(orders - sold_out.count() as i64),
    );
    println!(
        "  (the shop began with {HOT_PERCENT} % of what would be asked of its {} most wanted listings)",
        HOT_LISTINGS.min(facts.offers.len())
    );
}

fn print_checks(facts: &Facts, told: &HashMap<Uuid, Told>) -> bool {
    let listings = facts.offers.len();
    // Counts the listings for which a claim about (told, before, after) does not hold.
    let wrong = |holds: &dyn Fn(&Told, &Stock, &Stock) -> bool| {
        let fine = |offer: &&Offer| {
            let id = offer.listing;
            match (told.get(&id), facts.before.get(&id), facts.after.get(&id)) {
                (Some(told), Some(before), Some(after)) => holds(told, before, after),
                _ => false,
            }
        };
        listings - facts.offers.iter().filter(fine).count()
    };
    let unimported = facts
        .offers
        .iter()
        .filter(|offer| {
            let before = facts.before.get(&offer.listing);
            before.is_none_or(|stock| stock.quantity_available != offer.quantity)
        })
        .count()
        + facts.attached.mismatches as usize;

    println!("\nChecks");
    let every = format!("all {} listings", number(listings));
    let results = [
        check("no unexpected error", facts.replay.errors.len(), "none"),
        check(
            "attaching changed no quantity of the shop",
            unimported,
            &every,
        ),
        check(
            "before = sold + what the shop's table says now",
            wrong(&|told, before, after| {
                before.quantity_available == told.sold + after.quantity_available
            }),
            &every,
        ),
        check(
            "never below zero, and nothing left reserved",
            wrong(&|_, _, after| after.quantity_available >= 0 && after.reserved == 0),
            &every,
        ),
        check(
            "the shop's table = get_available_stock = get_total_stock",
            wrong(&|_, _, after| {
                after.quantity_available == after.available && after.available == after.total
            }),
            &every,
        ),
        check(
            "verify_stock() finds no difference",
            facts.differences.len(),
            "it returned no rows",
        ),
    ];
    for line in facts.replay.errors.iter().chain(facts.differences).take(20) {
        println!("          {line}");
    }
    results.into_iter().all(|fine| fine)
}

fn check(claim: &str, exceptions: usize, fine: &str) -> bool {
    if exceptions == 0 {
        println!("  ok      {claim}: {fine}");
    } else {
        println!("  WRONG   {claim}: {} exceptions", number(exceptions));
    }
    exceptions == 0
}

/// Columns of text: the first to the left, figures to the right.
struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new(header: &[&str]) -> Table {
        Table {
            rows: vec![header.iter().map(|&name| name.to_owned()).collect()],
        }
    }

    fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    fn print(&self, title: &str) {
        let columns = self.rows[0].len();
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].len());
            cells.max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        println!("\n{title}");
        for row in &self.rows {
            print!("  {:<1$}", row[0], widths[0]);
            for column in 1..columns {
                print!("  {:>1$}", row[column], widths[column]);
            }
            println!();
        }
    }
}

/// `1234567` as `1,234,567`.
pub fn number(value: impl Display) -> String {
    let digits = value.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        let left = digits.len() - place;
        if place > 0 && left.is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Cents as dollars: `11.77`.
pub fn price(cents: i32) -> String {
    format!("${}.{:02}", cents / 100, cents % 100)
}

/// `19970131` as `1997-01-31`.
fn day(date: &str) -> String {
    match (date.get(..4), date.get(4..6), date.get(6..)) {
        (Some(year), Some(month), Some(day)) => format!("{year}-{month}-{day}"),
        _ => date.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!(
            ["0", "999", "1,000", "-123", "-1,234,567"],
            [0, 999, 1000, -123, -1_234_567]
                .map(|n: i32| number(n))
                .as_slice()
        );
        assert_eq!((price(1177), price(5)), ("$11.77".into(), "$0.05".into()));
        assert_eq!(day("19970131"), "1997-01-31");
    }
}
