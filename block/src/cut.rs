//! A block cut short: the one case in which results are decoded on the way, when a download begins or ends in the
//! middle of a block.

use std::ops::Range;

use arrow_array::{Array, ArrayRef, cast::AsArray, types};
use swath_kernel::{ValueType, Values};

use crate::{Block, BlockEncoder, BlockError, PAGE_ROWS};

impl Block {
    /// Only these of its rows, at least one.
    pub fn cut(&self, rows: Range<usize>) -> Result<Self, BlockError> {
        let before = i64::try_from(rows.start).ok().filter(|_| rows.start < rows.end && rows.end <= self.rows());
        let first = before.and_then(|before| self.first().checked_add(before)).ok_or(BlockError::Numbers)?;
        let mut encoder = BlockEncoder::new(self.value_type(), first);
        let (mut skip, mut take) = (rows.start, rows.len());
        for batch in self.columns(&[1], PAGE_ROWS)? {
            let column = batch.map_err(|error| BlockError::Decode(error.to_string()))?.column(0).clone();
            let skipped = skip.min(column.len());
            let taken = take.min(column.len() - skipped);
            (skip, take) = (skip - skipped, take - taken);
            let column = column.slice(skipped, taken);
            encoder.push(&values(&column, self.value_type())).map_err(|error| BlockError::Decode(error.to_string()))?;
            if take == 0 {
                break;
            }
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
