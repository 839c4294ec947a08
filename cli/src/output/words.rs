//! Words that people read, on standard output and on standard error.

use indicatif::HumanCount;
use swath_client::{FailedChunk, Job, JobState, WorkerState, counted};
use swath_console::plain;

/// A failed chunk, in one line.
pub(crate) fn failed_chunk(chunk: &FailedChunk) -> String {
    let numbers =
        if chunk.first == chunk.last { chunk.first.to_string() } else { format!("{}..={}", chunk.first, chunk.last) };
    format!("{numbers}: failed at {}: {}", chunk.number, plain(&chunk.reason))
}

/// `12 of 50 numbers failed`.
pub(crate) fn failed_numbers(failed: u64, all: u64) -> String {
    format!("{} of {} failed", HumanCount(failed), counted(all, "number"))
}

/// The state of a job in one word.
pub(super) fn job_state(job: &Job) -> &'static str {
    match job.state {
        JobState::Running if !job.paused.is_empty() => "paused",
        JobState::Running => "running",
        JobState::Done => "done",
        JobState::Failed(_) => "failed",
        JobState::Cancelled => "cancelled",
    }
}

/// The state of a worker in one word.
pub(super) fn worker_state(state: WorkerState) -> &'static str {
    match state {
        WorkerState::Active => "active",
        WorkerState::Silent => "silent",
        WorkerState::Draining => "draining",
    }
}
