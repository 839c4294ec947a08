//! Why a list of reductions, or a step of one, was refused. Each message is a fragment that fits "failed to …:
//! {error}".

use thiserror::Error;

use crate::{MAX_DISTINCT, MAX_PARTIAL_BYTES, MAX_REDUCTIONS, MAX_TEXT_BYTES};

/// Why a list of reductions was refused. `at` is the offset in the text, in bytes from 0.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReduceError {
    /// The text is too long to be looked at.
    #[error("the list of reductions has {bytes} bytes; at most {MAX_TEXT_BYTES} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// There are too many of them.
    #[error("one reduction too many at offset {at}; at most {MAX_REDUCTIONS} are allowed")]
    TooMany {
        /// Where the first one too many is.
        at: usize,
    },
    /// There is no reduction where one belongs.
    #[error("a reduction is missing at offset {at}; a list is written like count,sum(value),max_n(value)")]
    Missing {
        /// Where it belongs.
        at: usize,
    },
    /// A word that names no reduction.
    #[error(
        "unknown reduction `{word}` at offset {at} (known: count, sum, min, max, mean, min_n, max_n, value_counts)"
    )]
    Unknown {
        /// Where it is.
        at: usize,
        /// The word, shortened and without control characters.
        word: String,
    },
    /// What stands in parentheses cannot be read, or something follows that does not belong there.
    #[error("{expected} is expected at offset {at} of the list of reductions, found {found}")]
    Unexpected {
        /// Where it is.
        at: usize,
        /// What may stand there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// There is no such column.
    #[error("`{term}` at offset {at}: there is no column `{column}`; columns: {columns}")]
    UnknownColumn {
        /// Where the reduction is.
        at: usize,
        /// The reduction as it was written.
        term: String,
        /// The column that was named.
        column: String,
        /// Those that there are.
        columns: String,
    },
    /// Several columns have this name.
    #[error("`{term}` at offset {at}: there are several columns `{column}`")]
    AmbiguousColumn {
        /// Where the reduction is.
        at: usize,
        /// The reduction as it was written.
        term: String,
        /// The column that was named.
        column: String,
    },
    /// No column was named, and there is more than one, or none.
    #[error("`{term}` at offset {at} needs a column, as in {term}({example}); columns: {columns}")]
    NoColumn {
        /// Where the reduction is.
        at: usize,
        /// The reduction as it was written.
        term: String,
        /// A column that could be named.
        example: String,
        /// Those that there are.
        columns: String,
    },
    /// The column has values of a type that this reduction cannot be over.
    #[error("`{term}` at offset {at}: {what} over {values} is not possible; it takes {allowed}")]
    NotPossible {
        /// Where the reduction is.
        at: usize,
        /// The reduction as it was written.
        term: String,
        /// What the reduction makes, such as `a sum`.
        what: &'static str,
        /// What the values are, such as `text`.
        values: String,
        /// What they may be.
        allowed: &'static str,
    },
    /// The same reduction of the same column stands in the list already.
    #[error("`{term}` at offset {at} is there twice")]
    Twice {
        /// Where the second one is.
        at: usize,
        /// The reduction as it was written.
        term: String,
    },
}

impl ReduceError {
    /// Where in the text the mistake is, in bytes from 0.
    pub fn at(&self) -> usize {
        match self {
            Self::TooLong { .. } => MAX_TEXT_BYTES,
            Self::TooMany { at }
            | Self::Missing { at }
            | Self::Unknown { at, .. }
            | Self::Unexpected { at, .. }
            | Self::UnknownColumn { at, .. }
            | Self::AmbiguousColumn { at, .. }
            | Self::NoColumn { at, .. }
            | Self::NotPossible { at, .. }
            | Self::Twice { at, .. } => *at,
        }
    }
}

/// Why rows or a partial state could not be taken in, or why there is no result.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AccumulateError {
    /// The columns are not those that the reductions read. A mistake of the caller.
    #[error("the columns are not those that the reductions read: {0}")]
    Columns(String),
    /// A partial state is not one of these reductions. What it came from is not to be trusted.
    #[error("the partial reduction is malformed: {0}")]
    Malformed(String),
    /// There are more rows than can be counted.
    #[error("there are more than {} rows", i64::MAX)]
    TooManyRows,
    /// A reduction has more distinct values than it may.
    #[error("`{reduction}` has more than {MAX_DISTINCT} distinct values, the most that are counted")]
    TooManyValues {
        /// Its canonical text.
        reduction: String,
    },
    /// The values of a reduction, together with those of the others, take more bytes than a partial state may have.
    #[error(
        "the values of `{reduction}` make the state larger than {MAX_PARTIAL_BYTES} bytes, the most that it may have"
    )]
    TooManyBytes {
        /// The canonical text of the reduction with the largest values.
        reduction: String,
    },
    /// A sum has more digits than its type.
    #[error("`{reduction}` does not fit {digits} digits, the most that a decimal has")]
    SumTooLarge {
        /// Its canonical text.
        reduction: String,
        /// The digits of its type.
        digits: u8,
    },
}
