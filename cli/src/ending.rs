//! How a command ends that does not simply succeed.

use std::{error::Error, fmt};

/// An end that is no error of the program, but not the end that was asked for. Each has an exit code of its own.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ending {
    /// The job failed, or a part of it; a sentence that says why.
    #[error("{0}")]
    JobFailed(String),
    /// The job was cancelled.
    #[error("{0}")]
    JobCancelled(String),
    /// Ctrl-C; a hint how to go on.
    #[error("{0}")]
    Interrupted(String),
    /// The arguments are wrong; a sentence that says why.
    #[error("{0}")]
    Usage(String),
    /// A text of the command line is wrong in one place.
    #[error("{sentence}")]
    Misplaced {
        /// What is wrong.
        sentence: String,
        /// The text, and a mark below the place.
        mark: String,
    },
}

/// The coordinator was lost by a command that can be given again, to go on where it was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attached {
    pub(crate) job: u64,
    pub(crate) verb: &'static str,
}

impl Attached {
    /// How to attach again.
    pub(crate) fn hint(&self) -> String {
        format!("`swath job {} {}` attaches again", self.verb, self.job)
    }
}

impl fmt::Display for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lost the coordinator of job {}", self.job)
    }
}

impl Error for Attached {}
