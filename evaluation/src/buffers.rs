//! What a thread computes into.

use arrow_array::ArrayRef;
use arrow_schema::ArrowError;
use swath_kernel::{Context, Rows, Stop};
use swath_model::Layout;

/// The rows of a kernel, and what it keeps from call to call, for the time of one block.
#[derive(Debug)]
pub struct Buffers {
    pub(crate) rows: Rows,
    pub(crate) context: Context,
}

impl Buffers {
    pub(crate) fn new(layout: &Layout, stop: &Stop) -> Self {
        Self { rows: Rows::new(layout), context: Context::new(stop.clone()) }
    }

    /// Removes all rows.
    pub fn clear(&mut self) {
        self.rows.truncate(0);
    }

    /// Takes all values, as an array for each column.
    ///
    /// # Errors
    /// A column is too large for one array.
    pub fn take_columns(&mut self) -> Result<Vec<ArrayRef>, ArrowError> {
        self.rows.take_columns()
    }
}
