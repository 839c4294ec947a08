//! What the coordinator knows of a job beside its leases: as submitted, as it stands, who computed it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use swath_kernel::{Kernel, Parameters, ValueType};
use swath_model::{
    ChunkRun, Chunks, FailedChunk, Incarnation, JobId, JobSpec, Limits, Range, ResultMode, ResumeOffer, WorkerId,
};

/// What a client chooses, at random, to know its job by: a submit that is sent again is then the same job.
pub(crate) type Token = [u8; 16];

/// A job that may be stored: its kernel exists, its range and chunk size are valid.
#[derive(Debug, Clone)]
pub(crate) struct NewJob {
    pub(crate) kernel: Arc<dyn Kernel>,
    pub(crate) parameters: Parameters,
    pub(crate) chunks: Chunks,
    /// Numbers in a chunk, as submitted or chosen.
    pub(crate) chunk_size: u64,
    pub(crate) retention: ResultMode,
    pub(crate) limits: Limits,
    /// How long after its end it is kept; `None`: as long as the coordinator keeps jobs.
    pub(crate) retain: Option<Duration>,
}

impl NewJob {
    pub(crate) fn range(&self) -> Range {
        self.chunks.range()
    }

    /// What is computed, and how, without the kernel itself.
    pub(crate) fn spec(&self) -> JobSpec {
        JobSpec {
            kernel: self.kernel.name().to_owned(),
            parameters: self.parameters.clone(),
            chunks: self.chunks,
            chunk_size: self.chunk_size,
            value_type: self.value_type(),
            result_mode: self.retention,
            limits: self.limits,
            keep_for: self.retain,
        }
    }

    pub(crate) fn value_type(&self) -> ValueType {
        let range = self.range();
        self.kernel.value_type(&(range.first()..=range.last()))
    }
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JobState {
    Running,
    Done,
    /// A sentence that names the number and the error.
    Failed(String),
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
    /// Why it failed.
    pub(crate) fn failure(&self) -> Option<&str> {
        match self {
            Self::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        *self != Self::Running
    }
}

/// A job as clients see it.
#[derive(Debug, Clone)]
pub(crate) struct JobStatus {
    pub(crate) id: JobId,
    pub(crate) job: NewJob,
    pub(crate) state: JobState,
    pub(crate) committed_chunks: u64,
    pub(crate) committed_numbers: u64,
    /// The first number that is not committed.
    pub(crate) frontier: Option<i64>,
    pub(crate) submitted_at: SystemTime,
    pub(crate) ended_at: Option<SystemTime>,
    /// How long it has taken so far, or took; measured, so that changes of the time of day do not matter.
    pub(crate) took: Duration,
    pub(crate) result_bytes: u64,
    pub(crate) results_location: String,
    pub(crate) paused: String,
    /// Why it makes no progress; `None` when it does.
    pub(crate) waiting: Option<Waiting>,
    pub(crate) shares: BTreeMap<WorkerId, Share>,
    pub(crate) hole_chunks: u64,
    pub(crate) hole_numbers: u64,
    pub(crate) results_dropped: bool,
}

/// Why a running job makes no progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) reason: WaitReason,
    /// The same for people, as a part of a sentence.
    pub(crate) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitReason {
    NoWorkers,
    WorkersDraining,
    WorkersSilent,
    Paused,
    OtherJobs,
}

/// The failed chunks of a job, by index.
pub(crate) type Holes = BTreeMap<u64, FailedChunk>;

/// How many numbers the failed chunks have.
pub(crate) fn hole_numbers(holes: &Holes, chunks: Chunks) -> u64 {
    holes.keys().map(|&chunk| chunks.offsets(ChunkRun::one(chunk)).len()).sum()
}

/// What one worker computed of a job.
#[derive(Debug, Clone, Default)]
pub(crate) struct Share {
    pub(crate) worker: String,
    pub(crate) numbers: u64,
    pub(crate) chunks: u64,
}

/// A worker as it introduced itself.
#[derive(Debug, Clone)]
pub(crate) struct Introduction {
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) process_id: u32,
    pub(crate) threads: u32,
    pub(crate) program_version: String,
    pub(crate) address: String,
}

/// What a worker brings that was here before.
#[derive(Debug, Clone, Default)]
pub(crate) struct Past {
    /// The incarnation and the worker that its process was.
    pub(crate) former: Option<(Incarnation, WorkerId)>,
    pub(crate) in_hand: Vec<ResumeOffer>,
}

/// A worker as clients see it.
#[derive(Debug, Clone)]
pub(crate) struct WorkerStatus {
    pub(crate) id: WorkerId,
    pub(crate) introduction: Introduction,
    pub(crate) state: swath_scheduler::WorkerState,
    pub(crate) leases: u32,
    pub(crate) leased_chunks: u64,
    pub(crate) numbers: u64,
    pub(crate) chunks: u64,
    pub(crate) joined_at: SystemTime,
}
