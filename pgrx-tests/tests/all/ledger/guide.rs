//! The examples of the page about the ledger run as written, in order, and answer what it says.

use crate::attached::guide::assert_examples_answer;

#[test]
fn the_examples_answer_what_the_page_says() {
    assert_examples_answer(include_str!("../../../../docs/ledger.md"), 5);
}
