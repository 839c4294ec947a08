//! The result of reductions: one row, merged of all blocks.

use arrow_array::RecordBatch;
use swath_block::{Block, BlockEncoder};
use swath_evaluation::Accumulator;
use swath_model::{Covers, Layout, Numbers};

use super::{destination::Destination, sink::Sink, sink_error::SinkError};
use crate::reduce::Merging;

/// Merges blocks, and writes the result at the end.
pub(super) struct Merged {
    merging: Merging,
    /// That of the result.
    layout: Layout,
    covers: Covers,
    sink: Sink,
}

impl Merged {
    /// One that writes the result, which has this layout and stands for these numbers, to `sink`.
    pub(super) fn new(empty: Accumulator, layout: Layout, covers: Covers, sink: Sink) -> Self {
        Self { merging: Merging::new(empty), layout, covers, sink }
    }

    /// Takes a block in.
    pub(super) fn add(&mut self, block: &Block) -> Result<(), SinkError> {
        self.merging.add(block).map_err(SinkError::Value)
    }

    /// The result of what was taken in so far.
    pub(super) fn so_far(&self) -> Result<RecordBatch, SinkError> {
        self.merging.result().map_err(SinkError::Value)
    }

    /// Writes the result and the end of the file.
    pub(super) fn finish(self) -> Result<Destination, SinkError> {
        let Self { merging, layout, covers, mut sink } = self;
        let result = merging.result().map_err(SinkError::Value)?;
        let block = encode(&result, &layout, covers).map_err(SinkError::Block)?;
        sink.write(&block)?;
        sink.finish()
    }
}

/// A block of one row.
fn encode(row: &RecordBatch, layout: &Layout, covers: Covers) -> Result<Block, String> {
    let failed = |error: &dyn std::fmt::Display| error.to_string();
    let mut encoder = BlockEncoder::new(layout, covers.first).map_err(|error| failed(&error))?;
    let numbers = Numbers::Consecutive { first: covers.first, rows: row.num_rows() };
    encoder.push(numbers, row.columns()).map_err(|error| failed(&error))?;
    let (bytes, digest) = encoder.finish_with_digest(covers).map_err(|error| failed(&error))?;
    Block::receive(bytes, layout, covers, digest.whole()).map_err(|error| failed(&error))
}
