//! The Arrow IPC formats: the file and the stream.

use arrow_array::RecordBatch;
use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_schema::Schema;

use super::{compress::Body, destination::Destination, sink::RowSink, sink_error::SinkError};

pub(super) struct ArrowSink(FileWriter<Destination>);

impl ArrowSink {
    pub(super) fn open(destination: Destination, schema: &Schema) -> Result<Self, SinkError> {
        Ok(Self(FileWriter::try_new(destination, schema)?))
    }
}

impl RowSink for ArrowSink {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), SinkError> {
        Ok(self.0.write(rows)?)
    }

    fn finish(mut self: Box<Self>) -> Result<Destination, SinkError> {
        self.0.finish()?;
        Ok(self.0.into_inner()?)
    }
}

pub(super) struct ArrowStreamSink(StreamWriter<Body>);

impl ArrowStreamSink {
    pub(super) fn open(body: Body, schema: &Schema) -> Result<Self, SinkError> {
        Ok(Self(StreamWriter::try_new(body, schema)?))
    }
}

impl RowSink for ArrowStreamSink {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), SinkError> {
        Ok(self.0.write(rows)?)
    }

    fn finish(mut self: Box<Self>) -> Result<Destination, SinkError> {
        self.0.finish()?;
        Ok(self.0.into_inner()?.finish()?)
    }
}
