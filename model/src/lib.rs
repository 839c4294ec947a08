//! The vocabulary of Swath: what all its crates speak of.
//!
//! A [`Range`] of numbers is split into equal [`Chunks`]. Chunks are named by their index, numbers by their offset in
//! the range; [`ChunkRun`] and [`OffsetRun`] are two types, so that neither is taken for the other. What is parsed is
//! valid: a `Range`, a run, a [`JobSpec`] that exists needs no check. Nothing here performs I/O or reads a clock.

mod chunks;
mod column_type;
mod counted;
mod covers;
mod error;
mod failed_chunk;
mod fingerprint;
mod ids;
mod interval_set;
mod job;
mod layout;
mod mark;
mod numbers;
mod program;
mod quoted;
mod range;
mod run;
mod status;
mod time;
mod value_type;
mod worker;

pub use chunks::Chunks;
pub use column_type::TypeError;
pub use counted::{Counted, counted};
pub use covers::Covers;
pub use error::{ChunksError, RangeError};
pub use failed_chunk::{FailedChunk, FailedChunks, failed_numbers};
pub use fingerprint::Fingerprint;
pub use ids::{Incarnation, JobId, LeaseId, WorkerId};
pub use interval_set::{ChunkSet, IntervalSet, OffsetSet};
pub use job::{JobRequest, JobSpec, Limits, Parameters, ResultMode};
pub use layout::{BlockBounds, Cut, Layout, LayoutError, Layouts, MAX_BLOCK_BYTES, MAX_ROWS, PAGE_ROWS, Shape};
pub use mark::mark;
pub use numbers::Numbers;
pub use program::{Artifact, ArtifactId, NotAnArtifactId, Program, Runtime};
pub use quoted::quoted;
pub use range::Range;
pub use run::{ChunkRun, OffsetRun, Run};
pub use status::{JobState, JobStatus, Share, WaitReason, Waiting, WorkerState, WorkerStatus};
pub use time::{Instant, nanos};
pub use value_type::{UnknownValueType, ValueType};
pub use worker::{ResumeOffer, ResumedLease, WorkerInfo};
