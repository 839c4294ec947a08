//! Why a message is refused.

use thiserror::Error;

/// What is wrong with a message. Each sentence is for people; the peer gets it as the reason of its refusal.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CodecError {
    /// A field that must be there is not.
    #[error("the message has no {0}")]
    Missing(&'static str),
    /// A run of chunks or offsets with no index, or with more than `u64` counts.
    #[error("a run of {0} is empty or too long")]
    Run(&'static str),
    /// A value of an enum that this version of the protocol does not have.
    #[error("{0} is not a {1} that this version of the protocol has")]
    Unknown(i32, &'static str),
    /// The range of a job.
    #[error(transparent)]
    Range(#[from] swath_model::RangeError),
    /// The chunk size of a job.
    #[error(transparent)]
    Chunks(#[from] swath_model::ChunksError),
    /// The columns of a job.
    #[error(transparent)]
    Layout(#[from] swath_model::LayoutError),
}
