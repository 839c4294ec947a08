//! A block cut short: the one case in which results are decoded on the way, when a download begins or ends in the
//! middle of a block.

use std::ops::Range;

use arrow_array::{Array, ArrayRef, Int64Array, cast::AsArray, types};
use swath_model::{Covers, Numbers, Shape};

use crate::{Block, BlockEncoder, BlockError, PAGE_ROWS};

impl Block {
    /// The results of some of the numbers that it covers, counted from 0; at least one.
    ///
    /// The rows of [`Shape::Reduced`] belong to all numbers: such a block cannot be cut.
    ///
    /// # Errors
    /// [`BlockError`]: it does not cover these numbers, or cannot be decoded.
    pub fn cut(&self, numbers: Range<u64>) -> Result<Self, BlockError> {
        let Covers { first, numbers: covered } = self.covers();
        let is_part = numbers.start < numbers.end && numbers.end <= covered && self.layout().shape() != Shape::Reduced;
        let covers = is_part
            .then(|| first.checked_add_unsigned(numbers.start))
            .flatten()
            .map(|first| Covers { first, numbers: numbers.end - numbers.start });
        let last = covers.and_then(Covers::last);
        let (Some(covers), Some(last)) = (covers, last) else {
            let (covered, Range { start, end }) = (self.covers(), numbers);
            return Err(BlockError::Decode(format!(
                "a block that covers {covered} cannot be cut to {start}..{end} of it"
            )));
        };
        let failed = |error: &dyn std::fmt::Display| BlockError::Decode(error.to_string());
        let mut encoder = BlockEncoder::new(self.layout(), covers.first).map_err(|error| failed(&error))?;
        for batch in self.batches(PAGE_ROWS)? {
            let batch = batch.map_err(|error| failed(&error))?;
            let Some((n, columns)) = batch.columns().split_first() else { continue };
            let n: &Int64Array = n.as_primitive_opt::<types::Int64Type>().ok_or(BlockError::Numbers)?;
            let start = n.values().partition_point(|&number| number < covers.first);
            let end = n.values().partition_point(|&number| number <= last).max(start);
            let columns: Vec<ArrayRef> = columns.iter().map(|column| column.slice(start, end - start)).collect();
            let numbers = n.values().get(start..end).unwrap_or_default();
            encoder.push(Numbers::Listed(numbers), &columns).map_err(|error| failed(&error))?;
            if end < n.len() {
                break;
            }
        }
        let (bytes, digest) = encoder.finish_with_digest(covers).map_err(|error| failed(&error))?;
        Self::with_digest(bytes, self.format().clone(), covers, digest)
    }
}
