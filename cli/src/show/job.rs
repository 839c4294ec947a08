//! Jobs.

use std::{
    io::{self, Write},
    path::Path,
};

use anyhow::Result;
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;
use swath_client::{Hole, Job, JobState, Parameters, Retention, Share, WaitReason, Waiting, counted};
use swath_console::plain;

use super::{Table, json, new_table, precise, print_table, table, time};
use crate::args::OutputMode;

/// As many failed chunks as a person reads.
const SHOWN_FAILURES: usize = 20;

/// Prints one job. `failures`: its failed chunks, if they were fetched. `written`: what was written of it.
pub(crate) fn job(job: &Job, failures: Option<&[Hole]>, written: Option<Written<'_>>, mode: OutputMode) -> Result<()> {
    match mode {
        OutputMode::Json => {
            let failures = failures.map(|failures| failures.iter().map(FailureRecord::from).collect());
            json(&JobRecord { failures, output: written, ..job.into() })
        }
        OutputMode::Text => {
            let mut out = new_table();
            write_job(&mut out, job)?;
            write_failures(&mut out, failures.unwrap_or_default())?;
            write_shares(&mut out, job)?;
            print_table(out)
        }
    }
}

/// Prints jobs, a line each.
pub(crate) fn jobs(jobs: &[Job], mode: OutputMode) -> Result<()> {
    if mode == OutputMode::Json {
        return json(&jobs.iter().map(JobRecord::from).collect::<Vec<_>>());
    }
    table("ID\tKERNEL\tRANGE\tSTATE\tDONE\tSUBMITTED\tTOOK", jobs, |out, job| {
        writeln!(
            out,
            "{}\t{}\t{}\t{}\t{}\t{}\t{}",
            job.id,
            plain(&job.kernel),
            job.range,
            short_state(job),
            percent(job),
            time(job.submitted_at),
            took(job),
        )
    })
}

/// Prints that a job is forgotten; people know that they have asked for it.
pub(crate) fn forgotten(id: u64, mode: OutputMode) -> Result<()> {
    #[derive(Serialize)]
    struct Record {
        id: u64,
        state: &'static str,
    }
    if mode == OutputMode::Json { json(&Record { id, state: "forgotten" }) } else { Ok(()) }
}

/// A failed chunk, in one line.
pub(crate) fn failed_chunk(chunk: &Hole) -> String {
    let numbers =
        if chunk.first == chunk.last { chunk.first.to_string() } else { format!("{}..={}", chunk.first, chunk.last) };
    format!("{numbers}: failed at {}: {}", chunk.number, plain(&chunk.reason))
}

/// `12 of 50 numbers failed`.
pub(crate) fn failed_numbers(failed: u64, all: u64) -> String {
    format!("{} of {} failed", HumanCount(failed), counted(all, "number"))
}

fn write_job(out: &mut Table, job: &Job) -> io::Result<()> {
    writeln!(out, "job\t{}", job.id)?;
    writeln!(out, "kernel\t{}{}", plain(&job.kernel), parameters(&job.parameters))?;
    writeln!(out, "range\t{} ({})", job.range, counted(job.range.count(), "number"))?;
    writeln!(out, "values\t{}", job.value_type)?;
    writeln!(out, "state\t{}", long_state(job))?;
    if let JobState::Failed(failure) = &job.state {
        writeln!(out, "failure\t{}", plain(failure))?;
    }
    let failed = if job.hole_chunks > 0 { format!(", {} failed", HumanCount(job.hole_chunks)) } else { String::new() };
    writeln!(
        out,
        "chunks\t{} of {} committed{failed}, up to {} each",
        HumanCount(job.committed_chunks),
        HumanCount(job.chunks),
        counted(job.chunk_size, "number"),
    )?;
    writeln!(out, "done\t{}{}", percent(job), settled(job))?;
    if let Some(frontier) = job.frontier {
        writeln!(out, "frontier\t{frontier}")?;
    }
    writeln!(out, "submitted\t{}", time(job.submitted_at))?;
    if let Some(ended) = job.ended_at {
        writeln!(out, "ended\t{} (took {})", time(ended), took(job))?;
    }
    writeln!(out, "results\t{}, {}", HumanBytes(job.result_bytes), location(job))
}

fn write_failures(out: &mut Table, failures: &[Hole]) -> io::Result<()> {
    for (index, chunk) in failures.iter().enumerate() {
        if index == SHOWN_FAILURES {
            let more = failures.len() - index;
            return writeln!(out, "\tand {} more; --output json lists them all", counted(more as u64, "failed chunk"));
        }
        let label = if index == 0 { "failed" } else { "" };
        writeln!(out, "{label}\t{}", failed_chunk(chunk))?;
    }
    Ok(())
}

fn write_shares(out: &mut Table, job: &Job) -> io::Result<()> {
    for share in &job.shares {
        let part = 100.0 * share.numbers as f64 / job.range.count() as f64;
        let (numbers, chunks) = (counted(share.numbers, "number"), counted(share.chunks, "chunk"));
        writeln!(out, "worker {}\t{}: {numbers} in {chunks} ({part:.1} %)", share.worker_id, plain(&share.worker))?;
    }
    Ok(())
}

fn location(job: &Job) -> String {
    match job.retention {
        _ if job.results_dropped => "dropped".to_owned(),
        Retention::Stored => format!("in {}", plain(&job.results_location)),
        Retention::Delivered => "delivered to their reader".to_owned(),
    }
}

fn parameters(parameters: &Parameters) -> String {
    parameters.iter().map(|(name, value)| format!(" {}={}", plain(name), plain(value))).collect()
}

/// The state in one word, for programs.
fn state(job: &Job) -> &'static str {
    match job.state {
        JobState::Running if !job.paused.is_empty() => "paused",
        JobState::Running => "running",
        JobState::Done => "done",
        JobState::Failed(_) => "failed",
        JobState::Cancelled => "cancelled",
    }
}

/// The state as it fits into a list.
fn short_state(job: &Job) -> String {
    match &job.waiting {
        _ if job.hole_numbers > 0 => {
            format!("{}, {}", state(job), failed_numbers(job.hole_numbers, job.range.count()))
        }
        Some(waiting) if waiting.reason != WaitReason::Paused => "waiting".to_owned(),
        _ => state(job).to_owned(),
    }
}

/// The state with what is to be said of it.
fn long_state(job: &Job) -> String {
    let failed = match job.hole_numbers {
        0 => String::new(),
        failed => format!(", {}", failed_numbers(failed, job.range.count())),
    };
    match &job.waiting {
        // It begins with `paused`.
        Some(waiting) if waiting.reason == WaitReason::Paused => format!("{}{failed}", plain(&waiting.text)),
        Some(waiting) => format!("{}, {}{failed}", state(job), plain(&waiting.text)),
        None => format!("{}{failed}", state(job)),
    }
}

/// How much of a job is settled, which is to say committed or failed.
fn percent(job: &Job) -> String {
    let settled = u128::from(job.committed_numbers) + u128::from(job.hole_numbers);
    // Rounded down, so that 100 % means all.
    let tenths = (settled * 1000 / u128::from(job.range.count())) as f64;
    format!("{:.1} %", tenths / 10.0)
}

/// What the percentage consists of, where that is not obvious.
fn settled(job: &Job) -> String {
    match job.hole_numbers {
        0 => String::new(),
        failed => {
            format!(" ({} committed, {} failed)", counted(job.committed_numbers, "number"), HumanCount(failed))
        }
    }
}

fn took(job: &Job) -> String {
    job.ended_at.map(|_| super::took(job.took)).unwrap_or_default()
}

/// A job in JSON. Field names are stable.
#[derive(Serialize)]
struct JobRecord<'a> {
    id: u64,
    kernel: &'a str,
    parameters: &'a Parameters,
    range: String,
    first: i64,
    last: i64,
    numbers: u64,
    value_type: String,
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
    failures: Option<Vec<FailureRecord<'a>>>,
    /// What this command wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Written<'a>>,
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
struct FailureRecord<'a> {
    chunk: u64,
    first: i64,
    last: i64,
    number: i64,
    reason: &'a str,
}

impl<'a> From<&'a Hole> for FailureRecord<'a> {
    fn from(hole: &'a Hole) -> Self {
        let Hole { chunk, first, last, number, reason } = hole;
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

/// A file of results in JSON. Field names are stable.
#[derive(Serialize)]
pub(crate) struct Written<'a> {
    pub(crate) file: &'a Path,
    pub(crate) format: String,
    pub(crate) numbers: u64,
    pub(crate) missing_numbers: u64,
    /// Absent where it is no regular file.
    pub(crate) bytes: Option<u64>,
    pub(crate) seconds: f64,
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
            parameters: &job.parameters,
            range: job.range.to_string(),
            first: job.range.first(),
            last: job.range.last(),
            numbers: job.range.count(),
            value_type: job.value_type.to_string(),
            state: state(job),
            failure,
            paused: Some(job.paused.as_str()).filter(|reason| !reason.is_empty()),
            waiting: job.waiting.as_ref().map(WaitingRecord::from),
            chunk_size: job.chunk_size,
            max_retries: job.max_retries,
            crash_limit: job.crash_limit,
            keep_going: job.keep_going,
            retain_seconds: job.retain.map(|retain| retain.as_secs_f64()),
            chunks: job.chunks,
            committed_chunks: job.committed_chunks,
            committed_numbers: job.committed_numbers,
            failed_chunks: job.hole_chunks,
            failed_numbers: job.hole_numbers,
            frontier: job.frontier,
            submitted_at: precise(job.submitted_at),
            ended_at: job.ended_at.map(precise),
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
