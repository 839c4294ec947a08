//! Distinct values with their counts.

use std::{borrow::Borrow, collections::BTreeMap, mem};

use arrow_buffer::i256;

use crate::{MAX_DISTINCT, MAX_PARTIAL_BYTES};

/// Pairs of values that wait in front of the tree. A power of two.
const PAIRS: usize = 1024;

/// Longer texts do not wait, so that those that do take little memory.
const MOST_WAITING_BYTES: usize = 128;

/// Spreads the bits of a product into its upper half. An odd number close to 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// A value as it is looked up among those that wait.
pub(crate) trait Counted: Ord {
    /// Some bits that are the same for equal values.
    fn bits(&self) -> u64;

    /// The bytes that it takes in a partial state.
    fn bytes(&self) -> usize;
}

impl Counted for i64 {
    fn bits(&self) -> u64 {
        *self as u64
    }

    fn bytes(&self) -> usize {
        8
    }
}

impl Counted for i128 {
    fn bits(&self) -> u64 {
        *self as u64 ^ (*self >> 64) as u64
    }

    fn bytes(&self) -> usize {
        16
    }
}

impl Counted for i256 {
    fn bits(&self) -> u64 {
        let (low, high) = self.to_parts();
        (low as i128).bits() ^ high.bits()
    }

    fn bytes(&self) -> usize {
        32
    }
}

impl Counted for [u8] {
    fn bits(&self) -> u64 {
        let last = self.last_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        prefix(self) ^ last.wrapping_mul(SPREAD) ^ self.len() as u64
    }

    fn bytes(&self) -> usize {
        // With its offset.
        self.len() + 4
    }
}

/// The beginning of a text as a number: where two differ, they are ordered as the texts are.
#[inline]
pub(crate) fn prefix(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => text.iter().fold(0, |prefix, byte| prefix << 8 | u64::from(*byte)) << (64 - 8 * text.len()).min(63),
    }
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    Values,
    Bytes,
}

/// Distinct values, each with how often it came.
///
/// They are in a tree, which nobody can make slow by choosing values. In front of it is a table in which each value has
/// two places: a value that comes again finds itself there, and one that finds others there sends the older one to the
/// tree.
#[derive(Clone, Debug)]
pub(crate) struct ValueCounts<T> {
    counts: BTreeMap<T, i64>,
    /// Empty until the first value, then [`PAIRS`] of them, in each the newer one first.
    waiting: Vec<[Option<(T, i64)>; 2]>,
    /// Of the values in the tree, with their counts.
    bytes: usize,
}

impl<T: Ord> ValueCounts<T> {
    pub(crate) fn new() -> Self {
        Self { counts: BTreeMap::new(), waiting: Vec::new(), bytes: 0 }
    }

    /// Counts a value once more.
    #[inline]
    pub(crate) fn count<Q>(&mut self, value: &Q) -> Result<(), Full>
    where
        Q: Counted + ToOwned<Owned = T> + ?Sized,
        T: Borrow<Q>,
    {
        if value.bytes() > MOST_WAITING_BYTES {
            return self.add::<Q>(value.to_owned(), 1);
        }
        if self.waiting.is_empty() {
            self.waiting.resize_with(PAIRS, || [None, None]);
        }
        let index = (value.bits().wrapping_mul(SPREAD) >> (64 - PAIRS.ilog2())) as usize;
        let Some(pair) = self.waiting.get_mut(index) else { return Ok(()) };
        for (waiting, count) in pair.iter_mut().flatten() {
            if <T as Borrow<Q>>::borrow(waiting) == value {
                *count += 1;
                return Ok(());
            }
        }
        let [newer, older] = pair;
        let newest = Some((value.to_owned(), 1));
        match mem::replace(older, mem::replace(newer, newest)) {
            Some((value, count)) => self.add::<Q>(value, count),
            None => Ok(()),
        }
    }

    /// Counts a value so many times more.
    pub(crate) fn add<Q>(&mut self, value: T, count: i64) -> Result<(), Full>
    where
        Q: Counted + ?Sized,
        T: Borrow<Q>,
    {
        let bytes = value.borrow().bytes() + size_of::<i64>();
        // A value comes at most as often as there are rows, which are counted before.
        if let Some(known) = self.counts.get_mut(value.borrow()) {
            *known = known.saturating_add(count);
            return Ok(());
        }
        if self.counts.len() == MAX_DISTINCT {
            return Err(Full::Values);
        }
        self.bytes += bytes;
        if self.bytes > MAX_PARTIAL_BYTES {
            return Err(Full::Bytes);
        }
        self.counts.insert(value, count);
        Ok(())
    }

    /// Takes what waits into the tree.
    pub(crate) fn settle<Q>(&mut self) -> Result<(), Full>
    where
        Q: Counted + ?Sized,
        T: Borrow<Q>,
    {
        for (value, count) in mem::take(&mut self.waiting).into_iter().flatten().flatten() {
            self.add::<Q>(value, count)?;
        }
        Ok(())
    }

    /// Takes in what another one has, which is settled.
    pub(crate) fn merge<Q>(&mut self, other: Self) -> Result<(), Full>
    where
        Q: Counted + ?Sized,
        T: Borrow<Q>,
    {
        for (value, count) in other.counts {
            self.add::<Q>(value, count)?;
        }
        Ok(())
    }

    /// The values that are settled, ascending, with their counts.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&T, i64)> {
        self.counts.iter().map(|(value, count)| (value, *count))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
