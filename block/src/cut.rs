//! A block cut short: the one case in which results are decoded on the way, when a broken download goes on in the
//! middle of a block.

use arrow_array::{Array, ArrayRef, Int64Array, cast::AsArray, types};
use swath_model::{Covers, Numbers, Shape};

use crate::{Block, BlockEncoder, BlockError, PAGE_ROWS};

impl Block {
    /// The same block without the first `numbers` numbers that it covers, and without their rows; it must cover more.
    ///
    /// The rows of [`Shape::Reduced`] belong to all numbers: such a block cannot be cut.
    pub fn without_first(&self, numbers: u64) -> Result<Self, BlockError> {
        let Covers { first, numbers: covered } = self.covers();
        let rest = covered.checked_sub(numbers).filter(|&rest| rest > 0);
        let rest = rest.and_then(|rest| Some(Covers { first: first.checked_add_unsigned(numbers)?, numbers: rest }));
        let shape = self.layout().shape();
        let Some(covers) = rest.filter(|_| shape != Shape::Reduced) else {
            return Err(BlockError::Decode(format!(
                "a block that covers {} cannot be cut after {numbers}",
                self.covers()
            )));
        };
        let failed = |error: &dyn std::fmt::Display| BlockError::Decode(error.to_string());
        let mut encoder = BlockEncoder::new(self.layout(), covers.first).map_err(|error| failed(&error))?;
        for batch in self.batches(PAGE_ROWS)? {
            let batch = batch.map_err(|error| failed(&error))?;
            let Some((n, columns)) = batch.columns().split_first() else { continue };
            let n: &Int64Array = n.as_primitive_opt::<types::Int64Type>().ok_or(BlockError::Numbers)?;
            let skipped = n.values().partition_point(|&number| number < covers.first);
            let rows = n.len() - skipped;
            let columns: Vec<ArrayRef> = columns.iter().map(|column| column.slice(skipped, rows)).collect();
            let numbers = n.values().get(skipped..).unwrap_or_default();
            encoder.push(Numbers::Listed(numbers), &columns).map_err(|error| failed(&error))?;
        }
        let (bytes, digest) = encoder.finish_with_digest(covers).map_err(|error| failed(&error))?;
        Self::with_digest(bytes, self.format().clone(), covers, digest)
    }
}
