//! The page of results: written by hand, but for the blocks between two marks, which are replaced.

use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

const PAGE: &str = "benchmarks.md";

/// How a table of targets begins.
pub const TARGETS_HEAD: &str = "| target | goal | median | from – to | |\n|---|---|---:|---:|---|";

/// Puts a block of that name into the page in this directory.
pub fn replace(directory: &Path, name: &str, text: &str) -> Result<()> {
    change(directory, |page| replaced(page, name, text))
}

/// Puts the targets of all of these blocks into one, whenever they were measured.
pub fn summarise<'a>(
    directory: &Path,
    name: &str,
    blocks: impl Iterator<Item = &'a str>,
) -> Result<()> {
    change(directory, |page| {
        let rows: String = blocks.map(|block| targets_of(page, block)).collect();
        replaced(page, name, &format!("{TARGETS_HEAD}\n{rows}"))
    })
}

fn change(directory: &Path, change: impl FnOnce(&str) -> Result<String>) -> Result<()> {
    let path = directory.join(PAGE);
    // Elsewhere than in the docs the blocks are all there is.
    let page = if path.exists() {
        fs::read_to_string(&path)?
    } else {
        "# Benchmarks\n".to_owned()
    };
    let page = change(&page).with_context(|| format!("in {}", path.display()))?;
    fs::write(&path, page)?;
    Ok(())
}

fn marks(name: &str) -> (String, String) {
    (format!("<!-- {name} -->"), format!("<!-- /{name} -->"))
}

/// The rows of a block's table of targets; none where it was never measured.
fn targets_of(page: &str, name: &str) -> String {
    let (start, end) = marks(name);
    let block = page
        .split_once(&start)
        .and_then(|(_, rest)| rest.split_once(&end));
    let table = block.and_then(|(block, _)| block.split_once(TARGETS_HEAD));
    table.map_or(String::new(), |(_, rows)| {
        let rows = rows
            .trim_start()
            .lines()
            .take_while(|line| line.starts_with('|'));
        rows.map(|row| format!("{row}\n")).collect()
    })
}

/// The page with the block in its place; a page without such a place gets it at its end.
fn replaced(page: &str, name: &str, text: &str) -> Result<String> {
    let (start, end) = marks(name);
    let block = format!("{start}\n{}\n{end}", text.trim_end());
    match page.split_once(&start) {
        None => Ok(format!("{}\n\n{block}\n", page.trim_end())),
        Some((before, rest)) => {
            let (_, after) = rest
                .split_once(&end)
                .with_context(|| format!("{start} has no {end}"))?;
            Ok(format!("{before}{block}{after}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_between_the_marks_is_replaced() {
        let page = "a\n<!-- hot -->\nold\n<!-- /hot -->\nb\n";
        let new = replaced(page, "hot", "new\n").unwrap();
        assert_eq!(new, "a\n<!-- hot -->\nnew\n<!-- /hot -->\nb\n");
        assert_eq!(replaced(&new, "hot", "new\n").unwrap(), new);
        let longer = replaced(&new, "read", "x").unwrap();
        assert!(longer.ends_with("b\n\n<!-- read -->\nx\n<!-- /read -->\n"));
        assert!(replaced("<!-- hot -->", "hot", "x").is_err());
    }

    #[test]
    fn the_targets_of_a_block_are_its_tables_rows() {
        let page = format!(
            "<!-- hot -->\n| arm |\n|---|\n| a |\n\n{TARGETS_HEAD}\n| t | 1 |\n| u | 2 |\n\n| x |\n<!-- /hot -->"
        );
        assert_eq!(targets_of(&page, "hot"), "| t | 1 |\n| u | 2 |\n");
        assert_eq!(targets_of(&page, "read"), "");
    }
}
