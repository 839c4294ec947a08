//! Jobs and parts as the ledger has them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use swath_coordinator_core::{RecoveredJob, Stamp, Stock, Submitted, Token};
use swath_evaluation::Evaluation;
use swath_model::{
    FailedChunks, JobId, JobRequest, JobSpec, JobState, Limits, Parameters, Program, Range, ResultMode, Share, WorkerId,
};

use super::error::LedgerError;

/// A job as the ledger has it.
#[derive(Debug, Clone)]
pub(crate) struct JobRow {
    pub(crate) id: JobId,
    pub(crate) kernel: String,
    pub(crate) program: Option<Program>,
    pub(crate) parameters: Parameters,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) chunk_size: u64,
    /// Which rows are results, and what is kept of them, as it was submitted.
    pub(crate) condition: Option<String>,
    pub(crate) reductions: Option<String>,
    pub(crate) result_mode: ResultMode,
    pub(crate) limits: Limits,
    pub(crate) keep_for: Option<Duration>,
    pub(crate) state: JobState,
    pub(crate) submitted: Stamp,
    pub(crate) ended: Option<Stamp>,
    /// Who computed how much of it, by the id of the worker.
    pub(crate) shares: Vec<(u64, Share)>,
    pub(crate) stock: Stock,
    /// Chosen by its client, to know the job by.
    pub(crate) token: Option<Token>,
}

impl From<&Submitted> for JobRow {
    fn from(job: &Submitted) -> Self {
        let Submitted { id, spec, submitted, token } = job;
        Self {
            id: *id,
            kernel: spec.kernel.clone(),
            program: spec.program.clone(),
            parameters: spec.parameters.clone(),
            first: spec.range().first(),
            last: spec.range().last(),
            chunk_size: spec.chunk_size,
            condition: spec.condition.clone(),
            reductions: spec.reductions.clone(),
            result_mode: spec.result_mode,
            limits: spec.limits,
            keep_for: spec.keep_for,
            state: JobState::Running,
            submitted: *submitted,
            ended: None,
            shares: Vec::new(),
            stock: Stock::Kept,
            token: *token,
        }
    }
}

impl JobRow {
    /// What the job computes. Fails if this program does not know its kernel, or refuses its parameters, its condition
    /// or its reductions.
    fn spec(&self) -> Result<JobSpec, LedgerError> {
        let unknown = |reason: String| LedgerError::UnknownJob { job: self.id.0, reason };
        let request = JobRequest {
            kernel: self.kernel.clone(),
            program: self.program.clone(),
            parameters: self.parameters.clone(),
            range: Range::new(self.first, self.last).map_err(|error| unknown(error.to_string()))?,
            condition: self.condition.clone(),
            reductions: self.reductions.clone(),
            chunk_size: Some(self.chunk_size),
            result_mode: self.result_mode,
            max_retries: Some(self.limits.max_retries),
            crash_limit: Some(self.limits.crash_limit),
            keep_going: self.limits.keep_going,
            keep_for: self.keep_for,
        };
        let evaluation = Evaluation::bind(&request).map_err(|error| unknown(error.to_string()))?;
        request.complete(evaluation.layouts()).map_err(|error| unknown(error.to_string()))
    }

    /// The job as the core takes it back, with its failed chunks.
    pub(crate) fn recovered(self, failed: FailedChunks) -> Result<RecoveredJob, LedgerError> {
        let spec = self.spec()?;
        Ok(RecoveredJob {
            id: self.id,
            fingerprint: swath_proto::fingerprint(&spec),
            spec,
            state: self.state,
            submitted: self.submitted,
            ended: self.ended,
            shares: self.shares.into_iter().map(|(worker, share)| (WorkerId(worker), share)).collect(),
            failed,
            stock: self.stock,
            token: self.token,
        })
    }
}

/// A part as the ledger has it. Its digests cover all bytes of the file that are ever read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartRow {
    /// Within the store.
    pub(crate) path: String,
    /// The size of the file.
    pub(crate) bytes: u64,
    pub(crate) footer: FooterRow,
    /// Its blocks, in order; each that has rows is a row group.
    pub(crate) blocks: Vec<BlockRow>,
    /// The workers that sent them.
    pub(crate) senders: Vec<Sender>,
}

impl PartRow {
    /// Who sent this block; `None` if the ledger does not say.
    pub(crate) fn sender(&self, block: usize) -> Option<&Sender> {
        self.senders.get(self.blocks.get(block)?.sender as usize)
    }
}

/// The end of a part: everything behind its columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FooterRow {
    pub(crate) bytes: u32,
    /// See [`swath_block::checksum`].
    pub(crate) digest: u64,
}

/// A block in a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockRow {
    /// The offset of the first number that it covers.
    pub(crate) first: u64,
    /// How many numbers it covers.
    pub(crate) numbers: u64,
    pub(crate) rows: u32,
    /// The digest of its encoded columns, as its worker sent it; see [`swath_block::Digest`].
    pub(crate) digest: u64,
    /// The index of its sender in [`PartRow::senders`].
    pub(crate) sender: u32,
}

/// The worker that sent a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sender {
    pub(crate) worker: u64,
    pub(crate) name: String,
}
