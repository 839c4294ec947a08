//! The primes to sieve with.

use std::sync::LazyLock;

use super::{segment::Segment, table::Table, wheel::RESIDUES};

/// The primes below `30 * bytes`, found with a table that reaches to their root.
fn table(bytes: usize, smaller: &Table) -> Table {
    const STEP: usize = 1 << 15;
    let mut classes: [Vec<u32>; 8] = Default::default();
    let mut segment = Segment::default();
    for first in (0..bytes).step_by(STEP) {
        let length = STEP.min(bytes - first);
        let last = 30 * (first + length) as u64 - 1;
        segment.sieve(first as u64, length, smaller, last.isqrt() as u32);
        for (byte, index) in segment.bytes().iter().zip(first as u32..) {
            for (bit, class) in classes.iter_mut().enumerate() {
                if byte >> bit & 1 == 1 {
                    class.extend(RESIDUES.get(bit).map(|residue| 30 * index + u32::from(*residue)));
                }
            }
        }
    }
    Table::new(classes)
}

/// The primes below 1500, which the others are found with, by division.
fn first_table() -> Table {
    let is_prime =
        |n: u32| (2..).take_while(|divisor| divisor * divisor <= n).all(|divisor| !n.is_multiple_of(divisor));
    let primes = |residue| (0..50).map(|turn| 30 * turn + residue).filter(|n| *n > 1 && is_prime(*n)).collect();
    Table::new(RESIDUES.map(|residue| primes(u32::from(residue))))
}

/// The primes to sieve a segment with.
pub(crate) struct Primes {
    /// Has the primes up to the limit, at least.
    pub(crate) table: &'static Table,
    /// The last number whose primes are struck.
    pub(crate) limit: u32,
    /// Whether these are all the primes there are up to the root.
    pub(crate) all: bool,
}

/// The tables end before these; their squares are just above 2^40 and 2^48.
const SMALL_END: u32 = 30 * 34_953;
const LARGE_END: u32 = 30 * 559_241;

static SMALL: LazyLock<Table> = LazyLock::new(|| table(SMALL_END as usize / 30, &first_table()));
static LARGE: LazyLock<Table> = LazyLock::new(|| table(LARGE_END as usize / 30, &SMALL));

/// The primes of the tables from 17 on, in their order.
static SMALL_IN_ORDER: LazyLock<Vec<u32>> = LazyLock::new(|| in_order(&SMALL));
static LARGE_IN_ORDER: LazyLock<Vec<u32>> = LazyLock::new(|| in_order(&LARGE));

fn in_order(table: &Table) -> Vec<u32> {
    let mut primes: Vec<u32> = (0..8).flat_map(|bit| table.class(bit, 17..=u32::MAX)).copied().collect();
    primes.sort();
    primes
}

/// Primes from 17 on, in their order.
pub(crate) struct OrderedPrimes {
    pub(crate) primes: &'static [u32],
    /// The last number whose primes are there.
    pub(crate) limit: u64,
}

/// Those up to `limit`, or as far as the tables reach.
pub(crate) fn ordered_primes(limit: u64) -> OrderedPrimes {
    let table = if limit < u64::from(SMALL_END) { &SMALL_IN_ORDER } else { &LARGE_IN_ORDER };
    let limit = limit.min(u64::from(LARGE_END) - 1);
    let end = table.partition_point(|prime| u64::from(*prime) <= limit);
    OrderedPrimes { primes: table.get(..end).unwrap_or_default(), limit }
}

/// With a root up to this many times the numbers, a sieve with all primes is the cheapest. Measured.
const ALL: u64 = 100;

/// A sieve that leaves numbers over strikes with primes up to this many times the numbers. Measured; the cost is flat
/// around it.
const SOME: usize = 2;

impl Primes {
    /// All primes up to `root` where a sieve with them is cheaper for `count` numbers than testing what fewer primes
    /// leave; otherwise about as many as pay for themselves.
    pub(crate) fn up_to(root: u64, count: usize) -> Self {
        let table = if root < u64::from(SMALL_END) { &SMALL } else { &LARGE };
        let limit = u32::try_from(root).unwrap_or(u32::MAX);
        if limit < LARGE_END && root <= ALL.saturating_mul(count as u64) {
            return Self { table, limit, all: true };
        }
        let some = u32::try_from(SOME.saturating_mul(count)).unwrap_or(u32::MAX);
        let limit = some.min(SMALL_END - 1).min(limit);
        Self { table: &SMALL, limit, all: u64::from(limit) == root }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(table: &Table, last: u32) -> usize {
        (0..8).map(|bit| table.class(bit, 0..=last).len()).sum()
    }

    /// OEIS A006880 and A007053, without 2, 3 and 5.
    #[test]
    fn as_many_primes_as_are_known() {
        assert_eq!(count(&first_table(), 1000), 168 - 3);
        for (last, expected) in [(1000, 168), (1 << 14, 1900), (1_000_000, 78_498), (1 << 20, 82_025)] {
            assert_eq!(count(&SMALL, last), expected - 3);
            assert_eq!(count(&LARGE, last), expected - 3);
        }
        for (last, expected) in [(10_000_000, 664_579), (1 << 24, 1_077_871)] {
            assert_eq!(count(&LARGE, last), expected - 3);
        }
    }

    #[test]
    fn classes_are_cut_where_they_should() {
        assert_eq!(SMALL.class(1, 7..=100), [7, 37, 67, 97]);
        assert_eq!(SMALL.class(1, 8..=97), [37, 67, 97]);
        assert_eq!(SMALL.class(1, 98..=98), [0u32; 0]);
        let (start, end) = (98, 37);
        assert_eq!(SMALL.class(1, start..=end), [0u32; 0]);
    }
}
