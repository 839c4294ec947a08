//! Jobs in JSON.

use std::path::Path;

use serde::Serialize;
use swath_client::{FailedChunk, Job, JobState, Layout, Parameters, Program, Share, WaitReason, Waiting};

use super::time::time;
use crate::output::{shown::Written, words::job_state};

/// A job in JSON. Field names are stable.
#[derive(Serialize)]
pub(super) struct JobRecord<'a> {
    id: u64,
    kernel: &'a str,
    program: Option<ProgramRecord<'a>>,
    parameters: &'a Parameters,
    range: String,
    first: i64,
    last: i64,
    numbers: u64,
    condition: Option<&'a str>,
    reductions: Option<&'a str>,
    shape: &'static str,
    columns: Vec<ColumnRecord>,
    state: &'static str,
    failure: Option<&'a str>,
    paused: Option<&'a str>,
    waiting: Option<WaitingRecord<'a>>,
    chunk_size: u64,
    max_retries: u32,
    crash_limit: u32,
    keep_going: bool,
    retain_seconds: Option<f64>,
    chunks: u64,
    committed_chunks: u64,
    committed_numbers: u64,
    failed_chunks: u64,
    failed_numbers: u64,
    frontier: Option<i64>,
    submitted_at: String,
    ended_at: Option<String>,
    took_seconds: f64,
    result_bytes: u64,
    results_location: Option<&'a str>,
    results_dropped: bool,
    workers: Vec<ShareRecord<'a>>,
    /// The failed chunks; only of a job that is shown by itself, when they were fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    failures: Option<Vec<FailedChunkRecord<'a>>>,
    /// What this command wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<WrittenRecord<'a>>,
}

/// The program of a kernel that is not built in.
#[derive(Serialize)]
struct ProgramRecord<'a> {
    runtime: &'static str,
    sha256: String,
    bytes: u64,
    export: Option<&'a str>,
    memory_bytes: u64,
    timeout_seconds: Option<f64>,
}

impl<'a> From<&'a Program> for ProgramRecord<'a> {
    fn from(program: &'a Program) -> Self {
        Self {
            runtime: program.runtime.as_str(),
            sha256: program.artifact.id.to_string(),
            bytes: program.artifact.bytes,
            export: program.export.as_deref(),
            memory_bytes: program.memory_bytes,
            timeout_seconds: program.number_timeout.map(|timeout| timeout.as_secs_f64()),
        }
    }
}

/// A column of results.
#[derive(Serialize)]
struct ColumnRecord {
    name: String,
    /// As docs/results.md names it.
    r#type: String,
    nullable: bool,
}

/// The columns of the results; none where this program does not know the reductions.
fn columns(job: &Job) -> Vec<ColumnRecord> {
    let layout = job.result_layout().ok();
    let fields = layout.iter().flat_map(|layout| layout.schema().fields());
    fields
        .map(|field| ColumnRecord {
            name: field.name().clone(),
            r#type: Layout::type_text(field.data_type()),
            nullable: field.is_nullable(),
        })
        .collect()
}

#[derive(Serialize)]
struct WaitingRecord<'a> {
    reason: &'static str,
    text: &'a str,
}

impl<'a> From<&'a Waiting> for WaitingRecord<'a> {
    fn from(waiting: &'a Waiting) -> Self {
        let reason = match waiting.reason {
            WaitReason::NoWorkers => "no-workers",
            WaitReason::WorkersDraining => "workers-draining",
            WaitReason::WorkersSilent => "workers-silent",
            WaitReason::Paused => "paused",
            WaitReason::OtherJobs => "other-jobs",
            _ => "unknown",
        };
        Self { reason, text: &waiting.text }
    }
}

#[derive(Serialize)]
struct FailedChunkRecord<'a> {
    chunk: u64,
    first: i64,
    last: i64,
    number: i64,
    reason: &'a str,
}

impl<'a> From<&'a FailedChunk> for FailedChunkRecord<'a> {
    fn from(failed: &'a FailedChunk) -> Self {
        let FailedChunk { chunk, first, last, number, reason } = failed;
        Self { chunk: *chunk, first: *first, last: *last, number: *number, reason }
    }
}

#[derive(Serialize)]
struct ShareRecord<'a> {
    id: u64,
    name: &'a str,
    numbers: u64,
    chunks: u64,
}

impl<'a> From<&'a Share> for ShareRecord<'a> {
    fn from(share: &'a Share) -> Self {
        Self { id: share.worker_id, name: &share.worker, numbers: share.numbers, chunks: share.chunks }
    }
}

/// A file of results in JSON.
#[derive(Serialize)]
struct WrittenRecord<'a> {
    file: &'a Path,
    format: String,
    numbers: u64,
    rows: u64,
    missing_numbers: u64,
    /// Null where it is no regular file.
    bytes: Option<u64>,
    seconds: f64,
}

impl<'a> From<&'a Written<'_>> for WrittenRecord<'a> {
    fn from(written: &'a Written<'_>) -> Self {
        Self {
            file: written.file,
            format: written.format.to_string(),
            numbers: written.summary.numbers,
            rows: written.summary.rows,
            missing_numbers: written.summary.missing,
            bytes: written.bytes,
            seconds: written.took.as_secs_f64(),
        }
    }
}

impl<'a> JobRecord<'a> {
    /// The same with the failed chunks of the job.
    pub(super) fn with_failed(self, failed: &'a [FailedChunk]) -> Self {
        Self { failures: Some(failed.iter().map(FailedChunkRecord::from).collect()), ..self }
    }

    /// The same with the file that was written.
    pub(super) fn with_output(self, written: &'a Written<'_>) -> Self {
        Self { output: Some(written.into()), ..self }
    }
}

impl<'a> From<&'a Job> for JobRecord<'a> {
    fn from(job: &'a Job) -> Self {
        let failure = match &job.state {
            JobState::Failed(failure) => Some(failure.as_str()),
            _ => None,
        };
        Self {
            id: job.id,
            kernel: &job.kernel,
            program: job.program.as_ref().map(ProgramRecord::from),
            parameters: &job.parameters,
            range: job.range.to_string(),
            first: job.range.first(),
            last: job.range.last(),
            numbers: job.range.count(),
            condition: job.condition.as_deref(),
            reductions: job.reductions.as_deref(),
            shape: job.layout.shape().as_str(),
            columns: columns(job),
            state: job_state(job),
            failure,
            paused: Some(job.paused.as_str()).filter(|reason| !reason.is_empty()),
            waiting: job.waiting.as_ref().map(WaitingRecord::from),
            chunk_size: job.chunk_size,
            max_retries: job.max_retries,
            crash_limit: job.crash_limit,
            keep_going: job.keep_going,
            retain_seconds: job.keep_for.map(|retain| retain.as_secs_f64()),
            chunks: job.chunks,
            committed_chunks: job.committed_chunks,
            committed_numbers: job.committed_numbers,
            failed_chunks: job.failed_chunks,
            failed_numbers: job.failed_numbers,
            frontier: job.frontier,
            submitted_at: time(job.submitted_at),
            ended_at: job.ended_at.map(time),
            took_seconds: job.took.as_secs_f64(),
            result_bytes: job.result_bytes,
            results_location: Some(job.results_location.as_str()).filter(|location| !location.is_empty()),
            results_dropped: job.results_dropped,
            workers: job.shares.iter().map(ShareRecord::from).collect(),
            failures: None,
            output: None,
        }
    }
}
