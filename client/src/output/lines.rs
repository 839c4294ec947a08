//! Lines of text: values alone, CSV, JSON.

use std::io::Write;

use arrow_array::{
    Array,
    cast::AsArray,
    types::{Decimal128Type, Int64Type},
};
use swath_block::Block;

use super::{
    destination::Destination,
    sink::{Sink, SinkError},
};

const BATCH_ROWS: usize = 1 << 16;

/// The format of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `9`
    Text,
    /// `3,9`, below the header `n,value`
    Csv,
    /// `{"n":3,"value":9}`
    Jsonl,
}

pub(super) struct LineSink {
    destination: Destination,
    style: Style,
    text: Vec<u8>,
}

impl LineSink {
    pub(super) fn open(mut destination: Destination, style: Style) -> Result<Box<dyn Sink>, SinkError> {
        if style == Style::Csv {
            destination.write_all(b"n,value\n")?;
        }
        Ok(Box::new(Self { destination, style, text: Vec::new() }))
    }

    fn push_lines(&mut self, first: i64, rows: usize, mut push_value: impl FnMut(usize, &mut Vec<u8>)) {
        let mut digits = itoa::Buffer::new();
        let (before, between, after): (&[u8], &[u8], &[u8]) = match self.style {
            Style::Text => (b"", b"", b"\n"),
            Style::Csv => (b"", b",", b"\n"),
            Style::Jsonl => (b"{\"n\":", b",\"value\":", b"}\n"),
        };
        for row in 0..rows {
            if self.style != Style::Text {
                self.text.extend_from_slice(before);
                self.text.extend_from_slice(digits.format(first.wrapping_add(row as i64)).as_bytes());
                self.text.extend_from_slice(between);
            }
            push_value(row, &mut self.text);
            self.text.extend_from_slice(after);
        }
    }
}

impl Sink for LineSink {
    #[expect(clippy::indexing_slicing, reason = "`push_lines` calls for the rows that it was given")]
    fn write(&mut self, first: i64, block: &Block) -> Result<(), SinkError> {
        let mut first = first;
        for batch in block.columns(&[1], BATCH_ROWS).map_err(|error| SinkError::Block(error.to_string()))? {
            let batch = batch.map_err(|error| SinkError::Block(error.to_string()))?;
            let values = batch.column(0);
            let mut digits = itoa::Buffer::new();
            self.text.clear();
            if let Some(values) = values.as_primitive_opt::<Int64Type>() {
                let values = values.values();
                self.push_lines(first, values.len(), |row, text| {
                    text.extend_from_slice(digits.format(values[row]).as_bytes());
                });
            } else if let Some(values) = values.as_primitive_opt::<Decimal128Type>() {
                let values = values.values();
                self.push_lines(first, values.len(), |row, text| {
                    text.extend_from_slice(digits.format(values[row]).as_bytes());
                });
            } else if let Some(values) = values.as_boolean_opt() {
                self.push_lines(first, values.len(), |row, text| {
                    text.extend_from_slice(if values.value(row) { b"true" } else { b"false" });
                });
            } else {
                return Err(SinkError::Block(format!("unexpected {} values", values.data_type())));
            }
            self.destination.write_all(&self.text)?;
            first = first.wrapping_add(batch.num_rows() as i64);
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Destination, SinkError> {
        Ok(self.destination)
    }
}
