//! What can be seen from outside.

use crate::{Chunks, Outcome, WorkerState};

/// Where a job stands.
#[derive(Clone, Debug, PartialEq)]
pub struct JobView {
    /// Whether it has ended, and how.
    pub state: JobState,
    /// How its range is split.
    pub chunks: Chunks,
    /// How many chunks are committed.
    pub committed: u64,
    /// How many numbers they have.
    pub committed_numbers: u64,
    /// Of how many intervals the committed chunks consist: what they cost in memory.
    pub committed_intervals: usize,
    /// How many chunks failed for good, and the job goes on without them; see
    /// [`Scheduler::failed_chunks`](crate::Scheduler::failed_chunks).
    pub failed_chunks: u64,
    /// The first chunk neither committed nor failed for good; the count of chunks when there is none.
    pub frontier: u64,
    /// How many chunks wait for a worker, those to be tried again included. 0 once the job has ended.
    pub waiting: u64,
    /// How many chunks are outstanding under leases.
    pub leased: u64,
    /// How many chunks are received but not committed. 0 once the job has ended.
    pub received: u64,
    /// How many numbers a second have been received lately, a moving average over some seconds; 0 until known.
    /// It stands still while nothing is received.
    pub numbers_per_second: f64,
    /// Whether leases are held back.
    pub paused: bool,
}

/// Whether a job has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Not all chunks are committed, and nothing stands in the way.
    Active,
    /// It is over.
    Ended(Outcome),
}

/// Where a worker stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerView {
    /// With how many threads it computes.
    pub threads: u32,
    /// Whether it is given leases.
    pub state: WorkerState,
    /// How many leases it holds, those computed but not yet received included.
    pub leases: usize,
    /// How many chunks are outstanding under them.
    pub leased_chunks: u64,
}
