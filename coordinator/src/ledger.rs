//! The ledger: jobs, parts and failed chunks, and how often a coordinator was started on it.
//!
//! A chunk is done when the ledger says so. The order is: a part is durable before its row, and its row before its
//! chunks count as committed. A part without a row is garbage and is swept at the next start. A row whose part is lost
//! or damaged is deleted, and its chunks are computed again.

mod error;
mod lock;
pub(crate) mod memory;
mod rows;
pub(crate) mod sqlite;
#[cfg(test)]
mod tests;

use std::fmt;

use swath_coordinator_core::{Moment, Record};
use swath_model::{FailedChunks, JobId};

pub use self::error::LedgerError;
pub(crate) use self::{
    lock::lock_parts,
    rows::{BlockRow, FooterRow, JobRow, PartRow, Sender},
};

/// The durable state of a coordinator.
///
/// A call returns when its change is durable, as durable as the ledger is at all. That may take as long as a disk takes
/// to sync, so no call belongs on a thread that serves. Calls may come from any thread; each is atomic.
pub(crate) trait Ledger: fmt::Debug + Send + Sync {
    /// The name of this ledger, and where its parts lie.
    fn identity(&self) -> Result<Identity, LedgerError>;

    /// From now on its parts lie at this place.
    fn set_place(&self, place: &str) -> Result<(), LedgerError>;

    /// How often a coordinator was started on this ledger: tells an older copy of a ledger from the newest one. It does
    /// not name a start, because two copies count on from the same number; see
    /// [`Store::incarnation`](crate::store::Store::incarnation).
    fn starts(&self) -> u64;

    /// How long coordinators have run on this ledger, as last written.
    fn clock(&self) -> Result<Moment, LedgerError>;

    /// The highest id that a job ever had; 0 if there was none.
    fn last_job(&self) -> Result<u64, LedgerError>;

    /// All jobs, in the order of their ids.
    fn jobs(&self) -> Result<Vec<JobRow>, LedgerError>;

    /// The failed chunks of a job.
    fn failed_chunks(&self, job: JobId) -> Result<FailedChunks, LedgerError>;

    /// The parts of a job, in the order of their paths.
    fn parts(&self, job: JobId) -> Result<Vec<PartRow>, LedgerError>;

    /// Whether there is any part.
    fn has_parts(&self) -> Result<bool, LedgerError>;

    /// Adds a durable part, or replaces the one with its path. From now on its blocks are committed, unless the job is
    /// [gone](Inserted::JobGone).
    fn insert_part(&self, job: JobId, part: &PartRow) -> Result<Inserted, LedgerError>;

    /// Deletes the row of a part that is lost or damaged.
    fn delete_part(&self, path: &str) -> Result<(), LedgerError>;

    /// Writes records in this order, and the clock. All are durable after it, except those with an error: a record that
    /// cannot be written does not keep out the others.
    fn write(&self, records: &[Record], clock: Moment) -> Vec<Result<(), LedgerError>>;

    /// Deletes parts and failed chunks without a job: a coordinator died while their job was being dropped.
    fn sweep(&self) -> Result<(), LedgerError>;

    /// Files were deleted, so the disk may have room for what the ledger keeps in reserve.
    fn handle_room_freed(&self);
}

/// The name of a ledger, and where its parts lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// No other ledger has it, except copies of this one.
    pub(crate) id: String,
    /// A [`Place`](crate::store::Place) as text; empty for the data folder.
    pub(crate) place: String,
}

/// What became of a part that should go into the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Inserted {
    Inserted,
    /// Nothing was written: the job was forgotten, or its results dropped, while the part was being written.
    JobGone,
}
