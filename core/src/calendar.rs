//! Calendar dates: the dates of a booking, ranges of them, and how they are written.
//!
//! A date is a day's number, counted from 2000-01-01 as PostgreSQL does, in the Gregorian calendar; which
//! day is today is for the caller to know.

use std::fmt;

/// Most dates of one booking: a leap year's.
pub const MOST_DATES: usize = 366;

/// Most dates that are opened or looked at in one call: ten years and some days.
pub const MOST_RANGE: usize = 3660;

/// Days from 0000-03-01 to 2000-01-01, and in 400 years.
const TO_2000: i64 = 730_425;
const CYCLE: i64 = 146_097;

/// A calendar date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

/// Why dates can't be booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatesError {
    /// There are none.
    Empty,
    /// There are more than [`MOST_DATES`].
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// One of them is NULL.
    Null,
    /// One of them is `infinity`, or beyond year 9999.
    NotADate,
    /// One is there twice.
    Twice {
        /// The first such.
        day: Day,
    },
}

impl fmt::Display for DatesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DatesError::Empty => write!(f, "must have a date"),
            DatesError::TooMany { count } => {
                write!(f, "must have at most {MOST_DATES} dates, not {count}")
            }
            DatesError::Null => write!(f, "must not have a NULL"),
            DatesError::NotADate => write!(f, "must have dates between 0001-01-01 and 9999-12-31"),
            DatesError::Twice { day } => write!(f, "has {day} twice"),
        }
    }
}

impl std::error::Error for DatesError {}

impl Day {
    /// The day of a year, month and day of the month; `None` where the calendar has none, or the year is
    /// not 1 to 9999.
    pub fn of(year: i32, month: u32, day: u32) -> Option<Day> {
        if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || day < 1 {
            return None;
        }
        // Years that begin in March, so that the leap day is the last of one: Howard Hinnant,
        // "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
        let year_of_march = i64::from(year) - i64::from(month <= 2);
        let month_of_march = (i64::from(month) + 9) % 12;
        let day_of_year = (153 * month_of_march + 2) / 5 + i64::from(day) - 1;
        let leap_days = year_of_march / 4 - year_of_march / 100 + year_of_march / 400;
        let days = year_of_march * 365 + leap_days + day_of_year - TO_2000;
        let found = Day(days as i32);
        // A day that the month doesn't have is one of the next.
        (found.civil() == (i64::from(year), month, day)).then_some(found)
    }

    /// Year, month and day of the month.
    fn civil(self) -> (i64, u32, u32) {
        // As above, civil_from_days.
        let days = i64::from(self.0) + TO_2000;
        let cycle = days.div_euclid(CYCLE);
        let day_of_cycle = days.rem_euclid(CYCLE);
        let year_of_cycle = (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36_524
            - day_of_cycle / 146_096)
            / 365;
        let day_of_year =
            day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
        let month_of_march = (5 * day_of_year + 2) / 153;
        let day = (day_of_year - (153 * month_of_march + 2) / 5 + 1) as u32;
        let month = ((month_of_march + 2) % 12 + 1) as u32;
        (
            year_of_cycle + cycle * 400 + i64::from(month <= 2),
            month,
            day,
        )
    }

    /// A date as `2026-12-24`; `None` for any other text.
    pub fn parse(text: &str) -> Option<Day> {
        let mut parts = text.split('-');
        let mut part = |length: usize| {
            let part = parts.next()?;
            let is_number = part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| part.parse::<u32>().ok()).flatten()
        };
        let (year, month, day) = (part(4)?, part(2)?, part(2)?);
        parts
            .next()
            .is_none()
            .then(|| Day::of(year as i32, month, day))?
    }

    /// Monday is 1, Sunday is 7, as in ISO 8601.
    pub fn weekday(self) -> i32 {
        // 2000-01-01 was a Saturday.
        (self.0 + 5).rem_euclid(7) + 1
    }

    /// Whether the year is one that dates are written with.
    pub fn is_usable(self) -> bool {
        (1..=9999).contains(&self.civil().0)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// The dates of a booking, as it has them: ascending, each once.
///
/// # Errors
///
/// A [`DatesError`] for what can't be booked.
pub fn dates_of_booking(
    dates: impl IntoIterator<Item = Option<Day>>,
) -> Result<Vec<Day>, DatesError> {
    let dates: Option<Vec<Day>> = dates.into_iter().collect();
    let mut dates = dates.ok_or(DatesError::Null)?;
    match dates.len() {
        0 => return Err(DatesError::Empty),
        count if count > MOST_DATES => return Err(DatesError::TooMany { count }),
        _ => {}
    }
    if !dates.iter().all(|day| day.is_usable()) {
        return Err(DatesError::NotADate);
    }
    dates.sort_unstable();
    match dates.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(DatesError::Twice { day: pair[0] }),
        None => Ok(dates),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap_or_else(|| panic!("{text} is a date"))
    }

    #[test]
    fn days_are_counted_from_the_year_2000() {
        assert_eq!(day("2000-01-01"), Day(0));
        assert_eq!(day("1999-12-31"), Day(-1));
        assert_eq!(day("2000-02-29"), Day(59));
        assert_eq!(day("2000-03-01"), Day(60));
        assert_eq!(day("2026-12-24"), Day(9_854));
    }

    #[test]
    fn every_day_of_eight_centuries_is_written_and_read() {
        let (first, last) = (day("1600-01-01"), day("2400-12-31"));
        let mut before: Option<(i64, u32, u32)> = None;
        for number in first.0..=last.0 {
            let one = Day(number);
            assert_eq!(Day::parse(&one.to_string()), Some(one));
            let now = one.civil();
            if let Some((year, month, of_month)) = before {
                let is_next = now == (year, month, of_month + 1)
                    || now == (year, month + 1, 1)
                    || now == (year + 1, 1, 1);
                assert!(is_next, "{one} follows");
            }
            before = Some(now);
        }
        assert_eq!(last.0 - first.0 + 1, 2 * 146_097 + 366);
    }

    #[test]
    fn the_calendar_has_leap_days_where_it_has_them() {
        for leap in ["2024-02-29", "2028-02-29", "2000-02-29", "2400-02-29"] {
            assert!(Day::parse(leap).is_some(), "{leap}");
        }
        for none in [
            "2026-02-29",
            "2100-02-29",
            "2026-02-30",
            "2026-04-31",
            "2026-13-01",
            "2026-00-01",
            "2026-01-00",
            "2026-01-32",
            "0000-01-01",
        ] {
            assert_eq!(Day::parse(none), None, "{none}");
        }
    }

    #[test]
    fn only_iso_dates_are_read() {
        for text in [
            "",
            "2026-1-01",
            "26-01-01",
            "2026-01-01 ",
            "2026-01-01T00:00",
            "2026-01-01-01",
            "20260101",
            "+026-01-01",
            "today",
            "infinity",
        ] {
            assert_eq!(Day::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn weeks_begin_on_monday() {
        assert_eq!(day("2026-12-21").weekday(), 1);
        assert_eq!(day("2026-12-27").weekday(), 7);
        assert_eq!(day("2000-01-01").weekday(), 6);
        assert_eq!(day("1969-07-20").weekday(), 7);
    }

    #[test]
    fn the_dates_of_a_booking_are_sorted() {
        let dates = ["2027-01-01", "2026-12-31", "2028-02-29"].map(|text| Some(day(text)));
        let sorted = dates_of_booking(dates).unwrap();
        let texts: Vec<String> = sorted.iter().map(Day::to_string).collect();
        assert_eq!(texts, ["2026-12-31", "2027-01-01", "2028-02-29"]);
    }

    #[test]
    fn what_cannot_be_booked_is_named() {
        let error = |dates: Vec<Option<Day>>| dates_of_booking(dates).unwrap_err().to_string();
        assert_eq!(error(vec![]), "must have a date");
        assert_eq!(error(vec![None]), "must not have a NULL");
        let twice = Some(day("2026-12-24"));
        assert_eq!(
            error(vec![twice, Some(Day(0)), twice]),
            "has 2026-12-24 twice"
        );
        let many = (0..400).map(|number| Some(Day(number))).collect();
        assert_eq!(error(many), "must have at most 366 dates, not 400");
        assert_eq!(
            error(vec![Some(Day(i32::MAX))]),
            "must have dates between 0001-01-01 and 9999-12-31"
        );
        let most = (0..366).map(|number| Some(Day(number)));
        assert_eq!(dates_of_booking(most).unwrap().len(), 366);
    }
}
