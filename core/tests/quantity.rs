//! Properties of quantities: conversion is exact in both directions.

use proptest::prelude::*;
use stockroom_core::quantity::{from_units, to_units, QuantityError, MAX_SCALE};

proptest! {
    #[test]
    fn units_come_back_as_themselves(units: i32, scale in 0..=MAX_SCALE) {
        prop_assert_eq!(to_units(&from_units(units, scale), scale), Ok(units));
    }

    #[test]
    fn zeros_at_either_end_change_nothing(
        units in 0..=i32::MAX, scale in 0..=MAX_SCALE, leading in 0..30usize, trailing in 0..30usize,
    ) {
        let decimal = from_units(units, scale);
        let point = if scale == 0 { "." } else { "" };
        let longer = format!("{}{decimal}{point}{}", "0".repeat(leading), "0".repeat(trailing));
        prop_assert_eq!(to_units(&longer, scale), Ok(units));
    }

    #[test]
    fn a_digit_beyond_the_scale_is_too_fine(
        units: i32, scale in 0..=MAX_SCALE, zeros in 0..20usize, digit in 1..=9,
    ) {
        let point = if scale == 0 { "." } else { "" };
        let decimal = format!("{}{point}{}{digit}", from_units(units, scale), "0".repeat(zeros));
        let refused = matches!(to_units(&decimal, scale), Err(QuantityError::TooFine { .. }));
        prop_assert!(refused);
    }

    #[test]
    fn whole_numbers_agree_with_wide_arithmetic(whole in -5_000_000_000i64..5_000_000_000, scale in 0..=MAX_SCALE) {
        let units = i128::from(whole) * 10i128.pow(u32::from(scale));
        let answer = to_units(&whole.to_string(), scale);
        match i32::try_from(units) {
            Ok(units) => prop_assert_eq!(answer, Ok(units)),
            Err(_) => {
                let refused = matches!(answer, Err(QuantityError::OutOfRange { .. }));
                prop_assert!(refused);
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}", scale: u8) {
        if let Err(error) = to_units(&text, scale) {
            prop_assert!(error.to_string().chars().count() < 80 * 10 + 100);
        }
    }

    #[test]
    fn text_like_a_number_is_read_as_the_number(text in "[+-]?[0-9]{0,12}\\.?[0-9]{0,12}", scale in 0..=MAX_SCALE) {
        if let Ok(units) = to_units(&text, scale) {
            let number: f64 = text.parse().unwrap();
            let expected = number * 10f64.powi(i32::from(scale));
            prop_assert!((expected - f64::from(units)).abs() < 0.01, "{text} at {scale}: {units}");
        }
    }
}
