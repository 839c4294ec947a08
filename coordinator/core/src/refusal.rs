//! Why a request is refused.

use swath_model::{JobId, WorkerId};
use swath_scheduler::{CancelError, SubmitError};
use thiserror::Error;

use crate::PersistError;

/// Why a request is refused; its message is a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// No job of this id.
    #[error("there is no job {0}")]
    NoSuchJob(JobId),
    /// No worker of this id.
    #[error("there is no worker {0}")]
    NoSuchWorker(WorkerId),
    /// The job cannot be forgotten.
    #[error("cannot forget job {0}: it has not ended; cancel it first")]
    NotEnded(JobId),
    /// The job cannot be cancelled.
    #[error("cannot cancel job {job}: {error}")]
    NotCancelled {
        /// Which job.
        job: JobId,
        /// Why not.
        error: CancelError,
    },
    /// As many jobs are kept as there may be, those that have ended included.
    #[error("{max} jobs are as many as this coordinator keeps; forget some with `swath job forget`")]
    TooManyJobs {
        /// How many there may be.
        max: usize,
    },
    /// The scheduler does not take the job: too many have not ended.
    #[error("failed to submit: {0}")]
    NotScheduled(SubmitError),
    /// As many workers are connected as there may be.
    #[error("{count} workers are as many as this coordinator takes")]
    TooManyWorkers {
        /// How many there are.
        count: usize,
    },
    /// Another job was submitted with the same token.
    #[error("the token of this submit is that of job {0}, which is another job")]
    TokenTaken(JobId),
    /// The ledger could not be written.
    #[error("{what}: {error}")]
    NotPersisted {
        /// What is not durable.
        what: Unpersisted,
        /// Why not.
        error: PersistError,
    },
    /// The coordinator stops.
    #[error("the coordinator is shutting down")]
    ShuttingDown,
}

/// What could not be made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unpersisted {
    /// A submit.
    #[error("the job was not stored")]
    Submit,
    /// The drop of the results of a cancelled job.
    #[error("job {0} was cancelled, but its results were not dropped (`swath job forget {0}` does)")]
    DroppedResults(JobId),
    /// The forgetting of a job.
    #[error("job {0} was not forgotten")]
    Forgotten(JobId),
}
