//! Kernels out of WebAssembly modules.
//!
//! [`bind`] makes a [`Kernel`](swath_kernel::Kernel) of a module: one function that it exports is called for each
//! number. Nothing else is needed in the module, and no library. [`describe`] says without compiling what a module
//! gives.
//!
//! ```
//! use swath_kernel::{Context, Rows, Values};
//! use swath_wasm::{Options, bind};
//!
//! let module = br#"(module (func (export "square") (param i64) (result i64)
//!     (i64.mul (local.get 0) (local.get 0))))"#;
//! let square = bind(module, &Options::default())?;
//! let mut rows = Rows::new(&square.layout(&(1..=5)));
//! square.evaluate(1..=5, &mut rows, &mut Context::default())?;
//! assert_eq!(rows.columns, [Values::Int64(vec![1, 4, 9, 16, 25])]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The function
//!
//! It is the one that was named; or else `kernel`, or the only exported function that can be one. It takes the number
//! as an `i64`. What it takes behind it are parameters of the job: integers and floating point numbers that are the
//! same for all numbers, by the names that the module has for them or by position (`2`, `3`, …).
//!
//! | results | columns |
//! | --- | --- |
//! | `i64` | `value int64` |
//! | `f64` | `value float64` |
//! | `f32` | `value float32` |
//! | `i32` | `value boolean`: true if it is not 0 |
//! | `i64`, `i64` | `value decimal128(38, 0)`: the low and the high half of 128 bits |
//! | `i32`, `i32` | `value utf8`: pointer and length, if the module exports its memory as `memory` |
//! | other several | `value_1`, `value_2`, …: each as if it were the only one |
//!
//! A custom section `swath.columns` says otherwise, for instance `steps int32, peak decimal128(38, 0), name utf8`. Each
//! column takes one result: integers, dates, timestamps and booleans an `i32` or `i64`, a decimal two `i64`, text and
//! binary two `i32` (pointer and length) or one `i64` (length << 32 | pointer). A value that its column cannot hold
//! refuses its number. So does a text that is not UTF-8, or not within the memory.
//!
//! A function `(i64, i32, i32)` without results is a batch: first number, count, and where in `memory` it writes the
//! values, one after the other; of several columns one array after the other. Without a section it gives `value int64`;
//! a boolean is a byte.
//!
//! # What a module can do
//!
//! It can compute, and nothing else. It may import `swath.fail(pointer, length)`, which refuses the number with a
//! reason; `env.abort` of AssemblyScript; and the functions of WASI preview 1, which see a machine without files,
//! arguments and variables: the clock begins in 2020 and moves a microsecond at each look, random bytes follow from the
//! number, and output is discarded, but the beginning of standard error is part of the reason why a number fails.
//! `_initialize` is called once for each instance, if it is exported. `_start` is never called: a program that only has
//! a `main` is no kernel.
//!
//! An instance computes the numbers of one block, in their order, and is dropped after an error. A function may
//! remember something from one number to the next, but its results must not depend on it: others compute blocks again.
//! The bits of a NaN in a result are always the same.
//!
//! An instance has a limit of memory, a stack of 512 KiB, and, if wanted, a limit of time for each number. Threads that
//! call kernels need a stack of a megabyte. A thread moves a clock while any instance exists; a call sees within a few
//! milliseconds that it should stop.

#![warn(clippy::indexing_slicing)]

mod bind;
mod bound;
mod collect;
mod columns;
mod describe;
mod engine;
mod error;
mod host;
mod imports;
mod instance;
mod kernel;
mod looped;
mod module;
mod offered;
mod options;
mod parameters;
mod text;

pub use bind::bind;
pub use describe::{Description, describe};
pub use error::WasmError;
pub use module::MAX_MODULE_BYTES;
pub use options::{DEFAULT_MEMORY_BYTES, Options};
pub use parameters::{ParameterDescription, ParameterType};
pub use text::{MAX_TEXT_BYTES, to_binary};
