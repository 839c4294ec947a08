//! Parquet: the encoded columns of the blocks, copied.

use std::io;

use swath_block::{Block, FileAssembler};
use swath_model::Layout;

use super::{destination::Destination, sink_error::SinkError};

pub(super) struct ParquetSink(FileAssembler<Destination>);

impl ParquetSink {
    /// A file of these columns of results that have this layout; `metadata` are keys and values for its footer.
    pub(super) fn open(
        destination: Destination,
        layout: &Layout,
        columns: &[usize],
        metadata: &[(String, String)],
    ) -> Result<Self, SinkError> {
        let mut file = FileAssembler::with_columns(destination, layout, columns).map_err(system_error)?;
        for (key, value) in metadata {
            file.describe(key.clone(), value.clone());
        }
        Ok(Self(file))
    }

    pub(super) fn write(&mut self, block: &Block) -> Result<(), SinkError> {
        Ok(self.0.append(block).map_err(system_error)?)
    }

    pub(super) fn finish(self) -> Result<Destination, SinkError> {
        Ok(self.0.finish().map_err(system_error)?)
    }
}

/// The system's error where the writer failed because of one, so that a full disk is called so.
fn system_error(error: parquet::errors::ParquetError) -> io::Error {
    match error {
        parquet::errors::ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}
