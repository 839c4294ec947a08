//! Why something was refused. Each message is a fragment that fits "failed to …: {error}".

use thiserror::Error;

use crate::{JobId, WorkerId};

/// Why a job was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SubmitError {
    /// The id names another job.
    #[error("job {0} exists already")]
    Duplicate(JobId),
    /// The bound on jobs that have not ended is reached.
    #[error("{max} jobs have not ended yet, which is the most allowed; wait for one or cancel one")]
    TooManyJobs {
        /// [`Config::max_jobs`](crate::Config::max_jobs).
        max: usize,
    },
    /// A restored job names chunks that it does not have.
    #[error("chunk {chunk} of job {job} was reported as committed or failed, but the job has only {count} chunks")]
    NoSuchChunk {
        /// The job to restore.
        job: JobId,
        /// The last chunk that is said to be committed or failed.
        chunk: u64,
        /// How many chunks the job has.
        count: u64,
    },
}

/// Why a job was not cancelled.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CancelError {
    /// No job of this id.
    #[error("there is no job {0}")]
    Unknown(JobId),
    /// It is done, failed or cancelled already.
    #[error("job {0} has ended already")]
    Ended(JobId),
}

/// Why a job was not forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ForgetError {
    /// No job of this id.
    #[error("there is no job {0}")]
    Unknown(JobId),
    /// It has not ended.
    #[error("job {0} has not ended; cancel it first or wait for it")]
    NotEnded(JobId),
}

/// Why a worker was not drained.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DrainError {
    /// No worker of this id.
    #[error("there is no worker {0}")]
    Unknown(WorkerId),
}
