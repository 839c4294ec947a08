//! Conditions on results: `--where EXPR`.

#![warn(clippy::indexing_slicing)]

mod batch;
mod check;
mod code;
mod condition;
mod error;
mod interval;
mod like;
mod lower;
mod parse;
mod program;
mod run;
mod syntax;
mod time;
mod token;
mod wide;

pub use condition::Condition;
pub use error::{EvaluateError, ExpressionError, Problem, Reason};

/// The name of the number of a row.
pub const NUMBER: &str = "n";

/// Bytes that the text of a condition can have.
pub const MOST_BYTES: usize = 64 << 10;

/// How deeply operators and parentheses can be nested. `and`, `or` and the values of `in` count once, however many they
/// join.
pub const MOST_DEPTH: usize = 128;
