//! What a job computes.

use std::{collections::BTreeMap, time::Duration};

use crate::{Chunks, ChunksError, Layout, Layouts, Program, Range};

/// The parameters of a kernel, by name.
pub type Parameters = BTreeMap<String, String>;

/// A job as it was submitted: parsed, complete, and checked by whoever knows its kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSpec {
    /// The name of the kernel.
    pub kernel: String,
    /// Its program, if it is not built in.
    pub program: Option<Program>,
    /// Its parameters.
    pub parameters: Parameters,
    /// The range, and how it is split.
    pub chunks: Chunks,
    /// The most numbers in a chunk, as submitted or chosen; at least 1.
    pub chunk_size: u64,
    /// Which rows of the kernel are results: a SQL expression over `n` and the columns.
    pub condition: Option<String>,
    /// What is kept of these rows: a list of reductions.
    pub reductions: Option<String>,
    /// What the rows of its kernel look like.
    pub kernel_layout: Layout,
    /// What the rows of its results look like.
    pub layout: Layout,
    /// What becomes of the results.
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

/// A job as a client asks for it; what it leaves out is chosen by the coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRequest {
    /// The name of the kernel.
    pub kernel: String,
    /// Its program, if it is not built in.
    pub program: Option<Program>,
    /// Its parameters.
    pub parameters: Parameters,
    /// The numbers.
    pub range: Range,
    /// Which rows of the kernel are results, as in [`JobSpec`].
    pub condition: Option<String>,
    /// What is kept of these rows, as in [`JobSpec`].
    pub reductions: Option<String>,
    /// The most numbers in a chunk.
    pub chunk_size: Option<u64>,
    /// What becomes of the results.
    pub result_mode: ResultMode,
    /// How often a chunk is tried again after it failed.
    pub max_retries: Option<u32>,
    /// How many workers may crash while they compute nothing but one chunk.
    pub crash_limit: Option<u32>,
    /// Whether the job goes on without failed chunks; otherwise the first of them fails the job.
    pub keep_going: bool,
    /// How long after its end the job and its results are kept.
    pub keep_for: Option<Duration>,
}

impl JobRequest {
    /// This kernel over this range, everything else as it is by default.
    pub fn new(kernel: impl Into<String>, range: Range) -> Self {
        Self {
            kernel: kernel.into(),
            program: None,
            parameters: Parameters::new(),
            range,
            condition: None,
            reductions: None,
            chunk_size: None,
            result_mode: ResultMode::default(),
            max_retries: None,
            crash_limit: None,
            keep_going: false,
            keep_for: None,
        }
    }

    /// The job that this asks for, if its kernel and its results have these layouts.
    ///
    /// # Errors
    /// The chunk size is 0.
    pub fn complete(self, layouts: impl Into<Layouts>) -> Result<JobSpec, ChunksError> {
        let Layouts { kernel: kernel_layout, results: layout } = layouts.into();
        let chunk_size = self.chunk_size.unwrap_or_else(|| Chunks::default_size(self.range));
        let default = Limits::default();
        Ok(JobSpec {
            kernel: self.kernel,
            program: self.program,
            parameters: self.parameters,
            chunks: Chunks::new(self.range, chunk_size)?,
            chunk_size,
            condition: self.condition,
            reductions: self.reductions,
            kernel_layout,
            layout,
            result_mode: self.result_mode,
            limits: Limits {
                max_retries: self.max_retries.unwrap_or(default.max_retries),
                crash_limit: self.crash_limit.unwrap_or(default.crash_limit),
                keep_going: self.keep_going,
            },
            keep_for: self.keep_for,
        })
    }
}

impl From<JobSpec> for JobRequest {
    fn from(spec: JobSpec) -> Self {
        Self {
            range: spec.range(),
            kernel: spec.kernel,
            program: spec.program,
            parameters: spec.parameters,
            condition: spec.condition,
            reductions: spec.reductions,
            chunk_size: Some(spec.chunk_size),
            result_mode: spec.result_mode,
            max_retries: Some(spec.limits.max_retries),
            crash_limit: Some(spec.limits.crash_limit),
            keep_going: spec.limits.keep_going,
            keep_for: spec.keep_for,
        }
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
