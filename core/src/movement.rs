//! Lines of the ledger: their types, their numbers and their keys.

use uuid::Uuid;

/// What a line says has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MovementType {
    /// Goods came in.
    Receive,
    /// Somebody set a number right.
    Adjust,
    /// A stocktake found another number.
    Count,
    /// Goods came from another lot or place.
    TransferIn,
    /// Goods went to another lot or place.
    TransferOut,
    /// Goods left for an order.
    Fulfill,
    /// Goods were lost.
    Loss,
    /// Goods came back.
    Return,
    /// Goods were there before the ledger.
    Import,
    /// The lot's condition or cost changed; no unit moved.
    Condition,
    /// A counter-entry to lines that were wrong.
    Correction,
}

impl MovementType {
    /// Every type.
    pub const ALL: [MovementType; 11] = [
        MovementType::Receive,
        MovementType::Adjust,
        MovementType::Count,
        MovementType::TransferIn,
        MovementType::TransferOut,
        MovementType::Fulfill,
        MovementType::Loss,
        MovementType::Return,
        MovementType::Import,
        MovementType::Condition,
        MovementType::Correction,
    ];

    /// As the table has it.
    pub fn name(self) -> &'static str {
        match self {
            MovementType::Receive => "receive",
            MovementType::Adjust => "adjust",
            MovementType::Count => "count",
            MovementType::TransferIn => "transfer_in",
            MovementType::TransferOut => "transfer_out",
            MovementType::Fulfill => "fulfill",
            MovementType::Loss => "loss",
            MovementType::Return => "return",
            MovementType::Import => "import",
            MovementType::Condition => "condition",
            MovementType::Correction => "correction",
        }
    }

    /// From what the table has.
    pub fn parse(name: &str) -> Option<MovementType> {
        MovementType::ALL
            .into_iter()
            .find(|known| known.name() == name)
    }
}

/// Numbers of a line in its listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// The line's number.
    pub version: i64,
    /// The listing's units before it.
    pub before: i32,
    /// And after it.
    pub after: i32,
}

/// Numbers the lines of one listing, given their deltas in order, and the version and total that the
/// listing has after the last. Those that take come first, as [`in_order`] has them: so no line leaves
/// the range on the way.
pub fn number(deltas: &[i32], version_after: i64, total_after: i32) -> Vec<Numbers> {
    let mut numbers = Vec::with_capacity(deltas.len());
    let mut version = version_after;
    let mut after = total_after;
    for delta in deltas.iter().rev() {
        // Saturating: where counters had drifted, verify_ledger says so and goods still move.
        let before = after.saturating_sub(*delta);
        numbers.push(Numbers {
            version,
            before,
            after,
        });
        version -= 1;
        after = before;
    }
    numbers.reverse();
    numbers
}

/// Lines of one statement in the order in which they are numbered: what leaves, leaves first.
pub fn in_order<T>(lines: &mut [T], delta: impl Fn(&T) -> i32) {
    lines.sort_by_key(|line| delta(line) > 0);
}

/// Key of a line, a uuid of version 8 (RFC 9562): 12 bits of the feed's generation, 48 of the
/// transaction, 32 of the line in it, 30 of the writer. Keys are ordered as their transactions began to
/// write, so what comes before the oldest running transaction is complete: [`first_key`].
pub fn key(generation: u16, transaction: u64, line: u32, writer: u32) -> Uuid {
    let high = (u128::from(generation) & 0xfff) << 48 | u128::from(transaction) & 0xffff_ffff_ffff;
    let (top, middle) = (high >> 12, high & 0xfff);
    let low = u128::from(line) << 30 | u128::from(writer) & 0x3fff_ffff;
    Uuid::from_u128(top << 80 | 0x8 << 76 | middle << 64 | 0b10 << 62 | low)
}

/// No line of this transaction or of a later one has a key below this.
pub fn first_key(generation: u16, transaction: u64) -> Uuid {
    key(generation, transaction, 0, 0)
}

/// The transaction in a line's key.
pub fn transaction_of(key: Uuid) -> u64 {
    let key = key.as_u128();
    let high = key >> 80 << 12 | key >> 64 & 0xfff;
    (high & 0xffff_ffff_ffff) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_numbered_up_to_what_the_listing_has() {
        let numbers = number(&[-3, 2, 0], 9, 10);
        let as_tuples: Vec<_> = numbers
            .iter()
            .map(|n| (n.version, n.before, n.after))
            .collect();
        assert_eq!(as_tuples, [(7, 11, 8), (8, 8, 10), (9, 10, 10)]);
        assert!(number(&[], 9, 10).is_empty());
    }

    #[test]
    fn what_leaves_comes_first_and_the_rest_stays_in_its_order() {
        let mut lines = [(1, 5), (2, -5), (3, 0), (4, 7), (5, -1)];
        in_order(&mut lines, |line| line.1);
        assert_eq!(lines.map(|line| line.0), [2, 3, 5, 1, 4]);
    }

    #[test]
    fn types_are_found_by_their_names() {
        for known in MovementType::ALL {
            assert_eq!(MovementType::parse(known.name()), Some(known));
        }
        assert_eq!(MovementType::parse("sale"), None);
    }

    #[test]
    fn a_key_is_a_uuid_of_version_8() {
        let key = key(4095, u64::MAX, u32::MAX, u32::MAX);
        assert_eq!(key.get_version_num(), 8);
        assert_eq!(key.get_variant(), uuid::Variant::RFC4122);
        assert_eq!(
            first_key(1, 0).to_string(),
            "00100000-0000-8000-8000-000000000000"
        );
    }

    proptest! {
        #[test]
        fn keys_are_ordered_by_generation_transaction_and_line(
            one in (0u16..4096, 0u64..1 << 48, any::<u32>()),
            other in (0u16..4096, 0u64..1 << 48, any::<u32>()),
            writers in any::<(u32, u32)>(),
        ) {
            prop_assume!(one != other);
            let key_of = |(generation, transaction, line): (u16, u64, u32), writer| {
                key(generation, transaction, line, writer)
            };
            prop_assert_eq!(
                one.cmp(&other),
                key_of(one, writers.0).cmp(&key_of(other, writers.1))
            );
            prop_assert!(first_key(one.0, one.1) <= key_of(one, writers.0));
            prop_assert_eq!(transaction_of(key_of(one, writers.0)), one.1);
        }

        #[test]
        fn no_line_of_a_sound_statement_leaves_the_range(
            lots in prop::collection::vec((0i32..=1000, 0i32..=1000), 1..20)
        ) {
            let mut deltas: Vec<i32> = lots.iter().map(|(before, after)| after - before).collect();
            in_order(&mut deltas, |delta| *delta);
            let before: i32 = lots.iter().map(|lot| lot.0).sum();
            let after: i32 = lots.iter().map(|lot| lot.1).sum();
            let numbers = number(&deltas, 100, after);
            prop_assert_eq!(numbers[0].before, before);
            prop_assert!(numbers.iter().all(|n| n.before >= 0 && n.after >= 0));
            prop_assert!(numbers.iter().all(|n| n.after <= before.max(after)));
            prop_assert!(numbers.windows(2).all(|two| two[0].after == two[1].before
                && two[0].version + 1 == two[1].version));
        }
    }
}
