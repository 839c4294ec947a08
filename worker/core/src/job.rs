//! What is computed.

use swath_model::{BlockBounds, Chunks, Fingerprint, JobId};

/// A job as a worker needs it. `K` evaluates it; it is a type of the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job<K> {
    /// Its id, which another coordinator may have given to another job.
    pub id: JobId,
    /// What it computes.
    pub fingerprint: Fingerprint,
    /// The range, and how it is split.
    pub chunks: Chunks,
    /// How many numbers its blocks cover.
    pub bounds: BlockBounds,
    /// What evaluates it.
    pub kernel: K,
}
