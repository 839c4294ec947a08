//! Rows of consecutive numbers.

use arrow_array::ArrayRef;
use swath_model::Numbers;

/// The rows that consecutive numbers have in the results of a job.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The first of the numbers.
    pub first: i64,
    /// How many rows there are.
    pub rows: usize,
    /// The number of each row; empty where the numbers follow each other.
    pub numbers: Vec<i64>,
    /// The columns after `n`.
    pub columns: Vec<ArrayRef>,
}

impl Batch {
    /// The numbers of the rows.
    pub fn numbers(&self) -> Numbers<'_> {
        if self.numbers.is_empty() {
            Numbers::Consecutive { first: self.first, rows: self.rows }
        } else {
            Numbers::Listed(&self.numbers)
        }
    }
}
