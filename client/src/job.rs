//! Jobs and workers as a client sees them.

use std::time::{Duration, SystemTime};

use swath_kernel::{Parameters, ValueType};
use swath_model::Range;

use crate::error::ClientError;

/// A job to submit: one kernel over one range.
#[derive(Debug, Clone)]
pub struct JobSpec {
    /// The name of the kernel.
    pub kernel: String,
    /// Its parameters.
    pub parameters: Parameters,
    /// The numbers.
    pub range: Range,
    /// Numbers in a chunk; `None` leaves it to the coordinator.
    pub chunk_size: Option<u64>,
    /// How long results are kept.
    pub retention: Retention,
    /// How often a chunk is tried again after it failed; `None` leaves it to the coordinator.
    pub max_retries: Option<u32>,
    /// How many workers may crash while they compute a chunk alone; `None` leaves it to the coordinator.
    pub crash_limit: Option<u32>,
    /// Whether the job goes on without failed chunks; otherwise the first of them fails the job.
    pub keep_going: bool,
    /// How long after its end the job and its results are kept; `None` leaves it to the coordinator.
    pub retain: Option<Duration>,
}

impl JobSpec {
    /// This kernel over this range, everything else as it is by default.
    pub fn new(kernel: impl Into<String>, range: Range) -> Self {
        Self {
            kernel: kernel.into(),
            parameters: Parameters::new(),
            range,
            chunk_size: None,
            retention: Retention::Stored,
            max_retries: None,
            crash_limit: None,
            keep_going: false,
            retain: None,
        }
    }
}

/// How long results are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// As Parquet parts, until the job is forgotten.
    Stored,
    /// Until the one reader, there from the start, has had them.
    Delivered,
}

/// A job as it stands.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its id.
    pub id: u64,
    /// Its kernel.
    pub kernel: String,
    /// The kernel's parameters.
    pub parameters: Parameters,
    /// Its numbers.
    pub range: Range,
    /// Numbers in a chunk.
    pub chunk_size: u64,
    /// How long results are kept.
    pub retention: Retention,
    /// How often a chunk is tried again after it failed.
    pub max_retries: u32,
    /// How many workers may crash while they compute a chunk alone.
    pub crash_limit: u32,
    /// Whether it goes on without failed chunks.
    pub keep_going: bool,
    /// How long after its end it is kept; `None`: as long as the coordinator keeps jobs.
    pub retain: Option<Duration>,
    /// The type of its values.
    pub value_type: ValueType,
    /// Where it stands.
    pub state: JobState,
    /// Chunks in all.
    pub chunks: u64,
    /// Chunks committed.
    pub committed_chunks: u64,
    /// Numbers committed.
    pub committed_numbers: u64,
    /// The first number that is not committed.
    pub frontier: Option<i64>,
    /// When it was submitted.
    pub submitted_at: SystemTime,
    /// When it ended.
    pub ended_at: Option<SystemTime>,
    /// How long it has taken so far, or took: measured, whatever happened to the time of day meanwhile.
    pub took: Duration,
    /// Encoded bytes of its results so far.
    pub result_bytes: u64,
    /// Where its parts lie, on the coordinator.
    pub results_location: String,
    /// Why the coordinator hands out no more of it; empty when it does.
    pub paused: String,
    /// Why it makes no progress; `None` when it does, or when it has ended.
    pub waiting: Option<Waiting>,
    /// Who computed how much.
    pub shares: Vec<Share>,
    /// Failed chunks of a job that keeps going; [`Client::failed_chunks`](crate::Client::failed_chunks) lists them.
    pub failed_chunks: u64,
    /// The numbers in them, which have no result.
    pub failed_numbers: u64,
    /// Whether its results were dropped when it was cancelled.
    pub results_dropped: bool,
}

impl Job {
    /// An error if the job has ended in a way that leaves less than what is wanted: it failed or was cancelled.
    pub fn check_readable(&self, wanted: Wanted) -> Result<(), ClientError> {
        let Self { id: job, results_dropped, .. } = *self;
        match &self.state {
            JobState::Failed(reason) if wanted == Wanted::All => {
                Err(ClientError::JobFailed { job, reason: reason.clone(), results_dropped })
            }
            JobState::Cancelled if wanted == Wanted::All || results_dropped => {
                Err(ClientError::JobCancelled { job, results_dropped })
            }
            _ => Ok(()),
        }
    }
}

/// Which results of a job are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The results of all numbers but those in failed chunks: the job must not fail or be cancelled.
    All,
    /// The results that exist of a job that failed or was cancelled.
    Existing,
}

/// What becomes of the results of a job that is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnCancel {
    /// They are kept until the job is forgotten.
    KeepResults,
    /// They are dropped at once.
    DropResults,
}

/// Why a running job makes no progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// For programs.
    pub reason: WaitReason,
    /// For people, as a part of a sentence: `waiting for workers: none connected`.
    pub text: String,
}

/// What a job waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitReason {
    /// No worker is connected.
    NoWorkers,
    /// Workers are connected, but each is draining or silent, and at least one is draining.
    WorkersDraining,
    /// Workers are connected, but the coordinator has heard nothing of any of them for the lease timeout.
    WorkersSilent,
    /// The job is paused; [`Job::paused`] says why.
    Paused,
    /// All workers compute other jobs.
    OtherJobs,
    /// A reason that this client does not know.
    Unknown,
}

/// A failed chunk: none of its numbers has a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedChunk {
    /// The chunk.
    pub chunk: u64,
    /// Its first number.
    pub first: i64,
    /// Its last number.
    pub last: i64,
    /// The number that failed last.
    pub number: i64,
    /// Why it failed.
    pub reason: String,
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobState {
    /// It is not over.
    Running,
    /// All its results are there.
    Done,
    /// It failed; a sentence that names the number.
    Failed(String),
    /// It was cancelled.
    Cancelled,
}

impl JobState {
    /// Nothing more will happen to it.
    pub fn has_ended(&self) -> bool {
        *self != Self::Running
    }
}

/// What one worker computed of a job.
#[derive(Debug, Clone)]
pub struct Share {
    /// The id of the worker.
    pub worker_id: u64,
    /// Its name.
    pub worker: String,
    /// Numbers it computed.
    pub numbers: u64,
    /// Chunks it completed.
    pub chunks: u64,
}

/// A worker as it stands.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// The machine it runs on.
    pub host: String,
    /// Its process there.
    pub process_id: u32,
    /// Threads that compute.
    pub threads: u32,
    /// Whether it is given leases.
    pub state: WorkerState,
    /// Leases it holds.
    pub leases: u32,
    /// Chunks of those that are outstanding.
    pub leased_chunks: u64,
    /// Numbers it computed in this session.
    pub numbers: u64,
    /// Chunks it completed in this session.
    pub chunks: u64,
    /// When it joined.
    pub joined_at: SystemTime,
    /// From where.
    pub address: String,
    /// The version of its program.
    pub program_version: String,
}

/// Whether a worker is given leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerState {
    /// It is.
    Active,
    /// Not heard for longer than the lease timeout.
    Silent,
    /// It is about to leave.
    Draining,
}
