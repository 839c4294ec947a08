//! What can happen, and what is said.

use std::sync::Arc;

use swath_coordinator_core::{AcceptedBlock, AfterCancel, Reply, RequestId};
use swath_model::{BlockBounds, ChunkRun, Chunks, Cut, Incarnation, Instant, JobId, LeaseId, OffsetRun, Shape};
use swath_worker_core::{FromCoordinator, Job, SessionId as Attempt, ToCoordinator};

use crate::disk::PartId;

/// A process that is a worker when it runs, by its place in the cluster.
pub(crate) type ProcessId = usize;

/// A session of a worker, by its place among all there ever were.
pub(crate) type SessionId = usize;

/// What a job computes, by its place in the plan. A coordinator knows a job by its [`JobId`].
pub(crate) type JobIndex = usize;

/// A client that wants one job, by its place among all there ever were.
pub(crate) type ClientId = usize;

/// A job as a lease has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeasedJob {
    pub(crate) index: JobIndex,
    pub(crate) id: JobId,
    pub(crate) fingerprint: u64,
    pub(crate) chunks: Chunks,
    /// Whether each number has a row.
    pub(crate) shape: Shape,
    /// How many numbers a piece of a large chunk has.
    pub(crate) piece: u64,
}

impl LeasedJob {
    /// How many numbers its blocks cover.
    pub(crate) fn bounds(self) -> BlockBounds {
        let piece = self.piece;
        BlockBounds { piece, most: if self.shape == Shape::Dense { piece } else { u64::MAX } }
    }

    /// Where its chunks that are too large for a block are cut.
    pub(crate) fn cut(self) -> Cut {
        if self.shape == Shape::Dense { Cut::Pieces(self.piece) } else { Cut::Anywhere }
    }

    /// The blocks of these offsets: one, but where rows are many or large. Whoever computes a chunk cuts it in the same
    /// way.
    pub(crate) fn blocks(self, offsets: OffsetRun) -> Vec<OffsetRun> {
        let mut blocks = Vec::new();
        let mut start = offsets.start();
        let touched = self.chunks.touched(offsets);
        let chunks = if self.shape == Shape::Sparse { touched.start()..touched.end() } else { 0..0 };
        for chunk in chunks {
            let mixed = (chunk ^ self.fingerprint).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
            if !mixed.is_multiple_of(5) {
                continue;
            }
            let whole = self.chunks.offsets(ChunkRun::one(chunk));
            let step = whole.len() / (2 + mixed / 5 % 4) + 1;
            let cuts = (whole.start()..whole.end()).step_by(step as usize).chain([whole.end()]);
            for cut in cuts.map(|cut| cut.min(offsets.end())) {
                blocks.extend(OffsetRun::new(start, cut));
                start = start.max(cut);
            }
        }
        blocks.extend(OffsetRun::new(start, offsets.end()));
        blocks
    }
}

/// Names one task of one thread: what is planned for it does not happen to the next one.
pub(crate) type TaskId = u64;

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
    /// A block arrives at the coordinator.
    Uploaded(Upload),
    /// All of a block was looked at.
    BlockChecked {
        incarnation: Incarnation,
        upload: Upload,
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
    /// The program of a job is there, or cannot be had.
    Prepared {
        process: ProcessId,
        attempt: Attempt,
        job: Arc<Job<LeasedJob>>,
        is_there: bool,
    },
    /// A thread has computed its task.
    TaskDone {
        process: ProcessId,
        thread: usize,
        task: TaskId,
    },
    /// A thread has come to a number that crashes the process.
    TaskCrashes {
        process: ProcessId,
        thread: usize,
        task: TaskId,
    },
    /// The core of a worker wanted to be woken.
    ProcessWakes {
        process: ProcessId,
    },
    Start {
        process: ProcessId,
    },
    CoordinatorStarts,
    /// Blocks that wait for room may come in.
    RoomFreed {
        incarnation: Incarnation,
    },
    /// The core of the coordinator wanted to be woken.
    Wake {
        incarnation: Incarnation,
    },
    /// The store looks for parts that are due.
    Look {
        incarnation: Incarnation,
    },
    /// The file of a part is written, or it could not be.
    PartWritten {
        incarnation: Incarnation,
        part: PartId,
    },
    /// The row of a part is in the ledger, or it could not be written.
    RowInserted {
        incarnation: Incarnation,
        part: PartId,
    },
    /// The store knows that the row of a part is in the ledger.
    PartDurable {
        incarnation: Incarnation,
        part: PartId,
    },
    /// The coordinator crashes while the ledger writes.
    CoordinatorCrashes {
        incarnation: Incarnation,
    },
    /// The oldest fact of the store arrives at the core.
    Fact {
        incarnation: Incarnation,
    },
    /// The batch under way is in the ledger, or what could be written of it.
    Persisted {
        incarnation: Incarnation,
    },
    /// The files of a job are deleted.
    FilesDeleted {
        incarnation: Incarnation,
        files: Vec<PartId>,
        replies: Vec<Reply>,
    },
    /// A client asks for something.
    Asks {
        client: ClientId,
        wish: Wish,
    },
    /// A client goes away before its request is answered.
    ClientGone {
        request: RequestId,
    },
    /// Somebody reads a part, and sees whether it is there and whole.
    PartRead {
        part: PartId,
    },
    /// The reader of a job in `delivered` mode reads on.
    ReaderReads {
        incarnation: Incarnation,
        job: JobId,
    },
    /// The reader of a job that was paused keeps up again.
    ReaderKeepsUp {
        incarnation: Incarnation,
        job: JobId,
    },
    DiskHasRoom,
    LedgerIsWell,
    Fault,
    Calm,
    Judge,
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Submit,
    /// The same token for another job.
    SubmitOther,
    Cancel(AfterCancel),
    Forget,
    /// The same of a job that runs.
    ForgetEarly,
    /// How the job stands.
    Look,
    Watch,
    Unwatch,
}

/// From the store to the core.
#[derive(Clone, Debug)]
pub(crate) enum Fact {
    Accepted(AcceptedBlock),
    Committed(ChunkRun),
    Lost(Vec<ChunkRun>),
    Paused(&'static str),
    Resumed,
    Closed,
}

/// A block on a connection; `stream` counts the upload connections of the session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Upload {
    pub(crate) session: SessionId,
    pub(crate) stream: u32,
    pub(crate) block: Block,
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
