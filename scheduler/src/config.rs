//! What the shell decides once.

use std::time::Duration;

use crate::{Chunks, Incarnation, Limits};

/// Settings of a scheduler. [`Config::default`] gives the documented defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How long one lease should take its worker (500 ms).
    pub lease_target: Duration,
    /// How long after its last sign of life a worker loses its leases (10 s).
    pub lease_timeout: Duration,
    /// How long nothing may come of a worker that has leases, at the least, before others get its chunks (60 s). See
    /// [`Scheduler`](crate::Scheduler).
    pub stall_timeout: Duration,
    /// The most numbers in one lease, unless one chunk has more (2^24): keeps what is held in memory out of
    /// order small.
    pub max_lease_numbers: u64,
    /// Names this start of the coordinator (0). It is part of each lease's id, so no other start may have it, not even
    /// one on an older copy of the same ledger: the shell draws it at random.
    pub incarnation: Incarnation,
    /// How many leases a worker holds that it has not computed yet (2: one computing, one
    /// waiting). 0 counts as 1, or nothing would ever be computed.
    pub leases_per_worker: usize,
    /// The most jobs that have not ended (10,000).
    pub max_jobs: usize,
    /// The most workers (10,000).
    pub max_workers: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            lease_target: Duration::from_millis(500),
            lease_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(60),
            max_lease_numbers: 1 << 24,
            incarnation: Incarnation(0),
            leases_per_worker: 2,
            max_jobs: 10_000,
            max_workers: 10_000,
        }
    }
}

/// What the scheduler must know of a job: not what is computed, but how it is split and what it may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobPlan {
    /// How its range is split.
    pub chunks: Chunks,
    /// When to give up.
    pub limits: Limits,
}
