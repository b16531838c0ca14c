//! The examples of the page about lending.

use crate::attached::guide::assert_examples_answer;

#[test]
fn of_lending() {
    assert_examples_answer(include_str!("../../../../docs/lending.md"), 15);
}
