//! What an import answers: how much was found and taken, and what is wrong.

/// One line of the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub kind: &'static str,
    pub name: Option<String>,
    pub found: Option<i64>,
    pub imported: Option<i64>,
    pub problem: Option<String>,
}

impl Line {
    pub fn of_counts(kind: &'static str, found: i64, imported: i64) -> Line {
        Line {
            kind,
            name: None,
            found: Some(found),
            imported: Some(imported),
            problem: None,
        }
    }
}

/// A line as SQL has it.
pub type Row = (
    String,
    Option<String>,
    Option<i64>,
    Option<i64>,
    Option<String>,
);

pub fn rows(lines: Vec<Line>) -> Vec<Row> {
    let row = |line: Line| {
        let kind = line.kind.to_owned();
        (kind, line.name, line.found, line.imported, line.problem)
    };
    lines.into_iter().map(row).collect()
}

/// Rows that cannot be taken over: how many, and the first of them.
#[derive(Debug, Default)]
pub struct Problems {
    pub count: i64,
    shown: Vec<Line>,
}

/// So many are named.
pub const SHOWN: usize = 20;

impl Problems {
    pub fn note(&mut self, kind: &'static str, key: &str, problem: String) {
        self.count += 1;
        if self.shown.len() < SHOWN {
            self.shown.push(Line {
                kind,
                name: Some(key.chars().take(200).collect()),
                found: None,
                imported: None,
                problem: Some(problem),
            });
        }
    }

    /// Some were noted, out of so many.
    pub fn count_rest(&mut self, rest: i64) {
        self.count += rest;
    }

    pub fn lines(&self) -> &[Line] {
        &self.shown
    }

    /// Key and problem of each, for an error.
    pub fn examples(&self) -> Vec<(String, String)> {
        let text = |line: &Line| {
            let key = line.name.clone().unwrap_or_default();
            let problem = line.problem.clone().unwrap_or_default();
            (format!("{} {key}", line.kind), problem)
        };
        self.shown.iter().map(text).collect()
    }
}
