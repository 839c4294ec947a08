//! The results of one job: which numbers are in memory, which in parts.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use object_store::path::Path;
use swath_block::Block;
use swath_kernel::ValueType;
use swath_scheduler::{Chunks, IntervalSet, JobId, Run};
use tokio::sync::watch;

use super::{StoreConfig, memory::Room};

/// A block waits up to this share of its job's age for its part to fill.
const PART_AGE_SHARE: u32 = 50;

/// How long results are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retention {
    /// As parts, until the job is forgotten.
    Stored,
    /// Until the one reader, there from the start, has had them.
    Delivered,
}

/// What became of a block that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// It is held; with it these chunks are held whole. They are committed too where `committed` says so.
    Held { chunks: Option<Run>, committed: bool },
    /// Some of its numbers are held already, or the job is gone: it was dropped.
    Dropped,
}

/// Why no more results will come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All are there.
    Done,
    /// The job failed or was cancelled; a sentence that says so.
    Broken(String),
    /// The coordinator stops; another may go on.
    GoingAway,
}

/// The results of one job.
#[derive(Debug)]
pub(crate) struct JobResults {
    job: JobId,
    chunks: Chunks,
    value_type: ValueType,
    retention: Retention,
    created: Instant,
    state: Mutex<State>,
    /// Counts changes, so that readers that found nothing know when to look again.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    /// Offsets that are in memory, in a part or delivered.
    held: IntervalSet,
    /// Offsets whose part is durable.
    durable: IntervalSet,
    /// Blocks in memory, by their first offset.
    memory: BTreeMap<u64, Held>,
    memory_bytes: usize,
    /// What is in parts, by first offset.
    stored: BTreeMap<u64, Stored>,
    parts: Vec<Part>,
    result_bytes: u64,
    /// The reader of a `delivered` job waits for an offset that is not here.
    reader_waits: bool,
    reader_moved: Option<Instant>,
    ending: Option<Ending>,
    failing: bool,
    cleared: bool,
}

/// A block in memory.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) block: Block,
    since: Instant,
    _room: Arc<Room>,
}

#[derive(Debug, Clone, Copy)]
struct Stored {
    end: u64,
    part: usize,
    /// The row of the part at which this run begins.
    row: u64,
}

/// A durable part.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) path: Path,
    pub(super) bytes: u64,
}

/// Where an offset was found.
pub(super) enum Found {
    /// In a block in memory that begins at `first`.
    Memory { first: u64, held: Held },
    /// In a part, at this row of it; `first` is the offset at that row.
    Part { part: Part, row: u64 },
    /// Nowhere yet.
    Nowhere,
    /// Nowhere, and nothing more will come.
    Ended(Ending),
}

impl JobResults {
    pub(crate) fn new(job: JobId, chunks: Chunks, value_type: ValueType, retention: Retention) -> Self {
        Self {
            job,
            chunks,
            value_type,
            retention,
            created: Instant::now(),
            state: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    pub(crate) fn job(&self) -> JobId {
        self.job
    }

    pub(crate) fn chunks(&self) -> Chunks {
        self.chunks
    }

    pub(crate) fn value_type(&self) -> ValueType {
        self.value_type
    }

    /// Encoded bytes of all that was accepted.
    pub(crate) fn result_bytes(&self) -> u64 {
        self.lock().result_bytes
    }

    /// Nothing more will come; readers that wait are told.
    pub(crate) fn end(&self, ending: Ending) {
        self.lock().ending.get_or_insert(ending);
        self.changed();
    }

    pub(super) fn accept(&self, first: u64, block: Block, room: Room) -> Accepted {
        let mut state = self.lock();
        let Some(run) = Run::new(first, first.saturating_add(block.rows() as u64)) else { return Accepted::Dropped };
        if state.cleared || state.held.overlaps(run) {
            return Accepted::Dropped;
        }
        state.held.insert(run);
        state.memory_bytes += block.bytes().len();
        state.result_bytes += block.bytes().len() as u64;
        state.memory.insert(first, Held { block, since: Instant::now(), _room: Arc::new(room) });
        let chunks = whole_chunks(&state.held, self.chunks, run);
        drop(state);
        self.changed();
        Accepted::Held { chunks, committed: self.retention == Retention::Delivered }
    }

    /// Looks for the block with this offset.
    pub(super) fn find(&self, offset: u64) -> Found {
        let mut state = self.lock();
        if let Some((&first, held)) = state.memory.range(..=offset).next_back()
            && offset < first + held.block.rows() as u64
        {
            return Found::Memory { first, held: held.clone() };
        }
        if let Some((&first, stored)) = state.stored.range(..=offset).next_back()
            && offset < stored.end
        {
            return Found::Part { part: state.parts[stored.part].clone(), row: stored.row + (offset - first) };
        }
        match &state.ending {
            Some(ending) => Found::Ended(ending.clone()),
            None => {
                state.reader_waits = true;
                Found::Nowhere
            }
        }
    }

    /// The reader has all before this offset: a `delivered` job need not keep it.
    pub(super) fn delivered(&self, offset: u64) {
        let mut state = self.lock();
        state.reader_waits = false;
        state.reader_moved = Some(Instant::now());
        if self.retention == Retention::Delivered {
            while let Some(entry) = state.memory.first_entry()
                && entry.key() + entry.get().block.rows() as u64 <= offset
            {
                let held = entry.remove();
                state.memory_bytes -= held.block.bytes().len();
            }
        }
    }

    /// Wakes at each change.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(super) fn wants_flush(&self, config: &StoreConfig) -> bool {
        if self.retention == Retention::Delivered {
            return false;
        }
        let state = self.lock();
        state.memory_bytes >= config.part_bytes || state.held.len() == self.chunks.range().count()
    }

    /// The blocks that should be made a part now, in order; none if it is not yet time.
    pub(super) fn take_for_part(&self, config: &StoreConfig, memory_is_short: bool) -> Vec<(u64, Held)> {
        let state = self.lock();
        let Some(oldest) = state.memory.values().map(|held| held.since).min() else { return Vec::new() };
        let due = match self.retention {
            Retention::Stored => {
                memory_is_short
                    || state.memory_bytes >= config.part_bytes
                    || oldest.elapsed() >= config.part_age.max(self.created.elapsed() / PART_AGE_SHARE)
                    || state.held.len() == self.chunks.range().count()
                    || state.ending.is_some()
            }
            Retention::Delivered => {
                let moved = state.reader_moved.unwrap_or(oldest).max(oldest);
                memory_is_short && (state.reader_waits || moved.elapsed() >= config.part_age)
            }
        };
        if !due {
            return Vec::new();
        }
        let mut bytes = 0;
        let fits = |held: &Held| {
            bytes += held.block.bytes().len();
            bytes <= config.part_bytes.max(held.block.bytes().len())
        };
        let mut fits = fits;
        state.memory.iter().take_while(|(_, held)| fits(held)).map(|(&first, held)| (first, held.clone())).collect()
    }

    /// The blocks that begin at these offsets are now in a durable part. Returns the chunks that this commits.
    pub(super) fn part_is_durable(&self, part: Part, blocks: &[(u64, Held)]) -> Vec<Run> {
        let mut state = self.lock();
        if state.cleared {
            return Vec::new();
        }
        state.failing = false;
        let index = state.parts.len();
        state.parts.push(part);
        let mut row = 0;
        let mut runs: Vec<(Run, u64)> = Vec::new();
        for (first, held) in blocks {
            let rows = held.block.rows() as u64;
            match runs.last_mut() {
                Some((run, _)) if run.end == *first => run.end += rows,
                _ => runs.extend(Run::new(*first, first + rows).map(|run| (run, row))),
            }
            row += rows;
            if let Some(held) = state.memory.remove(first) {
                state.memory_bytes -= held.block.bytes().len();
            }
        }
        let mut committed = Vec::new();
        for (run, row) in runs {
            state.stored.insert(run.start, Stored { end: run.end, part: index, row });
            state.durable.insert(run);
            committed.extend(whole_chunks(&state.durable, self.chunks, run));
        }
        drop(state);
        self.changed();
        // Chunks of a `delivered` job were committed when they came.
        if self.retention == Retention::Delivered { Vec::new() } else { committed }
    }

    /// A part could not be written. True the first time since one was.
    pub(super) fn part_failed(&self) -> bool {
        !std::mem::replace(&mut self.lock().failing, true)
    }

    /// True if parts failed until now.
    pub(super) fn was_failing(&self) -> bool {
        self.lock().failing
    }

    /// Drops everything; returns the parts to delete.
    pub(super) fn clear(&self) -> Vec<Path> {
        let mut state = self.lock();
        let parts = state.parts.iter().map(|part| part.path.clone()).collect();
        *state = State {
            cleared: true,
            ending: Some(Ending::Broken("the job was forgotten".to_owned())),
            ..State::default()
        };
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

/// The chunks that touch `run` and lie whole in `offsets`, which contains `run`.
fn whole_chunks(offsets: &IntervalSet, chunks: Chunks, run: Run) -> Option<Run> {
    let is_whole = |chunk: u64| Run::new(chunk, chunk + 1).is_some_and(|one| offsets.contains_run(chunks.offsets(one)));
    let mut start = chunks.chunk_at(run.start);
    let mut end = chunks.chunk_at(run.end - 1) + 1;
    // Only a chunk at either end can lie partly outside of `run`.
    if !is_whole(start) {
        start += 1;
    }
    if start < end && !is_whole(end - 1) {
        end -= 1;
    }
    Run::new(start, end)
}
