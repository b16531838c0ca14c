//! Pieces of the caller's input as they may stand in an error text: short, and on one line.

/// The longest piece of input, in characters, that an error text repeats.
pub(crate) const MAX_ECHO: usize = 80;

/// `text`, or its first [`MAX_ECHO`] characters followed by `…` where it is longer.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_ECHO) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_text_stays_and_long_text_is_cut_between_characters() {
        assert_eq!(cut("qty"), "qty");
        assert_eq!(cut(&"é".repeat(80)), "é".repeat(80));
        assert_eq!(cut(&"é".repeat(81)), format!("{}…", "é".repeat(80)));
    }
}
