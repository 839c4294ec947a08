//! Jobs and workers, for people and for programs.

use std::{
    io::{self, Write},
    path::PathBuf,
    time::{Duration, SystemTime},
};

use anyhow::Result;
use indicatif::{HumanBytes, HumanCount, HumanDuration};
use serde::Serialize;
use swath_client::{Hole, Job, JobState, Parameters, Retention, Share, Worker, WorkerState};
use swath_console::{plain, print};
use tabwriter::TabWriter;

use crate::{args::OutputMode, commands::access::ShownAccess};

/// Chunks that were given up, as many as a person reads.
const SHOWN_HOLES: usize = 20;

/// Columns that line up.
type Table = TabWriter<Vec<u8>>;

/// Prints one job, with the chunks of it that were given up.
pub(crate) fn job(job: &Job, holes: &[Hole], mode: OutputMode) -> Result<()> {
    match mode {
        OutputMode::Json => json(&JobRecord { holes: holes.iter().map(HoleRecord::from).collect(), ..job.into() }),
        OutputMode::Text => job_text(job, holes),
    }
}

/// A chunk that was given up, in one line.
pub(crate) fn hole(hole: &Hole) -> String {
    let numbers =
        if hole.first == hole.last { hole.first.to_string() } else { format!("{}..={}", hole.first, hole.last) };
    format!("{numbers}: failed at {}: {}", hole.number, plain(&hole.reason))
}

/// Prints jobs, a line each.
pub(crate) fn jobs(jobs: &[Job], mode: OutputMode) -> Result<()> {
    match mode {
        OutputMode::Json => json(&jobs.iter().map(JobRecord::from).collect::<Vec<_>>()),
        OutputMode::Text => table("ID\tKERNEL\tRANGE\tSTATE\tDONE\tSUBMITTED\tTOOK", jobs, |out, job| {
            writeln!(
                out,
                "{}\t{}\t{}\t{}\t{}\t{}\t{}",
                job.id,
                plain(&job.kernel),
                job.range,
                state(job),
                percent(job),
                time(job.submitted_at),
                took(job),
            )
        }),
    }
}

/// Prints what an access file is for.
pub(crate) fn access(access: &ShownAccess<'_>, mode: OutputMode) -> Result<()> {
    if mode == OutputMode::Json {
        return json(access);
    }
    let mut out = Table::new(Vec::new()).padding(2);
    writeln!(out, "role\t{}", access.roles.join(", "))?;
    writeln!(out, "holder\t{}", plain(access.subject))?;
    writeln!(out, "coordinator\t{}", plain(access.coordinator.unwrap_or("(not said)")))?;
    writeln!(out, "expires\t{}", access.expires)?;
    print_table(out)
}

/// Prints the files that were made, a line each.
pub(crate) fn files(files: &[PathBuf], mode: OutputMode) -> Result<()> {
    if mode == OutputMode::Json {
        return json(&files);
    }
    let lines: String = files.iter().map(|file| format!("{}\n", file.display())).collect();
    Ok(print(lines)?)
}

/// Prints workers, a line each.
pub(crate) fn workers(workers: &[Worker], mode: OutputMode) -> Result<()> {
    match mode {
        OutputMode::Json => json(&workers.iter().map(WorkerRecord::from).collect::<Vec<_>>()),
        OutputMode::Text => {
            table("ID\tNAME\tHOST\tTHREADS\tSTATE\tLEASES\tCHUNKS\tNUMBERS\tJOINED", workers, |out, worker| {
                writeln!(
                    out,
                    "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
                    worker.id,
                    plain(&worker.name),
                    plain(&worker.host),
                    worker.threads,
                    worker_state(worker.state),
                    worker.leases,
                    HumanCount(worker.chunks),
                    HumanCount(worker.numbers),
                    time(worker.joined_at),
                )
            })
        }
    }
}

/// Prints what can be computed.
pub(crate) fn kernels(mode: OutputMode) -> Result<()> {
    let catalogue = swath_kernel::catalogue();
    match mode {
        OutputMode::Json => json(&catalogue.iter().map(KernelRecord::from).collect::<Vec<_>>()),
        OutputMode::Text => {
            let mut out = Table::new(Vec::new());
            for kernel in catalogue {
                writeln!(out, "{}\t{}", kernel.name, kernel.summary)?;
                writeln!(out, "\tgives {}", kernel.value)?;
                for parameter in kernel.parameters {
                    writeln!(out, "\t--param {}={}: {}", parameter.name, parameter.default, parameter.summary)?;
                }
            }
            print_table(out)
        }
    }
}

fn job_text(job: &Job, holes: &[Hole]) -> Result<()> {
    let mut out = Table::new(Vec::new());
    writeln!(out, "job\t{}", job.id)?;
    writeln!(out, "kernel\t{}{}", plain(&job.kernel), parameters(&job.parameters))?;
    writeln!(out, "range\t{} ({} numbers)", job.range, HumanCount(job.range.count()))?;
    writeln!(out, "values\t{}", job.value_type)?;
    writeln!(out, "state\t{}", state(job))?;
    if let JobState::Failed(failure) = &job.state {
        writeln!(out, "failure\t{}", plain(failure))?;
    }
    if !job.paused.is_empty() {
        writeln!(out, "paused\t{}", plain(&job.paused))?;
    }
    let (committed, chunks) = (HumanCount(job.committed_chunks), HumanCount(job.chunks));
    writeln!(out, "chunks\t{committed} of {chunks} committed, up to {} numbers each", HumanCount(job.chunk_size))?;
    writeln!(out, "done\t{}", percent(job))?;
    if let Some(frontier) = job.frontier {
        writeln!(out, "frontier\t{frontier}")?;
    }
    writeln!(out, "submitted\t{}", time(job.submitted_at))?;
    if let Some(ended) = job.ended_at {
        writeln!(out, "ended\t{} (took {})", time(ended), took(job))?;
    }
    writeln!(out, "results\t{}, {}", HumanBytes(job.result_bytes), retention(job))?;
    if job.hole_chunks > 0 {
        let (chunks, numbers) = (HumanCount(job.hole_chunks), HumanCount(job.hole_numbers));
        writeln!(out, "given up\t{chunks} chunks with {numbers} numbers, which have no result")?;
    }
    for (index, hole) in holes.iter().enumerate() {
        if index == SHOWN_HOLES {
            writeln!(out, "\tand {} more; --output json lists them all", holes.len() - index)?;
            break;
        }
        writeln!(out, "\t{}", self::hole(hole))?;
    }
    for share in &job.shares {
        let part = 100.0 * share.numbers as f64 / job.range.count() as f64;
        let (numbers, chunks) = (HumanCount(share.numbers), HumanCount(share.chunks));
        writeln!(
            out,
            "worker {}\t{}: {numbers} numbers in {chunks} chunks ({part:.1} %)",
            share.worker_id,
            plain(&share.worker)
        )?;
    }
    print_table(out)
}

fn retention(job: &Job) -> String {
    match job.retention {
        _ if job.results_dropped => "dropped".to_owned(),
        Retention::Stored => format!("in {}", plain(&job.results_location)),
        Retention::Delivered => "delivered to their reader".to_owned(),
    }
}

fn parameters(parameters: &Parameters) -> String {
    parameters.iter().map(|(name, value)| format!(" {}={}", plain(name), plain(value))).collect()
}

fn table<T>(header: &str, rows: &[T], mut line: impl FnMut(&mut Table, &T) -> io::Result<()>) -> Result<()> {
    let mut out = Table::new(Vec::new());
    writeln!(out, "{header}")?;
    for row in rows {
        line(&mut out, row)?;
    }
    print_table(out)
}

fn print_table(table: Table) -> Result<()> {
    let text = table.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    Ok(print(text)?)
}

pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(print(text)?)
}

fn state(job: &Job) -> &'static str {
    match job.state {
        JobState::Running if !job.paused.is_empty() => "paused",
        JobState::Running => "running",
        JobState::Done => "done",
        JobState::Failed(_) => "failed",
        JobState::Cancelled => "cancelled",
    }
}

fn worker_state(state: WorkerState) -> &'static str {
    match state {
        WorkerState::Active => "active",
        WorkerState::Silent => "silent",
        WorkerState::Draining => "draining",
    }
}

fn percent(job: &Job) -> String {
    // Rounded down, so that 100 % means all.
    let tenths = (u128::from(job.committed_numbers) * 1000 / u128::from(job.range.count())) as f64;
    format!("{:.1} %", tenths / 10.0)
}

fn time(at: SystemTime) -> String {
    humantime::format_rfc3339_seconds(at).to_string()
}

fn took(job: &Job) -> String {
    let Some(ended) = job.ended_at else { return String::new() };
    let took = ended.duration_since(job.submitted_at).unwrap_or_default();
    if took < Duration::from_secs(60) { format!("{:.3}s", took.as_secs_f64()) } else { HumanDuration(took).to_string() }
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
    chunk_size: u64,
    max_retries: u32,
    crash_limit: u32,
    keep_going: bool,
    retain_seconds: Option<f64>,
    chunks: u64,
    committed_chunks: u64,
    committed_numbers: u64,
    frontier: Option<i64>,
    submitted_at: String,
    ended_at: Option<String>,
    result_bytes: u64,
    results_location: Option<&'a str>,
    results_dropped: bool,
    workers: Vec<ShareRecord<'a>>,
    hole_chunks: u64,
    hole_numbers: u64,
    /// Listed for one job, not in lists of jobs.
    holes: Vec<HoleRecord<'a>>,
}

#[derive(Serialize)]
struct HoleRecord<'a> {
    chunk: u64,
    first: i64,
    last: i64,
    number: i64,
    reason: &'a str,
}

impl<'a> From<&'a Hole> for HoleRecord<'a> {
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

impl<'a> From<&'a Job> for JobRecord<'a> {
    fn from(job: &'a Job) -> Self {
        let failure = match &job.state {
            JobState::Failed(failure) => Some(failure.as_str()),
            _ => None,
        };
        let precise = |at| humantime::format_rfc3339_millis(at).to_string();
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
            chunk_size: job.chunk_size,
            max_retries: job.max_retries,
            crash_limit: job.crash_limit,
            keep_going: job.keep_going,
            retain_seconds: job.retain.map(|retain| retain.as_secs_f64()),
            chunks: job.chunks,
            committed_chunks: job.committed_chunks,
            committed_numbers: job.committed_numbers,
            frontier: job.frontier,
            submitted_at: precise(job.submitted_at),
            ended_at: job.ended_at.map(precise),
            result_bytes: job.result_bytes,
            results_location: Some(job.results_location.as_str()).filter(|location| !location.is_empty()),
            results_dropped: job.results_dropped,
            workers: job.shares.iter().map(ShareRecord::from).collect(),
            hole_chunks: job.hole_chunks,
            hole_numbers: job.hole_numbers,
            holes: Vec::new(),
        }
    }
}

/// A worker in JSON. Field names are stable.
#[derive(Serialize)]
struct WorkerRecord<'a> {
    id: u64,
    name: &'a str,
    host: &'a str,
    process_id: u32,
    address: &'a str,
    version: &'a str,
    threads: u32,
    state: &'static str,
    leases: u32,
    leased_chunks: u64,
    chunks: u64,
    numbers: u64,
    joined_at: String,
}

impl<'a> From<&'a Worker> for WorkerRecord<'a> {
    fn from(worker: &'a Worker) -> Self {
        Self {
            id: worker.id,
            name: &worker.name,
            host: &worker.host,
            process_id: worker.process_id,
            address: &worker.address,
            version: &worker.program_version,
            threads: worker.threads,
            state: worker_state(worker.state),
            leases: worker.leases,
            leased_chunks: worker.leased_chunks,
            chunks: worker.chunks,
            numbers: worker.numbers,
            joined_at: humantime::format_rfc3339_millis(worker.joined_at).to_string(),
        }
    }
}

/// A kernel in JSON. Field names are stable.
#[derive(Serialize)]
struct KernelRecord {
    name: &'static str,
    summary: &'static str,
    value: &'static str,
    parameters: Vec<ParameterRecord>,
}

#[derive(Serialize)]
struct ParameterRecord {
    name: &'static str,
    summary: &'static str,
    default: &'static str,
}

impl From<&swath_kernel::Description> for KernelRecord {
    fn from(kernel: &swath_kernel::Description) -> Self {
        let parameter = |parameter: &swath_kernel::ParameterDescription| ParameterRecord {
            name: parameter.name,
            summary: parameter.summary,
            default: parameter.default,
        };
        Self {
            name: kernel.name,
            summary: kernel.summary,
            value: kernel.value,
            parameters: kernel.parameters.iter().map(parameter).collect(),
        }
    }
}
