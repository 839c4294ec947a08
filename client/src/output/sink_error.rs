//! Why results were not written.

use std::io;

use arrow_schema::ArrowError;

/// Why results were not written.
pub(super) enum SinkError {
    Io(io::Error),
    Block(String),
    /// The format cannot hold a value; a sentence that says why.
    Value(String),
}

impl From<io::Error> for SinkError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ArrowError> for SinkError {
    fn from(error: ArrowError) -> Self {
        Self::Io(match error {
            ArrowError::IoError(_, error) => error,
            other => io::Error::other(other),
        })
    }
}
