//! Conditions on results: `--where EXPR`.
//!
//! A [`Condition`] is a SQL expression over the number `n` and the columns of a job's results. It is read and checked
//! once ([`Condition::parse`]), against the schema of the columns, and evaluated by each thread of a worker on Arrow
//! arrays ([`Condition::evaluate`]). It needs no clock, no randomness and no I/O.
//!
//! ```
//! use std::sync::Arc;
//!
//! use arrow_array::{ArrayRef, Int64Array};
//! use arrow_schema::{DataType, Field, Schema};
//! use swath_expression::Condition;
//! use swath_model::Numbers;
//!
//! let columns = Schema::new(vec![Field::new("value", DataType::Int64, false)]);
//! let condition = Condition::parse("value % 7 = 4 AND N > 2", &columns)?;
//! assert_eq!(condition.to_string(), "value % 7 = 4 and n > 2");
//!
//! let values: ArrayRef = Arc::new(Int64Array::from(vec![1, 4, 9, 16, 25]));
//! let selected = condition.evaluate(Numbers::Consecutive { first: 1, rows: 5 }, &[values])?;
//! assert_eq!(selected.set_indices().collect::<Vec<_>>(), [4]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The language
//!
//! | | |
//! | --- | --- |
//! | comparisons | `=`, `<>` or `!=`, `<`, `<=`, `>`, `>=`; they do not chain |
//! | predicates | `in (…)`, `between … and …`, `like '…'`, each also with `not` before it; `is null`, `is not null` |
//! | logic | `and`, `or`, `not` |
//! | arithmetic | `+`, `-`, `*`, `/`, `%`, and `-` before an operand |
//! | constants | `42` and `1_000` (up to 38 digits), `1.5`, `1e6`, `'it''s'`, `x'00ff'`, `true`, `false`, `null` |
//! | names | `n`, columns, and `"columns"` in double quotes; without quotes, capitals count only where there is a
//! choice |
//!
//! Keywords may have capitals. Operators bind as in PostgreSQL and DuckDB, the loosest first: `or`, `and`, `not`, `is`,
//! comparisons, the other predicates, `+` and `-`, then `*`, `/` and `%`. Comments are refused. A text has at most
//! [`MOST_BYTES`] bytes, and operators are nested at most [`MOST_DEPTH`] deep.
//!
//! Logic has three values. A row is selected where the condition is true, not where it is null. Operands of `and` and
//! of `or` are looked at from left to right, and only where those before do not decide, so `n <> 0 and 100 / n > 5` has
//! an answer for every number.
//!
//! # Numbers
//!
//! - Integers and decimals are exact and never wrap. A result that does not fit 256 bits (76 digits and more) is an
//!   error that names the number.
//! - `/` between integers truncates toward zero, as in PostgreSQL (`//` in DuckDB), and `%` has the sign of its left
//!   side: `-7 / 2` is -3 and `-7 % 2` is -1. A decimal without digits after the point is an integer here.
//! - `/` with a decimal on a side is a 64-bit float, for most quotients have no end. The other operators are exact
//!   between decimals, `%` as well.
//! - Division of integers or decimals by zero is an error that names the number; by a constant zero it is refused. It
//!   is not null as in DuckDB: rows would be lost without a word.
//! - With a float on a side all is computed in 64-bit floats as the IEEE says; `1e0 / 0` is infinite. An integer or a
//!   decimal becomes the float nearest to it.
//! - A constant with an exponent is a float in arithmetic, but exact where an integer or a decimal is compared with it,
//!   so that `n < 1e18` is about integers. Beside a column of 32-bit floats a constant is rounded to 32 bits, so that
//!   `rate = 0.1` finds what was stored as 0.1.
//! - NaN is equal to itself and greater than all other floats, and -0 is equal to 0. This is what DuckDB and PostgreSQL
//!   do.
//!
//! # Other types
//!
//! - A column of booleans is a condition, and false is less than true.
//! - Texts are compared by their bytes (UTF-8). In `like`, `%` stands for any text and `_` for one character; nothing
//!   escapes them.
//! - Binary values can be compared with `=`, `<>` and `in`, also with a text, which stands for its bytes.
//! - Dates (`Date32`) and timestamps can be compared with each other and with texts such as `'2024-02-29'` and
//!   `'2024-02-29 12:00:00.5'`. A text beside a timestamp with a time zone may have `Z` or `+hh:mm`, and is UTC without
//!   it.
//! - All other columns can only be tested with `is null`.
//!
//! # How it is evaluated
//!
//! For some thousand rows at a time, the interval of values that each integer can have is worked out from the numbers
//! and from the columns. It says in which lanes an operation is computed: integers up to 2^50 as 64-bit floats, for
//! which processors have vectors that also divide; others as `i64`, `i128` or 256 bits. Only where an interval does not
//! rule an error out is there a check. The operations then run on chunks of 1,024 rows that stay in the first cache.
//!
//! Arrow's compute kernels are not used. They do not tell in which row an operation failed, they know no order of
//! evaluation, and they widen no integers.

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
