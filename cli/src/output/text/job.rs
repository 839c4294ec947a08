//! Jobs.

use std::{
    io::{self, Write},
    time::Duration,
};

use anyhow::Result;
use indicatif::{HumanBytes, HumanCount, HumanDuration};
use swath_client::{FailedChunk, Job, JobState, Parameters, ResultMode, WaitReason, counted};
use swath_console::plain;

use super::table::{Table, new_table, print_table, table, time};
use crate::output::words::{failed_chunk, failed_numbers, job_state};

/// Characters of the options of a job in a list.
const MOST_OPTIONS: usize = 60;

/// As many failed chunks as a person reads.
const SHOWN_FAILED: usize = 20;

/// One job with its failed chunks.
pub(super) fn one(job: &Job, failed: &[FailedChunk]) -> Result<()> {
    let mut out = new_table();
    write_job(&mut out, job)?;
    write_failed_chunks(&mut out, failed)?;
    write_shares(&mut out, job)?;
    print_table(out)
}

/// Jobs, a line each.
pub(super) fn list(jobs: &[Job]) -> Result<()> {
    let options: Vec<_> = jobs.iter().map(options).collect();
    let header = "ID\tKERNEL\tRANGE\tSTATE\tDONE\tSUBMITTED\tTOOK";
    let header = if options.iter().all(String::is_empty) { header.to_owned() } else { format!("{header}\tOPTIONS") };
    let rows: Vec<_> = jobs.iter().zip(options).collect();
    table(&header, &rows, |out, (job, options)| {
        write!(
            out,
            "{}\t{}\t{}\t{}\t{}\t{}\t{}",
            job.id,
            plain(&job.kernel),
            job.range,
            short_state(job),
            percent(job),
            time(job.submitted_at),
            took(job),
        )?;
        writeln!(out, "{}{options}", if options.is_empty() { "" } else { "\t" })
    })
}

/// What decides the results beside the kernel and the range, as on the command line, cut to what a line has room for.
fn options(job: &Job) -> String {
    let parameters = job.parameters.iter().map(|(name, value)| format!("-p {name}={value}"));
    let condition = job.condition.iter().map(|condition| format!("--where '{condition}'"));
    let reductions = job.reductions.iter().map(|reductions| format!("--reduce '{reductions}'"));
    let text = parameters.chain(condition).chain(reductions).collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(MOST_OPTIONS) {
        Some((end, _)) => format!("{}…", plain(text.get(..end).unwrap_or_default())),
        None => plain(&text).to_string(),
    }
}

fn write_job(out: &mut Table, job: &Job) -> io::Result<()> {
    writeln!(out, "job\t{}", job.id)?;
    writeln!(out, "kernel\t{}{}", plain(&job.kernel), parameters(&job.parameters))?;
    if let Some(program) = &job.program {
        let (artifact, bytes) = (program.artifact.id, HumanBytes(program.artifact.bytes));
        let export = program.export.as_ref().map(|export| format!(", export {}", plain(export))).unwrap_or_default();
        writeln!(out, "program\t{} {artifact} ({bytes}){export}", program.runtime)?;
    }
    writeln!(out, "range\t{} ({})", job.range, counted(job.range.count(), "number"))?;
    if let Some(condition) = &job.condition {
        writeln!(out, "where\t{}", plain(condition))?;
    }
    if let Some(reductions) = &job.reductions {
        writeln!(out, "reduce\t{}", plain(reductions))?;
    }
    writeln!(out, "columns\t{}", plain(&columns(job)))?;
    writeln!(out, "state\t{}", long_state(job))?;
    if let JobState::Failed(failure) = &job.state {
        writeln!(out, "failure\t{}", plain(failure))?;
    }
    let failed =
        if job.failed_chunks > 0 { format!(", {} failed", HumanCount(job.failed_chunks)) } else { String::new() };
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

fn write_failed_chunks(out: &mut Table, failed: &[FailedChunk]) -> io::Result<()> {
    for (index, chunk) in failed.iter().enumerate() {
        if index == SHOWN_FAILED {
            let more = failed.len() - index;
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
    match job.result_mode {
        _ if job.results_dropped => "dropped".to_owned(),
        ResultMode::Stored => format!("in {}", plain(&job.results_location)),
        ResultMode::Delivered => "delivered to their reader".to_owned(),
    }
}

/// The columns of the results.
fn columns(job: &Job) -> String {
    job.result_layout().map_or_else(|error| error.to_string(), |layout| layout.to_string())
}

fn parameters(parameters: &Parameters) -> String {
    parameters.iter().map(|(name, value)| format!(" {}={}", plain(name), plain(value))).collect()
}

/// The state as it fits into a list.
fn short_state(job: &Job) -> String {
    match &job.waiting {
        _ if job.failed_numbers > 0 => {
            format!("{}, {}", job_state(job), failed_numbers(job.failed_numbers, job.range.count()))
        }
        Some(waiting) if waiting.reason != WaitReason::Paused => "waiting".to_owned(),
        _ => job_state(job).to_owned(),
    }
}

/// The state with its reason and the failed numbers.
fn long_state(job: &Job) -> String {
    let failed = match job.failed_numbers {
        0 => String::new(),
        failed => format!(", {}", failed_numbers(failed, job.range.count())),
    };
    match &job.waiting {
        // It begins with `paused`.
        Some(waiting) if waiting.reason == WaitReason::Paused => format!("{}{failed}", plain(&waiting.text)),
        Some(waiting) => format!("{}, {}{failed}", job_state(job), plain(&waiting.text)),
        None => format!("{}{failed}", job_state(job)),
    }
}

/// How much of a job is committed or failed.
fn percent(job: &Job) -> String {
    let settled = u128::from(job.committed_numbers) + u128::from(job.failed_numbers);
    // Rounded down, so that 100 % means all.
    let tenths = (settled * 1000 / u128::from(job.range.count())) as f64;
    format!("{:.1} %", tenths / 10.0)
}

/// What the percentage consists of, where that is not obvious.
fn settled(job: &Job) -> String {
    match job.failed_numbers {
        0 => String::new(),
        failed => {
            format!(" ({} committed, {} failed)", counted(job.committed_numbers, "number"), HumanCount(failed))
        }
    }
}

/// How long an ended job took.
fn took(job: &Job) -> String {
    match job.took {
        _ if job.ended_at.is_none() => String::new(),
        took if took < Duration::from_secs(60) => format!("{:.3}s", took.as_secs_f64()),
        took => HumanDuration(took).to_string(),
    }
}
