//! What a job computes.

use std::{collections::BTreeMap, time::Duration};

use crate::{Chunks, Range, ValueType};

/// The parameters of a kernel, by name.
pub type Parameters = BTreeMap<String, String>;

/// A job as it was submitted: parsed, complete, and checked by whoever knows its kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSpec {
    /// The name of the kernel.
    pub kernel: String,
    /// Its parameters.
    pub parameters: Parameters,
    /// The range, and how it is split.
    pub chunks: Chunks,
    /// The most numbers in a chunk, as submitted or chosen; at least 1.
    pub chunk_size: u64,
    /// The type of the values that the kernel gives for this range.
    pub value_type: ValueType,
    /// How long results are kept while the job runs.
    pub result_mode: ResultMode,
    /// When to stop trying.
    pub limits: Limits,
    /// How long the job is kept after its end; `None`: as long as the coordinator keeps jobs.
    pub keep_for: Option<Duration>,
}

impl JobSpec {
    /// The numbers that the job is about.
    pub fn range(&self) -> Range {
        self.chunks.range()
    }
}

/// What becomes of results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResultMode {
    /// They are stored until the job is forgotten, and can be read many times.
    #[default]
    Stored,
    /// They are delivered once, to one reader, and not stored.
    Delivered,
}

/// When a chunk counts as failed for good, and with it the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How often a chunk is tried again after its first failure (3).
    pub max_retries: u32,
    /// How many workers may crash while they compute nothing but one chunk (3). 0 counts as 1.
    pub crash_limit: u32,
    /// Whether the job goes on without a chunk that failed for good, see [`FailedChunk`](crate::FailedChunk); otherwise
    /// the job fails (false).
    pub keep_going: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_retries: 3, crash_limit: 3, keep_going: false }
    }
}
