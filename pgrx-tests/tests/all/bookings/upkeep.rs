//! verify_bookings finds every number that is wrong, and repair_bookings puts it right.

use super::shop::Desk;
use uuid::Uuid;

/// A vehicle of which one is held on the 2nd and 3rd, and two are booked on the 3rd; closed on the 5th.
fn desk() -> (Desk, Uuid, Uuid) {
    let mut desk = Desk::with("car", 3);
    let hold = desk.hold_days("car", "2 3", 1);
    let booking = desk.book_days("car", "3", 2, "1");
    desk.run("SELECT add_blackout('car', '2090-01-05', '2090-01-05')");
    desk.prove_bookings();
    (desk, hold, booking)
}

#[test]
fn each_wrong_number_is_told_and_repaired() {
    for (damage, told, repaired) in [
        (
            "UPDATE resource_capacity SET available_capacity = 1 WHERE date IN ('2090-01-01', '2090-01-02')",
            &[
                "date|car on 2090-01-01|available_capacity|1|3",
                "date|car on 2090-01-02|available_capacity|1|2",
            ][..],
            2,
        ),
        (
            "UPDATE resource_capacity SET max_capacity = 5 WHERE date = '2090-01-03'",
            &["date|car on 2090-01-03|available_capacity|0|2"],
            1,
        ),
        (
            "UPDATE resource_hold SET quantity = 2 WHERE status = 'ACTIVE'; UPDATE resource_allocation SET quantity = 1",
            &["date|car on 2090-01-02|available_capacity|2|1"],
            1,
        ),
        (
            "UPDATE resource_hold SET status = 'RELEASED'",
            &[
                "date|car on 2090-01-02|available_capacity|2|3",
                "date|car on 2090-01-03|available_capacity|0|1",
            ],
            2,
        ),
        (
            "UPDATE resource_allocation SET dates = '{2090-01-06}'",
            &[
                "date|car on 2090-01-03|available_capacity|0|2",
                "date|car on 2090-01-06|available_capacity|3|1",
            ],
            2,
        ),
        (
            "DELETE FROM resource_allocation; DELETE FROM resource_hold",
            &[
                "date|car on 2090-01-02|available_capacity|2|3",
                "date|car on 2090-01-03|available_capacity|0|3",
            ],
            2,
        ),
        (
            "UPDATE resource_capacity SET closures = 2 WHERE date = '2090-01-05'; UPDATE resource_capacity SET closures = 1 WHERE date = '2090-01-06'",
            &["date|car on 2090-01-05|closures|2|1", "date|car on 2090-01-06|closures|1|0"],
            2,
        ),
        (
            "DELETE FROM resource_blackout",
            &["date|car on 2090-01-05|closures|1|0"],
            1,
        ),
        (
            "UPDATE resource SET is_active = false; DELETE FROM resource_capacity WHERE date NOT BETWEEN '2090-01-04' AND '2090-01-05' AND date NOT BETWEEN '2090-01-02' AND '2090-01-03'",
            &[
                "date|car on 2090-01-02|closures|0|1",
                "date|car on 2090-01-03|closures|0|1",
                "date|car on 2090-01-04|closures|0|1",
                "date|car on 2090-01-05|closures|1|2",
            ],
            4,
        ),
        (
            "UPDATE resource_capacity SET listing_id = '$L' WHERE date = '2090-01-01'",
            &["date|car on 2090-01-01|listing_id|$L|NULL"],
            1,
        ),
    ] {
        let (mut desk, ..) = desk();
        let listing = desk.stocked(9);
        let fill_in = |text: &str| text.replace("$L", &listing.to_string());
        desk.unseen(&fill_in(damage));
        let told: Vec<String> = told.iter().map(|problem| fill_in(problem)).collect();
        let problems: Vec<String> = desk.texts("SELECT kind, key, problem, stored, actual FROM verify_bookings()");
        assert_eq!(problems, told, "{damage}");
        assert_eq!(desk.units("repair_bookings()"), repaired, "{damage}");
        desk.prove_bookings();
        assert_eq!(desk.units("repair_bookings()"), 0);
    }
}

/// What no rewriting of numbers puts right is told until somebody does.
#[test]
fn claims_that_cannot_be_are_told() {
    let (mut desk, hold, booking) = desk();
    desk.unseen("UPDATE resource_allocation SET dates = '{2090-01-03,2090-01-03}'; UPDATE resource_hold SET dates = '{2090-01-03,2090-01-02}' WHERE status = 'ACTIVE'");
    let mut told = vec![
        format!("claim|{booking}|dates|{{2090-01-03,2090-01-03}}|{{2090-01-03}}"),
        format!("claim|{hold}|dates|{{2090-01-03,2090-01-02}}|{{2090-01-02,2090-01-03}}"),
        "date|car on 2090-01-03|available_capacity|0|-2".to_owned(),
    ];
    told.sort();
    assert_eq!(desk.problems(), told);
    // As they are kept, they are right again.
    desk.unseen("UPDATE resource_allocation SET dates = '{2090-01-03}'; UPDATE resource_hold SET dates = '{2090-01-02,2090-01-03}' WHERE status = 'ACTIVE'");
    desk.prove_bookings();

    desk.unseen("UPDATE resource_allocation SET resource_id = 'gone'; UPDATE resource_hold SET resource_id = 'gone' WHERE status = 'RELEASED'");
    assert!(desk
        .problems()
        .contains(&format!("claim|{booking}|no resource|gone|NULL")));
    desk.unseen("DELETE FROM resource_allocation");
    assert_eq!(desk.units("repair_bookings()"), 1);
    desk.prove_bookings();
}

#[test]
fn a_claim_of_a_date_that_is_not_open_is_told() {
    let (mut desk, ..) = desk();
    desk.unseen("DELETE FROM resource_capacity WHERE date = '2090-01-03'");
    assert_eq!(
        desk.texts("SELECT kind, key, problem FROM verify_bookings()"),
        ["date|car on 2090-01-03|booked but not open"]
    );
    // Opening it counts them.
    desk.run("SELECT open_capacity('car', '2090-01-03', '2090-01-03', 3)");
    assert_eq!(desk.left("car"), "3 2 0 3 3 3 3");
    desk.prove_bookings();
}

#[test]
fn a_date_of_another_tenant_is_told_by_that_tenant() {
    let (mut desk, ..) = desk();
    let other = Uuid::from_u128(7);
    desk.unseen(&format!(
        "UPDATE resource_capacity SET tenant_id = '{other}' WHERE date = '2090-01-01'"
    ));
    desk.run(&format!("SET stockroom.tenant_id = '{other}'"));
    assert_eq!(
        desk.problems(),
        [
            "date|car on 2090-01-01|no resource|car|NULL".to_owned(),
            format!("date|car on 2090-01-01|tenant_id|{other}|{}", Uuid::nil()),
        ]
    );
}

/// More booked than there is, is for people to solve: the repair counts it, and its commit names the claims.
#[test]
fn what_is_booked_twice_over_is_repaired_together_with_its_cause() {
    let (mut desk, hold, booking) = desk();
    desk.unseen("UPDATE resource_allocation SET quantity = 3");
    assert_eq!(
        desk.problems(),
        ["date|car on 2090-01-03|available_capacity|0|-1"]
    );
    let error = desk.error("SELECT repair_bookings()", &[]);
    assert_eq!(
        (
            error.name().as_str(),
            error.field("over_by"),
            error.field("holds"),
            error.field("allocations")
        ),
        (
            "insufficient_capacity",
            1.into(),
            serde_json::json!([hold]),
            serde_json::json!([booking])
        )
    );
    desk.unseen("UPDATE resource_capacity SET available_capacity = -1 WHERE date = '2090-01-03'");
    assert_eq!(
        desk.problems(),
        ["date|car on 2090-01-03|overbooked|-1|NULL"]
    );
    desk.unseen("UPDATE resource_capacity SET available_capacity = 3");
    desk.run(&format!(
        "BEGIN; SELECT repair_bookings(); SELECT release_resource_hold('{hold}'); COMMIT"
    ));
    assert_eq!(desk.left("car"), "3 3 0 3 3 3 3");
    desk.prove_bookings();
}

/// A repair counts what has expired until it is swept, as the numbers do.
#[test]
fn a_repair_ends_no_holds() {
    let (mut desk, ..) = desk();
    let dead = desk.expired_days("car", "1", 2);
    desk.unseen("UPDATE resource_capacity SET available_capacity = 2 WHERE date = '2090-01-01'");
    assert_eq!(desk.units("repair_bookings()"), 1);
    assert_eq!(desk.row_status(dead), "ACTIVE");
    assert_eq!(desk.left("car"), "1 2 0 3 3 3 3");
    desk.prove_bookings();
}

#[test]
fn what_is_booked_of_a_listing_is_told_and_repaired() {
    let mut desk = Desk::open();
    let listing = desk.stocked(9);
    desk.backed("car", listing, 9);
    desk.backed("bus", listing, 9);
    desk.hold_days("car", "2 3", 4);
    desk.book_days("bus", "3 4", 2, "1");
    let booked = "SELECT quantity_booked FROM stock_listings";
    assert_eq!(desk.text(booked), "6");
    desk.prove_bookings();
    desk.unseen("UPDATE stock_listings SET quantity_booked = 5");
    assert_eq!(
        desk.problems(),
        [format!("listing|{listing}|quantity_booked is too low|5|6")]
    );
    assert_eq!(desk.units("repair_bookings()"), 1);
    assert_eq!(desk.text(booked), "6");
    // Too high is allowed, and put right too.
    desk.unseen("UPDATE stock_listings SET quantity_booked = 8");
    assert_eq!(desk.problems(), [""; 0]);
    assert_eq!(desk.units("repair_bookings()"), 1);
    assert_eq!(desk.text(booked), "6");
    desk.run("SELECT cancel_resource_allocation(id) FROM resource_allocation; SELECT release_resource_hold(id) FROM resource_hold WHERE status = 'ACTIVE'");
    assert_eq!(desk.text(booked), "0");
    desk.prove_bookings();
}

#[test]
fn something_to_try_is_made_once_a_day() {
    let mut desk = Desk::open();
    let seed = "SELECT * FROM seed_bookings()";
    assert_eq!(
        desk.texts(seed),
        [
            "demo_vehicle_1|4WD Cruiser|90",
            "demo_vehicle_2|City Hatch|90",
            "demo_vehicle_3|Camper|90"
        ]
    );
    let made = "SELECT r.id, type, r.name, timezone, metadata, min(max_capacity), max(max_capacity), count(*),
                       min(date) >= resource_today(r.id) - 1, max(date) - min(date)
                  FROM resource r JOIN resource_capacity c ON c.resource_id = r.id GROUP BY r.id ORDER BY 1";
    let rows = [
        "demo_vehicle_1|VEHICLE|4WD Cruiser|Australia/Brisbane|{\"demo\": true}|5|5|90|t|89",
        "demo_vehicle_2|VEHICLE|City Hatch|America/New_York|{\"demo\": true}|3|3|90|t|89",
        "demo_vehicle_3|VEHICLE|Camper|Europe/Berlin|{\"demo\": true}|1|1|90|t|89",
    ];
    assert_eq!(desk.texts(made), rows);
    // On the same day nothing is new; where midnight has passed meanwhile, one date is.
    let opened: Vec<i32> = desk
        .rows("SELECT opened FROM seed_bookings()", &[])
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert!(
        opened.iter().all(|dates| (0..=1).contains(dates)),
        "{opened:?}"
    );
    assert_eq!(desk.text("SELECT count(*) FROM resource"), "3");
    desk.prove_bookings();
    // Another tenant has its own.
    desk.run("SET stockroom.tenant_id = '00000000-0000-0000-0000-00000000000a'");
    let keys = desk.texts("SELECT resource_id FROM seed_bookings()");
    assert_eq!(keys[0], "demo_vehicle_1_0000000000000000000000000000000a");
    desk.prove_bookings();
}
