//! What a job computes: its kernel, its condition and its reductions, bound together.
//!
//! Whoever takes a job in, the coordinator, and whoever computes it, a worker, [binds](Evaluation::bind) it in the same
//! way, so both know the same [layout](Evaluation::layout) of its results. A kernel gives rows; the condition selects
//! some of them; the reductions keep aggregates of these alone.
//!
//! ```
//! use swath_evaluation::{Evaluation, Stop};
//! use swath_model::{JobRequest, Range, Shape};
//!
//! let request = JobRequest {
//!     condition: Some("n % 2 = 0".to_owned()),
//!     ..JobRequest::new("square", Range::new(1, 10)?)
//! };
//! let evaluation = Evaluation::bind(&request)?;
//! assert_eq!(evaluation.layout().shape(), Shape::Sparse);
//! let batch = evaluation.batch(1..=4, &mut evaluation.buffers(&Stop::default()))?;
//! assert_eq!(batch.numbers, [2, 4]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch;
mod buffers;
mod error;
mod evaluation;
mod program;

pub use batch::Batch;
pub use buffers::Buffers;
pub use error::{BindError, Failure};
pub use evaluation::{Evaluation, reductions_of};
pub use program::{Awaited, layout_of_program, wasm_to_binary};
pub use swath_kernel::Stop;
pub use swath_reduce::{Accumulator, Reductions};
