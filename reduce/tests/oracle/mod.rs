//! Values without types, compared and added in plain terms.

use std::{cmp::Ordering, sync::Arc};

use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BinaryViewArray, BooleanArray, LargeStringArray, PrimitiveArray,
    StringArray, StringViewArray, cast::AsArray, types::*,
};
use arrow_buffer::i256;
use arrow_schema::{DataType, TimeUnit};
use num_bigint::{BigInt, Sign};

/// A value; decimals are without their point.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Whole(BigInt),
    Float(f64),
    Bytes(Vec<u8>),
}

impl Value {
    pub(crate) fn whole(&self) -> BigInt {
        if let Self::Whole(whole) = self { whole.clone() } else { panic!("{self:?} is no integer") }
    }

    pub(crate) fn float(&self) -> f64 {
        if let Self::Float(float) = self { *float } else { panic!("{self:?} is no float") }
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => one.cmp(other),
            (Self::Bytes(one), Self::Bytes(other)) => one.cmp(other),
            (Self::Float(one), Self::Float(other)) => {
                one.partial_cmp(other).unwrap_or_else(|| one.is_nan().cmp(&other.is_nan()))
            }
            _ => panic!("{self:?} and {other:?} have two types"),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Value {}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

/// A value of a type, from random bits. Some kinds are near others, so that they come again, and some are extreme.
pub(crate) fn value(data_type: &DataType, words: [u64; 4], kind: u8) -> Value {
    let small = i64::from(words[0] as u8 % 7) - 3;
    let whole = |bits: u32, is_signed: bool| {
        let random = BigInt::from_bytes_be(Sign::Plus, &words.map(u64::to_be_bytes).concat());
        let span = BigInt::from(1) << bits;
        let offset = if is_signed { &span >> 1 } else { BigInt::from(0) };
        let least = -&offset;
        Value::Whole(match kind {
            0 => least,
            1 => &span - 1 - offset,
            2..4 => BigInt::from(if is_signed { small } else { small.abs() }),
            _ => random % &span - offset,
        })
    };
    let digits = |digits: u32| {
        let random = BigInt::from_bytes_be(Sign::Plus, &words.map(u64::to_be_bytes).concat());
        let most: BigInt = BigInt::from(10).pow(digits) - 1;
        Value::Whole(match kind {
            0 => -most,
            1 => most,
            2..4 => small.into(),
            _ => random % (&most * 2 + 1) - most,
        })
    };
    match data_type {
        DataType::Boolean => Value::Whole((words[0] % 2).into()),
        DataType::Int8 => whole(8, true),
        DataType::Int16 => whole(16, true),
        DataType::Int32 | DataType::Date32 | DataType::Time32(_) => whole(32, true),
        DataType::UInt8 => whole(8, false),
        DataType::UInt16 => whole(16, false),
        DataType::UInt32 => whole(32, false),
        DataType::UInt64 => whole(64, false),
        DataType::Decimal32(precision, _) | DataType::Decimal64(precision, _) => digits((*precision).into()),
        DataType::Decimal128(precision, _) => digits((*precision).into()),
        // One digit less, so that sums of a few thousand fit; what does not has a test of its own.
        DataType::Decimal256(precision, _) => digits(u32::from(*precision) - 4),
        DataType::Float32 => Value::Float(match float(words, kind, small) {
            float if kind == 7 => float,
            float => f64::from(float as f32),
        }),
        DataType::Float64 => Value::Float(float(words, kind, small)),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Value::Bytes(
            "äΩ🌾a".repeat(small.unsigned_abs() as usize).chars().skip(kind as usize % 3).collect::<String>().into(),
        ),
        DataType::Binary | DataType::BinaryView => Value::Bytes(
            words.map(u64::to_le_bytes).concat()[..(kind as usize * 4)].iter().map(|byte| byte % 3).collect(),
        ),
        _ => whole(64, true),
    }
}

fn float(words: [u64; 4], kind: u8, small: i64) -> f64 {
    let uniform = (words[1] >> 11) as f64 / (1u64 << 53) as f64;
    // What the whole column is like: special values, any bits, or plain numbers.
    match kind {
        0 if words[2].is_multiple_of(64) => {
            [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY][words[1] as usize % 4]
        }
        1 if words[2].is_multiple_of(8) => f64::from_bits(words[3]),
        2 if words[2].is_multiple_of(8) => {
            [-0.0, 0.0, f64::MIN_POSITIVE, -f64::from_bits(1), 1e308, -1e308][words[1] as usize % 6]
        }
        3 => small as f64 / 4.0,
        7 => f64::from(f32::from_bits(words[0] as u32 & 0x8FFF_FFFF)),
        _ => (uniform - 0.5) * 2f64.powi(words[3] as i32 % 20),
    }
}

/// An array of values of a type.
pub(crate) fn array(values: &[Option<Value>], data_type: &DataType) -> ArrayRef {
    let bytes = || {
        values.iter().map(|value| {
            value.as_ref().map(|value| {
                if let Value::Bytes(bytes) = value { bytes.as_slice() } else { panic!("{value:?} is no text") }
            })
        })
    };
    let texts = || bytes().map(|bytes| bytes.map(|bytes| str::from_utf8(bytes).unwrap()));
    match data_type {
        DataType::Boolean => {
            let values = values.iter().map(|value| value.as_ref().map(|value| value.whole() == 1.into()));
            Arc::new(values.collect::<BooleanArray>())
        }
        DataType::Int8 => wholes::<Int8Type>(values, data_type, |bytes| i8::from_le_bytes(cut(bytes))),
        DataType::Int16 => wholes::<Int16Type>(values, data_type, |bytes| i16::from_le_bytes(cut(bytes))),
        DataType::Int32 => wholes::<Int32Type>(values, data_type, |bytes| i32::from_le_bytes(cut(bytes))),
        DataType::Int64 => wholes::<Int64Type>(values, data_type, |bytes| i64::from_le_bytes(cut(bytes))),
        DataType::UInt8 => wholes::<UInt8Type>(values, data_type, |bytes| u8::from_le_bytes(cut(bytes))),
        DataType::UInt16 => wholes::<UInt16Type>(values, data_type, |bytes| u16::from_le_bytes(cut(bytes))),
        DataType::UInt32 => wholes::<UInt32Type>(values, data_type, |bytes| u32::from_le_bytes(cut(bytes))),
        DataType::UInt64 => wholes::<UInt64Type>(values, data_type, |bytes| u64::from_le_bytes(cut(bytes))),
        DataType::Decimal32(..) => wholes::<Decimal32Type>(values, data_type, |bytes| i32::from_le_bytes(cut(bytes))),
        DataType::Decimal64(..) => wholes::<Decimal64Type>(values, data_type, |bytes| i64::from_le_bytes(cut(bytes))),
        DataType::Decimal128(..) => {
            wholes::<Decimal128Type>(values, data_type, |bytes| i128::from_le_bytes(cut(bytes)))
        }
        DataType::Decimal256(..) => {
            wholes::<Decimal256Type>(values, data_type, |bytes| i256::from_le_bytes(cut(bytes)))
        }
        DataType::Date32 => wholes::<Date32Type>(values, data_type, |bytes| i32::from_le_bytes(cut(bytes))),
        DataType::Date64 => wholes::<Date64Type>(values, data_type, |bytes| i64::from_le_bytes(cut(bytes))),
        DataType::Time32(_) => wholes::<Time32SecondType>(values, data_type, |bytes| i32::from_le_bytes(cut(bytes))),
        DataType::Time64(_) => {
            wholes::<Time64NanosecondType>(values, data_type, |bytes| i64::from_le_bytes(cut(bytes)))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            wholes::<TimestampMicrosecondType>(values, data_type, |bytes| i64::from_le_bytes(cut(bytes)))
        }
        DataType::Float32 => {
            let floats = values.iter().map(|value| value.as_ref().map(|value| value.float() as f32));
            Arc::new(floats.collect::<PrimitiveArray<Float32Type>>())
        }
        DataType::Float64 => {
            let floats = values.iter().map(|value| value.as_ref().map(Value::float));
            Arc::new(floats.collect::<PrimitiveArray<Float64Type>>())
        }
        DataType::Utf8 => Arc::new(texts().collect::<StringArray>()),
        DataType::LargeUtf8 => Arc::new(texts().collect::<LargeStringArray>()),
        DataType::Utf8View => Arc::new(texts().collect::<StringViewArray>()),
        DataType::Binary => Arc::new(bytes().collect::<BinaryArray>()),
        DataType::BinaryView => Arc::new(bytes().collect::<BinaryViewArray>()),
        other => panic!("no array of {other}"),
    }
}

fn wholes<T: ArrowPrimitiveType>(
    values: &[Option<Value>],
    data_type: &DataType,
    of_bytes: impl Fn(&[u8; 32]) -> T::Native,
) -> ArrayRef {
    let native = |value: &Value| {
        let whole = value.whole();
        let sign = if whole.sign() == Sign::Minus { 0xFF } else { 0 };
        let mut bytes = [sign; 32];
        let signed = whole.to_signed_bytes_le();
        let length = signed.len().min(32);
        bytes[..length].copy_from_slice(&signed[..length]);
        of_bytes(&bytes)
    };
    let natives = values.iter().map(|value| value.as_ref().map(native));
    Arc::new(natives.collect::<PrimitiveArray<T>>().with_data_type(data_type.clone()))
}

fn cut<const N: usize>(bytes: &[u8; 32]) -> [u8; N] {
    *bytes.first_chunk().unwrap()
}

/// The values of an array.
pub(crate) fn values(array: &ArrayRef) -> Vec<Option<Value>> {
    fn natives<T: ArrowPrimitiveType>(array: &ArrayRef, value: impl Fn(T::Native) -> Value) -> Vec<Option<Value>> {
        array.as_primitive::<T>().iter().map(|native| native.map(&value)).collect()
    }
    fn plain<T: ArrowPrimitiveType<Native: Into<BigInt>>>(array: &ArrayRef) -> Vec<Option<Value>> {
        natives::<T>(array, |native| Value::Whole(native.into()))
    }
    fn bytes<'a, B: AsRef<[u8]> + ?Sized + 'a>(of: impl Iterator<Item = Option<&'a B>>) -> Vec<Option<Value>> {
        of.map(|bytes| bytes.map(|bytes| Value::Bytes(bytes.as_ref().to_vec()))).collect()
    }
    match array.data_type() {
        DataType::Boolean => {
            array.as_boolean().iter().map(|value| value.map(|value| Value::Whole(i8::from(value).into()))).collect()
        }
        DataType::Int8 => plain::<Int8Type>(array),
        DataType::Int16 => plain::<Int16Type>(array),
        DataType::Int32 => plain::<Int32Type>(array),
        DataType::Int64 => plain::<Int64Type>(array),
        DataType::UInt8 => plain::<UInt8Type>(array),
        DataType::UInt16 => plain::<UInt16Type>(array),
        DataType::UInt32 => plain::<UInt32Type>(array),
        DataType::UInt64 => plain::<UInt64Type>(array),
        DataType::Decimal32(..) => plain::<Decimal32Type>(array),
        DataType::Decimal64(..) => plain::<Decimal64Type>(array),
        DataType::Decimal128(..) => plain::<Decimal128Type>(array),
        DataType::Decimal256(..) => {
            natives::<Decimal256Type>(array, |native| Value::Whole(BigInt::from_signed_bytes_le(&native.to_le_bytes())))
        }
        DataType::Date32 => plain::<Date32Type>(array),
        DataType::Date64 => plain::<Date64Type>(array),
        DataType::Time32(_) => plain::<Time32SecondType>(array),
        DataType::Time64(_) => plain::<Time64NanosecondType>(array),
        DataType::Timestamp(..) => plain::<TimestampMicrosecondType>(array),
        DataType::Float32 => natives::<Float32Type>(array, |native| Value::Float(native.into())),
        DataType::Float64 => natives::<Float64Type>(array, Value::Float),
        DataType::Utf8 => bytes(array.as_string::<i32>().iter()),
        DataType::LargeUtf8 => bytes(array.as_string::<i64>().iter()),
        DataType::Utf8View => bytes(array.as_string_view().iter()),
        DataType::Binary => bytes(array.as_binary::<i32>().iter()),
        DataType::BinaryView => bytes(array.as_binary_view().iter()),
        other => panic!("no values of {other}"),
    }
}

/// A finite float in units of 2^-1074.
pub(crate) fn units(float: f64) -> BigInt {
    let bits = float.to_bits();
    let (exponent, fraction) = (bits >> 52 & 0x7FF, bits & ((1 << 52) - 1));
    let magnitude = match exponent {
        0 => BigInt::from(fraction),
        _ => BigInt::from(fraction | 1 << 52) << (exponent - 1),
    };
    if float.is_sign_negative() { -magnitude } else { magnitude }
}

/// Whether a float is the one nearest to a fraction, ties to even, and not -0.
pub(crate) fn is_nearest(float: f64, numerator: &BigInt, denominator: &BigInt) -> bool {
    if numerator.sign() == Sign::NoSign {
        return float.to_bits() == 0;
    }
    if numerator.sign() == Sign::Minus {
        return is_nearest(-float, &-numerator, denominator);
    }
    // What follows the greatest double would be 2^1024.
    let above = |float: f64| if float == f64::MAX { BigInt::from(1) << (1074 + 1024) } else { units(float.next_up()) };
    let exact = numerator << 1074;
    // Twice the exact value is compared with the sum of two neighbours: on which side of their middle it is.
    let middle = |lower: f64| (units(lower) + above(lower)) * denominator;
    let doubled = &exact * 2;
    let is_even = float.to_bits().is_multiple_of(2);
    if float.is_nan() || float.is_sign_negative() {
        return false;
    }
    let is_above = float == 0.0 || {
        let lower = middle(float.next_down());
        doubled > lower || (doubled == lower && is_even)
    };
    let is_below = float == f64::INFINITY || {
        let upper = middle(float);
        doubled < upper || (doubled == upper && is_even)
    };
    is_above && is_below
}
