//! How a result store is configured.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::place::Place;
use crate::metrics::Metrics;

/// Where results are kept, and within which bounds.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// The data folder: for the ledger, and for the parts unless they lie elsewhere. It is made if it is not there.
    pub folder: PathBuf,
    /// Where the parts lie.
    pub place: Place,
    /// Where the ledger lies.
    pub ledger: LedgerPlace,
    /// Bytes of blocks that may wait in memory.
    pub memory_bytes: usize,
    /// Bytes that all readers together may hold: blocks that they have not taken yet, as they are and decoded.
    pub reader_memory_bytes: usize,
    /// Bytes of blocks that make a part.
    pub part_bytes: usize,
    /// Bytes that all parts together may have; `None`: as many as the disk takes.
    pub max_disk: Option<u64>,
    /// Bytes of a `delivered` job that may lie on the disk for a reader that does not keep up, before the job pauses.
    pub window_bytes: u64,
    /// A block waits this long for its part to fill. In a job that runs for long it waits longer: a fiftieth of the
    /// time that the job has taken so far, so that a job of hours makes hundreds of parts, not tens of thousands.
    pub part_age: Duration,
    /// Is told of each step of the store; [`NoMetrics`](crate::NoMetrics) goes nowhere.
    pub metrics: Arc<dyn Metrics>,
}

/// Where the ledger lies, and so whether jobs outlive their coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerPlace {
    /// In the data folder: the next coordinator has the jobs of this one.
    Folder,
    /// In memory: jobs end with their coordinator.
    Memory,
}

impl StoreConfig {
    /// The data folder from the root on, for people.
    pub(crate) fn folder_name(&self) -> String {
        std::path::absolute(&self.folder).unwrap_or_else(|_| self.folder.clone()).display().to_string()
    }
}
