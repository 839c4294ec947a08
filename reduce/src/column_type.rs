//! What the values of a column are, and what the reductions over them give.

use arrow_schema::DataType;
use swath_model::Layout;

use crate::kind::Kind;

/// What values are to people, and so which reductions are possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Boolean,
    Integer,
    Decimal,
    Float,
    Moment,
    Text,
    Binary,
}

/// What values are while they are reduced. A new type is added here, in `arrays.rs` and in [`Class::of`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Representation {
    /// An `i64` in the same order as the values.
    Small,
    /// An `i128`.
    Decimal,
    /// An `i256`.
    Large,
    /// Bytes.
    Bytes,
}

impl Class {
    /// `None` for a type that no reduction but a count can be over.
    pub(crate) fn of(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Boolean => Self::Boolean,
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Self::Integer,
            DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => Self::Integer,
            DataType::Decimal32(..) | DataType::Decimal64(..) => Self::Decimal,
            DataType::Decimal128(..) | DataType::Decimal256(..) => Self::Decimal,
            DataType::Float32 | DataType::Float64 => Self::Float,
            DataType::Date32 | DataType::Date64 | DataType::Time32(_) | DataType::Time64(_) => Self::Moment,
            DataType::Timestamp(..) => Self::Moment,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Self::Binary,
            _ => return None,
        })
    }

    /// Whether values can be added.
    fn is_summed(self) -> bool {
        matches!(self, Self::Boolean | Self::Integer | Self::Decimal | Self::Float)
    }

    /// As it is called in a sentence.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Boolean => "booleans",
            Self::Integer => "integers",
            Self::Decimal => "decimals",
            Self::Float => "floats",
            Self::Moment => "dates and times",
            Self::Text => "text",
            Self::Binary => "binary",
        }
    }
}

impl Representation {
    /// That of a type which has a [`Class`].
    pub(crate) fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Decimal128(..) => Self::Decimal,
            DataType::Decimal256(..) => Self::Large,
            _ => match Class::of(data_type) {
                Some(Class::Text | Class::Binary) => Self::Bytes,
                _ => Self::Small,
            },
        }
    }
}

/// The type of values that a reduction keeps: that of the column, but one type of text and one of binary.
pub(crate) fn kept_type(data_type: &DataType) -> DataType {
    match Class::of(data_type) {
        Some(Class::Text) => DataType::Utf8,
        Some(Class::Binary) => DataType::Binary,
        _ => data_type.clone(),
    }
}

/// The type of a sum: one that the sum of 2^63 of the greatest values fits, or else the largest that there is.
pub(crate) fn sum_type(data_type: &DataType) -> DataType {
    /// 2^63 has 19 digits.
    const COUNT_DIGITS: u8 = 19;
    match data_type {
        DataType::Boolean => DataType::Int64,
        DataType::Float32 | DataType::Float64 => DataType::Float64,
        // 2^63 of them are up to 2^127, which is more than 38 digits.
        DataType::UInt64 => DataType::Decimal256(76, 0),
        DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) => DataType::Decimal128(38, *scale),
        DataType::Decimal128(precision, scale) if *precision <= 38 - COUNT_DIGITS => DataType::Decimal128(38, *scale),
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => DataType::Decimal256(76, *scale),
        _ => DataType::Decimal128(38, 0),
    }
}

/// The digits after the point.
pub(crate) fn scale(data_type: &DataType) -> i8 {
    match data_type {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => *scale,
        _ => 0,
    }
}

/// No value is further from 0 than 2 to this power.
pub(crate) fn magnitude_bits(data_type: &DataType) -> u32 {
    match data_type {
        DataType::Boolean => 0,
        DataType::UInt64 => 64,
        DataType::Decimal128(..) => 127,
        DataType::Decimal256(..) => 255,
        _ => 63,
    }
}

/// What is wrong with a reduction over values of a type: what it makes, and what it takes.
pub(crate) struct Mismatch {
    pub(crate) what: &'static str,
    pub(crate) allowed: &'static str,
}

/// Whether a reduction can be over values of a type.
pub(crate) fn check(kind: Kind, data_type: &DataType) -> Result<(), Mismatch> {
    const ORDERED: &str = "integers, decimals, floats, booleans, dates and times, text and binary";
    let what = match kind {
        Kind::Count => return Ok(()),
        Kind::Sum => "a sum",
        Kind::Mean => "a mean",
        Kind::Min | Kind::MinN => "a minimum",
        Kind::Max | Kind::MaxN => "a maximum",
        Kind::ValueCounts => "counting values",
    };
    let class = Class::of(data_type);
    if matches!(kind, Kind::Sum | Kind::Mean) {
        let is_possible = class.is_some_and(Class::is_summed);
        return if is_possible {
            Ok(())
        } else {
            Err(Mismatch { what, allowed: "integers, decimals, floats and booleans" })
        };
    }
    if class.is_some() { Ok(()) } else { Err(Mismatch { what, allowed: ORDERED }) }
}

/// What values of a type are called in a sentence.
pub(crate) fn noun(data_type: &DataType) -> String {
    Class::of(data_type)
        .map_or_else(|| format!("values of the type {}", Layout::type_text(data_type)), |class| class.noun().to_owned())
}
