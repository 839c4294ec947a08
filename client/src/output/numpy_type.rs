//! The types of NumPy.

use arrow_schema::{DataType, TimeUnit};

/// How NumPy names values of this type, and how many bytes one has; `None` if it has none.
pub(super) fn element(data_type: &DataType) -> Option<(&'static str, u64)> {
    Some(match data_type {
        DataType::Boolean => ("|b1", 1),
        DataType::Int8 => ("|i1", 1),
        DataType::Int16 => ("<i2", 2),
        DataType::Int32 => ("<i4", 4),
        DataType::Int64 => ("<i8", 8),
        DataType::UInt8 => ("|u1", 1),
        DataType::UInt16 => ("<u2", 2),
        DataType::UInt32 => ("<u4", 4),
        DataType::UInt64 => ("<u8", 8),
        DataType::Float16 => ("<f2", 2),
        DataType::Float32 => ("<f4", 4),
        DataType::Float64 => ("<f8", 8),
        DataType::Date32 => ("<M8[D]", 8),
        DataType::Timestamp(TimeUnit::Second, _) => ("<M8[s]", 8),
        DataType::Timestamp(TimeUnit::Millisecond, _) => ("<M8[ms]", 8),
        DataType::Timestamp(TimeUnit::Microsecond, _) => ("<M8[us]", 8),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => ("<M8[ns]", 8),
        DataType::Duration(TimeUnit::Second) => ("<m8[s]", 8),
        DataType::Duration(TimeUnit::Millisecond) => ("<m8[ms]", 8),
        DataType::Duration(TimeUnit::Microsecond) => ("<m8[us]", 8),
        DataType::Duration(TimeUnit::Nanosecond) => ("<m8[ns]", 8),
        _ => return None,
    })
}
