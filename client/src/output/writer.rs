//! What becomes of the blocks of a job: they are written, or merged.

use arrow_array::RecordBatch;
use swath_block::Block;

use super::{destination::Destination, merged::Merged, sink::Sink, sink_error::SinkError};

/// Takes blocks and writes the results.
pub(super) enum Writer {
    /// As they come.
    Direct(Sink),
    /// Merged into one row, which is written at the end.
    Merged(Box<Merged>),
}

impl Writer {
    /// Takes the next block.
    pub(super) fn write(&mut self, block: &Block) -> Result<(), SinkError> {
        match self {
            Self::Direct(sink) => sink.write(block),
            Self::Merged(merged) => merged.add(block),
        }
    }

    /// Whether blocks are copied as they are.
    pub(super) fn copies(&self) -> bool {
        matches!(self, Self::Direct(Sink::Blocks(_)))
    }

    /// Whether one row is written, of all blocks.
    pub(super) fn merges(&self) -> bool {
        matches!(self, Self::Merged(_))
    }

    /// The result of reductions over the blocks so far; `None` where rows are written as they come.
    pub(super) fn so_far(&self) -> Result<Option<RecordBatch>, SinkError> {
        match self {
            Self::Merged(merged) => merged.so_far().map(Some),
            Self::Direct(_) => Ok(None),
        }
    }

    /// Writes the end of the file, and gives the destination back.
    pub(super) fn finish(self) -> Result<Destination, SinkError> {
        match self {
            Self::Direct(sink) => sink.finish(),
            Self::Merged(merged) => merged.finish(),
        }
    }
}
