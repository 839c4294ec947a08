//! Why something was refused. Each message is a fragment that fits "failed to …: {error}".

use thiserror::Error;

use crate::{JobId, WorkerId};

/// Why a range was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RangeError {
    /// There is no text at all, or no number where one belongs.
    #[error("a number is missing in `{text}`; a range is written 1..=10 (last included), 1..11 (end excluded) or 7")]
    Missing {
        /// The whole text.
        text: String,
    },
    /// Something that is not written like a number.
    #[error("`{text}` is not a number; allowed are integers such as 1000, 1_000, 1e3 or -5")]
    NotANumber {
        /// The part that was meant to be a number.
        text: String,
    },
    /// A number with a fraction.
    #[error("`{text}` is not an integer; allowed are integers such as 2500, 2_500 or 2.5e3")]
    NotAnInteger {
        /// The number as it was written.
        text: String,
    },
    /// An integer below `i64::MIN` or above `i64::MAX`.
    #[error(
        "{text} does not fit 64 bits; numbers from {min} to {max} are allowed",
        min = i64::MIN,
        max = i64::MAX
    )]
    Outside {
        /// The number as it was written.
        text: String,
    },
    /// A half-open range that ends where it starts.
    #[error("{first}..{first} holds no number; the end is excluded, so it must be above the first number")]
    Empty {
        /// Where it starts, and ends.
        first: i64,
    },
    /// The last number is below the first.
    #[error("the last number {last} is below the first number {first}; it must not be")]
    Reversed {
        /// The first number.
        first: i64,
        /// The last number, included; wide, because the end of a half-open range may be `i64::MIN`.
        last: i128,
    },
    /// All 2^64 numbers, one more than can be counted.
    #[error(
        "{first}..={last} holds 18446744073709551616 numbers; at most {max} are allowed",
        max = u64::MAX
    )]
    TooMany {
        /// The first number.
        first: i64,
        /// The last number, included.
        last: i64,
    },
}

/// Why a range was not split.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChunksError {
    /// A chunk size of 0.
    #[error("chunk size 0 is not allowed; it must be at least 1 number")]
    SizeZero,
}

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
        /// The last chunk that is said to be committed or given up.
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
