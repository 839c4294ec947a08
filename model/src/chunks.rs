//! How a range is split.

use crate::{ChunkRun, ChunksError, OffsetRun, Range};

/// The equal parts of a range. Their sizes differ by at most one number; the larger ones come first.
///
/// Computed, never stored: with `q = count / k` and `r = count % k` for `k` chunks, the first `r` of them hold
/// `q + 1` numbers and the others `q`. The same range and size split the same way every time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chunks {
    range: Range,
    count: u64,
}

impl Chunks {
    /// Splits `range` into as few equal chunks of at most `chunk_size` numbers as there can be. A size
    /// above the count of the range gives one chunk.
    ///
    /// # Errors
    /// [`ChunksError::SizeZero`].
    pub fn new(range: Range, chunk_size: u64) -> Result<Chunks, ChunksError> {
        if chunk_size == 0 {
            return Err(ChunksError::SizeZero);
        }
        let count = range.count().div_ceil(chunk_size);
        Ok(Chunks { range, count })
    }

    /// What is split.
    pub fn range(&self) -> Range {
        self.range
    }

    /// How many chunks there are, at least 1.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// All chunks.
    pub fn all(&self) -> ChunkRun {
        ChunkRun::new(0, self.count).unwrap_or(ChunkRun::one(0)) // the count is at least 1
    }

    /// The numbers of the largest chunk.
    pub fn largest(&self) -> u64 {
        self.range.count().div_ceil(self.count)
    }

    /// Which numbers `chunks` covers, as offsets from the first number of the range. Of a run that reaches
    /// past the last chunk, the part within; the last chunk if nothing is.
    pub fn offsets(&self, chunks: ChunkRun) -> OffsetRun {
        let first = chunks.start().min(self.count - 1);
        let end = chunks.end().clamp(first + 1, self.count);
        let start = self.offset_of_chunk(first);
        OffsetRun::new(start, self.offset_of_chunk(end)).unwrap_or(OffsetRun::one(start)) // a chunk has numbers
    }

    /// Every chunk that has one of these numbers, all of it or a part; cut as for [`Chunks::offsets`].
    pub fn touched(&self, offsets: OffsetRun) -> ChunkRun {
        let first = self.chunk_at(offsets.start());
        ChunkRun::new(first, self.chunk_at(offsets.last()) + 1).unwrap_or(ChunkRun::one(first)) // in order
    }

    /// Which numbers `chunks` covers; cut as for [`Chunks::offsets`].
    pub fn numbers(&self, chunks: ChunkRun) -> Range {
        let offsets = self.offsets(chunks);
        let first = self.range.first().saturating_add_unsigned(offsets.start());
        let last = self.range.first().saturating_add_unsigned(offsets.last());
        // Within a valid range and in order, hence valid; the whole range otherwise costs nothing to say.
        Range::new(first, last).unwrap_or(self.range)
    }

    /// The chunk that holds the number at `offset`; the last chunk for an offset past the range.
    pub fn chunk_at(&self, offset: u64) -> u64 {
        let offset = offset.min(self.range.count() - 1);
        let (size, larger) = self.split();
        let in_larger = larger * (size + u64::from(larger > 0));
        if offset < in_larger { offset / (size + 1) } else { larger + (offset - in_larger) / size }
    }

    /// The chunk size for a job that names none, in numbers: about 4,096 chunks, enough for many workers and few enough
    /// to keep track of, of at most 65,536 numbers, which a thread computes at once.
    pub fn default_size(range: Range) -> u64 {
        (range.count() / 4096).clamp(1, 65_536)
    }

    /// The size of the smaller chunks, and how many there are of one number more.
    fn split(&self) -> (u64, u64) {
        (self.range.count() / self.count, self.range.count() % self.count)
    }

    fn offset_of_chunk(&self, chunk: u64) -> u64 {
        let (size, larger) = self.split();
        chunk * size + chunk.min(larger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chunks(first: i64, last: i64, size: u64) -> Chunks {
        Chunks::new(Range::new(first, last).unwrap(), size).unwrap()
    }

    fn one(chunk: u64) -> ChunkRun {
        ChunkRun::one(chunk)
    }

    #[test]
    fn larger_chunks_come_first_and_all_numbers_are_covered() {
        let chunks = chunks(1, 10, 4);
        assert_eq!(chunks.count(), 3);
        let ranges: Vec<_> = (0..3).map(|c| chunks.numbers(one(c)).to_string()).collect();
        assert_eq!(ranges, ["1..=4", "5..=7", "8..=10"]);
        assert_eq!(chunks.numbers(chunks.all()), chunks.range());
        assert_eq!(chunks.largest(), 4);
    }

    #[test]
    fn a_size_of_zero_is_refused_and_a_huge_one_gives_one_chunk() {
        let range = Range::new(1, 10).unwrap();
        assert_eq!(Chunks::new(range, 0), Err(ChunksError::SizeZero));
        assert_eq!(Chunks::new(range, u64::MAX).unwrap().count(), 1);
        assert_eq!(Chunks::new(range, 1).unwrap().count(), 10);
    }

    #[test]
    fn the_longest_range_splits_exactly() {
        for size in [1, 2, 3, 65_536, 65_537, u64::MAX - 1, u64::MAX] {
            for (first, last) in [(i64::MIN, i64::MAX - 1), (i64::MIN + 1, i64::MAX)] {
                let chunks = chunks(first, last, size);
                let end = chunks.count() - 1;
                assert_eq!(chunks.numbers(one(0)).first(), first);
                assert_eq!(chunks.numbers(one(end)).last(), last);
                assert_eq!(chunks.chunk_at(0), 0);
                assert_eq!(chunks.chunk_at(u64::MAX - 1), end);
                assert!(chunks.largest() <= size);
            }
        }
    }

    #[test]
    fn a_run_past_the_end_is_cut() {
        let chunks = chunks(1, 10, 4);
        let wide = ChunkRun::new(1, 99).unwrap();
        assert_eq!(chunks.numbers(wide).to_string(), "5..=10");
        let past = ChunkRun::new(50, 99).unwrap();
        assert_eq!(chunks.numbers(past).to_string(), "8..=10");
        assert_eq!(chunks.chunk_at(99), 2);
    }

    #[test]
    fn the_default_size_makes_thousands_of_chunks() {
        let size = |last| Chunks::default_size(Range::new(1, last).unwrap());
        assert_eq!(size(10), 1);
        assert_eq!(size(4096 * 100), 100);
        assert_eq!(size(i64::MAX), 65_536);
    }

    proptest! {
        #[test]
        fn neighbours_touch_and_sizes_differ_by_at_most_one(
            first: i64, length in 1_u64.., size in 1_u64.., pick: u64,
        ) {
            let last = (i128::from(first) + i128::from(length) - 1).min(i64::MAX.into()) as i64;
            let chunks = Chunks::new(Range::new(first, last).unwrap(), size).unwrap();
            let chunk = pick % chunks.count();
            let offsets = chunks.offsets(one(chunk));
            let count = chunks.range().count();
            prop_assert!(offsets.len() == count / chunks.count() || offsets.len() == chunks.largest());
            prop_assert!(chunks.largest() - count / chunks.count() <= 1);
            prop_assert!(chunks.largest() <= size);
            prop_assert_eq!(chunks.chunk_at(offsets.start()), chunk);
            prop_assert_eq!(chunks.chunk_at(offsets.last()), chunk);
            prop_assert_eq!(chunks.touched(offsets), one(chunk));
            prop_assert_eq!(offsets.start() == 0, chunk == 0);
            if chunk + 1 < chunks.count() {
                prop_assert_eq!(chunks.offsets(one(chunk + 1)).start(), offsets.end());
            } else {
                prop_assert_eq!(offsets.end(), count);
            }
        }

        /// Primes and other small counts, chunk by chunk.
        #[test]
        fn all_numbers_are_in_exactly_one_chunk(count in 1_u64..200, size in 1_u64..210) {
            let chunks = chunks(-7, count as i64 - 8, size);
            let mut next = 0;
            for chunk in 0..chunks.count() {
                let offsets = chunks.offsets(one(chunk));
                prop_assert_eq!(offsets.start(), next);
                for offset in offsets.start()..offsets.end() {
                    prop_assert_eq!(chunks.chunk_at(offset), chunk);
                }
                next = offsets.end();
            }
            prop_assert_eq!(next, count);
        }
    }
}
