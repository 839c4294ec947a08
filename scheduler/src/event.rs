//! What the shell reports.

use std::time::Duration;

use crate::{ChunkRun, JobId, LeaseId, WorkerId};

/// A fact that the scheduler is told. Facts never fail: one that comes late, twice or out of order, or that
/// names what does not exist (any more), is ignored as far as it no longer applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A worker has connected, with nothing in flight; otherwise see [`Scheduler::rejoin`](crate::Scheduler::rejoin).
    /// One that joins again under the same id starts anew: its leases end.
    WorkerJoined {
        /// The new worker.
        worker: WorkerId,
        /// How many threads it computes with; 0 counts as 1.
        threads: u32,
    },
    /// It has left, or was told to go: its leases end at once.
    WorkerLeft {
        /// The worker that is gone.
        worker: WorkerId,
    },
    /// Its connection ended without a leave message: its leases end at once, and what it may have been computing is
    /// suspected of having crashed it.
    WorkerCrashed {
        /// The worker that is gone.
        worker: WorkerId,
    },
    /// A sign of life; renews the worker's leases, as everything it sends does.
    Heartbeat {
        /// The worker that is alive.
        worker: WorkerId,
    },
    /// The worker has computed all of a lease; its blocks may still be on the way.
    LeaseComputed {
        /// The worker that computed it.
        worker: WorkerId,
        /// What was computed.
        lease: LeaseId,
        /// The worker's own wall time for it, which gives its rate.
        busy: Duration,
    },
    /// The worker gives chunks back untouched: the answer to [`Action::ReturnChunks`](crate::Action::ReturnChunks), or
    /// because it wants to leave.
    ChunksReturned {
        /// The worker that gives back.
        worker: WorkerId,
        /// The lease that they belong to.
        lease: LeaseId,
        /// Any run of the lease; `None` when the answer is that nothing of what was asked for is untouched.
        chunks: Option<ChunkRun>,
    },
    /// The kernel failed at a number. The chunk is tried again elsewhere; the rest of the lease goes on.
    ChunkFailed {
        /// The worker that tried.
        worker: WorkerId,
        /// The lease that the chunk belongs to.
        lease: LeaseId,
        /// The chunk.
        chunk: u64,
        /// The number.
        number: i64,
        /// The error of the kernel.
        reason: String,
    },
    /// The coordinator holds the blocks of these chunks in memory, whoever computed them.
    ChunksReceived {
        /// The job.
        job: JobId,
        /// Its chunks.
        chunks: ChunkRun,
    },
    /// These chunks are durable, whatever was known of them before.
    ChunksCommitted {
        /// The job.
        job: JobId,
        /// Its chunks.
        chunks: ChunkRun,
    },
    /// What was received of these chunks, all or some of each, could not be kept: they wait again, unless they are
    /// committed.
    ChunksLost {
        /// The job.
        job: JobId,
        /// Its chunks.
        chunks: ChunkRun,
    },
    /// What was received or committed of these chunks, all or some of each, turned out to be bad: they wait again,
    /// unless their job has ended.
    ResultsLost {
        /// The job.
        job: JobId,
        /// Its chunks.
        chunks: ChunkRun,
    },
    /// No new leases for this job: its result window or the disk is full.
    JobPaused {
        /// The job.
        job: JobId,
    },
    /// Leases for this job again.
    JobResumed {
        /// The job.
        job: JobId,
    },
}
