//! Results for readers: where an offset is, and how far the reader of a `delivered` job has come.

use std::{sync::Arc, time::Instant};

use swath_coordinator_core::Ending;
use swath_model::ResultMode;
use tokio::sync::watch;

use super::{Held, JobResults, State};
use crate::{ledger::PartRow, store::wanted::Wanted};

/// Where an offset was found.
pub(in crate::store) enum Found {
    /// In a block in memory that begins at `first`.
    Memory { first: u64, held: Held },
    /// In this block of a part, which begins at `first`.
    Part { first: u64, part: Arc<PartRow>, block: usize },
    /// There is nothing before `end`, and there will not be.
    Missing { end: u64 },
    /// Nowhere yet.
    Nowhere,
    /// Nowhere, and nothing more will come.
    Ended(Ending),
}

/// The reader of a `delivered` job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    Absent,
    Reads,
    /// It waits for an offset that is not here.
    Waits,
}

/// Whether the reader of a `delivered` job keeps up with what is on the disk for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Window {
    Open,
    Full,
}

impl JobResults {
    /// Looks for the block with this offset. A reader of partial results gets the missing offsets of a failed or
    /// cancelled job.
    pub(in crate::store) fn find(&self, offset: u64, wanted: Wanted) -> Found {
        let mut state = self.lock();
        if let Some(end) = state.index.end_of_failed(offset) {
            return Found::Missing { end };
        }
        if let Some((&first, held)) = state.memory.range(..=offset).next_back()
            && offset < first + held.block.covers().numbers
        {
            return Found::Memory { first, held: held.clone() };
        }
        if let Some((part, block)) = state.part_at(offset)
            && let Some(row) = part.blocks.get(block)
        {
            return Found::Part { first: row.first, part: Arc::clone(part), block };
        }
        match state.index.ending() {
            Some(Ending::Broken(_)) if wanted == Wanted::Partial && !state.index.is_dropped() => {
                let in_memory = state.memory.range(offset..).next().map(|(&first, _)| first);
                let in_parts = state.stored.range(offset..).next().map(|(&first, _)| first);
                let next = in_memory.into_iter().chain(in_parts).min();
                Found::Missing { end: next.unwrap_or(self.chunks.range().count()) }
            }
            Some(ending) => Found::Ended(ending),
            None => {
                if state.reader == Reader::Reads {
                    state.reader = Reader::Waits;
                }
                Found::Nowhere
            }
        }
    }

    /// The part with this offset, if it is in one, and the block in it.
    pub(in crate::store) fn part_at(&self, offset: u64) -> Option<(Arc<PartRow>, usize)> {
        self.lock().part_at(offset).map(|(part, block)| (Arc::clone(part), block))
    }

    /// Why this reader is refused; `None` if it is not.
    pub(crate) fn refusal(&self, wanted: Wanted) -> Option<String> {
        let state = self.lock();
        match state.index.ending() {
            Some(Ending::Broken(reason)) if wanted == Wanted::Whole || state.index.is_dropped() => Some(reason),
            _ => None,
        }
    }

    /// Wakes at each change.
    pub(in crate::store) fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Makes a reader the one reader of a `delivered` job; a job that is stored has as many as like. False if there is
    /// one already.
    pub(in crate::store) fn attach_reader(&self) -> bool {
        let mut state = self.lock();
        if self.mode == ResultMode::Delivered && state.reader != Reader::Absent {
            return false;
        }
        state.reader = Reader::Reads;
        true
    }

    /// The reader has gone away; another may come.
    pub(in crate::store) fn detach_reader(&self) {
        self.lock().reader = Reader::Absent;
    }

    /// The reader has everything before this offset: a `delivered` job need not keep it. Returns the parts of which
    /// nothing is wanted any more.
    pub(in crate::store) fn delivered(&self, offset: u64) -> Vec<Arc<PartRow>> {
        let mut done = Vec::new();
        if self.mode == ResultMode::Stored {
            return done;
        }
        let mut state = self.lock();
        state.reader = Reader::Reads;
        state.reader_moved = Some(Instant::now());
        while let Some((&first, held)) = state.memory.first_key_value()
            && first + held.block.covers().numbers <= offset
        {
            state.take_from_memory(first);
        }
        while let Some(entry) = state.stored.first_entry()
            && entry.get().end <= offset
        {
            let part = entry.remove().part;
            if !state.stored.values().any(|stored| stored.part.path == part.path) {
                state.spilled_bytes = state.spilled_bytes.saturating_sub(part.bytes);
                done.push(part);
            }
        }
        done
    }

    /// Looks whether more than `limit` bytes of a `delivered` job lie on the disk for a reader that does not keep up.
    /// True if that has changed since the last time.
    pub(in crate::store) fn window_changed(&self, limit: u64) -> bool {
        let mut state = self.lock();
        // It opens again only when there is room for more than the next part.
        let limit = if state.window == Window::Full { limit / 2 } else { limit };
        let window = if state.spilled_bytes > limit { Window::Full } else { Window::Open };
        window != std::mem::replace(&mut state.window, window)
    }
}

impl State {
    fn part_at(&self, offset: u64) -> Option<(&Arc<PartRow>, usize)> {
        let (_, stored) = self.stored.range(..=offset).next_back().filter(|(_, stored)| offset < stored.end)?;
        let block = stored.part.blocks.partition_point(|block| block.first <= offset).checked_sub(1)?;
        Some((&stored.part, block))
    }
}
