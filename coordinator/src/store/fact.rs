//! What the store tells the driver.

use swath_coordinator_core::PersistError;
use swath_model::{ChunkRun, JobId};

/// What the store tells the driver.
#[derive(Debug)]
pub(crate) enum Fact {
    /// The parts with these chunks are durable.
    Committed { job: JobId, chunks: ChunkRun },
    /// A part could not be written. The job should pause until parts can be written again.
    Paused { job: JobId, reason: String },
    /// Parts are written again.
    Resumed { job: JobId },
    /// A closed job has nothing in memory any more. All of it is in parts, unless `lost` says what was lost, and why.
    Closed { job: JobId, lost: Option<String> },
    /// The records under way were written into the ledger, except those with an error.
    Persisted { written: Vec<Result<(), PersistError>> },
    /// A part or a block was lost or damaged: the store no longer holds all of each of these chunks.
    Lost { job: JobId, chunks: Vec<ChunkRun> },
}
