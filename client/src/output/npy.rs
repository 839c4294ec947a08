//! The NumPy array format, version 1.0: the values alone.
//!
//! Source of the format: NumPy,
//! [numpy.lib.format](https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).

use std::io::Write;

use arrow_array::{Array, cast::AsArray, types::Int64Type};
use swath_block::Block;
use swath_kernel::ValueType;
use swath_model::Range;

use super::{
    destination::Destination,
    sink::{Sink, SinkError},
};

const BATCH_ROWS: usize = 1 << 16;
/// The header, magic string included, is padded to a multiple of this.
const ALIGNMENT: usize = 64;

pub(super) struct NpySink {
    destination: Destination,
    bytes: Vec<u8>,
}

impl NpySink {
    pub(super) fn open(
        mut destination: Destination,
        range: Range,
        value_type: ValueType,
    ) -> Result<Box<dyn Sink>, SinkError> {
        let element = match value_type {
            ValueType::Int64 => "<i8",
            ValueType::Boolean => "|b1",
            ValueType::Decimal128 => return Err(SinkError::Block("NumPy has no 128-bit integers".to_owned())),
        };
        destination.write_all(&header(element, range.count()))?;
        Ok(Box::new(Self { destination, bytes: Vec::new() }))
    }
}

impl Sink for NpySink {
    fn write(&mut self, _first: i64, block: &Block) -> Result<(), SinkError> {
        for batch in block.columns(&[1], BATCH_ROWS).map_err(|error| SinkError::Block(error.to_string()))? {
            let batch = batch.map_err(|error| SinkError::Block(error.to_string()))?;
            let values = batch.column(0);
            self.bytes.clear();
            if let Some(values) = values.as_primitive_opt::<Int64Type>() {
                self.bytes.extend(values.values().iter().flat_map(|value| value.to_le_bytes()));
            } else if let Some(values) = values.as_boolean_opt() {
                self.bytes.extend(values.values().iter().map(u8::from));
            } else {
                return Err(SinkError::Block(format!("unexpected {} values", values.data_type())));
            }
            self.destination.write_all(&self.bytes)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Destination, SinkError> {
        Ok(self.destination)
    }
}

fn header(element: &str, count: u64) -> Vec<u8> {
    let mut text = format!("{{'descr': '{element}', 'fortran_order': False, 'shape': ({count},), }}");
    let before = b"\x93NUMPY\x01\x00".len() + 2;
    let padding = ALIGNMENT - (before + text.len() + 1) % ALIGNMENT;
    text.extend(std::iter::repeat_n(' ', padding % ALIGNMENT));
    text.push('\n');
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend((text.len() as u16).to_le_bytes());
    header.extend(text.as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::header;

    #[test]
    fn the_header_is_aligned_and_says_how_long_it_is() {
        for count in [1, 10, 123_456_789, u64::MAX] {
            let header = header("<i8", count);
            assert_eq!(header.len() % 64, 0);
            assert_eq!(usize::from(u16::from_le_bytes([header[8], header[9]])) + 10, header.len());
            assert!(header.ends_with(b"\n"));
        }
    }
}
