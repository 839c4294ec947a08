//! The pure heart of Swath: who computes which chunks of which job, and what happens when
//! something goes wrong.
//!
//! A [`Range`] of numbers is split into equal [`Chunks`]. The [`Scheduler`] leases runs of chunks to
//! workers, takes them back, and notes what has been received and committed. It performs no I/O
//! and reads no clock, so every decision can be replayed: the same inputs give the same actions.

mod action;
mod chunks;
mod config;
mod counted;
mod crew;
mod error;
mod estimate;
mod event;
mod holdings;
mod hole;
mod ids;
mod interval_set;
mod job;
mod jobs;
mod lease;
mod range;
mod run;
mod scheduler;
mod suspicion;
mod time;
mod view;
mod worker;

pub use action::{Action, Outcome, Skipped};
pub use chunks::Chunks;
pub use config::{Config, JobSpec, Limits};
pub use counted::{Counted, counted};
pub use error::{CancelError, ChunksError, DrainError, ForgetError, RangeError, SubmitError};
pub use event::Event;
pub use hole::Hole;
pub use ids::{JobId, LeaseId, WorkerId};
pub use interval_set::IntervalSet;
pub use range::Range;
pub use run::Run;
pub use scheduler::Scheduler;
pub use time::Instant;
pub use view::{JobState, JobView, WorkerState, WorkerView};
