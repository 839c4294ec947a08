//! Reductions of Swath: `count,sum(steps),max_n(steps)` over the columns of a job's results.
//!
//! [`Reductions`] is a list that was parsed and checked against the columns. An [`Accumulator`] takes in rows where
//! they are computed ([`Accumulator::update`]) and gives its state as one row ([`Accumulator::partial`]), which
//! travels; whoever reads takes all of these rows in ([`Accumulator::merge`]) and gets one row in the end
//! ([`Accumulator::result`]).
//!
//! Everything is exact: the result is the same, bit for bit, however the rows were split and in whatever order the
//! parts were merged. So is the state: two accumulators that took in the same rows have the same partial row.
//!
//! | reduction | over | of type | of no values |
//! | --- | --- | --- | --- |
//! | `count` | rows | Int64 | 0 |
//! | `count(c)` | any column: its values that are not null | Int64 | 0 |
//! | `sum` | integers; `UInt64` | Decimal128(38, 0); Decimal256(76, 0) | null |
//! | | decimals of scale s with up to 19 digits; with more | Decimal128(38, s); Decimal256(76, s) | null |
//! | | floats | Float64 | null |
//! | | booleans: how many are true | Int64 | null |
//! | `mean` | integers, decimals, floats, booleans (the share that is true) | Float64 | null |
//! | `min`, `max` | these, dates, times, timestamps, text, binary | of the column; all text is Utf8 | null |
//! | `min_n`, `max_n` | the same: the smallest number at which the least or the greatest value is | Int64 | null |
//! | `value_counts` | the same: the distinct values, ascending, with counts | `List<Struct<value, count>>` | empty |
//!
//! - Nulls are skipped, as in SQL. The column `n` is the number of a row.
//! - Sums are exact, and never wrap. Sums of floats are exact, too, and rounded once, to the nearest double, ties to
//!   even; a sum beyond the greatest double is infinite. A NaN among the values makes the sum NaN, as do infinities of
//!   both signs; one sign of infinity makes that. A sum that is zero is +0.
//! - A mean is the exact sum divided by the count, rounded once, to the nearest double.
//! - NaN is greater than all other floats and equal to itself, as in DuckDB and PostgreSQL. So `max` is NaN where there
//!   is one, and `min` only where there is nothing else. -0 and +0 are equal, and shown as +0.
//! - Text is ordered by its code points, binary by its bytes, false is less than true.

#![warn(clippy::indexing_slicing)]

mod accumulator;
mod arrays;
mod column_type;
mod error;
mod float_sum;
mod kind;
mod lanes;
mod parse;
mod partial;
mod plan;
mod ratio;
mod reductions;
mod rows;
mod source_state;
mod state;
mod value_counts;
mod wide;

pub use accumulator::Accumulator;
pub use error::{AccumulateError, Problem, ReduceError};
pub use kind::{Kind, Source};
pub use plan::Reduction;
pub use reductions::Reductions;

/// The longest text of a list of reductions, in bytes.
pub const MAX_TEXT_BYTES: usize = 8192;

/// The most reductions in a list.
pub const MAX_REDUCTIONS: usize = 64;

/// The most distinct values that `value_counts` counts.
pub const MAX_DISTINCT: usize = 1_000_000;

/// The most bytes that the values of a state may have: those that were counted, and texts.
pub const MAX_PARTIAL_BYTES: usize = 16 << 20;
