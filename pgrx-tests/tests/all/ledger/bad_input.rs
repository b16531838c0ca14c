//! Arguments that cannot be.

use crate::api::shop::Shop;

#[test]
fn bad_arguments_are_named() {
    let mut shop = Shop::open();
    let listing = shop.stocked(5);
    shop.run("CREATE TABLE public.old (LIKE stock_movements)");
    for (call, argument) in [
        ("stock_at(NULL, now())".to_owned(), "listing_id"),
        (format!("stock_at('{listing}', NULL)"), "at"),
        (format!("stock_at('{listing}', now(), by => NULL)"), "by"),
        (
            format!("stock_at('{listing}', now(), by => 'Recorded')"),
            "by",
        ),
        ("stock_history(NULL)".to_owned(), "listing_id"),
        (
            format!("stock_history('{listing}', max_lines => 0)"),
            "max_lines",
        ),
        (
            format!("stock_history('{listing}', max_lines => NULL)"),
            "max_lines",
        ),
        ("stock_events(max_events => -1)".to_owned(), "max_events"),
        ("stock_events(NULL, NULL)".to_owned(), "max_events"),
        ("stock_value(method => 'lifo')".to_owned(), "method"),
        ("stock_value(method => NULL)".to_owned(), "method"),
        ("archive_movements(NULL, 'public.old')".to_owned(), "before"),
        ("archive_movements(now(), NULL)".to_owned(), "into_table"),
        (
            "archive_movements(now(), 'public.old', 0)".to_owned(),
            "batch",
        ),
        (
            "archive_movements(now(), 'public.old', 100001)".to_owned(),
            "batch",
        ),
        (
            "archive_movements(now(), 'public.old', NULL)".to_owned(),
            "batch",
        ),
        ("verify_archive(NULL)".to_owned(), "archive"),
    ] {
        let error = shop.error(&format!("SELECT {call}"), &[]);
        assert_eq!(
            (error.name().as_str(), error.sqlstate.as_str()),
            ("bad_argument", "22023"),
            "{call}"
        );
        assert_eq!(error.field("argument"), argument, "{call}");
    }
    shop.verify();
}

#[test]
fn unknown_listings_are_not_found() {
    let mut shop = Shop::open();
    shop.stocked(5);
    let unknown = "f0000000-0000-4000-8000-00000000000f";
    for call in [
        format!("stock_at('{unknown}', now())"),
        format!("stock_at('{unknown}', now(), '{unknown}', 'effective')"),
        format!("stock_history('{unknown}')"),
        format!("stock_value(NULL, 'fifo', '{unknown}')"),
        format!("stock_value(now(), 'average', '{unknown}')"),
    ] {
        let error = shop.error(&format!("SELECT {call}"), &[]);
        assert_eq!(error.name(), "listing_not_found", "{call}");
    }
    shop.verify();
}
