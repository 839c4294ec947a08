//! Records on their way to the ledger.
//!
//! At most one batch is under way. What is decided meanwhile waits here and goes with the next one, so everything is
//! written in the order in which it was decided. What waits is bounded by the jobs that are kept, also while the disk
//! hangs: one submit, one end and one forget of each, and its failed chunks.

use std::time::Duration;

use swath_model::{JobId, JobState};

use crate::{Moment, Record, Stamp};

/// The most records in one batch: parts are written between two.
const BATCH: usize = 1000;

/// The clock is written with every batch, and at least this often.
const CLOCK: Duration = Duration::from_secs(60);

/// What waits for the ledger.
#[derive(Debug)]
pub(crate) struct Outgoing {
    waiting: Vec<Record>,
    /// The batch that is being written.
    pub(crate) under_way: Option<Vec<Sent>>,
    /// What the clock of the ledger says.
    written: Moment,
    pub(crate) clock: ClockDue,
}

/// When the clock is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClockDue {
    WithTheNext,
    Now,
}

/// What is kept of a record while it is being written.
#[derive(Debug)]
pub(crate) enum Sent {
    Submit(JobId),
    /// Of which job, its state, and when it ended.
    Standing(JobId, JobState, Option<Stamp>),
    Forgotten(JobId),
    FailedChunks,
    Shares,
}

impl From<&Record> for Sent {
    fn from(record: &Record) -> Self {
        match record {
            Record::Submitted(job) => Self::Submit(job.id),
            Record::Standing(standing) => Self::Standing(standing.job, standing.state.clone(), standing.ended),
            Record::Forgotten(job) => Self::Forgotten(*job),
            Record::FailedChunks(_) => Self::FailedChunks,
            Record::Shares(_) => Self::Shares,
        }
    }
}

impl Outgoing {
    /// `written`: what the clock of the ledger says at the start.
    pub(crate) fn new(written: Moment) -> Self {
        Self { waiting: Vec::new(), under_way: None, written, clock: ClockDue::WithTheNext }
    }

    pub(crate) fn push(&mut self, record: Record) {
        self.waiting.push(record);
    }

    /// Has the clock written if the ledger is a minute behind: the next coordinator measures durations from there.
    pub(crate) fn check_clock(&mut self, now: Moment) {
        if now.since(self.written) >= CLOCK {
            self.clock = ClockDue::Now;
        }
    }

    /// Nothing waits and nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_none()
    }

    /// The records to write next, if those before are written; none of them if only the clock is due.
    pub(crate) fn poll(&mut self, now: Moment) -> Option<Vec<Record>> {
        if self.under_way.is_some() || (self.waiting.is_empty() && self.clock == ClockDue::WithTheNext) {
            return None;
        }
        self.clock = ClockDue::WithTheNext;
        self.written = now;
        let rest = self.waiting.split_off(self.waiting.len().min(BATCH));
        let batch = std::mem::replace(&mut self.waiting, rest);
        self.under_way = Some(batch.iter().map(Sent::from).collect());
        Some(batch)
    }
}
