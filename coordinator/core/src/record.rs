//! What must be durable: records for the ledger.

use std::sync::Arc;

use swath_model::{FailedChunk, JobId, JobSpec, JobState, Share};
use thiserror::Error;

use crate::Stamp;

/// 16 random bytes that a client chooses for a submit. A submit that is sent again with them is the same job.
pub type Token = [u8; 16];

/// A change to the ledger.
#[derive(Debug, Clone)]
pub enum Record {
    /// A job was submitted.
    Submitted(Submitted),
    /// A job has ended, or runs again after its end.
    Standing(Standing),
    /// The shares of the workers in running jobs. The row of a job that has ended is final.
    Shares(Vec<(JobId, Vec<(u64, Share)>)>),
    /// Chunks that failed for good: the job, the index of the chunk, and why.
    FailedChunks(Vec<(JobId, u64, FailedChunk)>),
    /// A job was forgotten, with its parts and failed chunks.
    Forgotten(JobId),
}

/// A job that was submitted.
#[derive(Debug, Clone)]
pub struct Submitted {
    /// Its id; never used before.
    pub id: JobId,
    /// What it computes.
    pub spec: Arc<JobSpec>,
    /// When.
    pub submitted: Stamp,
    /// What its client knows it by.
    pub token: Option<Token>,
}

/// Where a job stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Which job.
    pub job: JobId,
    /// Its state.
    pub state: JobState,
    /// When it ended.
    pub ended: Option<Stamp>,
    /// What each worker computed, by the id of the worker.
    pub shares: Vec<(u64, Share)>,
    /// The rows of its parts are deleted in the same transaction.
    pub drops_results: bool,
}

/// Why a record is not durable.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct PersistError {
    /// What kind of error.
    pub kind: PersistErrorKind,
    /// The error of the ledger.
    pub reason: String,
}

/// What kind of error kept a record from being durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersistErrorKind {
    /// There is no room on the disk.
    DiskFull,
    /// Anything else.
    Failed,
}
