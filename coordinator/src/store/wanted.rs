//! What a reader wants of a job.

/// What a reader wants of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All results: it is an error if the job failed or was cancelled.
    Whole,
    /// What there is, also of a job that failed or was cancelled.
    Partial,
}
