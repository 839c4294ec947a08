//! What writes blocks in one format.

use std::io;

use swath_block::Block;

use super::destination::Destination;

/// Writes blocks in one format.
pub(super) trait Sink: Send {
    /// Writes a block whose first number is `first`.
    fn write(&mut self, first: i64, block: &Block) -> Result<(), SinkError>;
    /// Writes the end of the file, and gives the destination back.
    fn finish(self: Box<Self>) -> Result<Destination, SinkError>;
}

/// Why a block was not written.
pub(super) enum SinkError {
    Io(io::Error),
    Block(String),
}

impl From<io::Error> for SinkError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
