//! Results as psql would print them, for looking at.

use postgres::{Client, SimpleQueryMessage};

/// The rows of a query as text, values parted by `|`; it must succeed.
#[track_caller]
pub fn texts(client: &mut Client, query: &str) -> Vec<String> {
    let messages = match client.simple_query(query) {
        Ok(messages) => messages,
        Err(error) => panic!("should succeed: {query}\n{error:?}"),
    };
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            let values = (0..row.len()).map(|at| row.get(at).unwrap_or("NULL"));
            Some(values.collect::<Vec<_>>().join("|"))
        }
        _ => None,
    });
    rows.collect()
}

/// The only row of a query as text.
#[track_caller]
pub fn text(client: &mut Client, query: &str) -> String {
    let mut rows = texts(client, query);
    assert_eq!(rows.len(), 1, "{query}: {rows:?}");
    rows.remove(0)
}
