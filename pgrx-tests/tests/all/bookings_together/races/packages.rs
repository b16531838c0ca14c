//! Packages: several resources at once, all or none.

use super::race::{booked, race_three, race_two, winners, ENDED, SHORT};
use super::stage::{Stage, DAYS};
use stockroom_tests::Run;

fn units(sql: &mut crate::second_door::shop::Sql, stage: &Stage) -> (i32, i32) {
    (
        booked(sql, &stage.resource, DAYS[2]),
        booked(sql, &stage.other, DAYS[2]),
    )
}

#[test]
fn two_packages_with_the_same_resources_in_opposite_order() {
    for (capacity, refusals) in [(1, &[SHORT] as &[&str]), (2, &[])] {
        race_two(
            |client| {
                let stage = Stage::open(client, capacity);
                let (first, other) = (stage.resource.as_str(), stage.other.as_str());
                let statements = [
                    stage.hold_both(&[(first, &[1, 2]), (other, &[2, 3])]),
                    stage.hold_both(&[(other, &[3, 2]), (first, &[2, 1])]),
                ];
                (stage, statements)
            },
            refusals,
            |sql, stage, run| {
                let won = winners(run).len() as i32;
                assert!(won >= 1 && won <= capacity);
                assert_eq!(units(sql, stage), (won, won));
            },
        );
    }
}

#[test]
fn a_package_against_single_holds_of_its_parts() {
    race_three(
        |client| {
            let stage = Stage::open(client, 1);
            let (first, other) = (stage.resource.as_str(), stage.other.as_str());
            let statements = [
                stage.hold_both(&[(other, &[2]), (first, &[2])]),
                stage.hold_first(&[2], 1),
                stage.hold_other(&[2], 1),
            ];
            (stage, statements)
        },
        &[SHORT],
        |sql, stage, run| {
            let won = winners(run);
            let package = i32::from(won.contains(&"a"));
            assert!(!won.is_empty());
            assert_eq!(
                units(sql, stage),
                (
                    package + i32::from(won.contains(&"b")),
                    package + i32::from(won.contains(&"c"))
                )
            );
        },
    );
}

/// All of its holds are confirmed, or all are released.
#[test]
fn a_package_ends_as_a_whole() {
    type End = fn(&str, &Stage) -> String;
    let confirm: End = |package, stage| {
        let order = stage.order;
        format!("SELECT allocation_id FROM confirm_package('{package}', '{order}', 'trip')")
    };
    let release: End = |package, _| format!("SELECT release_package('{package}')");
    let confirm_one: End = |package, _| {
        format!("SELECT confirm_resource_hold((SELECT max(id::text)::uuid FROM resource_hold WHERE package_id = '{package}'), 'alone', gen_random_uuid()::text)")
    };
    let check = |sql: &mut crate::second_door::shop::Sql, stage: &Stage, run: &Run| {
        assert_eq!(winners(run).len(), 1);
        let statuses = sql.rows(&format!(
            "SELECT status, count(*) FROM resource_hold WHERE resource_id IN ('{}', '{}') GROUP BY 1",
            stage.resource, stage.other
        ));
        let alone = sql.row(&format!(
            "SELECT count(*) FROM resource_allocation WHERE order_id = 'alone' AND resource_id IN ('{}', '{}')",
            stage.resource, stage.other
        ));
        if alone == "0" {
            assert_eq!(statuses.len(), 1, "{statuses:?}");
        }
    };
    for (one, other) in [
        (confirm, release),
        (confirm, confirm),
        (release, release),
        (confirm, confirm_one),
        (release, confirm_one),
    ] {
        race_two(
            |client| {
                let stage = Stage::open(client, 1);
                let lines = stage.hold_both(&[(&stage.other, &[2]), (&stage.resource, &[1, 2])]);
                let package: uuid::Uuid = client.query(&lines, &[]).unwrap()[0].get(0);
                let package = package.to_string();
                let statements = [one(&package, &stage), other(&package, &stage)];
                (stage, statements)
            },
            &[ENDED],
            check,
        );
    }
}
