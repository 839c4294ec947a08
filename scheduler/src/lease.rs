//! A run of chunks that a worker holds.

use crate::{ChunkRun, ChunkSet, Instant, JobId, LeaseId, WorkerId};

/// One lease. It exists as long as any of its chunks is outstanding.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) worker: WorkerId,
    pub(crate) job: JobId,
    /// All chunks that it was given for, and what lies between them.
    pub(crate) chunks: ChunkRun,
    /// Those neither received, committed, returned nor failed.
    pub(crate) outstanding: ChunkSet,
    pub(crate) purpose: Purpose,
    pub(crate) assigned: Instant,
    pub(crate) state: LeaseState,
    pub(crate) account: Account,
}

/// What a lease is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To get on with the job.
    Work,
    /// To try one chunk again that has failed before. Such a one stays where it is: on another worker.
    Retry,
    /// To go on with what its worker had in flight when its connection broke. How long that takes is no measure of the
    /// worker: part of it was done before.
    Resumed,
    /// To find out whether its chunks crash their worker, which has no other lease as long as it computes them. Such
    /// a one stays where it is, too.
    Probe,
}

impl Purpose {
    /// Whether it may be asked to return chunks for another worker.
    pub(crate) fn may_move(self) -> bool {
        matches!(self, Purpose::Work | Purpose::Resumed)
    }
}

/// How far a lease is, as the scheduler knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaseState {
    /// The worker computes it, or will.
    Open,
    /// The same, and the worker has been asked to give chunks back.
    Asked {
        /// The idle worker that they are meant for; `None` if for any.
        by: Option<WorkerId>,
    },
    /// The same, and the worker has answered that it can return nothing. Chunks are touched in order, so asking again
    /// is useless.
    Touched,
    /// All is computed, and its blocks are on the way.
    Computed,
}

/// What a lease is reckoned with when its worker reports how long it took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    /// The numbers that the worker was left with.
    pub(crate) numbers: u64,
    /// The thread time, in nanoseconds, that the job has been charged.
    pub(crate) charge: u64,
}

impl Account {
    /// Takes `numbers` out; returns the part of the charge that goes with them.
    pub(crate) fn deduct(&mut self, numbers: u64) -> u64 {
        let numbers = numbers.min(self.numbers);
        let whole = u128::from(self.numbers.max(1));
        let part = u128::from(self.charge) * u128::from(numbers) / whole;
        let part = u64::try_from(part).unwrap_or(self.charge);
        self.numbers -= numbers;
        self.charge -= part;
        part
    }
}

/// A lease all of whose blocks were received before the worker's report came: results and control go through
/// different connections.
#[derive(Debug)]
pub(crate) struct Unreported {
    pub(crate) lease: LeaseId,
    pub(crate) job: JobId,
    pub(crate) purpose: Purpose,
    pub(crate) assigned: Instant,
    pub(crate) account: Account,
}

impl Lease {
    /// Whether the worker still has to compute some of it.
    pub(crate) fn is_open(&self) -> bool {
        self.state != LeaseState::Computed
    }

    /// What is kept of it when it ends before its worker has reported.
    pub(crate) fn unreported(&self, lease: LeaseId) -> Unreported {
        let &Lease { job, purpose, assigned, account, .. } = self;
        Unreported { lease, job, purpose, assigned, account }
    }

    /// The last `count` chunks outstanding, as far as they are one run.
    pub(crate) fn tail(&self, count: u64) -> Option<ChunkRun> {
        let last = self.outstanding.last()?;
        ChunkRun::new(last.end().saturating_sub(count).max(last.start()), last.end())
    }
}
