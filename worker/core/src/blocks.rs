//! Blocks that wait for their upload or for their receipt. The shell keeps their bytes.

use std::{collections::VecDeque, sync::Arc};

use swath_model::{LeaseId, OffsetRun};

use crate::{Job, held::LeaseKey};

/// Names a block of this worker; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId(pub u64);

/// A block that is to be sent now.
#[derive(Debug)]
pub struct Upload<K> {
    /// Which one.
    pub block: BlockId,
    /// The lease that its numbers are held under now.
    pub lease: LeaseId,
    /// The job that was computed.
    pub job: Arc<Job<K>>,
    /// Its numbers, as offsets in the job's range.
    pub offsets: OffsetRun,
}

/// The coordinator sent a receipt for a block that it was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the coordinator sent a receipt for a block that it was not sent")]
pub struct UnexpectedReceipt;

/// Blocks without a receipt, in the order in which they were computed.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    pub(crate) waiting: VecDeque<WaitingBlock>,
    /// How many of them, from the front, were sent in this session.
    pub(crate) sent: usize,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct WaitingBlock {
    pub(crate) id: BlockId,
    pub(crate) lease: LeaseKey,
    pub(crate) offsets: OffsetRun,
}

impl Blocks {
    /// The next block to send.
    pub(crate) fn next(&self) -> Option<WaitingBlock> {
        self.waiting.get(self.sent).copied()
    }

    /// Receipts come in the order of the blocks: this one is for the first that was sent.
    pub(crate) fn settle_first(&mut self) -> Option<WaitingBlock> {
        self.sent = self.sent.checked_sub(1)?;
        self.waiting.pop_front()
    }
}
