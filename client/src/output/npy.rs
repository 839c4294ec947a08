//! The NumPy array format: the values of one column, or structs of the values of several.
//!
//! Source of the format: NumPy,
//! [numpy.lib.format](https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html). Version 1.0, or 3.0
//! where the name of a column needs it.

use std::io::Write;

use arrow_array::{
    Array, ArrayRef, BooleanArray, RecordBatch, cast::AsArray, downcast_primitive_array, types::Date32Type,
};
use arrow_schema::{DataType, Schema};

use super::{destination::Destination, numpy_type::element, sink::RowSink, sink_error::SinkError};

/// The header, magic string included, is padded to a multiple of this.
const ALIGNMENT: usize = 64;

pub(super) struct NpySink {
    destination: Destination,
    names: Vec<String>,
    bytes: Vec<u8>,
}

impl NpySink {
    /// An array of `rows` rows of columns that [`element`] knows.
    pub(super) fn open(mut destination: Destination, rows: u64, schema: &Schema) -> Result<Self, SinkError> {
        let mut columns = Vec::new();
        for field in schema.fields() {
            let element = element(field.data_type())
                .ok_or_else(|| SinkError::Value(format!("NumPy has no {} values", field.data_type())))?;
            columns.push((field.name().clone(), element));
        }
        destination.write_all(&header(&columns, rows))?;
        let names = columns.into_iter().map(|(name, _)| name).collect();
        Ok(Self { destination, names, bytes: Vec::new() })
    }
}

impl RowSink for NpySink {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), SinkError> {
        let mut columns = Vec::new();
        for (name, column) in self.names.iter().zip(rows.columns()) {
            if column.null_count() > 0 {
                let sentence = format!("a .npy file cannot show which values of the column `{name}` are null");
                return Err(SinkError::Value(sentence));
            }
            columns.push(Elements::of(column)?);
        }
        self.bytes.clear();
        match columns.as_slice() {
            [column] => self.bytes.extend_from_slice(&column.bytes),
            columns => {
                for row in 0..rows.num_rows() {
                    for column in columns {
                        self.bytes.extend_from_slice(column.at(row));
                    }
                }
            }
        }
        Ok(self.destination.write_all(&self.bytes)?)
    }

    fn finish(self: Box<Self>) -> Result<Destination, SinkError> {
        Ok(self.destination)
    }
}

/// The values of a column as NumPy has them.
struct Elements {
    bytes: Vec<u8>,
    width: usize,
}

impl Elements {
    fn of(column: &ArrayRef) -> Result<Self, SinkError> {
        let unexpected = || SinkError::Value(format!("NumPy has no {} values", column.data_type()));
        let (_, width) = element(column.data_type()).ok_or_else(unexpected)?;
        let bytes = match column.data_type() {
            DataType::Boolean => {
                let values: &BooleanArray = column.as_boolean_opt().ok_or_else(unexpected)?;
                values.values().iter().map(u8::from).collect()
            }
            DataType::Date32 => {
                let days = column.as_primitive_opt::<Date32Type>().ok_or_else(unexpected)?;
                days.values().iter().flat_map(|&day| i64::from(day).to_le_bytes()).collect()
            }
            _ => little_endian(column).ok_or_else(unexpected)?,
        };
        Ok(Self { bytes, width: usize::try_from(width).unwrap_or(usize::MAX) })
    }

    fn at(&self, row: usize) -> &[u8] {
        self.bytes.get(row * self.width..).and_then(|rest| rest.get(..self.width)).unwrap_or_default()
    }
}

/// The bytes of primitive values. Arrow has them in the order of the processor; Swath runs on little-endian ones alone.
fn little_endian(column: &dyn Array) -> Option<Vec<u8>> {
    const { assert!(cfg!(target_endian = "little"), "the values would have to be turned around") }
    downcast_primitive_array!(
        column => Some(column.values().inner().as_slice().to_vec()),
        _ => None
    )
}

fn header(columns: &[(String, (&str, u64))], rows: u64) -> Vec<u8> {
    let descr = match columns {
        [(_, (element, _))] => format!("'{element}'"),
        columns => {
            let fields: Vec<_> =
                columns.iter().map(|(name, (element, _))| format!("({}, '{element}')", literal(name))).collect();
            format!("[{}]", fields.join(", "))
        }
    };
    let mut text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': ({rows},), }}");
    // Version 1.0 has a length of 16 bits, and no letters beyond Latin-1.
    let version: &[u8] = if text.is_ascii() && text.len() < 60_000 { &[1, 0] } else { &[3, 0] };
    let before = b"\x93NUMPY".len() + 2 + if version == [1, 0] { 2 } else { 4 };
    let padding = ALIGNMENT - (before + text.len() + 1) % ALIGNMENT;
    text.extend(std::iter::repeat_n(' ', padding % ALIGNMENT));
    text.push('\n');
    let mut header = [b"\x93NUMPY", version].concat();
    match version {
        [1, 0] => header.extend((text.len() as u16).to_le_bytes()),
        _ => header.extend((text.len() as u32).to_le_bytes()),
    }
    header.extend(text.as_bytes());
    header
}

/// A text as Python writes it.
fn literal(text: &str) -> String {
    let mut literal = String::from("'");
    for letter in text.chars() {
        match letter {
            '\'' | '\\' => literal.extend(['\\', letter]),
            _ if letter.is_control() => literal.push_str(&format!("\\U{:08x}", u32::from(letter))),
            _ => literal.push(letter),
        }
    }
    literal.push('\'');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_aligned_and_says_how_long_it_is() {
        for rows in [1, 10, 123_456_789, u64::MAX] {
            let header = header(&[("value".to_owned(), ("<i8", 8))], rows);
            assert_eq!(header.len() % 64, 0);
            assert_eq!(usize::from(u16::from_le_bytes([header[8], header[9]])) + 10, header.len());
            assert!(header.ends_with(b"\n"));
        }
        let columns = [("é's".to_owned(), ("<i8", 8)), ("b\n".to_owned(), ("|b1", 1))];
        let header = header(&columns, 7);
        assert_eq!((header.len() % 64, header[6]), (0, 3));
        let text = String::from_utf8_lossy(&header[12..]).into_owned();
        assert!(text.contains(r"[('é\'s', '<i8'), ('b\U0000000a', '|b1')]"), "{text}");
    }
}
