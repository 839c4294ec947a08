//! The two columns of a block, and what their pages are.

use swath_kernel::ValueType;

use crate::{MAX_ROWS, PAGE_ROWS, delta};

/// The two columns of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    N,
    Value(ValueType),
}

impl Column {
    /// The position in the schema.
    pub(crate) fn position(self) -> usize {
        match self {
            Self::N => 0,
            Self::Value(_) => 1,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::N => "n",
            Self::Value(_) => "value",
        }
    }

    /// The encoding of all its pages, by its number in the format.
    pub(crate) fn encoding(self) -> i32 {
        match self {
            Self::N | Self::Value(ValueType::Int64) => 5,
            Self::Value(ValueType::Boolean | ValueType::Decimal128) => 0,
        }
    }

    /// The most rows of a page.
    pub(crate) fn page_rows(self) -> usize {
        match self {
            Self::N => MAX_ROWS,
            Self::Value(_) => PAGE_ROWS,
        }
    }

    /// The most bytes that so many values take, encoded.
    pub(crate) fn most_bytes(self, rows: usize) -> usize {
        match self {
            Self::N => delta::most_bytes_consecutive(rows),
            Self::Value(ValueType::Int64) => delta::most_bytes(rows),
            Self::Value(ValueType::Boolean) => rows.div_ceil(8),
            Self::Value(ValueType::Decimal128) => rows * 16,
        }
    }
}
