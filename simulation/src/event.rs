//! What can happen, and what is said.

use swath_model::{ChunkRun, Chunks, Incarnation, Instant, JobId, LeaseId, OffsetRun};
use swath_worker_core::{FromCoordinator, ToCoordinator};

/// A process that is a worker when it runs, by its place in the cluster.
pub(crate) type ProcessId = usize;

/// A session of a worker, by its place among all there ever were.
pub(crate) type SessionId = usize;

/// A job, by its place in the plan; its id is one more.
pub(crate) type JobIndex = usize;

/// A job as a lease has it. Another one may have its place after an older copy of the ledger was put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeasedJob {
    pub(crate) index: JobIndex,
    pub(crate) fingerprint: u64,
    pub(crate) chunks: Chunks,
}

/// Names one task of one thread: what is planned for it does not happen to the next one.
pub(crate) type Token = u64;

#[derive(Debug)]
pub(crate) enum Event {
    /// A message arrives at the coordinator.
    Said {
        session: SessionId,
        message: ToCoordinator,
    },
    /// A message arrives at a worker.
    Told {
        session: SessionId,
        message: FromCoordinator<LeasedJob>,
    },
    /// A block arrives at the coordinator; `stream` counts the upload connections of the session.
    Uploaded {
        session: SessionId,
        stream: u32,
        block: Block,
    },
    /// The receipt of the oldest block arrives at the worker.
    Receipted {
        session: SessionId,
        stream: u32,
    },
    /// The coordinator sees that a session is over.
    CoordinatorNotices {
        session: SessionId,
    },
    /// The worker sees that its session is over.
    WorkerNotices {
        session: SessionId,
    },
    /// A thread has computed its task.
    TaskDone {
        process: ProcessId,
        thread: usize,
        token: Token,
    },
    /// A thread has come to a number that crashes the process.
    TaskCrashes {
        process: ProcessId,
        thread: usize,
        token: Token,
    },
    /// The core of a worker wanted to be woken.
    ProcessWakes {
        process: ProcessId,
    },
    Start {
        process: ProcessId,
    },
    CoordinatorStarts,
    /// The scheduler wanted to be woken.
    Wake {
        incarnation: Incarnation,
    },
    /// The store looks for parts that are due.
    Look {
        incarnation: Incarnation,
    },
    PartWritten {
        incarnation: Incarnation,
        job: JobIndex,
        blocks: Vec<(u64, u64)>,
    },
    /// A fact of the store arrives at the driver.
    Fact {
        incarnation: Incarnation,
        job: JobIndex,
        fact: Fact,
    },
    Submit {
        job: JobIndex,
    },
    Cancel {
        job: JobIndex,
    },
    DiskHasRoom,
    Trouble,
    Calm,
}

/// From the store to the driver.
#[derive(Clone, Debug)]
pub(crate) enum Fact {
    Committed(ChunkRun),
    Lost(ChunkRun),
    Paused,
    Resumed,
}

/// Results on their way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) lease: LeaseId,
    pub(crate) job: LeasedJob,
    /// Offsets in the job's range.
    pub(crate) offsets: OffsetRun,
    /// Whether it was sent before.
    pub(crate) again: bool,
}

/// When something is, for the trace: seconds.
pub(crate) fn seconds(at: Instant) -> f64 {
    at.as_nanos() as f64 / 1e9
}

/// What the coordinator calls a job of the plan.
pub(crate) fn id(job: JobIndex) -> JobId {
    JobId(job as u64 + 1)
}

/// The job of the plan that the coordinator calls so.
pub(crate) fn index(job: JobId) -> JobIndex {
    job.0 as usize - 1
}
