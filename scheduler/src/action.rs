//! What the shell is to do.

use crate::{ChunkRun, FailedChunk, JobId, LeaseId, WorkerId};

/// Something for the shell to do; see [`Scheduler::poll_action`](crate::Scheduler::poll_action).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Tell a worker to compute chunks.
    Assign {
        /// Who.
        worker: WorkerId,
        /// Under which lease.
        lease: LeaseId,
        /// Of which job.
        job: JobId,
        /// Which chunks.
        chunks: ChunkRun,
    },
    /// Ask a worker to give back what it has not touched of `chunks`.
    ///
    /// While the lease is held ([`Scheduler::holder`](crate::Scheduler::holder) names the worker), these are the
    /// tail of it, and the worker answers with one [`Event::ChunksReturned`](crate::Event::ChunksReturned). When the
    /// lease has ended (its job is over, or its deadline has passed), these are all of it: the worker stops, and
    /// need not answer.
    Revoke {
        /// Who.
        worker: WorkerId,
        /// Which lease.
        lease: LeaseId,
        /// Which chunks of it.
        chunks: ChunkRun,
    },
    /// A job is over. Comes exactly once for each job, after the last `Assign` and `Revoke` that concern it.
    JobEnded {
        /// Which job.
        job: JobId,
        /// How it ended.
        outcome: Outcome,
    },
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All chunks are committed, but for those that were given up where the job keeps going.
    Done,
    /// Somebody asked for it.
    Cancelled,
    /// A chunk failed, or crashed workers, more often than the limits allow.
    Failed {
        /// The chunk.
        chunk: u64,
        /// The number of it that the kernel failed at last; the first one of a chunk that crashed workers.
        number: i64,
        /// What the kernel said, or how many workers crashed.
        reason: String,
    },
}

/// A chunk of a job that keeps going was given up: there will be no results of it; see
/// [`Scheduler::poll_skipped`](crate::Scheduler::poll_skipped).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Of which job.
    pub job: JobId,
    /// Which chunk.
    pub chunk: u64,
    /// What is known of it.
    pub hole: FailedChunk,
}
