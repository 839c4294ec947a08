//! The rows that a condition is evaluated for: numbers, and the columns that it reads.

use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, FixedSizeBinaryArray, LargeBinaryArray,
    LargeStringArray, PrimitiveArray, StringArray, StringViewArray,
    types::{
        ArrowPrimitiveType, Date32Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float32Type,
        Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
        TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    },
};
use arrow_buffer::{BooleanBuffer, NullBuffer, i256};
use arrow_schema::{DataType, TimeUnit};
use swath_model::Numbers;

use crate::{error::EvaluateError, program::Column};

/// All of the rows.
pub(crate) struct Batch<'a> {
    pub(crate) numbers: Numbers<'a>,
    /// As the columns of the program.
    pub(crate) columns: Vec<Bound<'a>>,
}

/// A column of the program with its values.
pub(crate) struct Bound<'a> {
    pub(crate) values: Values<'a>,
    /// There only if a value is null.
    pub(crate) nulls: Option<NullBuffer>,
}

/// Values by the way in which they are stored. Those that are null can be anything.
pub(crate) enum Values<'a> {
    I8(&'a [i8]),
    I16(&'a [i16]),
    I32(&'a [i32]),
    I64(&'a [i64]),
    U8(&'a [u8]),
    U16(&'a [u16]),
    U32(&'a [u32]),
    U64(&'a [u64]),
    I128(&'a [i128]),
    I256(&'a [i256]),
    F32(&'a [f32]),
    F64(&'a [f64]),
    Boolean(&'a BooleanBuffer),
    Utf8(&'a StringArray),
    LargeUtf8(&'a LargeStringArray),
    Utf8View(&'a StringViewArray),
    Binary(&'a BinaryArray),
    LargeBinary(&'a LargeBinaryArray),
    BinaryView(&'a BinaryViewArray),
    FixedSizeBinary(&'a FixedSizeBinaryArray),
    /// Nothing but whether they are null is read of them.
    Opaque,
}

impl<'a> Batch<'a> {
    /// Finds the columns of a program among those of the rows.
    pub(crate) fn new(numbers: Numbers<'a>, wanted: &[Column], columns: &'a [ArrayRef]) -> Result<Self, EvaluateError> {
        let rows = numbers.rows();
        if let Numbers::Consecutive { first, rows: 1.. } = numbers {
            let is_there = i64::try_from(rows - 1).ok().and_then(|more| first.checked_add(more)).is_some();
            if !is_there {
                return Err(EvaluateError::Numbers { first, rows });
            }
        }
        let columns = wanted.iter().map(|column| {
            let wrong = |found: String| EvaluateError::Column {
                name: column.name.clone(),
                expected: column.data_type.to_string(),
                found,
            };
            let array = columns.get(column.index).ok_or_else(|| wrong("it is missing".to_owned()))?;
            if array.len() != rows {
                return Err(wrong(format!("it has {} values for {rows} rows", array.len())));
            }
            if *array.data_type() != column.data_type {
                return Err(wrong(format!("it is of the type {}", array.data_type())));
            }
            let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
            Ok(Bound { values: values(array), nulls })
        });
        Ok(Self { numbers, columns: columns.collect::<Result<_, _>>()? })
    }

    pub(crate) fn rows(&self) -> usize {
        self.numbers.rows()
    }
}

fn values(array: &ArrayRef) -> Values<'_> {
    let found = match array.data_type() {
        DataType::Int8 => slice::<Int8Type>(array).map(Values::I8),
        DataType::Int16 => slice::<Int16Type>(array).map(Values::I16),
        DataType::Int32 => slice::<Int32Type>(array).map(Values::I32),
        DataType::Int64 => slice::<Int64Type>(array).map(Values::I64),
        DataType::UInt8 => slice::<UInt8Type>(array).map(Values::U8),
        DataType::UInt16 => slice::<UInt16Type>(array).map(Values::U16),
        DataType::UInt32 => slice::<UInt32Type>(array).map(Values::U32),
        DataType::UInt64 => slice::<UInt64Type>(array).map(Values::U64),
        DataType::Decimal32(..) => slice::<Decimal32Type>(array).map(Values::I32),
        DataType::Decimal64(..) => slice::<Decimal64Type>(array).map(Values::I64),
        DataType::Decimal128(..) => slice::<Decimal128Type>(array).map(Values::I128),
        DataType::Decimal256(..) => slice::<Decimal256Type>(array).map(Values::I256),
        DataType::Float32 => slice::<Float32Type>(array).map(Values::F32),
        DataType::Float64 => slice::<Float64Type>(array).map(Values::F64),
        DataType::Date32 => slice::<Date32Type>(array).map(Values::I32),
        DataType::Timestamp(TimeUnit::Second, _) => slice::<TimestampSecondType>(array).map(Values::I64),
        DataType::Timestamp(TimeUnit::Millisecond, _) => slice::<TimestampMillisecondType>(array).map(Values::I64),
        DataType::Timestamp(TimeUnit::Microsecond, _) => slice::<TimestampMicrosecondType>(array).map(Values::I64),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => slice::<TimestampNanosecondType>(array).map(Values::I64),
        DataType::Boolean => of::<BooleanArray>(array).map(|array| Values::Boolean(array.values())),
        DataType::Utf8 => of(array).map(Values::Utf8),
        DataType::LargeUtf8 => of(array).map(Values::LargeUtf8),
        DataType::Utf8View => of(array).map(Values::Utf8View),
        DataType::Binary => of(array).map(Values::Binary),
        DataType::LargeBinary => of(array).map(Values::LargeBinary),
        DataType::BinaryView => of(array).map(Values::BinaryView),
        DataType::FixedSizeBinary(_) => of(array).map(Values::FixedSizeBinary),
        _ => None,
    };
    found.unwrap_or(Values::Opaque)
}

fn of<T: 'static>(array: &ArrayRef) -> Option<&T> {
    array.as_any().downcast_ref()
}

fn slice<T: ArrowPrimitiveType>(array: &ArrayRef) -> Option<&[T::Native]> {
    of::<PrimitiveArray<T>>(array).map(|array| &**array.values())
}

impl Values<'_> {
    /// The bytes of a text or of a binary value; empty if it is neither, or past the last row.
    pub(crate) fn bytes(&self, row: usize) -> &[u8] {
        fn within<A: Array>(array: &A, row: usize) -> bool {
            row < array.len()
        }
        match self {
            Self::Utf8(array) if within(*array, row) => array.value(row).as_bytes(),
            Self::LargeUtf8(array) if within(*array, row) => array.value(row).as_bytes(),
            Self::Utf8View(array) if within(*array, row) => array.value(row).as_bytes(),
            Self::Binary(array) if within(*array, row) => array.value(row),
            Self::LargeBinary(array) if within(*array, row) => array.value(row),
            Self::BinaryView(array) if within(*array, row) => array.value(row),
            Self::FixedSizeBinary(array) if within(*array, row) => array.value(row),
            _ => &[],
        }
    }

    /// A text; empty if it is none, or past the last row.
    pub(crate) fn text(&self, row: usize) -> &str {
        match self {
            Self::Utf8(array) if row < array.len() => array.value(row),
            Self::LargeUtf8(array) if row < array.len() => array.value(row),
            Self::Utf8View(array) if row < array.len() => array.value(row),
            _ => "",
        }
    }
}
