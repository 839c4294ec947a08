//! The functions that Swath evaluates.
//!
//! A [`Kernel`] is a pure function of an `i64` number, bound to its parameters. [`find`] binds one
//! by its name, [`catalogue()`] describes all of them, and [`Kernel::evaluate`] fills a typed column
//! buffer ([`Values`]) with the values of consecutive numbers. Everything here is synchronous, and
//! a bound kernel can be shared by as many threads as there are.
//!
//! ```
//! use swath_kernel::{Parameters, Values, find};
//!
//! let range = 1..=5;
//! let square = find("square", &Parameters::new())?;
//! let mut values = Values::new(square.value_type(&range));
//! square.evaluate(range, &mut values)?;
//! assert_eq!(values, Values::Int64(vec![1, 4, 9, 16, 25]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(clippy::indexing_slicing)]

mod bits;
mod catalogue;
mod collatz;
mod description;
mod error;
#[cfg_attr(not(test), expect(dead_code, reason = "for a kernel that gives lists"))]
mod factor;
mod is_prime;
mod isqrt;
mod kernel;
mod miller_rabin;
mod sieve;
mod square;
#[cfg(test)]
mod testing;
mod values;

pub use bits::Bits;
pub use catalogue::{catalogue, find};
pub use description::{Description, ParameterDescription};
pub use error::{EvaluateError, FindError};
pub use kernel::Kernel;
pub use swath_model::{Parameters, UnknownValueType, ValueType};
pub use values::Values;
