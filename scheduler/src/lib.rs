//! Decides who computes which chunks of which job, and what happens when something goes wrong.
//!
//! A range of numbers is split into equal chunks (see `swath_model`). The [`Scheduler`] leases runs of chunks to
//! workers, asks for them again where others are free, and notes what has been received and committed. It performs no
//! I/O and reads no clock, so every decision can be replayed: the same inputs give the same actions.

#![warn(clippy::indexing_slicing)]

mod action;
mod config;
mod error;
mod estimate;
mod event;
mod job;
mod jobs;
mod lease;
mod lease_index;
mod scheduler;
mod suspicion;
mod view;
mod worker;
mod worker_table;

pub use action::{Action, NewFailedChunk, Outcome};
pub use config::{Config, JobPlan};
pub use error::{CancelError, DrainError, ForgetError, SubmitError};
pub use event::Event;
pub use scheduler::Scheduler;
pub use view::{JobState, JobView, WorkerView};

use swath_model::{
    ChunkRun, ChunkSet, Chunks, FailedChunk, Incarnation, Instant, JobId, LeaseId, Limits, WorkerId, WorkerState, nanos,
};
