//! What a kernel appends its results to.

use arrow_array::ArrayRef;
use arrow_schema::ArrowError;
use swath_model::{Layout, Shape};

use crate::Values;

/// Rows, by columns: a buffer for each column of a layout.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// The number of each row, where the layout is sparse; otherwise empty.
    pub numbers: Vec<i64>,
    /// A buffer for each column after `n`.
    pub columns: Vec<Values>,
    shape: Shape,
}

impl Rows {
    /// Empty buffers for the columns of `layout`.
    pub fn new(layout: &Layout) -> Self {
        let columns = layout.columns().fields().iter().map(|column| Values::new(column)).collect();
        Self { numbers: Vec::new(), columns, shape: layout.shape() }
    }

    /// The buffer of the only column; `None` if there are several.
    pub fn only(&mut self) -> Option<&mut Values> {
        match &mut self.columns[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    /// How many rows there are: the shortest column counts.
    pub fn len(&self) -> usize {
        let numbers = (self.shape == Shape::Sparse).then_some(self.numbers.len());
        self.columns.iter().map(Values::len).chain(numbers).min().unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes room for so many more rows.
    pub fn reserve(&mut self, rows: usize) {
        self.columns.iter_mut().for_each(|column| column.reserve(rows));
    }

    /// Keeps the first rows only.
    pub fn truncate(&mut self, rows: usize) {
        self.numbers.truncate(rows);
        self.columns.iter_mut().for_each(|column| column.truncate(rows));
    }

    /// Takes all values, as an array for each column. The numbers stay.
    ///
    /// # Errors
    /// A column is too large for one array.
    pub fn take_columns(&mut self) -> Result<Vec<ArrayRef>, ArrowError> {
        self.columns.iter_mut().map(Values::take).collect()
    }
}
