//! The page of results: written by hand, but for the blocks between two marks, which are replaced.

use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

const PAGE: &str = "benchmarks.md";

/// Puts a block of that name into the page in this directory.
pub fn replace(directory: &Path, name: &str, text: &str) -> Result<()> {
    let path = directory.join(PAGE);
    if !path.exists() {
        // Elsewhere than in the docs the marks are all there is.
        fs::write(&path, "# Benchmarks\n")?;
    }
    let page = fs::read_to_string(&path)?;
    let page = replaced(&page, name, text).with_context(|| format!("in {}", path.display()))?;
    fs::write(&path, page)?;
    Ok(())
}

/// The page with the block in its place; a page without such a place gets it at its end.
fn replaced(page: &str, name: &str, text: &str) -> Result<String> {
    let (start, end) = (format!("<!-- {name} -->"), format!("<!-- /{name} -->"));
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
}
