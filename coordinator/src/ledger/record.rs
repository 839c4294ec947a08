//! The changes that the driver writes into the ledger.

use swath_model::{FailedChunk, JobId};

use super::rows::JobRow;
use crate::{
    clock::Stamp,
    job::{JobState, Share},
};

/// A change to the ledger.
#[derive(Debug)]
pub(crate) enum Record {
    /// A job was submitted. Its row is stored as that of a job that runs.
    Submitted(JobRow),
    /// A job has ended, or runs again after its end.
    Standing(Standing),
    /// Who computed how much of jobs that run. Ignored for a job that has ended.
    Shares(Vec<(JobId, Vec<(u64, Share)>)>),
    /// Chunks that failed for good: the job, the index of the chunk, and why.
    FailedChunks(Vec<(JobId, u64, FailedChunk)>),
    /// A job was forgotten, with its parts.
    Forgotten(JobId),
}

/// Where a job stands.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) job: JobId,
    pub(crate) state: JobState,
    pub(crate) ended: Option<Stamp>,
    pub(crate) shares: Vec<(u64, Share)>,
    /// The rows of its parts are deleted in the same transaction.
    pub(crate) drops_results: bool,
}
