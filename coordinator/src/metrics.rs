//! The metrics handle: what the coordinator counts, for whoever exports it.

use std::{fmt, time::Duration};

/// Is called by the result store and the ledger right after each of these steps.
///
/// Calls come from threads that serve, so they must return at once.
pub trait Metrics: fmt::Debug + Send + Sync {
    /// A part is durable. It has so many bytes and blocks, and took so long to write.
    fn part_written(&self, bytes: u64, blocks: usize, took: Duration);

    /// A part could not be written; it is tried again, or its job ends without it.
    fn part_failed(&self);

    /// A part that was durable is lost or damaged; its numbers are computed again.
    fn part_lost(&self);

    /// So many bytes of parts were deleted.
    fn bytes_freed(&self, bytes: u64);

    /// A batch of records was written into the ledger, except for those that failed.
    fn ledger_written(&self, records: usize, failed: usize, took: Duration);
}

/// Metrics that go nowhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoMetrics;

impl Metrics for NoMetrics {
    fn part_written(&self, _bytes: u64, _blocks: usize, _took: Duration) {}

    fn part_failed(&self) {}

    fn part_lost(&self) {}

    fn bytes_freed(&self, _bytes: u64) {}

    fn ledger_written(&self, _records: usize, _failed: usize, _took: Duration) {}
}
