//! Kernels out of modules, as a worker evaluates them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod columns;
mod describe;
mod hostile;
mod imports;
mod limits;
mod parameters;
mod properties;
mod support;
mod values;
