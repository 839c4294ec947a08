//! Arrays of each type and the values that they hold, as they are kept while they are reduced.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, Decimal128Array, Decimal256Array, PrimitiveArray,
    StringArray,
    cast::AsArray,
    types::{Decimal128Type, Decimal256Type},
};
use arrow_buffer::i256;
use arrow_schema::DataType;

use crate::lanes::{float_key, float_of_key};

/// A plain value that is kept as an `i64` in the same order.
pub(crate) trait Key: Copy {
    fn key(self) -> i64;
    fn of(key: i64) -> Self;
}

macro_rules! integer_keys {
    ($($native:ty)*) => {
        $(impl Key for $native {
            fn key(self) -> i64 {
                i64::from(self)
            }

            fn of(key: i64) -> Self {
                key as Self
            }
        })*
    };
}

integer_keys!(i8 i16 i32 i64 u8 u16 u32);

/// What is added to the key of a `u64` gives the value.
pub(crate) const UNSIGNED_BIAS: i128 = 1 << 63;

impl Key for u64 {
    fn key(self) -> i64 {
        (self ^ (1 << 63)) as i64
    }

    fn of(key: i64) -> Self {
        key as Self ^ (1 << 63)
    }
}

impl Key for f64 {
    fn key(self) -> i64 {
        float_key(self)
    }

    fn of(key: i64) -> Self {
        float_of_key(key)
    }
}

impl Key for f32 {
    fn key(self) -> i64 {
        float_key(self.into())
    }

    fn of(key: i64) -> Self {
        float_of_key(key) as Self
    }
}

/// Evaluates an expression with the primitive type of a type of columns whose values have a [`Key`], or another one.
macro_rules! for_keyed {
    ($data_type:expr, $primitive:ident => $then:expr, _ => $otherwise:expr) => {{
        use arrow_array::types::*;
        use arrow_schema::{DataType, TimeUnit};
        $crate::arrays::for_keyed!(@each $data_type, $primitive, $then, $otherwise,
            DataType::Int8 => Int8Type, DataType::Int16 => Int16Type,
            DataType::Int32 => Int32Type, DataType::Int64 => Int64Type,
            DataType::UInt8 => UInt8Type, DataType::UInt16 => UInt16Type,
            DataType::UInt32 => UInt32Type, DataType::UInt64 => UInt64Type,
            DataType::Float32 => Float32Type, DataType::Float64 => Float64Type,
            DataType::Decimal32(..) => Decimal32Type, DataType::Decimal64(..) => Decimal64Type,
            DataType::Date32 => Date32Type, DataType::Date64 => Date64Type,
            DataType::Time32(TimeUnit::Second) => Time32SecondType,
            DataType::Time32(TimeUnit::Millisecond) => Time32MillisecondType,
            DataType::Time64(TimeUnit::Microsecond) => Time64MicrosecondType,
            DataType::Time64(TimeUnit::Nanosecond) => Time64NanosecondType,
            DataType::Timestamp(TimeUnit::Second, _) => TimestampSecondType,
            DataType::Timestamp(TimeUnit::Millisecond, _) => TimestampMillisecondType,
            DataType::Timestamp(TimeUnit::Microsecond, _) => TimestampMicrosecondType,
            DataType::Timestamp(TimeUnit::Nanosecond, _) => TimestampNanosecondType
        )
    }};
    (@each $data_type:expr, $primitive:ident, $then:expr, $otherwise:expr, $($of:pat => $is:ty),*) => {
        match $data_type {
            $($of => {
                type $primitive = $is;
                $then
            })*
            _ => $otherwise,
        }
    };
}
pub(crate) use for_keyed;

/// Values as they are kept, and arrays of them.
pub(crate) trait Stored: Clone {
    /// An array of this type, which is one that such values are kept of. `None` if it is not.
    fn array(values: &[Option<Self>], data_type: &DataType) -> Option<ArrayRef>;

    /// The values of an array; `None` if it is of another type.
    fn values(array: &dyn Array) -> Option<Vec<Option<Self>>>;
}

impl Stored for i64 {
    fn array(values: &[Option<Self>], data_type: &DataType) -> Option<ArrayRef> {
        if *data_type == DataType::Boolean {
            let values = values.iter().map(|value| value.map(|value| value != 0));
            return Some(Arc::new(values.collect::<BooleanArray>()));
        }
        for_keyed!(data_type, T => Some(keyed_array::<T>(values, data_type)), _ => None)
    }

    fn values(array: &dyn Array) -> Option<Vec<Option<Self>>> {
        if let Some(array) = array.as_boolean_opt() {
            return Some(array.iter().map(|value| value.map(i64::from)).collect());
        }
        for_keyed!(array.data_type(), T => {
            Some(array.as_primitive_opt::<T>()?.iter().map(|value| value.map(Key::key)).collect())
        }, _ => None)
    }
}

fn keyed_array<T: ArrowPrimitiveType<Native: Key>>(values: &[Option<i64>], data_type: &DataType) -> ArrayRef {
    let values = values.iter().map(|value| value.map(T::Native::of));
    Arc::new(values.collect::<PrimitiveArray<T>>().with_data_type(data_type.clone()))
}

impl Stored for i128 {
    fn array(values: &[Option<Self>], data_type: &DataType) -> Option<ArrayRef> {
        let is_decimal = matches!(data_type, DataType::Decimal128(..));
        let array = || values.iter().copied().collect::<Decimal128Array>().with_data_type(data_type.clone());
        is_decimal.then(|| Arc::new(array()) as ArrayRef)
    }

    fn values(array: &dyn Array) -> Option<Vec<Option<Self>>> {
        Some(array.as_primitive_opt::<Decimal128Type>()?.iter().collect())
    }
}

impl Stored for i256 {
    fn array(values: &[Option<Self>], data_type: &DataType) -> Option<ArrayRef> {
        let is_decimal = matches!(data_type, DataType::Decimal256(..));
        let array = || values.iter().copied().collect::<Decimal256Array>().with_data_type(data_type.clone());
        is_decimal.then(|| Arc::new(array()) as ArrayRef)
    }

    fn values(array: &dyn Array) -> Option<Vec<Option<Self>>> {
        Some(array.as_primitive_opt::<Decimal256Type>()?.iter().collect())
    }
}

impl Stored for Vec<u8> {
    fn array(values: &[Option<Self>], data_type: &DataType) -> Option<ArrayRef> {
        match data_type {
            DataType::Binary => Some(Arc::new(values.iter().map(|value| value.as_deref()).collect::<BinaryArray>())),
            DataType::Utf8 => {
                let texts = values.iter().map(|value| value.as_deref().map(str::from_utf8).transpose());
                Some(Arc::new(texts.collect::<Result<StringArray, _>>().ok()?))
            }
            _ => None,
        }
    }

    fn values(array: &dyn Array) -> Option<Vec<Option<Self>>> {
        if let Some(array) = array.as_string_opt::<i32>() {
            return Some(array.iter().map(|value| value.map(|value| value.as_bytes().to_vec())).collect());
        }
        let array = array.as_binary_opt::<i32>()?;
        Some(array.iter().map(|value| value.map(<[u8]>::to_vec)).collect())
    }
}
