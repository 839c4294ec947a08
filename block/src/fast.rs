//! The types that this crate writes and reads itself: all that differs from one to the next.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, cast::AsArray, types};
use arrow_buffer::BooleanBufferBuilder;
use arrow_schema::ArrowError;
use parquet::{
    basic::{Compression, Encoding, ZstdLevel},
    data_type::{ByteArray, FixedLenByteArray},
    file::statistics::{Statistics, ValueStatistics},
};
use swath_model::ValueType;

use crate::{
    BlockError, boolean, decimal, delta, float,
    span::{self, Span},
};

/// The greatest decimal of 38 digits.
const MOST_DECIMAL: i128 = 10i128.pow(38) - 1;

/// The encoding of all pages.
pub(crate) fn encoding(value_type: ValueType) -> Encoding {
    match value_type {
        ValueType::Int64 => Encoding::DELTA_BINARY_PACKED,
        ValueType::Boolean | ValueType::Float64 | ValueType::Decimal128 => Encoding::PLAIN,
    }
}

/// The most bytes that so many values take, encoded.
pub(crate) fn most_bytes(value_type: ValueType, rows: usize) -> usize {
    match value_type {
        ValueType::Int64 => delta::most_bytes(rows),
        ValueType::Boolean => rows.div_ceil(8),
        ValueType::Float64 => rows * 8,
        ValueType::Decimal128 => rows * 16,
    }
}

/// A page as it is written.
pub(crate) struct EncodedPage {
    pub(crate) bytes: Vec<u8>,
    pub(crate) uncompressed: usize,
    pub(crate) span: Span,
}

/// Encodes values, of which there must be one, and compresses them in the way that the first page of their column
/// found. `None` if they are of another type.
pub(crate) fn encode_page(
    value_type: ValueType,
    values: &dyn Array,
    compression: &mut Option<Compression>,
) -> Option<EncodedPage> {
    let mut page = Vec::new();
    let span = match value_type {
        ValueType::Int64 => {
            let values = values.as_primitive_opt::<types::Int64Type>()?.values();
            page.reserve(values.len() * 2 + 64);
            let (least, greatest) = delta::encode(values, &mut page);
            Span::new(least, greatest)
        }
        ValueType::Boolean => {
            let (least, greatest) = boolean::encode(values.as_boolean_opt()?.values(), &mut page);
            Span::new(least, greatest)
        }
        ValueType::Float64 => {
            float::encode(values.as_primitive_opt::<types::Float64Type>()?.values(), &mut page);
            float::span(&page)
        }
        ValueType::Decimal128 => {
            let values = values.as_primitive_opt::<types::Decimal128Type>()?.values();
            let (least, greatest) = decimal::extremes(values);
            let bytes = encode_decimals(values, compression);
            return Some(EncodedPage { bytes, uncompressed: values.len() * 16, span: Span::new(least, greatest) });
        }
    };
    let uncompressed = page.len();
    Some(EncodedPage { bytes: compress(page, compression), uncompressed, span })
}

/// Decimals are compressed before they are encoded: values tell more than their bytes.
fn encode_decimals(values: &[i128], compression: &mut Option<Compression>) -> Vec<u8> {
    let mut page = Vec::with_capacity(values.len() * 8);
    match compression.get_or_insert_with(|| best_for_decimals(values)) {
        Compression::ZSTD(_) => decimal::runs::compress(values, &mut page),
        Compression::LZ4_RAW => decimal::lz4::compress(values, &mut page),
        _ => decimal::encode(values, &mut page),
    }
    page
}

/// Which compression makes least of the first decimals, if it takes away a quarter.
fn best_for_decimals(values: &[i128]) -> Compression {
    const SAMPLE: usize = 4096;
    let sample = values.get(..SAMPLE).unwrap_or(values);
    let size = |compress: fn(&[i128], &mut Vec<u8>)| {
        let mut compressed = Vec::new();
        compress(sample, &mut compressed);
        compressed.len()
    };
    let (runs, lz4) = (size(decimal::runs::compress), size(decimal::lz4::compress));
    match runs.min(lz4) {
        least if least > sample.len() * 12 => Compression::UNCOMPRESSED,
        least if least == runs => Compression::ZSTD(ZstdLevel::default()),
        _ => Compression::LZ4_RAW,
    }
}

/// The page as it is written: compressed, if that was worth it for the first one.
pub(crate) fn compress(page: Vec<u8>, compression: &mut Option<Compression>) -> Vec<u8> {
    match compression {
        Some(Compression::LZ4_RAW) => lz4_flex::block::compress(&page),
        Some(_) => page,
        None => {
            let compressed = lz4_flex::block::compress(&page);
            let is_worth_it = compressed.len() <= page.len() - page.len() / 4;
            *compression = Some(if is_worth_it { Compression::LZ4_RAW } else { Compression::UNCOMPRESSED });
            if is_worth_it { compressed } else { page }
        }
    }
}

/// What the footer says of the least value and the greatest.
pub(crate) fn statistics(value_type: ValueType, Span { least, greatest, nans }: Span) -> Statistics {
    match value_type {
        ValueType::Int64 => Statistics::int64(Some(least as i64), Some(greatest as i64), None, Some(0), false),
        ValueType::Boolean => Statistics::boolean(Some(least != 0), Some(greatest != 0), None, Some(0), false),
        ValueType::Float64 => {
            let (least, greatest) = (span::with_order(least), span::with_order(greatest));
            let found = ValueStatistics::new(Some(least), Some(greatest), None, Some(0), false);
            Statistics::Double(found.with_nan_count(Some(nans)))
        }
        ValueType::Decimal128 => {
            let bytes = |value: i128| FixedLenByteArray::from(ByteArray::from(value.to_be_bytes().to_vec()));
            Statistics::fixed_len_byte_array(Some(bytes(least)), Some(bytes(greatest)), None, Some(0), false)
        }
    }
}

/// What statistics say of the least value and the greatest; `None` if they say nothing.
pub(crate) fn stated(statistics: Option<&Statistics>, value_type: ValueType) -> Result<Option<Span>, BlockError> {
    let Some(statistics) = statistics else { return Ok(None) };
    if statistics.null_count_opt().is_some_and(|nulls| nulls > 0) || statistics.distinct_count_opt().is_some() {
        return Err(BlockError::Statistics);
    }
    let nans = statistics.nan_count_opt();
    if nans.is_some() != (value_type == ValueType::Float64) {
        return Err(BlockError::Statistics);
    }
    let span = match (statistics, value_type) {
        (Statistics::Int64(found), ValueType::Int64) => {
            (found.min_opt().map(|&least| i128::from(least)), found.max_opt().map(|&most| i128::from(most)))
        }
        (Statistics::Boolean(found), ValueType::Boolean) => {
            (found.min_opt().map(|&least| i128::from(least)), found.max_opt().map(|&most| i128::from(most)))
        }
        (Statistics::Double(found), ValueType::Float64) => {
            let order = |value: &f64| span::order(*value);
            (found.min_opt().map(order), found.max_opt().map(order))
        }
        (Statistics::FixedLenByteArray(found), ValueType::Decimal128) => {
            let decimal = |bytes: &[u8]| <[u8; 16]>::try_from(bytes).ok().map(i128::from_be_bytes);
            let least = found.min_bytes_opt().map(|bytes| decimal(bytes).ok_or(BlockError::Statistics)).transpose()?;
            (least, found.max_bytes_opt().map(|bytes| decimal(bytes).ok_or(BlockError::Statistics)).transpose()?)
        }
        _ => return Err(BlockError::Statistics),
    };
    match span {
        (Some(least), Some(greatest)) => Ok(Some(Span { least, greatest, nans: nans.unwrap_or_default() })),
        (None, None) => Ok(None),
        _ => Err(BlockError::Statistics),
    }
}

/// Checks the values of a page. Returns the least and the greatest; of integers, those of the first alone. An error
/// says what the page is.
pub(crate) fn check_page(value_type: ValueType, page: &[u8], rows: usize) -> Result<Span, &'static str> {
    const WRONG_LENGTH: &str = "are longer or shorter than their values";
    match value_type {
        ValueType::Int64 => {
            let first = delta::check(page, rows)?;
            Ok(Span::new(first, first))
        }
        ValueType::Boolean => {
            if page.len() != rows.div_ceil(8) {
                return Err(WRONG_LENGTH);
            }
            let (least, greatest) = boolean::check(page, rows).ok_or("have bits after their last value")?;
            Ok(Span::new(least, greatest))
        }
        ValueType::Float64 if page.len() == rows * 8 => Ok(float::span(page)),
        ValueType::Float64 => Err(WRONG_LENGTH),
        ValueType::Decimal128 => {
            let (values, rest) = page.as_chunks::<16>();
            if values.len() != rows || !rest.is_empty() {
                return Err(WRONG_LENGTH);
            }
            let span = Span::of(values.iter().map(|value| i128::from_be_bytes(*value))).ok_or(WRONG_LENGTH)?;
            check_decimals(span)
        }
    }
}

/// Checks how many digits decimals have.
pub(crate) fn check_decimals(span: Span) -> Result<Span, &'static str> {
    let has_digits = span.least >= -MOST_DECIMAL && span.greatest <= MOST_DECIMAL;
    if has_digits { Ok(span) } else { Err("have a decimal of more than 38 digits") }
}

/// An array that grows by pages.
pub(crate) enum Builder {
    Int64(Vec<i64>),
    Boolean(BooleanBufferBuilder),
    Float64(Vec<f64>),
    Decimal128(Vec<i128>),
}

impl Builder {
    /// An empty array with room for so many rows.
    pub(crate) fn new(value_type: ValueType, rows: usize) -> Self {
        match value_type {
            ValueType::Int64 => Self::Int64(Vec::with_capacity(rows)),
            ValueType::Boolean => Self::Boolean(BooleanBufferBuilder::new(rows)),
            ValueType::Float64 => Self::Float64(Vec::with_capacity(rows)),
            ValueType::Decimal128 => Self::Decimal128(Vec::with_capacity(rows)),
        }
    }

    pub(crate) fn push(&mut self, page: &[u8], rows: usize) -> Result<(), BlockError> {
        let wrong_length = || {
            let (bytes, rows) = (page.len(), rows);
            BlockError::Decode(format!("a page of {rows} values has {bytes} bytes"))
        };
        match self {
            Self::Int64(values) => {
                let before = values.len();
                values.resize(before + rows, 0);
                decode_int64(page, values.get_mut(before..).unwrap_or_default())
            }
            Self::Boolean(values) if page.len() == rows.div_ceil(8) => {
                values.append_packed_range(0..rows, page);
                Ok(())
            }
            Self::Float64(values) if page.len() == rows * 8 => {
                float::decode(page, values);
                Ok(())
            }
            Self::Decimal128(values) if page.len() == rows * 16 => {
                let (page, _) = page.as_chunks::<16>();
                values.extend(page.iter().map(|value| i128::from_be_bytes(*value)));
                Ok(())
            }
            Self::Boolean(_) | Self::Float64(_) | Self::Decimal128(_) => Err(wrong_length()),
        }
    }

    pub(crate) fn finish(self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Int64(values) => Arc::new(Int64Array::from(values)),
            Self::Boolean(mut values) => Arc::new(BooleanArray::new(values.finish(), None)),
            Self::Float64(values) => Arc::new(Float64Array::from(values)),
            Self::Decimal128(values) => Arc::new(Decimal128Array::from(values).with_precision_and_scale(38, 0)?),
        })
    }
}

/// Decodes as many integers as `out` has.
pub(crate) fn decode_int64(page: &[u8], out: &mut [i64]) -> Result<(), BlockError> {
    delta::decode(page, out).map_err(|reason| BlockError::Decode(reason.to_owned()))
}
