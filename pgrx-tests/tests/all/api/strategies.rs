//! Which lots a claim takes, and in which order: the strategies on a real server, the owner's
//! choice, expired lots, and explain_allocation, which must say what then happens.

use super::shop::{Shop, AREA18, LORVILLE, ORISON, UNSPECIFIED};
use uuid::Uuid;

const STRATEGIES: [&str; 7] = [
    "fifo",
    "lifo",
    "fefo",
    "location_priority",
    "largest_first",
    "fewest_lots",
    "cheapest_first",
];

/// A listing with four lots that every strategy puts in another order, called a to d as they came.
struct Shelf {
    owner: Uuid,
    listing: Uuid,
    lots: Vec<Uuid>,
}

impl Shelf {
    /// | lot | units | location | expires in | cost |
    /// |---|---|---|---|---|
    /// | a | 2 | Orison | 30 days | 5 |
    /// | b | 6 | Lorville | 10 days | 3 |
    /// | c | 4 | Area18 | never | unknown |
    /// | d | 3 | Unspecified | 20 days | 4 |
    fn fill(shop: &mut Shop) -> Shelf {
        let owner = Uuid::new_v4();
        let sql = "SELECT register_listing(NULL, owner_id => $1)";
        let listing: Uuid = shop.value(sql, &[&owner]);
        let lots = [
            (2, ORISON, Some(30), Some("5")),
            (6, LORVILLE, Some(10), Some("3")),
            (4, AREA18, None, None),
            (3, UNSPECIFIED, Some(20), Some("4")),
        ];
        let sql = "SELECT receive_stock($1, $2, $3, expires_on => CURRENT_DATE + $4::int,
                                        unit_cost => $5::text::numeric)";
        let lots = lots.map(|(units, location, days, cost)| {
            shop.value(sql, &[&listing, &units, &location, &days, &cost])
        });
        Shelf {
            owner,
            listing,
            lots: lots.to_vec(),
        }
    }

    /// The names and units of picks, as `b6 a1`.
    fn named(&self, picks: &[(Uuid, i32)]) -> String {
        let name = |lot| self.lots.iter().position(|known| *known == lot).unwrap();
        let picks = picks
            .iter()
            .map(|(lot, units)| format!("{}{units}", ["a", "b", "c", "d"][name(*lot)]));
        picks.collect::<Vec<_>>().join(" ")
    }

    /// What allocate_stock takes, in its order; it is given back at once.
    fn picks(&self, shop: &mut Shop, units: i32, strategy: Option<&str>) -> String {
        let order = Uuid::new_v4();
        let sql = "SELECT lot_id, quantity FROM allocate_stock($1, $2, $3, $4)";
        let rows = shop.rows(sql, &[&self.listing, &order, &units, &strategy]);
        let picks: Vec<_> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let released: i32 = shop.value("SELECT release_allocations($1)", &[&order]);
        assert_eq!(released, units);
        self.named(&picks)
    }

    /// What explain_allocation says would be taken, in its order.
    fn explained(&self, shop: &mut Shop, units: i32, strategy: Option<&str>) -> String {
        let sql = "SELECT lot_id, take FROM explain_allocation($1, $2, $3)";
        let rows = shop.rows(sql, &[&self.listing, &units, &strategy]);
        let picks: Vec<(Uuid, i32)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let taken: Vec<_> = picks.into_iter().filter(|(_, units)| *units > 0).collect();
        self.named(&taken)
    }

    fn owners_strategy(&self, shop: &mut Shop, strategy: &str, priority: Option<Vec<Uuid>>) {
        let sql = "INSERT INTO allocation_strategies
                          (contractor_id, strategy_type, location_priority_order) VALUES ($1, $2, $3)
                   ON CONFLICT (contractor_id) DO UPDATE
                      SET strategy_type = excluded.strategy_type,
                          location_priority_order = excluded.location_priority_order";
        shop.rows(sql, &[&self.owner, &strategy, &priority]);
    }
}

#[test]
fn each_strategy_takes_lots_in_its_order() {
    let mut shop = Shop::open();
    let shelf = Shelf::fill(&mut shop);
    shelf.owners_strategy(&mut shop, "fifo", Some(vec![AREA18, LORVILLE]));
    for (strategy, units, expected) in [
        ("fifo", 15, "a2 b6 c4 d3"),
        ("fifo", 3, "a2 b1"),
        ("lifo", 15, "d3 c4 b6 a2"),
        ("lifo", 4, "d3 c1"),
        ("fefo", 15, "b6 d3 a2 c4"),
        ("fefo", 10, "b6 d3 a1"),
        ("location_priority", 15, "c4 b6 a2 d3"),
        ("location_priority", 5, "c4 b1"),
        ("largest_first", 15, "b6 c4 d3 a2"),
        ("largest_first", 1, "b1"),
        ("fewest_lots", 1, "a1"),
        ("fewest_lots", 3, "d3"),
        ("fewest_lots", 4, "c4"),
        ("fewest_lots", 7, "b6 a1"),
        ("fewest_lots", 9, "b6 d3"),
        ("fewest_lots", 15, "b6 c4 d3 a2"),
        ("cheapest_first", 15, "b6 d3 a2 c4"),
        ("cheapest_first", 7, "b6 d1"),
    ] {
        let taken = shelf.picks(&mut shop, units, Some(strategy));
        assert_eq!(taken, expected, "{strategy} for {units}");
    }
    assert_eq!(shop.numbers(shelf.listing), (15, 0, 15));
    shop.verify();
}

#[test]
fn the_owners_row_is_the_default_and_the_argument_wins() {
    let mut shop = Shop::open();
    let shelf = Shelf::fill(&mut shop);
    let others = Shelf::fill(&mut shop);
    assert_eq!(shelf.picks(&mut shop, 3, None), "a2 b1", "fifo without one");
    for (strategy, expected) in [
        ("lifo", "d3"),
        ("cheapest_first", "b3"),
        ("fefo", "b3"),
        ("largest_first", "b3"),
        ("fewest_lots", "d3"),
        ("location_priority", "c3"),
        ("fifo", "a2 b1"),
    ] {
        shelf.owners_strategy(&mut shop, strategy, Some(vec![AREA18]));
        let taken = shelf.picks(&mut shop, 3, None);
        assert_eq!(taken, expected, "owner's strategy {strategy}");
        let taken = shelf.picks(&mut shop, 4, Some("lifo"));
        assert_eq!(taken, "d3 c1", "the argument wins over {strategy}");
    }
    shelf.owners_strategy(&mut shop, "lifo", None);
    assert_eq!(
        others.picks(&mut shop, 3, None),
        "a2 b1",
        "another owner's listing"
    );
    shop.verify();
}

#[test]
fn location_priority_uses_the_owners_list_or_is_fifo() {
    let mut shop = Shop::open();
    let shelf = Shelf::fill(&mut shop);
    let by_argument = |shop: &mut Shop| shelf.picks(shop, 15, Some("location_priority"));
    assert_eq!(by_argument(&mut shop), "a2 b6 c4 d3", "no row");
    shelf.owners_strategy(&mut shop, "lifo", None);
    assert_eq!(by_argument(&mut shop), "a2 b6 c4 d3", "no list");
    // A location twice counts where it stands first; one that nobody knows does no harm.
    let list = vec![UNSPECIFIED, Uuid::new_v4(), AREA18, UNSPECIFIED];
    shelf.owners_strategy(&mut shop, "lifo", Some(list));
    assert_eq!(by_argument(&mut shop), "d3 c4 a2 b6");
    shop.verify();
}

#[test]
fn a_location_filter_takes_only_there() {
    let mut shop = Shop::open();
    let shelf = Shelf::fill(&mut shop);
    let order = Uuid::new_v4();
    let sql = "SELECT lot_id, location_id, quantity, available
                 FROM allocate_stock($1, $2, $3, location_id => $4)";
    let rows = shop.rows(sql, &[&shelf.listing, &order, &5, &LORVILLE]);
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(row.get::<_, Uuid>(0), shelf.lots[1]);
    assert_eq!(row.get::<_, Uuid>(1), LORVILLE);
    assert_eq!((row.get::<_, i32>(2), row.get::<_, i32>(3)), (5, 10));
    let sql =
        "SELECT get_available_stock($1, $2), get_reserved_stock($1, $2), get_total_stock($1, $2)";
    let row = &shop.rows(sql, &[&shelf.listing, &LORVILLE])[0];
    let there: (i32, i32, i32) = (row.get(0), row.get(1), row.get(2));
    assert_eq!(there, (1, 5, 6));

    // The listing has enough, the place has not.
    let sql = "SELECT allocate_stock($1, $2, 2, location_id => $3)";
    let error = shop.error(sql, &[&shelf.listing, &order, &LORVILLE]);
    assert_eq!(error.name(), "insufficient_stock");
    assert_eq!(error.field("available"), 1);
    assert_eq!(error.field("location_id"), LORVILLE.to_string());
    shop.verify();
}

#[test]
fn an_expired_lot_is_never_taken_and_todays_is() {
    let mut shop = Shop::open();
    let listing = shop.listing();
    let sql = "SELECT receive_stock($1, $2, expires_on => CURRENT_DATE + $3::int, unit_cost => 1)";
    // The expired lot is the oldest, the largest and no dearer than the other.
    let _expired: Uuid = shop.value(sql, &[&listing, &9, &-1]);
    let today: Uuid = shop.value(sql, &[&listing, &5, &0]);
    assert_eq!(shop.numbers(listing), (14, 0, 14), "it counts all the same");
    for strategy in STRATEGIES {
        let order = Uuid::new_v4();
        let sql = "SELECT lot_id, quantity FROM allocate_stock($1, $2, 5, $3)";
        let rows = shop.rows(sql, &[&listing, &order, &strategy]);
        let picks: Vec<(Uuid, i32)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert_eq!(picks, [(today, 5)], "{strategy}");
        shop.rows("SELECT release_allocations($1)", &[&order]);

        let sql = "SELECT allocate_stock($1, $2, 6, $3)";
        let error = shop.error(sql, &[&listing, &order, &strategy]);
        assert_eq!(error.name(), "insufficient_stock", "{strategy}");
        assert_eq!(error.field("available"), 5, "{strategy}");
    }
    shop.verify();
}

#[test]
fn explain_says_what_allocate_then_takes_and_takes_nothing() {
    let mut shop = Shop::open();
    let shelf = Shelf::fill(&mut shop);
    shelf.owners_strategy(&mut shop, "lifo", Some(vec![AREA18, ORISON]));
    let strategies = STRATEGIES.map(Some).into_iter().chain([None]);
    for strategy in strategies {
        for units in [1, 2, 3, 4, 5, 7, 9, 14, 15] {
            let before = shop.everything();
            let explained = shelf.explained(&mut shop, units, strategy);
            assert_eq!(shop.everything(), before, "it takes nothing");
            let taken = shelf.picks(&mut shop, units, strategy);
            assert_eq!(explained, taken, "{strategy:?} for {units}");
        }
    }
    shop.verify();
}

#[test]
fn explain_gives_a_reason_for_every_lot() {
    let mut shop = Shop::open();
    let shelf = Shelf::fill(&mut shop);
    let [a, b, c, d] = shelf.lots[..] else {
        unreachable!("four lots")
    };
    let sql = "UPDATE stock_lots SET listed = false WHERE lot_id = $1";
    shop.rows(sql, &[&a]);
    let sql = "UPDATE stock_lots SET expires_on = CURRENT_DATE - 1 WHERE lot_id = $1";
    shop.rows(sql, &[&d]);
    let sql = "SELECT lot_id, location_id, free, take, reason FROM explain_allocation($1, 7)";
    let rows = shop.rows(sql, &[&shelf.listing]);
    let rows: Vec<(Uuid, Uuid, i32, i32, String)> = rows
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4)))
        .collect();
    let reason = |text: &str| text.to_owned();
    let expected = [
        (b, LORVILLE, 6, 6, reason("oldest first, takes 6 of 6")),
        (c, AREA18, 4, 1, reason("oldest first, takes 1 of 4")),
        (a, ORISON, 2, 0, reason("not listed")),
        (d, UNSPECIFIED, 3, 0, reason("expired")),
    ];
    assert_eq!(rows, expected);
    shop.verify();
}

/// allocate_stock may take 4 of these 10 units, even with partial => true; an explanation that says
/// 10 promises what a claim then refuses.
#[test]
fn explain_respects_safety_stock_as_a_claim_does() {
    let mut shop = Shop::open();
    let listing: Uuid = shop.value("SELECT register_listing(NULL, safety_stock => 6)", &[]);
    shop.receive(listing, 10);
    let order = Uuid::new_v4();
    let explained: i64 = shop.value(
        "SELECT sum(take) FROM explain_allocation($1, 10)",
        &[&listing],
    );
    let sql = "SELECT sum(quantity) FROM allocate_stock($1, $2, 10, partial => true)";
    let taken: i64 = shop.value(sql, &[&listing, &order]);
    assert_eq!(taken, 4);
    assert_eq!(explained, taken);
    shop.verify();
}
