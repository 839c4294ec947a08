//! The results of one job: the bytes that are held, beside the index that decides on them.

mod loss;
mod reading;
mod writing;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use swath_block::{Block, Origin, file_metadata};
use swath_coordinator_core::{Accepted, Ending, ResultIndex};
use swath_evaluation::{Reductions, reductions_of};
use swath_model::{ChunkSet, Chunks, JobId, JobSpec, Layout, OffsetRun, OffsetSet, ResultMode};
use tokio::sync::watch;

pub(super) use self::{reading::Found, writing::Pressure};
use self::{
    reading::{Reader, Window},
    writing::Parts,
};
use super::memory::Room;
use crate::ledger::{PartRow, Sender};

/// The results of one job.
#[derive(Debug)]
pub(crate) struct JobResults {
    job: JobId,
    chunks: Chunks,
    layout: Layout,
    mode: ResultMode,
    /// What a part says about itself.
    metadata: Vec<(String, String)>,
    /// What its blocks are merged by, if they are aggregates.
    reductions: Option<Arc<Reductions>>,
    created: Instant,
    state: Mutex<State>,
    /// Counts changes, so that readers that found nothing know when to look again.
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    index: ResultIndex,
    /// Blocks in memory, by their first offset.
    memory: BTreeMap<u64, Held>,
    memory_bytes: usize,
    /// What is in parts, by first offset.
    stored: BTreeMap<u64, Stored>,
    result_bytes: u64,
    /// Bytes of parts that a `delivered` job has on the disk.
    spilled_bytes: u64,
    window: Window,
    reader: Reader,
    reader_moved: Option<Instant>,
    parts: Parts,
}

/// A block in memory.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) block: Block,
    /// Who sent it.
    pub(super) sender: Arc<Sender>,
    since: Instant,
    _room: Arc<Room>,
}

/// Consecutive blocks of a part.
#[derive(Debug, Clone)]
struct Stored {
    end: u64,
    part: Arc<PartRow>,
}

impl JobResults {
    /// No results yet, of this job.
    pub(crate) fn of(job: JobId, spec: &JobSpec) -> Self {
        let metadata = {
            let origin = Origin {
                kernel: &spec.kernel,
                program: spec.program.as_ref(),
                parameters: &spec.parameters,
                condition: spec.condition.as_deref(),
                reductions: spec.reductions.as_deref(),
            };
            file_metadata(origin, &spec.range())
        };
        // They were checked when the job was submitted.
        let reductions = reductions_of(spec).ok().flatten().map(Arc::new);
        Self { metadata, reductions, ..Self::new(job, spec.chunks, spec.layout.clone(), spec.result_mode) }
    }

    pub(crate) fn new(job: JobId, chunks: Chunks, layout: Layout, mode: ResultMode) -> Self {
        Self {
            job,
            chunks,
            layout,
            mode,
            metadata: Vec::new(),
            reductions: None,
            created: Instant::now(),
            state: Mutex::new(State::new(ResultIndex::new(chunks, mode))),
            changes: watch::Sender::new(0),
        }
    }

    pub(crate) fn job(&self) -> JobId {
        self.job
    }

    pub(crate) fn chunks(&self) -> Chunks {
        self.chunks
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What its blocks are merged by, if they are aggregates.
    pub(crate) fn reductions(&self) -> Option<&Arc<Reductions>> {
        self.reductions.as_ref()
    }

    pub(super) fn mode(&self) -> ResultMode {
        self.mode
    }

    /// What its parts say about themselves: keys and values for their footers.
    pub(super) fn metadata(&self) -> &[(String, String)] {
        &self.metadata
    }

    /// Bytes of everything that was accepted: of parts where it is in parts, otherwise of blocks.
    pub(crate) fn result_bytes(&self) -> u64 {
        self.lock().result_bytes
    }

    /// See [`ResultIndex::missing`].
    pub(crate) fn missing(&self, chunks: &ChunkSet, offsets: &OffsetSet) -> OffsetSet {
        self.lock().index.missing(chunks, offsets)
    }

    /// See [`ResultIndex::committed_chunks`].
    pub(crate) fn committed_chunks(&self) -> ChunkSet {
        self.lock().index.committed_chunks()
    }

    /// Keeps a block, if the index wants it.
    pub(super) fn accept(&self, first: u64, block: Block, sender: Arc<Sender>, room: Room) -> Accepted {
        let Some(run) = OffsetRun::from_start(first, block.covers().numbers) else { return Accepted::Gone };
        let mut state = self.lock();
        let accepted = state.index.accept(run);
        if matches!(accepted, Accepted::Held { .. }) {
            state.memory_bytes += block.bytes().len();
            state.result_bytes += block.bytes().len() as u64;
            state.memory.insert(first, Held { block, sender, since: Instant::now(), _room: Arc::new(room) });
            drop(state);
            self.changed();
        }
        accepted
    }

    /// A chunk failed for good: there will be no results of it, and what is here of it is not shown. A block that also
    /// has results of other chunks stays.
    pub(crate) fn fail_chunk(&self, chunk: u64) {
        let mut state = self.lock();
        let offsets = state.index.fail_chunk(chunk);
        let begins_within = state.memory.range(offsets.start()..offsets.end());
        let is_within = |(&first, held): (&u64, &Held)| {
            (first.saturating_add(held.block.rows() as u64) <= offsets.end()).then_some(first)
        };
        for first in begins_within.filter_map(is_within).collect::<Vec<u64>>() {
            state.drop_from_memory(first);
        }
        drop(state);
        self.changed();
    }

    /// No more results will come; readers that wait are told.
    pub(crate) fn end(&self, ending: Ending) {
        let mut state = self.lock();
        if state.index.end(ending) {
            // Nobody will read them, and others need the room.
            state.drop_memory();
        }
        drop(state);
        self.changed();
    }

    /// A job that was done is computed again.
    pub(crate) fn reopen(&self) {
        self.lock().index.reopen();
        self.changed();
    }

    /// Takes no more blocks; those in memory are due.
    pub(super) fn close(&self) {
        self.lock().index.close();
    }

    /// Drops everything; returns the parts to delete. Readers are told the reason.
    pub(super) fn clear(&self, reason: String) -> Vec<Arc<PartRow>> {
        let mut state = self.lock();
        let parts: BTreeMap<_, _> =
            state.stored.values().map(|stored| (stored.part.path.clone(), Arc::clone(&stored.part))).collect();
        let parts = parts.into_values().collect();
        let mut index = ResultIndex::new(self.chunks, self.mode);
        index.drop_all(reason);
        *state = State::new(index);
        drop(state);
        self.changed();
        parts
    }

    fn changed(&self) {
        self.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new(index: ResultIndex) -> Self {
        Self {
            index,
            memory: BTreeMap::new(),
            memory_bytes: 0,
            stored: BTreeMap::new(),
            result_bytes: 0,
            spilled_bytes: 0,
            window: Window::Open,
            reader: Reader::Absent,
            reader_moved: None,
            parts: Parts::Written,
        }
    }

    /// Takes a block out of memory that counts for the size of the results all the same.
    fn take_from_memory(&mut self, first: u64) -> Option<Held> {
        let held = self.memory.remove(&first)?;
        self.memory_bytes -= held.block.bytes().len();
        Some(held)
    }

    /// Takes a block out of memory that is no result any more.
    fn drop_from_memory(&mut self, first: u64) {
        if let Some(held) = self.take_from_memory(first) {
            self.result_bytes = self.result_bytes.saturating_sub(held.block.bytes().len() as u64);
        }
    }

    fn drop_memory(&mut self) {
        self.memory.clear();
        self.result_bytes = self.result_bytes.saturating_sub(self.memory_bytes as u64);
        self.memory_bytes = 0;
    }
}
