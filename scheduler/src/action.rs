//! What the shell is to do.

use crate::{JobId, LeaseId, Run, WorkerId};

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
        chunks: Run,
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
        chunks: Run,
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
    /// All chunks are committed.
    Done,
    /// Somebody asked for it.
    Cancelled,
    /// A chunk failed more often than the limit allows.
    Failed {
        /// The chunk.
        chunk: u64,
        /// The number of it that the kernel failed at last.
        number: i64,
        /// What the kernel said.
        reason: String,
    },
}
