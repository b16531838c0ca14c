//! Medians, spreads and percentiles.

/// Median, smallest and largest of some numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

impl Spread {
    /// Of at least one number.
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Spread {
        let mut numbers: Vec<f64> = numbers.into_iter().collect();
        numbers.sort_by(f64::total_cmp);
        let middle = numbers.len() / 2;
        let median = if numbers.len().is_multiple_of(2) {
            (numbers[middle - 1] + numbers[middle]) / 2.0
        } else {
            numbers[middle]
        };
        Spread {
            median,
            low: numbers[0],
            high: numbers[numbers.len() - 1],
        }
    }
}

/// Percentiles of latencies, in milliseconds; none where none were noted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Latencies {
    pub p50: Option<f64>,
    pub p99: Option<f64>,
}

impl Latencies {
    /// Of latencies in microseconds.
    pub fn of(mut microseconds: Vec<u32>) -> Latencies {
        microseconds.sort_unstable();
        Latencies {
            p50: percentile(&microseconds, 0.50),
            p99: percentile(&microseconds, 0.99),
        }
    }
}

/// The smallest number that at least this share of the sorted ones doesn't exceed.
fn percentile(sorted: &[u32], share: f64) -> Option<f64> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    let at = rank.max(1) - 1;
    sorted.get(at).map(|&us| f64::from(us) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_lies_between_the_middle_two() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0]);
        let (median, low, high) = (2.5, 1.0, 4.0);
        assert_eq!(spread, Spread { median, low, high });
        assert_eq!(Spread::of([7.0, 5.0, 6.0]).median, 6.0);
    }

    #[test]
    fn percentiles_are_by_rank() {
        let latencies = Latencies::of((1..=1000).rev().collect());
        let (p50, p99) = (Some(0.5), Some(0.99));
        assert_eq!(latencies, Latencies { p50, p99 });
        assert_eq!(Latencies::of(vec![]), Latencies::default());
        assert_eq!(Latencies::of(vec![7]).p99, Some(0.007));
    }
}
