//! Parquet: the encoded columns of the blocks, copied.

use std::io;

use swath_block::{Block, FileAssembler};
use swath_kernel::ValueType;

use super::{
    destination::Destination,
    sink::{Sink, SinkError},
};

pub(super) struct ParquetSink(FileAssembler<Destination>);

impl ParquetSink {
    pub(super) fn open(destination: Destination, value_type: ValueType) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(Self(FileAssembler::new(destination, value_type).map_err(io::Error::other)?)))
    }
}

impl Sink for ParquetSink {
    fn write(&mut self, _first: i64, block: &Block) -> Result<(), SinkError> {
        Ok(self.0.append(block).map_err(system_error)?)
    }

    fn finish(self: Box<Self>) -> Result<Destination, SinkError> {
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
