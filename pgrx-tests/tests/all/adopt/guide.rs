//! The examples of the page about moving in run as written.

use crate::attached::guide::assert_examples_answer;

#[test]
fn the_examples_answer_what_the_page_says() {
    assert_examples_answer(include_str!("../../../../docs/adopt.md"), 10);
}
