//! The bytes that values are counted with at least, so that what is decoded is bounded by what is said of it.

use arrow_schema::DataType;

/// Calls `leaf` for each column of Parquet that a type has, with the bytes that a value takes at least: in memory, on
/// the wire, and for its levels.
pub(crate) fn leaf_widths(data_type: &DataType, leaf: &mut impl FnMut(usize)) {
    match data_type {
        DataType::List(item) => leaf_widths(item.data_type(), leaf),
        DataType::Struct(fields) => fields.iter().for_each(|field| leaf_widths(field.data_type(), leaf)),
        plain => leaf(width(plain)),
    }
}

/// The bytes that a value of a type that is not nested is counted with at least.
pub(crate) fn width(data_type: &DataType) -> usize {
    match data_type {
        DataType::FixedSizeBinary(bytes) => usize::try_from(*bytes).unwrap_or_default().max(4),
        other => other.primitive_width().unwrap_or_default().max(4),
    }
}
