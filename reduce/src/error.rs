//! Why a list of reductions, or a step of one, was refused. Each message is a fragment that fits "failed to …:
//! {error}".

use thiserror::Error;

use crate::{MAX_DISTINCT, MAX_PARTIAL_BYTES, MAX_REDUCTIONS, MAX_TEXT_BYTES};

/// Why a list of reductions was refused: one sentence, with the place.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("character {}: {problem}", .place.start + 1)]
pub struct ReduceError {
    problem: Problem,
    place: Place,
}

impl ReduceError {
    /// What is wrong, without the place.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Which character of the text the place starts at, counted from 1.
    pub fn character(&self) -> usize {
        self.place.start + 1
    }

    /// The text, which is the one that was parsed, in one line, and below it a line with `^` under the place.
    pub fn mark(&self, text: &str) -> String {
        swath_model::mark(text, self.place.start, self.place.length)
    }
}

/// Characters of the text that something is about, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) start: usize,
    pub(crate) length: usize,
}

impl Problem {
    pub(crate) fn at(self, place: Place) -> ReduceError {
        ReduceError { problem: self, place }
    }
}

/// What is wrong with a list of reductions.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The text is too long to be looked at.
    #[error("the list of reductions has {0} bytes; at most {MAX_TEXT_BYTES} are allowed")]
    TooLong(usize),
    /// There are too many of them.
    #[error("one reduction too many; at most {MAX_REDUCTIONS} are allowed")]
    TooMany,
    /// There is no reduction where one belongs.
    #[error("a reduction is missing; a list is written like count,sum(value),max_n(value)")]
    Missing,
    /// A word that names no reduction; it is shortened and without control characters.
    #[error("unknown reduction `{0}` (known: count, sum, min, max, mean, min_n, max_n, value_counts)")]
    Unknown(String),
    /// What stands in parentheses cannot be read, or something follows that does not belong there.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What may stand there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// There is no such column.
    #[error("`{term}`: there is no column `{column}`; columns: {columns}")]
    UnknownColumn {
        /// The reduction as it was written.
        term: String,
        /// The column that was named.
        column: String,
        /// Those that there are.
        columns: String,
    },
    /// Several columns have this name.
    #[error("`{term}`: there are several columns `{column}`")]
    AmbiguousColumn {
        /// The reduction as it was written.
        term: String,
        /// The column that was named.
        column: String,
    },
    /// No column was named, and there is more than one, or none.
    #[error("`{term}` needs a column, as in {term}({example}); columns: {columns}")]
    NoColumn {
        /// The reduction as it was written.
        term: String,
        /// A column that could be named.
        example: String,
        /// Those that there are.
        columns: String,
    },
    /// The column has values of a type that this reduction cannot be over.
    #[error("`{term}`: {what} over {values} is not possible; it takes {allowed}")]
    NotPossible {
        /// The reduction as it was written.
        term: String,
        /// What the reduction makes, such as `a sum`.
        what: &'static str,
        /// What the values are, such as `text`.
        values: String,
        /// What they may be.
        allowed: &'static str,
    },
    /// The same reduction of the same column, as it was written, stands in the list already.
    #[error("`{0}` is there twice")]
    Twice(String),
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
