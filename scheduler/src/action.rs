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
    /// Ask a worker to give back what it has not begun of these chunks, the tail of a lease that it holds. It answers
    /// with one [`Event::ChunksReturned`](crate::Event::ChunksReturned).
    ReturnChunks {
        /// Who.
        worker: WorkerId,
        /// Which lease.
        lease: LeaseId,
        /// Which chunks of it.
        chunks: ChunkRun,
    },
    /// Tell a worker that a lease has ended: its job is over, its deadline has passed, or others have computed it. The
    /// worker stops and does not answer.
    StopLease {
        /// Who.
        worker: WorkerId,
        /// Which lease.
        lease: LeaseId,
    },
    /// A job is over. Comes exactly once for each job, after all other actions that concern it.
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
    /// All chunks are committed, but for failed chunks where the job keeps going.
    Done,
    /// Somebody asked for it.
    Cancelled,
    /// A chunk failed, or crashed workers, more often than the limits allow.
    Failed {
        /// The chunk.
        chunk: u64,
        /// The number of it that the kernel failed at last; the first one of a chunk that crashed workers.
        number: i64,
        /// The error of the kernel, or how many workers crashed.
        reason: String,
    },
}

/// A chunk of a job that keeps going failed for good: there will be no results of it; see
/// [`Scheduler::poll_failed_chunk`](crate::Scheduler::poll_failed_chunk).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFailedChunk {
    /// Of which job.
    pub job: JobId,
    /// Which chunk.
    pub chunk: u64,
    /// What is known of it.
    pub failed: FailedChunk,
}
