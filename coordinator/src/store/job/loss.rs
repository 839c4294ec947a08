//! Results that are lost or damaged after they were accepted: they are held no longer, and computed again.

use std::{collections::BTreeMap, sync::Arc};

use swath_block::Block;
use swath_coordinator_core::{Kept, chunks_of_block};
use swath_model::{ChunkRun, OffsetRun, ResultMode};

use super::{Held, JobResults};
use crate::ledger::PartRow;

impl JobResults {
    /// Whether this part is still one of the job's.
    pub(in crate::store) fn has_part(&self, part: &Arc<PartRow>) -> bool {
        self.lock().stored.values().any(|stored| Arc::ptr_eq(&stored.part, part))
    }

    /// A part is lost or damaged: its numbers are not held any more, except those that the reader of a `delivered` job
    /// has had. Returns the chunks that this touches.
    pub(in crate::store) fn lose_part(&self, part: &Arc<PartRow>) -> Vec<ChunkRun> {
        let mut state = self.lock();
        let stored = std::mem::take(&mut state.stored);
        let (lost, kept): (BTreeMap<_, _>, _) =
            stored.into_iter().partition(|(_, stored)| Arc::ptr_eq(&stored.part, part));
        state.stored = kept;
        state.result_bytes = state.result_bytes.saturating_sub(part.bytes);
        if self.mode == ResultMode::Delivered {
            state.spilled_bytes = state.spilled_bytes.saturating_sub(part.bytes);
        }
        let lost: Vec<_> = lost.iter().filter_map(|(&start, stored)| OffsetRun::new(start, stored.end)).collect();
        let chunks = state.index.lose(&lost);
        drop(state);
        self.changed();
        chunks
    }

    /// A block in memory is damaged: its numbers are not held any more. Returns the chunks that this touches; none if
    /// the block is not here any more.
    pub(in crate::store) fn lose_block(&self, first: u64, block: &Block) -> Vec<ChunkRun> {
        let mut state = self.lock();
        let is_here = |held: &Held| held.block.bytes().as_ptr() == block.bytes().as_ptr();
        if !state.memory.get(&first).is_some_and(is_here) {
            return Vec::new();
        }
        state.drop_from_memory(first);
        let Some(lost) = OffsetRun::from_start(first, block.covers().numbers) else { return Vec::new() };
        let chunks = state.index.lose(&[lost]);
        drop(state);
        self.changed();
        chunks
    }

    /// The reader of a `delivered` job cannot use a block that it has: its numbers are not held any more. Returns the
    /// chunks that this touches; none if no such block was delivered.
    pub(in crate::store) fn lose_delivered(&self, first: u64, numbers: u64) -> Vec<ChunkRun> {
        let Some(run) = OffsetRun::from_start(first, numbers) else { return Vec::new() };
        let mut state = self.lock();
        let is_kept = state.memory.range(run.start()..run.end()).next().is_some()
            || state.stored.iter().any(|(&start, stored)| start < run.end() && run.start() < stored.end);
        let kept = if is_kept { Kept::Something } else { Kept::Nothing };
        if !state.index.was_delivered(run, kept) || self.chunks_of_block(first, numbers).is_none() {
            return Vec::new();
        }
        let chunks = state.index.lose(&[run]);
        drop(state);
        self.changed();
        chunks
    }

    /// The chunks of a block of these offsets; see [`chunks_of_block`].
    pub(crate) fn chunks_of_block(&self, first: u64, numbers: u64) -> Option<ChunkRun> {
        chunks_of_block(self.chunks, self.layout.cut(), OffsetRun::from_start(first, numbers)?)
    }
}
