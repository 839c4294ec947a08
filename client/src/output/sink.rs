//! What writes results in one format.

use arrow_array::RecordBatch;
use swath_block::Block;

use super::{destination::Destination, parquet::ParquetSink, sink_error::SinkError};

/// Rows that are decoded at once.
const BATCH_ROWS: usize = 1 << 16;

/// Writes rows of any columns in one format. All batches have the schema that it was opened with.
pub(super) trait RowSink: Send {
    /// Writes the next rows.
    fn write(&mut self, rows: &RecordBatch) -> Result<(), SinkError>;
    /// Writes the end of the file, and gives the destination back.
    fn finish(self: Box<Self>) -> Result<Destination, SinkError>;
}

/// Writes blocks in one format.
pub(super) enum Sink {
    /// As they are.
    Blocks(Box<ParquetSink>),
    /// Decoded, these columns.
    Rows { sink: Box<dyn RowSink>, columns: Vec<usize> },
}

impl Sink {
    /// Writes the next block.
    pub(super) fn write(&mut self, block: &Block) -> Result<(), SinkError> {
        let (sink, columns) = match self {
            Self::Blocks(sink) => return sink.write(block),
            Self::Rows { sink, columns } => (sink, columns),
        };
        for batch in block.columns(columns, BATCH_ROWS).map_err(|error| SinkError::Block(error.to_string()))? {
            sink.write(&batch.map_err(|error| SinkError::Block(error.to_string()))?)?;
        }
        Ok(())
    }

    /// Writes the end of the file, and gives the destination back.
    pub(super) fn finish(self) -> Result<Destination, SinkError> {
        match self {
            Self::Blocks(sink) => sink.finish(),
            Self::Rows { sink, .. } => sink.finish(),
        }
    }
}
