//! Slots: what computes one task at a time.

use std::sync::Arc;

use swath_model::{OffsetRun, OffsetSet};

use crate::{Job, held::LeaseKey};

/// One of the places where a task is computed at a time, counted from 0: a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

/// Numbers for one slot: one block, unless a number fails.
#[derive(Debug)]
pub struct Task<K> {
    /// What is computed.
    pub job: Arc<Job<K>>,
    /// Offsets in the job's range: whole chunks, or one piece of a large chunk.
    pub offsets: OffsetRun,
}

/// What a slot does next.
#[derive(Debug)]
pub enum NextTask<K> {
    /// It computes a task.
    Compute(Task<K>),
    /// There is nothing to compute until [`Effect::WakeSlots`](crate::Effect::WakeSlots).
    Wait,
    /// The worker has ended.
    Leave,
}

/// What a slot does.
#[derive(Debug, Default)]
pub(crate) enum SlotState {
    #[default]
    Idle,
    Computing {
        lease: LeaseKey,
        /// What it has not delivered yet, neither as a block nor as a failed chunk.
        rest: OffsetSet,
    },
}
