//! Lines of text: values alone, CSV, TSV, JSON.

use std::io::Write;

use arrow_array::{Array, Int64Array, RecordBatch, cast::AsArray, types::Int64Type};
use arrow_schema::Schema;

use super::{
    compress::Body,
    destination::Destination,
    sink::RowSink,
    sink_error::SinkError,
    text::{Notation, PushCell, cells},
};

/// The format of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `9`
    Text,
    /// `3,9`, below the header `n,value`
    Csv,
    /// The same with tabs.
    Tsv,
    /// `{"n":3,"value":9}`
    Jsonl,
}

impl Style {
    fn notation(self) -> Notation {
        match self {
            Self::Text | Self::Tsv => Notation::Tsv,
            Self::Csv => Notation::Csv,
            Self::Jsonl => Notation::Json,
        }
    }
}

pub(super) struct LineSink {
    body: Body,
    style: Style,
    /// What comes before the value of each column.
    before: Vec<Vec<u8>>,
    /// What comes behind the last.
    after: &'static [u8],
    text: Vec<u8>,
}

impl LineSink {
    pub(super) fn open(mut body: Body, style: Style, schema: &Schema) -> Result<Self, SinkError> {
        let notation = style.notation();
        let separator: &[u8] = match style {
            Style::Text | Style::Tsv => b"\t",
            Style::Csv | Style::Jsonl => b",",
        };
        let (mut header, mut before) = (Vec::new(), Vec::new());
        for (at, field) in schema.fields().iter().enumerate() {
            let mut start = if at > 0 { separator.to_vec() } else { Vec::new() };
            header.extend_from_slice(&start);
            notation.push_text(field.name().as_bytes(), &mut header);
            if style == Style::Jsonl {
                if at == 0 {
                    start.push(b'{');
                }
                notation.push_text(field.name().as_bytes(), &mut start);
                start.push(b':');
            }
            before.push(start);
        }
        header.push(b'\n');
        if matches!(style, Style::Csv | Style::Tsv) {
            body.write_all(&header)?;
        }
        let after: &[u8] = if style == Style::Jsonl { b"}\n" } else { b"\n" };
        Ok(Self { body, style, before, after, text: Vec::new() })
    }

    /// Rows of integers, which most results are: no call for each value.
    fn push_integers(&mut self, columns: &[&[i64]], rows: usize) {
        let mut digits = itoa::Buffer::new();
        for row in 0..rows {
            for (before, values) in self.before.iter().zip(columns) {
                self.text.extend_from_slice(before);
                let value = values.get(row).copied().unwrap_or_default();
                self.text.extend_from_slice(digits.format(value).as_bytes());
            }
            self.text.extend_from_slice(self.after);
        }
    }

    fn push_rows(&mut self, columns: &[PushCell<'_>], rows: usize) {
        // A line that is empty would not be read as a row.
        let may_be_empty = self.style == Style::Csv && columns.len() == 1;
        for row in 0..rows {
            let start = self.text.len();
            for (before, push) in self.before.iter().zip(columns) {
                self.text.extend_from_slice(before);
                push(row, &mut self.text);
            }
            if may_be_empty && self.text.len() == start {
                self.text.extend_from_slice(b"\"\"");
            }
            self.text.extend_from_slice(self.after);
        }
    }
}

/// The values of a column of integers, none of which is null.
fn integers(column: &dyn Array) -> Option<&[i64]> {
    let column: &Int64Array = column.as_primitive_opt::<Int64Type>()?;
    (column.null_count() == 0).then(|| &column.values()[..])
}

impl RowSink for LineSink {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), SinkError> {
        self.text.clear();
        let columns: Option<Vec<_>> = rows.columns().iter().map(|column| integers(column)).collect();
        match columns {
            Some(columns) => self.push_integers(&columns, rows.num_rows()),
            None => {
                let notation = self.style.notation();
                let columns: Result<Vec<_>, _> =
                    rows.columns().iter().map(|column| cells(column.as_ref(), notation)).collect();
                self.push_rows(&columns.map_err(|error| SinkError::Value(error.to_string()))?, rows.num_rows());
            }
        }
        Ok(self.body.write_all(&self.text)?)
    }

    fn finish(self: Box<Self>) -> Result<Destination, SinkError> {
        Ok(self.body.finish()?)
    }
}
