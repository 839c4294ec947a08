//! The types of values.

use std::{fmt, str::FromStr};

use arrow_schema::{DataType, Field};
use thiserror::Error;

/// The types that have a way of their own, which is faster than that of all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// Signed integers of 64 bits.
    Int64,
    /// True or false.
    Boolean,
    /// Floating-point numbers of 64 bits.
    Float64,
    /// Signed integers of up to 38 decimal digits: Arrow's `Decimal128(38, 0)`.
    Decimal128,
}

impl ValueType {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Int64, Self::Boolean, Self::Float64, Self::Decimal128];

    /// The type in Arrow.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Int64 => DataType::Int64,
            Self::Boolean => DataType::Boolean,
            Self::Float64 => DataType::Float64,
            Self::Decimal128 => DataType::Decimal128(38, 0),
        }
    }

    /// That of a column, if it is one of these and never null.
    pub fn of(column: &Field) -> Option<Self> {
        Self::ALL.into_iter().find(|value_type| !column.is_nullable() && value_type.data_type() == *column.data_type())
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Int64 => "int64",
            Self::Boolean => "boolean",
            Self::Float64 => "float64",
            Self::Decimal128 => "decimal128",
        }
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ValueType {
    type Err = UnknownValueType;

    fn from_str(text: &str) -> Result<Self, UnknownValueType> {
        Self::ALL
            .into_iter()
            .find(|value_type| value_type.as_str() == text)
            .ok_or_else(|| UnknownValueType(text.to_owned()))
    }
}

/// A text that names no [`ValueType`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown value type {0:?} (known: int64, boolean, float64, decimal128)")]
pub struct UnknownValueType(
    /// The text that was given.
    pub String,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for value_type in ValueType::ALL {
            assert_eq!(value_type.to_string().parse(), Ok(value_type));
        }
        assert_eq!(format!("{:>8}", ValueType::Int64), "   int64");
        let error = "float32".parse::<ValueType>().unwrap_err();
        assert_eq!(error.to_string(), "unknown value type \"float32\" (known: int64, boolean, float64, decimal128)");
    }
}
