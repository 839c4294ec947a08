//! The Arrow IPC file format.

use std::io;

use arrow_ipc::writer::FileWriter;
use arrow_schema::ArrowError;
use swath_block::{Block, arrow_schema};
use swath_kernel::ValueType;

use super::{
    destination::Destination,
    sink::{Sink, SinkError},
};

const BATCH_ROWS: usize = 1 << 16;

pub(super) struct ArrowSink(FileWriter<Destination>);

impl ArrowSink {
    pub(super) fn open(destination: Destination, value_type: ValueType) -> Result<Box<dyn Sink>, SinkError> {
        let writer = FileWriter::try_new(destination, &arrow_schema(value_type)).map_err(system_error)?;
        Ok(Box::new(Self(writer)))
    }
}

impl Sink for ArrowSink {
    fn write(&mut self, _first: i64, block: &Block) -> Result<(), SinkError> {
        for batch in block.batches(BATCH_ROWS).map_err(|error| SinkError::Block(error.to_string()))? {
            let batch = batch.map_err(|error| SinkError::Block(error.to_string()))?;
            self.0.write(&batch).map_err(system_error)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Destination, SinkError> {
        let mut writer = self.0;
        writer.finish().map_err(system_error)?;
        Ok(writer.into_inner().map_err(system_error)?)
    }
}

fn system_error(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        other => io::Error::other(other),
    }
}
