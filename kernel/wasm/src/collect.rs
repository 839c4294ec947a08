//! From the bytes that a module left in its memory to the buffers of a kernel.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, Decimal128Array, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array,
    Int64Array, StringArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array, make_array,
};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType};
use swath_kernel::Values;

use crate::columns::{Column, Element};

/// A value that its column cannot hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// Which of the values.
    pub(crate) index: usize,
    pub(crate) reason: String,
}

impl From<ArrowError> for Misfit {
    /// Arrays are made of values that were checked, so this is about no value in particular.
    fn from(error: ArrowError) -> Self {
        Self { index: 0, reason: error.to_string() }
    }
}

/// Appends values of fixed size, which lie one after the other.
pub(crate) fn append(column: &Column, bytes: &[u8], values: &mut Values) -> Result<(), Misfit> {
    match (values, column.element) {
        (Values::Int64(out), Element::Int64) => {
            let (words, _) = bytes.as_chunks::<8>();
            out.extend(words.iter().map(|word| i64::from_le_bytes(*word)));
        }
        (Values::Int64(out), _) => out.extend(integers(column, bytes, |signed, _| Some(signed))?),
        (Values::Boolean(out), _) => out.append_packed(&packed(bytes), 0, bytes.len()),
        (Values::Float64(out), _) => {
            let (words, _) = bytes.as_chunks::<8>();
            out.extend(words.iter().map(|word| one_nan_64(f64::from_le_bytes(*word))));
        }
        (Values::Decimal128(out), _) => out.extend(decimals(column, 38, bytes)?),
        (Values::Arrays(arrays), _) => {
            let array = array_of(column, bytes)?;
            if !arrays.push(array) {
                return Err(other_type(column));
            }
        }
    }
    Ok(())
}

/// The types were compared before: a fault of the program.
fn other_type(column: &Column) -> Misfit {
    Misfit { index: 0, reason: format!("its column {:?} has another type", column.name) }
}

/// Bits, eight in a byte, of bytes that are 0 or not.
fn packed(bytes: &[u8]) -> Vec<u8> {
    /// Moves the lowest bit of each byte of a word to its place in the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
    let last = (!rest.is_empty()).then_some(&last);
    let bits = words.iter().chain(last).map(|word| {
        let truths = word.map(|byte| u8::from(byte != 0));
        (u64::from_le_bytes(truths).wrapping_mul(GATHER) >> 56) as u8
    });
    bits.collect()
}

/// Integers of whatever width; `fit` is given each as a signed and as an unsigned one.
fn integers<T>(column: &Column, bytes: &[u8], fit: impl Fn(i64, u64) -> Option<T>) -> Result<Vec<T>, Misfit> {
    let signed: &dyn Fn(usize) -> Option<(i64, u64)> = &|index| {
        let at = |size: usize| bytes.get(index * size..);
        Some(match column.element {
            Element::Int8 | Element::Flag(_) => {
                let byte = *at(1)?.first()?;
                (i64::from(byte.cast_signed()), u64::from(byte))
            }
            Element::Int16 => {
                let word = u16::from_le_bytes(*at(2)?.first_chunk()?);
                (i64::from(word.cast_signed()), u64::from(word))
            }
            Element::Int32 => {
                let word = u32::from_le_bytes(*at(4)?.first_chunk()?);
                (i64::from(word.cast_signed()), u64::from(word))
            }
            _ => {
                let word = u64::from_le_bytes(*at(8)?.first_chunk()?);
                (word.cast_signed(), word)
            }
        })
    };
    let count = bytes.len() / column.element.bytes();
    let values = (0..count).map(|index| {
        let (signed, unsigned) = signed(index).unwrap_or_default();
        fit(signed, unsigned).ok_or_else(|| {
            let (name, data_type) = (&column.name, &column.data_type);
            Misfit { index, reason: format!("{signed} does not fit its column {name:?}, which is {data_type}") }
        })
    });
    values.collect()
}

fn signed<T: TryFrom<i64>>(column: &Column, bytes: &[u8]) -> Result<Vec<T>, Misfit> {
    integers(column, bytes, |signed, _| T::try_from(signed).ok())
}

fn unsigned<T: TryFrom<u64>>(column: &Column, bytes: &[u8]) -> Result<Vec<T>, Misfit> {
    integers(column, bytes, |_, unsigned| T::try_from(unsigned).ok())
}

fn decimals(column: &Column, precision: u8, bytes: &[u8]) -> Result<impl Iterator<Item = i128>, Misfit> {
    let end = 10_u128.checked_pow(u32::from(precision)).unwrap_or(u128::MAX);
    let (words, _) = bytes.as_chunks::<16>();
    match words.iter().position(|word| i128::from_le_bytes(*word).unsigned_abs() >= end) {
        None => Ok(words.iter().map(|word| i128::from_le_bytes(*word))),
        Some(index) => {
            let reason = format!("its column {:?} has more than {precision} digits", column.name);
            Err(Misfit { index, reason })
        }
    }
}

/// The values of a column that has no buffer of its own kind.
fn array_of(column: &Column, bytes: &[u8]) -> Result<ArrayRef, Misfit> {
    let data_type = &column.data_type;
    Ok(match data_type {
        DataType::Int8 => Arc::new(Int8Array::from(signed::<i8>(column, bytes)?)),
        DataType::Int16 => Arc::new(Int16Array::from(signed::<i16>(column, bytes)?)),
        DataType::Int32 => Arc::new(Int32Array::from(signed::<i32>(column, bytes)?)),
        DataType::UInt8 => Arc::new(UInt8Array::from(unsigned::<u8>(column, bytes)?)),
        DataType::UInt16 => Arc::new(UInt16Array::from(unsigned::<u16>(column, bytes)?)),
        DataType::UInt32 => Arc::new(UInt32Array::from(unsigned::<u32>(column, bytes)?)),
        DataType::UInt64 => Arc::new(UInt64Array::from(unsigned::<u64>(column, bytes)?)),
        DataType::Date32 => typed(&Int32Array::from(signed::<i32>(column, bytes)?), data_type)?,
        DataType::Float32 => {
            let (words, _) = bytes.as_chunks::<4>();
            Arc::new(Float32Array::from_iter_values(words.iter().map(|word| one_nan_32(f32::from_le_bytes(*word)))))
        }
        DataType::Float64 => {
            let (words, _) = bytes.as_chunks::<8>();
            Arc::new(Float64Array::from_iter_values(words.iter().map(|word| one_nan_64(f64::from_le_bytes(*word)))))
        }
        DataType::Decimal128(precision, scale) => {
            let values = Decimal128Array::from_iter_values(decimals(column, *precision, bytes)?);
            Arc::new(values.with_precision_and_scale(*precision, *scale)?)
        }
        // Timestamps, in whatever unit and zone.
        _ => typed(&Int64Array::from(signed::<i64>(column, bytes)?), data_type)?,
    })
}

/// Processors make different NaNs of the same operation, so all of them become one.
fn one_nan_64(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value }
}

fn one_nan_32(value: f32) -> f32 {
    if value.is_nan() { f32::NAN } else { value }
}

/// The same integers as values of another type of that width.
fn typed(integers: &dyn Array, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    Ok(make_array(integers.to_data().into_builder().data_type(data_type.clone()).build()?))
}

/// Values of one column that were read one by one.
#[derive(Debug)]
pub(crate) struct Gathered {
    /// Values of fixed size, or the bytes of all texts.
    pub(crate) bytes: Vec<u8>,
    /// Where each text ends.
    ends: Vec<i32>,
}

impl Gathered {
    pub(crate) fn new() -> Self {
        Self { bytes: Vec::new(), ends: Vec::new() }
    }

    pub(crate) fn push(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
    }

    /// Appends a text; the caller keeps all of them below 2 GiB.
    pub(crate) fn push_text(&mut self, text: &[u8]) {
        self.push(text);
        self.ends.push(i32::try_from(self.bytes.len()).unwrap_or(i32::MAX));
    }

    /// Moves all values to the buffer of the column.
    pub(crate) fn append_to(&mut self, column: &Column, values: &mut Values) -> Result<(), Misfit> {
        let bytes = std::mem::take(&mut self.bytes);
        if !matches!(column.element, Element::Place(_)) {
            return append(column, &bytes, values);
        }
        let ends = std::mem::take(&mut self.ends);
        let offsets = OffsetBuffer::new(std::iter::once(0).chain(ends).collect::<ScalarBuffer<i32>>());
        let array: ArrayRef = match column.data_type {
            DataType::Utf8 => Arc::new(StringArray::try_new(offsets, Buffer::from(bytes), None)?),
            _ => Arc::new(BinaryArray::try_new(offsets, Buffer::from(bytes), None)?),
        };
        let is_taken = match values {
            Values::Arrays(arrays) => arrays.push(array),
            _ => false,
        };
        if is_taken { Ok(()) } else { Err(other_type(column)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_bits() {
        let bytes: Vec<u8> = (0..21).map(|index| if index % 3 == 0 { index + 2 } else { 0 }).collect();
        let packed = packed(&bytes);
        assert_eq!(packed.len(), 3);
        for (index, byte) in bytes.iter().enumerate() {
            assert_eq!(packed[index / 8] >> (index % 8) & 1 == 1, *byte != 0, "{index}");
        }
    }
}
