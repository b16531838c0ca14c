//! The examples of a page: they run as written, in order, and answer what the comment behind a query
//! says.

use super::app::empty;

/// Statements with the answer that their page promises, if any.
fn examples(page: &str) -> Vec<(String, Option<String>)> {
    let mut examples = Vec::new();
    let blocks = page.split("```sql\n").skip(1);
    for block in blocks.filter_map(|text| text.split("```").next()) {
        let mut statement = String::new();
        for line in block.lines() {
            let (code, answer) = match line.split_once("  -- ") {
                Some((code, answer)) => (code, Some(answer.to_owned())),
                None => (line, None),
            };
            statement.push_str(code);
            statement.push('\n');
            if code.ends_with(';') {
                examples.push((std::mem::take(&mut statement), answer));
            }
        }
        assert_eq!(statement.trim(), "", "a block ends with a semicolon");
    }
    examples
}

/// Runs the examples of a page that has more than so many.
pub fn assert_examples_answer(page: &str, at_least: usize) {
    let (_db, mut sql) = empty();
    let examples = examples(page);
    assert!(examples.len() > at_least, "{} examples", examples.len());
    for (statement, answer) in examples {
        match answer {
            Some(answer) => assert_eq!(sql.rows(&statement).join("; "), answer, "{statement}"),
            None => sql.run(&statement),
        }
    }
    sql.assert_verified();
}

#[test]
fn of_attached_tables() {
    assert_examples_answer(include_str!("../../../../docs/attached-tables.md"), 15);
}
