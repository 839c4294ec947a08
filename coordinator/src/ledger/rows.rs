//! Jobs and parts as the ledger has them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use swath_kernel::Parameters;
use swath_model::{Chunks, JobId, Limits, Range, ResultMode};

use super::error::LedgerError;
use crate::{
    clock::Stamp,
    job::{JobState, NewJob, Share, Token},
};

/// A job as the ledger has it.
#[derive(Debug, Clone)]
pub(crate) struct JobRow {
    pub(crate) id: JobId,
    pub(crate) kernel: String,
    pub(crate) parameters: Parameters,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) chunk_size: u64,
    pub(crate) retention: ResultMode,
    pub(crate) limits: Limits,
    pub(crate) retain: Option<Duration>,
    pub(crate) state: JobState,
    pub(crate) submitted: Stamp,
    pub(crate) ended: Option<Stamp>,
    /// Who computed how much of it, by the id of the worker.
    pub(crate) shares: Vec<(u64, Share)>,
    pub(crate) results_dropped: bool,
    /// Chosen by its client, to know the job by.
    pub(crate) token: Option<Token>,
}

impl JobRow {
    /// The row of a job that is submitted now.
    pub(crate) fn submitted(id: JobId, job: &NewJob, submitted: Stamp, token: Option<Token>) -> Self {
        Self {
            id,
            kernel: job.kernel.name().to_owned(),
            parameters: job.parameters.clone(),
            first: job.range().first(),
            last: job.range().last(),
            chunk_size: job.chunk_size,
            retention: job.retention,
            limits: job.limits,
            retain: job.retain,
            state: JobState::Running,
            submitted,
            ended: None,
            shares: Vec::new(),
            results_dropped: false,
            token,
        }
    }

    /// What the job computes. Fails if this program does not know its kernel or refuses its parameters.
    pub(crate) fn job(&self) -> Result<NewJob, LedgerError> {
        let unknown = |reason: String| LedgerError::UnknownJob { job: self.id.0, reason };
        let range = Range::new(self.first, self.last).map_err(|error| unknown(error.to_string()))?;
        let chunks = Chunks::new(range, self.chunk_size).map_err(|error| unknown(error.to_string()))?;
        let kernel = swath_kernel::find(&self.kernel, &self.parameters).map_err(|error| unknown(error.to_string()))?;
        Ok(NewJob {
            kernel,
            parameters: self.parameters.clone(),
            chunks,
            chunk_size: self.chunk_size,
            retention: self.retention,
            limits: self.limits,
            retain: self.retain,
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
    /// Its row groups, in order.
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

/// A row group of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockRow {
    /// The offset of its first number.
    pub(crate) first: u64,
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
