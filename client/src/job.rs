//! Jobs and workers as a client sees them.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use swath_evaluation::Reductions;
use swath_model::{
    Fingerprint, JobState, JobStatus, Layout, LayoutError, Parameters, Program, Range, ResultMode, Shape, Waiting,
    WorkerId, WorkerState, WorkerStatus,
};

use crate::error::ClientError;

/// A job as it stands.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its id.
    pub id: u64,
    /// Its kernel.
    pub kernel: String,
    /// The kernel's program, if it is not built in.
    pub program: Option<Program>,
    /// The kernel's parameters.
    pub parameters: Parameters,
    /// Its numbers.
    pub range: Range,
    /// Numbers in a chunk.
    pub chunk_size: u64,
    /// What becomes of its results.
    pub result_mode: ResultMode,
    /// How often a chunk is tried again after it failed.
    pub max_retries: u32,
    /// How many workers may crash while they compute a chunk alone.
    pub crash_limit: u32,
    /// Whether it goes on without failed chunks.
    pub keep_going: bool,
    /// How long after its end it is kept; `None`: as long as the coordinator keeps jobs.
    pub keep_for: Option<Duration>,
    /// Which rows of its kernel are results: a SQL expression.
    pub condition: Option<String>,
    /// What is kept of these rows: a list of reductions.
    pub reductions: Option<String>,
    /// What the rows of its kernel look like.
    pub kernel_layout: Layout,
    /// What the rows of its blocks look like. With reductions they are partial aggregates; [`Job::result_layout`] is
    /// that of the result.
    pub layout: Layout,
    /// What it computes. Its id does not say that, once the coordinator was given an older copy of its data.
    pub(crate) fingerprint: Fingerprint,
    /// Where it stands.
    pub state: JobState,
    /// Chunks in all.
    pub chunks: u64,
    /// Chunks committed.
    pub committed_chunks: u64,
    /// Numbers committed.
    pub committed_numbers: u64,
    /// The first number that is neither committed nor failed.
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

impl From<JobStatus> for Job {
    fn from(status: JobStatus) -> Self {
        let spec = Arc::unwrap_or_clone(status.spec);
        let fingerprint = swath_proto::fingerprint(&spec);
        let share = |(worker, share): (WorkerId, swath_model::Share)| Share {
            worker_id: worker.0,
            worker: share.worker,
            numbers: share.numbers,
            chunks: share.chunks,
        };
        Self {
            id: status.id.0,
            range: spec.range(),
            chunks: spec.chunks.count(),
            kernel: spec.kernel,
            program: spec.program,
            parameters: spec.parameters,
            chunk_size: spec.chunk_size,
            result_mode: spec.result_mode,
            max_retries: spec.limits.max_retries,
            crash_limit: spec.limits.crash_limit,
            keep_going: spec.limits.keep_going,
            keep_for: spec.keep_for,
            condition: spec.condition,
            reductions: spec.reductions,
            kernel_layout: spec.kernel_layout,
            layout: spec.layout,
            fingerprint,
            state: status.state,
            committed_chunks: status.committed_chunks,
            committed_numbers: status.committed_numbers,
            frontier: status.frontier,
            submitted_at: status.submitted_at,
            ended_at: status.ended_at,
            took: status.took,
            result_bytes: status.result_bytes,
            results_location: status.results_location,
            paused: status.paused,
            waiting: status.waiting,
            shares: status.shares.into_iter().map(share).collect(),
            failed_chunks: status.failed_chunks,
            failed_numbers: status.failed_numbers,
            results_dropped: status.results_dropped,
        }
    }
}

impl Job {
    /// What the rows of its results look like, once they are merged.
    ///
    /// # Errors
    /// [`ClientError::Protocol`]: this library does not know its reductions.
    pub fn result_layout(&self) -> Result<Layout, ClientError> {
        let unknown = |error: LayoutError| ClientError::Protocol(error.to_string());
        match self.parse_reductions()? {
            Some(list) => Layout::new(Shape::Reduced, list.result_schema().fields().clone()).map_err(unknown),
            None => Ok(self.layout.clone()),
        }
    }

    /// What the rows of its blocks are merged by; `None` if they are results themselves.
    pub(crate) fn parse_reductions(&self) -> Result<Option<Reductions>, ClientError> {
        let parse = |text: &str| Reductions::parse(text, self.kernel_layout.columns());
        let unknown = |error| ClientError::Protocol(format!("the reductions of job {}: {error}", self.id));
        self.reductions.as_deref().map(parse).transpose().map_err(unknown)
    }

    /// Its numbers from `first` to `last`, where these are given. An error if they are not a part of its range.
    pub fn part(&self, first: Option<i64>, last: Option<i64>) -> Result<Range, ClientError> {
        let (id, range) = (self.id, self.range);
        for bound in [first, last].into_iter().flatten() {
            if range.offset_of(bound).is_none() {
                return Err(ClientError::Invalid(format!("{bound} is not in the range {range} of job {id}")));
            }
        }
        if (first.is_some() || last.is_some()) && self.layout.shape() == Shape::Reduced {
            let sentence = format!("the reductions of job {id} are of all its numbers, not of a part of them");
            return Err(ClientError::Invalid(sentence));
        }
        let (first, last) = (first.unwrap_or(range.first()), last.unwrap_or(range.last()));
        Range::new(first, last)
            .map_err(|_| ClientError::Invalid(format!("no number is both {first} or more and {last} or less")))
    }

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

impl From<(u64, (i64, i64), swath_model::FailedChunk)> for FailedChunk {
    fn from((chunk, (first, last), failed): (u64, (i64, i64), swath_model::FailedChunk)) -> Self {
        Self { chunk, first, last, number: failed.number, reason: failed.reason }
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

impl From<WorkerStatus> for Worker {
    fn from(status: WorkerStatus) -> Self {
        let info = status.info;
        Self {
            id: status.id.0,
            name: info.name,
            host: info.host,
            process_id: info.process_id,
            threads: info.threads,
            state: status.state,
            leases: status.leases,
            leased_chunks: status.leased_chunks,
            numbers: status.numbers,
            chunks: status.chunks,
            joined_at: status.joined_at,
            address: status.address,
            program_version: info.program_version,
        }
    }
}
