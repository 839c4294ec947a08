//! What can go wrong between a client and its coordinator.

use std::time::Duration;

use swath_model::counted;
use swath_transport::DialError;
use tonic::{Code, Status};

/// Why a request was not answered as hoped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The coordinator was not reached.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The coordinator refused the request; it says why.
    #[error("{message}")]
    Refused {
        /// What kind of refusal it is.
        code: Code,
        /// A sentence.
        message: String,
    },
    /// The connection broke while a request was under way.
    #[error("the connection to the coordinator broke: {0}")]
    Broken(String),
    /// The id is another job's by now.
    #[error(
        "job {0} computes something else than the job that was asked for: the coordinator was given an older copy of its \
         data; submit the job again"
    )]
    OtherJob(u64),
    /// The coordinator was tried again and again.
    #[error("{error}; tried for {}", humantime::format_duration(*patience))]
    GaveUp {
        /// How long it was tried.
        patience: Duration,
        /// What came of the last attempt.
        error: Box<ClientError>,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random numbers")]
    Randomness,
    /// Numbers have no result, where all are needed.
    #[error("{}", no_result(*.0))]
    Missing(u64),
    /// The results do not fit.
    #[error("the results do not fit into memory: {0}")]
    Memory(String),
    /// A block came damaged again and again.
    #[error("the block that begins at {first} came damaged {times} times: {reason}")]
    Damaged {
        /// Its first number.
        first: i64,
        /// How often it was read.
        times: u32,
        /// What was wrong the last time.
        reason: String,
    },
    /// The coordinator said something that this client does not understand.
    #[error("unexpected answer from the coordinator: {0}")]
    Protocol(String),
}

/// `12 numbers have no result`.
pub(crate) fn no_result(numbers: u64) -> String {
    let have = if numbers == 1 { "has" } else { "have" };
    format!("{} {have} no result", counted(numbers, "number"))
}

impl From<Status> for ClientError {
    fn from(status: Status) -> Self {
        if let Some(error) = DialError::of_status(&status) {
            return Self::Dial(error);
        }
        match status.code() {
            Code::Unavailable | Code::Unknown | Code::Cancelled => Self::Broken(status.message().to_owned()),
            // Not the coordinator's: what answers does not speak HTTP/2.
            Code::Internal if status.message().starts_with("h2 protocol error") => {
                Self::Broken(status.message().to_owned())
            }
            code => Self::Refused { code, message: status.message().to_owned() },
        }
    }
}
