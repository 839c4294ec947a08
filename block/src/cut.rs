//! A block cut short: the one case in which results are decoded on the way, when a broken download goes on in the
//! middle of a block.

use arrow_array::{Array, ArrayRef, cast::AsArray, types};
use swath_kernel::{ValueType, Values};

use crate::{Block, BlockEncoder, BlockError, PAGE_ROWS};

impl Block {
    /// The same block without its first `rows` rows, of which it must have more; `first` is the number that it then
    /// begins with.
    pub fn without_first(&self, rows: usize, first: i64) -> Result<Self, BlockError> {
        let mut encoder = BlockEncoder::new(self.value_type(), first);
        let mut skip = rows;
        for batch in self.columns(&[1], PAGE_ROWS)? {
            let column = batch.map_err(|error| BlockError::Decode(error.to_string()))?.column(0).clone();
            let skipped = skip.min(column.len());
            skip -= skipped;
            let rest = column.slice(skipped, column.len() - skipped);
            encoder.push(&values(&rest, self.value_type())).map_err(|error| BlockError::Decode(error.to_string()))?;
        }
        let bytes = encoder.finish().map_err(|error| BlockError::Decode(error.to_string()))?;
        Self::parse(bytes, self.value_type())
    }
}

/// The values of a column whose type was checked with the frame of its block.
fn values(column: &ArrayRef, value_type: ValueType) -> Values {
    match value_type {
        ValueType::Int64 => Values::Int64(column.as_primitive::<types::Int64Type>().values().to_vec()),
        ValueType::Boolean => Values::Boolean(column.as_boolean().values().iter().collect()),
        ValueType::Decimal128 => Values::Decimal128(column.as_primitive::<types::Decimal128Type>().values().to_vec()),
    }
}
