//! Results on their way into parts.

use std::sync::Arc;

use swath_model::{ChunkRun, OffsetRun, ResultMode};

use super::{
    Held, JobResults, State, Stored,
    reading::{Reader, Window},
};
use crate::{
    ledger::{BlockRow, PartRow},
    store::config::StoreConfig,
};

/// A block waits up to this share of its job's age for its part to fill.
const PART_AGE_SHARE: u32 = 50;

/// Why blocks should leave memory before they are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Pressure {
    None,
    /// Uploads wait for room.
    MemoryIsShort,
    /// The coordinator stops: what is kept must be on the disk.
    LastTime,
}

/// Whether the last part of the job could be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parts {
    Written,
    /// Why not.
    Failed(String),
}

impl JobResults {
    /// Whether it is time to look for blocks that are due.
    pub(in crate::store) fn wants_flush(&self, config: &StoreConfig) -> bool {
        if self.mode == ResultMode::Delivered {
            return false;
        }
        let state = self.lock();
        state.memory_bytes >= config.part_bytes || state.index.is_complete()
    }

    /// The blocks that should be made a part now, in order; none if it is not yet time. Only one part of a job is made
    /// at a time.
    pub(in crate::store) fn take_for_part(&self, config: &StoreConfig, pressure: Pressure) -> Vec<(u64, Held)> {
        let mut state = self.lock();
        if !self.is_part_due(&state, config, pressure) {
            return Vec::new();
        }
        let mut bytes = 0;
        let mut fits = |held: &Held| {
            let first = bytes == 0;
            bytes += held.block.bytes().len();
            first || bytes <= config.part_bytes
        };
        let blocks = state.memory.iter().map(|(&first, held)| (first, held.clone()));
        let taken: Vec<_> = match self.mode {
            ResultMode::Stored => blocks.take_while(|(_, held)| fits(held)).collect(),
            ResultMode::Delivered => {
                // Those that the reader wants last.
                let mut last: Vec<_> = blocks.rev().take_while(|(_, held)| fits(held)).collect();
                last.reverse();
                last
            }
        };
        let run =
            |(first, held): &(u64, Held)| OffsetRun::new(*first, first.saturating_add(held.block.covers().numbers));
        state.index.begin_part(&taken.iter().filter_map(run).collect::<Vec<_>>());
        taken
    }

    fn is_part_due(&self, state: &State, config: &StoreConfig, pressure: Pressure) -> bool {
        let Some(oldest) = state.memory.values().map(|held| held.since).min() else { return false };
        match self.mode {
            ResultMode::Stored => {
                pressure != Pressure::None
                    || state.memory_bytes >= config.part_bytes
                    || oldest.elapsed() >= config.part_age.max(self.created.elapsed() / PART_AGE_SHARE)
                    || state.index.is_complete()
                    || state.index.ending().is_some()
                    || state.index.is_closing()
            }
            ResultMode::Delivered => {
                let moved = state.reader_moved.unwrap_or(oldest).max(oldest);
                pressure == Pressure::MemoryIsShort
                    && (state.reader == Reader::Waits || moved.elapsed() >= config.part_age)
            }
        }
    }

    /// A part is durable, and the ledger says so. Returns the chunks that this commits; `None` if the job was forgotten
    /// meanwhile, or a block of it turned out to be bad, and the part is not wanted.
    pub(in crate::store) fn part_is_durable(&self, part: PartRow) -> Option<Vec<ChunkRun>> {
        let mut state = self.lock();
        let committed = state.index.commit(&runs(&part.blocks))?;
        if self.mode == ResultMode::Delivered {
            state.spilled_bytes += part.bytes;
        }
        state.result_bytes += part.bytes;
        for block in &part.blocks {
            // A row stands for several blocks where these have no rows.
            let covered = block.first..block.first.saturating_add(block.numbers);
            while let Some(first) = state.memory.range(covered.clone()).next().map(|(&first, _)| first) {
                state.drop_from_memory(first);
            }
        }
        state.add_part(part);
        drop(state);
        self.changed();
        Some(committed)
    }

    /// A part that the ledger had at the start.
    pub(in crate::store) fn recover_part(&self, part: PartRow) {
        let mut state = self.lock();
        state.result_bytes += part.bytes;
        state.index.recover(&runs(&part.blocks));
        state.add_part(part);
    }

    /// A part could not be written, for this reason. True the first time since one was.
    pub(in crate::store) fn part_failed(&self, reason: String) -> bool {
        std::mem::replace(&mut self.lock().parts, Parts::Failed(reason)) == Parts::Written
    }

    /// A part was written, or none is due. True if the part before it failed.
    pub(in crate::store) fn part_is_fine(&self) -> bool {
        std::mem::replace(&mut self.lock().parts, Parts::Written) != Parts::Written
    }

    /// Why the job should be paused; `None` if it need not be.
    pub(in crate::store) fn pause(&self) -> Option<String> {
        let state = self.lock();
        match (&state.parts, state.window) {
            (Parts::Failed(reason), _) => Some(reason.clone()),
            (Parts::Written, Window::Full) => Some("its reader does not keep up".to_owned()),
            (Parts::Written, Window::Open) => None,
        }
    }

    /// True once, when all blocks of a job that was closed are in parts.
    pub(in crate::store) fn is_written_out(&self) -> bool {
        let mut state = self.lock();
        state.memory.is_empty() && state.index.close_is_done()
    }

    /// The blocks of a job that was closed cannot be written: drops them. Returns how many numbers they have; `None` if
    /// the job was not closed.
    pub(in crate::store) fn give_up(&self) -> Option<u64> {
        let mut state = self.lock();
        if !state.index.close_is_done() {
            return None;
        }
        let numbers = state.memory.values().map(|held| held.block.covers().numbers).sum();
        state.drop_memory();
        Some(numbers)
    }
}

impl State {
    /// Notes where the blocks of a part are.
    fn add_part(&mut self, part: PartRow) {
        let part = Arc::new(part);
        for run in runs(&part.blocks) {
            self.stored.insert(run.start(), Stored { end: run.end(), part: Arc::clone(&part) });
        }
    }
}

/// The runs of offsets that blocks in order of their offsets make.
fn runs(blocks: &[BlockRow]) -> Vec<OffsetRun> {
    let mut runs: Vec<OffsetRun> = Vec::new();
    for block in blocks {
        let end = block.first.saturating_add(block.numbers);
        match runs.last_mut() {
            Some(run) if run.end() == block.first => *run = OffsetRun::new(run.start(), end).unwrap_or(*run),
            _ => runs.extend(OffsetRun::new(block.first, end)),
        }
    }
    runs
}
