//! Quantities: decimal text to and from whole smallest units.
//!
//! A listing of scale 3 counts in thousandths, so that 12.345 is 12345 units. The conversion is exact
//! or refused: nothing is ever rounded.

use std::fmt;

use crate::echo::cut;

/// The largest scale: nine digits after the point, the most that an `integer` can hold in full.
pub const MAX_SCALE: u8 = 9;

/// Why a decimal can't be turned into units. The texts are cut at 80 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuantityError {
    /// The text isn't a plain decimal number; so are `NaN` and `Infinity`.
    NotANumber {
        /// The text.
        text: String,
    },
    /// The number has digits other than zero beyond the scale.
    TooFine {
        /// The number.
        text: String,
        /// The scale asked for.
        scale: u8,
    },
    /// The number of units doesn't fit in an `integer`.
    OutOfRange {
        /// The number.
        text: String,
    },
    /// The scale is above [`MAX_SCALE`].
    BadScale {
        /// The scale asked for.
        scale: u8,
    },
}

impl fmt::Display for QuantityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QuantityError::NotANumber { text } => write!(f, "{text:?} is not a quantity"),
            QuantityError::TooFine { text, scale } => {
                write!(f, "{text} has more than {scale} digits after the point")
            }
            QuantityError::OutOfRange { text } => {
                write!(f, "{text} is out of range for a quantity")
            }
            QuantityError::BadScale { scale } => {
                write!(f, "scale {scale} is not between 0 and {MAX_SCALE}")
            }
        }
    }
}

impl std::error::Error for QuantityError {}

/// The units of a decimal number: 12.345 at scale 3 is 12345.
///
/// Takes what PostgreSQL writes for a `numeric`: an optional sign, digits, an optional point with
/// digits. Digits on one side of the point suffice; there is no exponent and no white space. Zeros
/// beyond the scale are fine.
///
/// # Errors
///
/// In this order: [`QuantityError::BadScale`], [`QuantityError::NotANumber`],
/// [`QuantityError::TooFine`], [`QuantityError::OutOfRange`].
pub fn to_units(decimal: &str, scale: u8) -> Result<i32, QuantityError> {
    if scale > MAX_SCALE {
        return Err(QuantityError::BadScale { scale });
    }
    let (negative, unsigned) = match decimal.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, decimal.strip_prefix('+').unwrap_or(decimal)),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
        return Err(QuantityError::NotANumber { text: cut(decimal) });
    }

    let (kept, beyond) = fraction.split_at(fraction.len().min(usize::from(scale)));
    if beyond.bytes().any(|byte| byte != b'0') {
        return Err(QuantityError::TooFine {
            text: cut(decimal),
            scale,
        });
    }

    let padding = usize::from(scale) - kept.len();
    let digits = whole
        .bytes()
        .chain(kept.bytes())
        .chain(std::iter::repeat_n(b'0', padding));
    let mut units: i64 = 0;
    for digit in digits {
        units = units * 10 + i64::from(digit - b'0');
        // Checked at each digit, as the text may be of any length.
        if units > -i64::from(i32::MIN) {
            return Err(QuantityError::OutOfRange { text: cut(decimal) });
        }
    }
    let signed = if negative { -units } else { units };
    i32::try_from(signed).map_err(|_| QuantityError::OutOfRange { text: cut(decimal) })
}

/// The decimal number that `units` are at `scale`, with exactly `scale` digits after the point: 12345
/// at scale 3 is `12.345`. PostgreSQL reads it as a `numeric`.
pub fn from_units(units: i32, scale: u8) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let scale = usize::from(scale);
    let digits = format!("{:0>width$}", units.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_become_units() {
        assert_eq!(to_units("12.345", 3), Ok(12_345));
        assert_eq!(to_units("12.3", 3), Ok(12_300));
        assert_eq!(to_units("12", 3), Ok(12_000));
        assert_eq!(to_units("12.34500000000000000000", 3), Ok(12_345));
        assert_eq!(to_units("12.000", 0), Ok(12));
        assert_eq!(to_units("-0.005", 3), Ok(-5));
        assert_eq!(to_units("+.5", 1), Ok(5));
        assert_eq!(to_units("5.", 0), Ok(5));
        assert_eq!(to_units("-0", 9), Ok(0));
        assert_eq!(to_units(&format!("{}7", "0".repeat(500)), 0), Ok(7));
    }

    #[test]
    fn units_become_decimals() {
        assert_eq!(from_units(12_345, 3), "12.345");
        assert_eq!(from_units(-12_345, 3), "-12.345");
        assert_eq!(from_units(12, 0), "12");
        assert_eq!(from_units(5, 3), "0.005");
        assert_eq!(from_units(-5, 9), "-0.000000005");
        assert_eq!(from_units(0, 2), "0.00");
        assert_eq!(from_units(i32::MIN, 9), "-2.147483648");
    }

    #[test]
    fn digits_beyond_the_scale_are_too_fine() {
        for text in ["0.0001", "12.3451", "-12.3450000001"] {
            let error = to_units(text, 3).unwrap_err();
            assert_eq!(
                error,
                QuantityError::TooFine {
                    text: text.into(),
                    scale: 3
                }
            );
        }
    }

    #[test]
    fn the_range_is_that_of_an_integer() {
        assert_eq!(to_units("2147483647", 0), Ok(i32::MAX));
        assert_eq!(to_units("-2.147483648", 9), Ok(i32::MIN));
        let long = "9".repeat(500);
        for (text, scale) in [
            ("2147483648", 0),
            ("-2147483649", 0),
            ("3", 9),
            (long.as_str(), 0),
        ] {
            let error = to_units(text, scale).unwrap_err();
            assert_eq!(error, QuantityError::OutOfRange { text: cut(text) });
        }
    }

    #[test]
    fn anything_else_is_not_a_number() {
        for text in [
            "",
            "-",
            "+",
            ".",
            "-.",
            "NaN",
            "Infinity",
            "-Infinity",
            "1e3",
            "1,5",
            " 1",
            "1 ",
            "--1",
            "+-1",
            "1.2.3",
            "1.-2",
            "٣",
            "0x10",
            "1_000",
        ] {
            let error = to_units(text, 3).unwrap_err();
            assert_eq!(error, QuantityError::NotANumber { text: text.into() });
        }
    }

    #[test]
    fn a_scale_above_nine_is_refused() {
        assert_eq!(
            to_units("1", 10),
            Err(QuantityError::BadScale { scale: 10 })
        );
    }

    #[test]
    fn error_texts_are_short() {
        let error = to_units(&"x".repeat(10_000), 0).unwrap_err();
        assert!(error.to_string().len() < 120, "{error}");
    }
}
