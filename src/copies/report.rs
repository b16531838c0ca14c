//! What a call of collapse_children or expand_children answers, row by row.

use crate::error::{BadCopies, Error};

/// One row of the answer.
#[derive(Debug, Clone, Default)]
pub struct Line {
    pub kind: &'static str,
    pub item: Option<String>,
    pub copy: Option<String>,
    /// By the rows of the app's table.
    pub found: Option<i64>,
    /// By the stock.
    pub counted: Option<i64>,
    pub note: Option<String>,
}

/// The same as a function answers it.
type Row = (
    String,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<i64>,
    Option<String>,
);

/// Something that stands in the way.
pub struct Problem {
    pub what: String,
    /// How many rows have it.
    pub rows: i64,
    /// Item and copy of some.
    pub examples: Vec<(Option<String>, Option<String>)>,
}

/// Of each problem so many rows are named.
pub const EXAMPLES: usize = 20;

#[derive(Default)]
pub struct Report {
    lines: Vec<Line>,
    problems: Vec<BadCopies>,
}

impl Report {
    /// A total.
    pub fn total(&mut self, kind: &'static str, found: i64, counted: Option<i64>) {
        self.lines.push(Line {
            kind,
            found: Some(found),
            counted,
            ..Line::default()
        });
    }

    /// Something about a copy, or about its item.
    pub fn tell(
        &mut self,
        kind: &'static str,
        item: Option<String>,
        copy: Option<String>,
        note: String,
    ) {
        self.lines.push(Line {
            kind,
            item,
            copy,
            note: Some(note),
            ..Line::default()
        });
    }

    pub fn add(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// Notes a problem, if any row has it.
    pub fn problem(&mut self, problem: Problem) {
        if problem.rows > 0 {
            self.name_rows("problem", &problem);
            self.problems.push(BadCopies {
                problem: problem.what,
                rows: problem.rows,
                examples: problem
                    .examples
                    .into_iter()
                    .filter_map(|(item, copy)| copy.or(item))
                    .collect(),
            });
        }
    }

    /// Notes what stands in nobody's way, and should be known.
    pub fn remark(&mut self, remark: Problem) {
        self.name_rows("remark", &remark);
    }

    fn name_rows(&mut self, kind: &'static str, problem: &Problem) {
        for (item, copy) in &problem.examples {
            self.lines.push(Line {
                kind,
                item: item.clone(),
                copy: copy.clone(),
                found: Some(problem.rows).filter(|rows| *rows > 0),
                counted: None,
                note: Some(problem.what.clone()),
            });
        }
    }

    pub fn append(&mut self, other: Report) {
        self.lines.extend(other.lines);
    }

    /// An error that names the problems, if there are any.
    pub fn refuse_problems(&mut self, table: &str) -> Result<(), Error> {
        match std::mem::take(&mut self.problems) {
            problems if problems.is_empty() => Ok(()),
            problems => Err(Error::BadCopies {
                table: table.to_owned(),
                problems,
            }),
        }
    }

    pub fn rows(self) -> impl Iterator<Item = Row> {
        self.lines.into_iter().map(|line| {
            let kind = line.kind.to_owned();
            (
                kind,
                line.item,
                line.copy,
                line.found,
                line.counted,
                line.note,
            )
        })
    }
}
