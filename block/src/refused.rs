//! Why rows are not encoded.

use arrow_schema::{ArrowError, DataType};
use parquet::errors::ParquetError;
use swath_model::Covers;

use crate::MAX_BLOCK_BYTES;

/// Why rows were not encoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// Other columns than those of the layout.
    #[error("{got} columns came where the layout has {expected} after `n`")]
    Columns {
        /// How many the layout has.
        expected: usize,
        /// How many came.
        got: usize,
    },
    /// A column of another type.
    #[error("the column {column:?} takes {expected}, but got {got}")]
    WrongType {
        /// Its name.
        column: String,
        /// The type it has.
        expected: DataType,
        /// The type that came.
        got: DataType,
    },
    /// A column that is longer or shorter than the others.
    #[error("the column {column:?} has {got} rows where there are {expected} numbers")]
    Length {
        /// Its name.
        column: String,
        /// How many rows there are.
        expected: usize,
        /// How many it has.
        got: usize,
    },
    /// A null where there can be none.
    #[error("the column {0:?} has nulls, which its type does not allow")]
    Null(String),
    /// A value that its type cannot have.
    #[error("the column {column:?} has a value that cannot be stored: {reason}")]
    Value {
        /// Its name.
        column: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Numbers that do not follow those before.
    #[error("the number {got} of a row came where {expected} was due")]
    Number {
        /// What should have come.
        expected: String,
        /// What came.
        got: i64,
    },
    /// A page or a block would be too long.
    #[error("{rows} rows are more than the {limit} that fit")]
    TooLong {
        /// Rows there would be.
        rows: usize,
        /// Rows there may be.
        limit: usize,
    },
    /// A block would be too large.
    #[error("the rows take {bytes} bytes, but a block, and so a single row, may have {MAX_BLOCK_BYTES}")]
    TooLarge {
        /// Bytes there would be.
        bytes: usize,
    },
    /// A dense block needs at least one row.
    #[error("a block needs at least one row")]
    Empty,
    /// The numbers are not those that the block covers.
    #[error("a block of rows from {first} to {last} cannot cover {covers}")]
    Covers {
        /// What it should cover.
        covers: Covers,
        /// The first number that a row has.
        first: i64,
        /// The last number that a row has.
        last: i64,
    },
    /// The Parquet writer refused.
    #[error("cannot write Parquet: {0}")]
    Parquet(#[from] ParquetError),
    /// Arrays cannot be put together.
    #[error("cannot put columns together: {0}")]
    Arrow(#[from] ArrowError),
}
