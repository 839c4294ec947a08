//! Jobs and workers as they stand, seen from outside.

use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{JobId, JobSpec, WorkerId, WorkerInfo};

/// Where a job stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It has not ended.
    Running,
    /// All its chunks are committed or failed.
    Done,
    /// A sentence that names the number and the error.
    Failed(String),
    /// Somebody cancelled it.
    Cancelled,
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed(_) => "failed",
            Self::Cancelled => "cancelled",
        })
    }
}

impl JobState {
    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<&str> {
        match self {
            Self::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    /// Whether it is over.
    pub fn has_ended(&self) -> bool {
        *self != Self::Running
    }
}

/// A job as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobStatus {
    /// Which.
    pub id: JobId,
    /// What it computes.
    pub spec: Arc<JobSpec>,
    /// Where it stands.
    pub state: JobState,
    /// How many chunks are committed.
    pub committed_chunks: u64,
    /// How many numbers they have.
    pub committed_numbers: u64,
    /// The first number that is neither committed nor failed.
    pub frontier: Option<i64>,
    /// When it was submitted.
    pub submitted_at: SystemTime,
    /// When it ended.
    pub ended_at: Option<SystemTime>,
    /// How long it has taken so far, or took. Measured, so changes of the time of day do not matter.
    pub took: Duration,
    /// Bytes of its results.
    pub result_bytes: u64,
    /// Where its parts lie, for people; empty if it has none.
    pub results_location: String,
    /// Why it is paused; empty if it is not.
    pub paused: String,
    /// Why it makes no progress; `None` if it does, or if it has ended.
    pub waiting: Option<Waiting>,
    /// What each worker computed.
    pub shares: BTreeMap<WorkerId, Share>,
    /// How many chunks failed for good.
    pub failed_chunks: u64,
    /// How many numbers they have.
    pub failed_numbers: u64,
    /// Its results were dropped when it was cancelled.
    pub results_dropped: bool,
}

/// Why a running job makes no progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// For programs.
    pub reason: WaitReason,
    /// For people, as a part of a sentence: `waiting for workers: none connected`.
    pub text: String,
}

/// What a job waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitReason {
    /// No worker is connected.
    NoWorkers,
    /// Workers are connected, but each is draining or silent, and at least one is draining.
    WorkersDraining,
    /// Workers are connected, but nothing came from any of them for the lease timeout.
    WorkersSilent,
    /// The job is paused; [`JobStatus::paused`] says why.
    Paused,
    /// All workers compute other jobs.
    OtherJobs,
    /// A reason that only a newer version knows.
    Unknown,
}

/// What one worker computed of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// The name of the worker.
    pub worker: String,
    /// Numbers of accepted blocks. What is lost later and computed again counts for both who computed it.
    pub numbers: u64,
    /// Chunks that these blocks completed.
    pub chunks: u64,
}

/// A worker as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerStatus {
    /// Which session.
    pub id: WorkerId,
    /// As it described itself.
    pub info: WorkerInfo,
    /// Where its connection comes from.
    pub address: String,
    /// Whether it is given leases.
    pub state: WorkerState,
    /// How many leases it holds.
    pub leases: u32,
    /// How many chunks are outstanding under them.
    pub leased_chunks: u64,
    /// Numbers of the blocks that were accepted from it in this session.
    pub numbers: u64,
    /// Chunks that these blocks completed.
    pub chunks: u64,
    /// When it joined.
    pub joined_at: SystemTime,
}

/// Whether a worker is given leases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerState {
    /// It is.
    Active,
    /// Its deadline passed without a sign of life: not until there is one.
    Silent,
    /// It is about to leave: no more.
    Draining,
}
