//! Rows that wait to become a block.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_select::concat::concat;
use swath_block::{BlockEncoder, Covers, PAGE_ROWS};
use swath_evaluation::Batch;
use swath_model::{Layout, Numbers, Shape};

use super::{Encoded, Stop, dense, evaluate::failed};

/// The rows of the block that is being made.
pub(super) struct Gathered<'a> {
    layout: &'a Layout,
    encoder: BlockEncoder,
    /// The first number that the block covers.
    first: i64,
    /// The numbers of the rows that are not encoded yet.
    numbers: Vec<i64>,
    /// Their columns, in pieces.
    pieces: Vec<Vec<ArrayRef>>,
    pub(super) rows: usize,
    pub(super) bytes: u64,
}

impl<'a> Gathered<'a> {
    pub(super) fn new(layout: &'a Layout, first: i64) -> Self {
        let encoder = BlockEncoder::new(layout, first);
        Self { layout, encoder, first, numbers: Vec::new(), pieces: Vec::new(), rows: 0, bytes: 0 }
    }

    /// Appends these rows of a batch, which have so many bytes.
    pub(super) fn append(&mut self, batch: &Batch, from: usize, to: usize, bytes: u64) -> Result<(), Stop> {
        if from >= to {
            return Ok(());
        }
        self.pieces.push(batch.columns.iter().map(|column| column.slice(from, to - from)).collect());
        match batch.numbers() {
            Numbers::Consecutive { first, .. } => {
                self.numbers.extend((from..to).map(|row| first.wrapping_add(row as i64)));
            }
            Numbers::Listed(numbers) => self.numbers.extend_from_slice(numbers.get(from..to).unwrap_or_default()),
        }
        self.rows += to - from;
        self.bytes += bytes;
        if self.numbers.len() >= PAGE_ROWS { self.encode(PAGE_ROWS) } else { Ok(()) }
    }

    /// The block of all rows. It covers the numbers from its first on, so many.
    pub(super) fn finish(mut self, numbers: u64) -> Result<Encoded, Stop> {
        self.encode(1)?;
        dense::finish(self.encoder, Covers { first: self.first, numbers })
    }

    /// Encodes whole pages, as long as there are so many rows: so pages are the same however the rows came.
    fn encode(&mut self, least: usize) -> Result<(), Stop> {
        if self.numbers.len() < least {
            return Ok(());
        }
        let first = self.numbers.first().copied().unwrap_or(self.first);
        let mut columns = Vec::new();
        for column in 0..self.layout.columns().fields().len() {
            let pieces: Vec<&dyn Array> =
                self.pieces.iter().filter_map(|piece| piece.get(column)).map(AsRef::as_ref).collect();
            columns.push(concat(&pieces).map_err(|error| failed(&error.into(), first))?);
        }
        let (rows, mut done) = (self.numbers.len(), 0);
        while rows - done >= least {
            let length = PAGE_ROWS.min(rows - done);
            let page: Vec<ArrayRef> = columns.iter().map(|column| column.slice(done, length)).collect();
            let numbers = self.numbers.get(done..done + length).unwrap_or_default();
            let numbers = match self.layout.shape() {
                Shape::Dense => Numbers::Consecutive { first: numbers.first().copied().unwrap_or(first), rows: length },
                Shape::Sparse | Shape::Reduced => Numbers::Listed(numbers),
            };
            self.encoder.push(numbers, &page).map_err(|error| dense::unencodable(first, &error))?;
            done += length;
        }
        self.numbers.drain(..done);
        self.pieces.clear();
        if done < rows {
            self.pieces.push(columns.iter().map(|column| Arc::clone(column).slice(done, rows - done)).collect());
        }
        Ok(())
    }
}
