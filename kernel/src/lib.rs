//! The functions that Swath evaluates.
//!
//! A [`Kernel`] is a pure function of an `i64` number, bound to its parameters. [`find`] binds one
//! by its name, [`catalogue()`] describes all of them, and [`Kernel::evaluate`] appends the results of
//! consecutive numbers to typed column buffers ([`Rows`]). Everything here is synchronous, and
//! a bound kernel can be shared by as many threads as there are.
//!
//! ```
//! use swath_kernel::{Context, Parameters, Rows, Values, find};
//!
//! let range = 1..=5;
//! let square = find("square", &Parameters::new())?;
//! let mut rows = Rows::new(&square.layout(&range));
//! square.evaluate(range, &mut rows, &mut Context::default())?;
//! assert_eq!(rows.columns, [Values::Int64(vec![1, 4, 9, 16, 25])]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(clippy::indexing_slicing)]

mod bits;
mod catalogue;
mod collatz;
mod context;
mod deferred;
mod description;
mod error;
mod factor;
mod is_prime;
mod isqrt;
mod kernel;
mod miller_rabin;
mod random;
mod rows;
mod sieve;
mod square;
#[cfg(test)]
mod testing;
mod values;

pub use bits::Bits;
pub use catalogue::{catalogue, find};
pub use context::{Context, Stop};
pub use deferred::Deferred;
pub use description::{Description, ParameterDescription};
pub use error::{EvaluateError, FindError};
pub use kernel::Kernel;
pub use rows::Rows;
pub use swath_model::{Layout, Parameters, Shape, UnknownValueType, ValueType};
pub use values::{Arrays, Values};
