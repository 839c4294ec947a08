//! Primes by their places in the wheel.

use std::ops::RangeInclusive;

/// The primes from 7 on, by what they leave over 30.
pub(crate) struct Table {
    /// The bit of the wheel is the index; each in their order.
    classes: [Vec<u32>; 8],
}

impl Table {
    /// Of the primes that have each bit of the wheel.
    pub(crate) fn new(classes: [Vec<u32>; 8]) -> Self {
        Self { classes }
    }

    /// The primes of `range` that have this bit in the wheel.
    #[expect(clippy::indexing_slicing, reason = "bits are below 8, and both ends where the primes were partitioned")]
    pub(crate) fn class(&self, bit: usize, range: RangeInclusive<u32>) -> &[u32] {
        let primes = &self.classes[bit];
        let start = primes.partition_point(|prime| prime < range.start());
        let end = primes.partition_point(|prime| prime <= range.end());
        &primes[start..end.max(start)]
    }
}
