//! Jobs and workers as others see them.

use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use swath_model::{ChunkRun, Chunks, FailedChunk, JobId, JobSpec, WorkerId, WorkerInfo};
use swath_scheduler::WorkerState;

/// What a client chooses at random to know its job by: a submit that is sent again is then the same job.
pub type Token = [u8; 16];

/// The failed chunks of a job, by index.
pub type FailedChunks = BTreeMap<u64, FailedChunk>;

/// How many numbers the failed chunks have.
pub fn failed_numbers(failed: &FailedChunks, chunks: Chunks) -> u64 {
    failed.keys().map(|&chunk| chunks.offsets(ChunkRun::one(chunk)).len()).sum()
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// A job as clients see it.
#[derive(Debug, Clone)]
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
    /// Why it is paused; empty if it is not.
    pub paused: String,
    /// Why it makes no progress; `None` when it does.
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// For programs.
    pub reason: WaitReason,
    /// For people, a part of a sentence.
    pub text: String,
}

/// Why a running job makes no progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitReason {
    /// No worker is connected.
    NoWorkers,
    /// All are draining.
    WorkersDraining,
    /// All are silent.
    WorkersSilent,
    /// The job is paused.
    Paused,
    /// All workers are busy with other jobs.
    OtherJobs,
}

/// What one worker computed of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Share {
    /// The name of the worker.
    pub worker: String,
    /// Numbers of accepted blocks.
    pub numbers: u64,
    /// Chunks that these blocks completed.
    pub chunks: u64,
}

/// A worker as clients see it.
#[derive(Debug, Clone)]
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
    /// Numbers of the blocks that were accepted from it.
    pub numbers: u64,
    /// Chunks that these blocks completed.
    pub chunks: u64,
    /// When it joined.
    pub joined_at: SystemTime,
}
