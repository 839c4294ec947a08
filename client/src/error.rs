//! What can go wrong between a client and its coordinator.

use std::{error::Error, time::Duration};

use swath_model::counted;
use swath_transport::DialError;
use tonic::{Code, Status};

/// Why a request failed.
///
/// Each variant is one kind of failure, so that nobody has to read the message to tell them apart.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The coordinator cannot be reached.
    #[error(transparent)]
    Unreachable(#[from] DialError),
    /// The connection broke while a request was under way.
    #[error("the connection to the coordinator broke: {0}")]
    Disconnected(String),
    /// The coordinator stayed away for longer than the client waits for it.
    #[error("{error}; tried for {}", humantime::format_duration(*patience))]
    GaveUp {
        /// How long it was tried.
        patience: Duration,
        /// How the last attempt failed.
        error: Box<ClientError>,
    },
    /// The coordinator does not know this client: it showed no certificate, or one that is not valid.
    #[error("{0}")]
    Unauthenticated(String),
    /// The role of this client does not allow the request.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such job or worker.
    #[error("{0}")]
    NotFound(String),
    /// The request is wrong whatever the state of the coordinator: an unknown kernel, a number outside the range.
    #[error("{0}")]
    Invalid(String),
    /// The request is valid, but not possible now: a running job cannot be forgotten.
    #[error("{0}")]
    Refused(String),
    /// The coordinator has no room for it: its disk is full, or it has as many jobs as it takes.
    #[error("{0}")]
    Exhausted(String),
    /// The job failed, so not all of its results exist.
    #[error("job {job} failed: {reason}{}", dropped(*.results_dropped))]
    JobFailed {
        /// The job.
        job: u64,
        /// A sentence that names the number.
        reason: String,
        /// Whether the results that existed were dropped.
        results_dropped: bool,
    },
    /// The job was cancelled, so not all of its results exist.
    #[error("job {job} was cancelled{}", dropped(*.results_dropped))]
    JobCancelled {
        /// The job.
        job: u64,
        /// Whether the results that existed were dropped.
        results_dropped: bool,
    },
    /// The id belongs to another job now.
    #[error(
        "job {0} is another job now: the coordinator was restored from an older copy of its data; submit the job again"
    )]
    JobReplaced(u64),
    /// The coordinator does not offer what was asked for: it is of another version.
    #[error("the coordinator is of another version of Swath: {0}")]
    Incompatible(String),
    /// The coordinator failed to carry out the request.
    #[error("{0}")]
    CoordinatorFailed(String),
    /// The coordinator sent something that this client does not understand.
    #[error("unexpected answer from the coordinator: {0}")]
    Protocol(String),
    /// A block was damaged each time that it was read.
    #[error("the block that begins at {first} was damaged each of the {times} times that it was read: {reason}")]
    Damaged {
        /// Its first number.
        first: i64,
        /// How often it was read.
        times: u32,
        /// What was wrong the last time.
        reason: String,
    },
    /// Some numbers have no result, and all results are needed.
    #[error("{}", no_result(*.0))]
    Missing(u64),
    /// The results cannot be merged: a sum has more digits than its type, for example.
    #[error("{0}")]
    Reduce(String),
    /// The results do not fit into memory.
    #[error("the results do not fit into memory: {0}")]
    Memory(String),
    /// The operating system provides no random bytes.
    #[error("the operating system provides no random bytes")]
    Randomness,
}

impl ClientError {
    /// Whether the coordinator cannot be reached, or can no longer.
    pub fn is_connection(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Disconnected(_) | Self::GaveUp { .. })
    }

    /// Whether another attempt may succeed: the coordinator may be starting again.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable(error) => !error.is_final(),
            Self::Disconnected(_) => true,
            _ => false,
        }
    }

    /// The kind of failure that a call ended with.
    pub(crate) fn of_status(status: &Status) -> Self {
        if let Some(error) = DialError::find_in(status) {
            return Self::Unreachable(error);
        }
        let message = status.message().to_owned();
        if status.source().is_some() {
            // An answer of the coordinator has no source. This status was made here, of an error of the connection.
            return Self::Disconnected(message);
        }
        match status.code() {
            // `Unknown` and `Cancelled` also come from tonic itself, when it loses the connection.
            Code::Unavailable | Code::Unknown | Code::Cancelled => Self::Disconnected(message),
            Code::Unauthenticated => Self::Unauthenticated(message),
            Code::PermissionDenied => Self::Forbidden(message),
            Code::NotFound => Self::NotFound(message),
            Code::InvalidArgument | Code::OutOfRange => Self::Invalid(message),
            Code::FailedPrecondition | Code::AlreadyExists | Code::Aborted => Self::Refused(message),
            Code::ResourceExhausted => Self::Exhausted(message),
            Code::Unimplemented => Self::Incompatible(message),
            Code::Internal | Code::DataLoss | Code::DeadlineExceeded | Code::Ok => Self::CoordinatorFailed(message),
        }
    }
}

/// The rest of a sentence about a job that has ended.
fn dropped(results_dropped: bool) -> &'static str {
    if results_dropped { ", and its results were dropped" } else { "" }
}

/// `12 numbers have no result`.
fn no_result(numbers: u64) -> String {
    let have = if numbers == 1 { "has" } else { "have" };
    format!("{} {have} no result", counted(numbers, "number"))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn each_answer_of_a_coordinator_is_its_own_kind_of_error() {
        type Is = fn(&ClientError) -> bool;
        let kinds: [(Status, Is); 10] = [
            (Status::unauthenticated("x"), |error| matches!(error, ClientError::Unauthenticated(_))),
            (Status::permission_denied("x"), |error| matches!(error, ClientError::Forbidden(_))),
            (Status::not_found("x"), |error| matches!(error, ClientError::NotFound(_))),
            (Status::invalid_argument("x"), |error| matches!(error, ClientError::Invalid(_))),
            (Status::out_of_range("x"), |error| matches!(error, ClientError::Invalid(_))),
            (Status::failed_precondition("x"), |error| matches!(error, ClientError::Refused(_))),
            (Status::resource_exhausted("x"), |error| matches!(error, ClientError::Exhausted(_))),
            (Status::unimplemented("x"), |error| matches!(error, ClientError::Incompatible(_))),
            (Status::data_loss("x"), |error| matches!(error, ClientError::CoordinatorFailed(_))),
            (Status::unavailable("x"), |error| matches!(error, ClientError::Disconnected(_))),
        ];
        for (status, is_kind) in kinds {
            let error = ClientError::of_status(&status);
            assert!(is_kind(&error), "{status:?} became {error:?}");
            assert_eq!(error.is_temporary(), status.code() == Code::Unavailable, "{error:?}");
        }
    }

    #[test]
    fn an_error_of_the_connection_is_told_by_its_source_and_not_by_its_words() {
        // What the coordinator says is its answer, whatever the words.
        let said = ClientError::of_status(&Status::internal("h2 protocol error: broken pipe"));
        assert!(matches!(said, ClientError::CoordinatorFailed(_)), "{said:?}");
        for kind in [io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionReset] {
            let lost = ClientError::of_status(&Status::from_error(Box::new(io::Error::from(kind))));
            assert!(matches!(lost, ClientError::Disconnected(_)) && lost.is_connection(), "{lost:?}");
        }
        let silent = DialError::Silent { address: "h:1".to_owned(), limit: Duration::from_secs(5) };
        let silent = ClientError::of_status(&Status::from_error(Box::new(silent)));
        assert!(matches!(silent, ClientError::Unreachable(DialError::Silent { .. })), "{silent:?}");
    }
}
