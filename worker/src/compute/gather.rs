//! Rows that become a block.

use arrow_array::ArrayRef;
use swath_block::{BlockEncoder, PAGE_ROWS};
use swath_evaluation::Batch;
use swath_model::{Covers, Layout, Numbers};

use super::{Encoded, Stop, dense};

/// The block that is being made.
pub(super) struct Gathered {
    encoder: BlockEncoder,
    /// The first number that it covers.
    first: i64,
    pub(super) rows: usize,
    pub(super) bytes: u64,
}

impl Gathered {
    pub(super) fn new(layout: &Layout, first: i64) -> Result<Self, Stop> {
        let encoder = BlockEncoder::new(layout, first).map_err(|error| dense::unencodable(first, &error))?;
        Ok(Self { encoder, first, rows: 0, bytes: 0 })
    }

    /// Appends these rows of a batch, which have so many bytes.
    pub(super) fn append(&mut self, batch: &Batch, from: usize, to: usize, bytes: u64) -> Result<(), Stop> {
        for start in (from..to).step_by(PAGE_ROWS) {
            let end = to.min(start + PAGE_ROWS);
            let columns: Vec<ArrayRef> = batch.columns.iter().map(|column| column.slice(start, end - start)).collect();
            let numbers = match batch.numbers() {
                Numbers::Consecutive { first, .. } => {
                    Numbers::Consecutive { first: first.wrapping_add(start as i64), rows: end - start }
                }
                Numbers::Listed(numbers) => Numbers::Listed(numbers.get(start..end).unwrap_or_default()),
            };
            let first = numbers.get(0).unwrap_or(self.first);
            self.encoder.push(numbers, &columns).map_err(|error| dense::unencodable(first, &error))?;
        }
        self.rows += to.saturating_sub(from);
        self.bytes += bytes;
        Ok(())
    }

    /// The block of all rows. It covers the numbers from its first on, so many.
    pub(super) fn finish(self, numbers: u64) -> Result<Encoded, Stop> {
        dense::finish(self.encoder, Covers { first: self.first, numbers })
    }
}
