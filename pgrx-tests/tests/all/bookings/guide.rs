//! The examples of the page about bookings.

use crate::attached::guide::assert_examples_answer;

#[test]
fn of_bookings() {
    assert_examples_answer(include_str!("../../../../docs/bookings.md"), 60);
}
