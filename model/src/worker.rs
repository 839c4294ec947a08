//! What a worker is, and what it still has from an earlier session.

use crate::{ChunkSet, Fingerprint, JobId, LeaseId, OffsetSet};

/// A worker as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerInfo {
    /// For people; need not be unique.
    pub name: String,
    /// The name of its host.
    pub host: String,
    /// Its process id on that host.
    pub process_id: u32,
    /// Threads that compute; at least 1.
    pub threads: u32,
    /// The version of its program.
    pub program_version: String,
}

/// What a worker that joins again still has of a lease that ended with its former session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumeOffer {
    /// The lease that it was given under.
    pub lease: LeaseId,
    /// The job of the lease.
    pub job: JobId,
    /// What the worker computes; `None` if it does not say so in a form that can be one.
    pub fingerprint: Option<Fingerprint>,
    /// The numbers that are in flight: not computed yet, or computed and not acknowledged.
    pub offsets: OffsetSet,
}

/// Work in flight that goes on under another lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumedLease {
    /// The lease that it was given under.
    pub lease: LeaseId,
    /// The lease that it goes on under.
    pub next: LeaseId,
    /// The chunks that the worker still holds.
    pub chunks: ChunkSet,
    /// Numbers of these chunks that neither the worker has in flight nor the coordinator holds: they are computed
    /// again.
    pub again: OffsetSet,
}
