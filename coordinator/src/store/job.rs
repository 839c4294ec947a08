//! The results of one job: which numbers are in memory, which in parts.

mod closing;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use swath_block::{Block, MAX_ROWS};
use swath_kernel::ValueType;
use swath_model::{ChunkRun, ChunkSet, Chunks, JobId, OffsetRun, OffsetSet, ResultMode};
use tokio::sync::watch;

use self::closing::Closing;
use super::{config::StoreConfig, memory::Room, wanted::Wanted};
use crate::ledger::{BlockRow, PartRow, Sender};

/// A block waits up to this share of its job's age for its part to fill.
const PART_AGE_SHARE: u32 = 50;

/// What became of a block that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// It is held; with it these chunks are held whole.
    Held { chunks: Option<ChunkRun> },
    /// All its numbers were held already: it was dropped. These of its chunks are held whole.
    HeldAlready { chunks: Option<ChunkRun> },
    /// Some of its numbers were held already: it was dropped. These of its chunks are held whole; the others must be
    /// computed again.
    Overlapped { chunks: Vec<ChunkRun> },
    /// The job is gone: it was dropped.
    Gone,
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
    retention: ResultMode,
    created: Instant,
    state: Mutex<State>,
    /// Counts changes, so that readers that found nothing know when to look again.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "to become one state of the job")]
struct State {
    /// Offsets that are in memory, in a part or delivered, and those that will never be.
    held: OffsetSet,
    /// Offsets of chunks that were given up.
    skipped: OffsetSet,
    /// Offsets whose part is durable.
    durable: OffsetSet,
    /// Blocks in memory, by their first offset.
    memory: BTreeMap<u64, Held>,
    memory_bytes: usize,
    /// What is in parts, by first offset.
    stored: BTreeMap<u64, Stored>,
    result_bytes: u64,
    /// Bytes of parts that a `delivered` job has on the disk.
    spilled_bytes: u64,
    window_full: bool,
    reader_attached: bool,
    /// The reader of a `delivered` job waits for an offset that is not here.
    reader_waits: bool,
    reader_moved: Option<Instant>,
    closing: Closing,
    ending: Option<Ending>,
    failing: bool,
    cleared: bool,
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

/// Why blocks should leave memory before their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pressure {
    None,
    /// Uploads wait for room.
    MemoryIsShort,
    /// The coordinator stops: what is kept must be on the disk.
    LastTime,
}

/// Where an offset was found.
pub(super) enum Found {
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

impl JobResults {
    pub(crate) fn new(job: JobId, chunks: Chunks, value_type: ValueType, retention: ResultMode) -> Self {
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

    pub(crate) fn retention(&self) -> ResultMode {
        self.retention
    }

    /// Bytes of all that was accepted: of parts where it is in parts, otherwise of blocks.
    pub(crate) fn result_bytes(&self) -> u64 {
        self.lock().result_bytes
    }

    /// Nothing more will come; readers that wait are told.
    pub(crate) fn end(&self, ending: Ending) {
        let mut state = self.lock();
        if matches!(ending, Ending::Broken(_)) {
            // Nobody will read them, and others need the room.
            state.drop_memory();
        }
        state.ending.get_or_insert(ending);
        drop(state);
        self.changed();
    }

    pub(super) fn accept(&self, first: u64, block: Block, sender: Arc<Sender>, room: Room) -> Accepted {
        let mut state = self.lock();
        let Some(run) = OffsetRun::new(first, first.saturating_add(block.rows() as u64)) else { return Accepted::Gone };
        let is_broken = state.closing != Closing::Not || matches!(state.ending, Some(Ending::Broken(_)));
        if state.cleared || is_broken {
            return Accepted::Gone;
        }
        if state.held.contains_run(run) {
            return Accepted::HeldAlready { chunks: whole_chunks(&state.held, self.chunks, run) };
        }
        if state.held.overlaps(run) {
            let held = state.held.intersection(run);
            let chunks = held.filter_map(|run| whole_chunks(&state.held, self.chunks, run)).collect();
            return Accepted::Overlapped { chunks };
        }
        state.held.insert(run);
        state.memory_bytes += block.bytes().len();
        state.result_bytes += block.bytes().len() as u64;
        state.memory.insert(first, Held { block, sender, since: Instant::now(), _room: Arc::new(room) });
        let chunks = whole_chunks(&state.held, self.chunks, run);
        drop(state);
        self.changed();
        Accepted::Held { chunks }
    }

    /// What of these chunks is neither held nor among these offsets.
    pub(crate) fn missing(&self, chunks: &ChunkSet, offsets: &OffsetSet) -> OffsetSet {
        let state = self.lock();
        let mut missing = OffsetSet::new();
        for chunks in chunks.iter() {
            for gap in offsets.gaps(self.chunks.offsets(chunks)) {
                state.held.gaps(gap).for_each(|gap| missing.insert(gap));
            }
        }
        missing
    }

    /// A chunk was given up: there will be no results of it, and what is here of it is not shown.
    pub(crate) fn skip(&self, chunk: u64) {
        let offsets = self.chunks.offsets(ChunkRun::one(chunk));
        let mut state = self.lock();
        state.held.insert(offsets);
        state.skipped.insert(offsets);
        let pieces: Vec<u64> = state.memory.range(offsets.start()..offsets.end()).map(|(&first, _)| first).collect();
        for first in pieces {
            if let Some(piece) = state.memory.remove(&first) {
                state.memory_bytes -= piece.block.bytes().len();
            }
        }
        drop(state);
        self.changed();
    }

    /// Looks for the block with this offset. Of a job that broke, a reader that wants a part sees what is missing.
    pub(super) fn find(&self, offset: u64, wanted: Wanted) -> Found {
        let mut state = self.lock();
        if state.skipped.contains(offset) {
            return Found::Missing { end: state.skipped.first_missing(offset) };
        }
        if let Some((&first, held)) = state.memory.range(..=offset).next_back()
            && offset < first + held.block.rows() as u64
        {
            return Found::Memory { first, held: held.clone() };
        }
        if let Some((part, block)) = state.part_at(offset)
            && let Some(row) = part.blocks.get(block)
        {
            return Found::Part { first: row.first, part: Arc::clone(part), block };
        }
        match &state.ending {
            Some(Ending::Broken(_)) if wanted == Wanted::Partial && !state.cleared => {
                let in_memory = state.memory.range(offset..).next().map(|(&first, _)| first);
                let in_parts = state.stored.range(offset..).next().map(|(&first, _)| first);
                let next = in_memory.into_iter().chain(in_parts).min();
                Found::Missing { end: next.unwrap_or(self.chunks.range().count()) }
            }
            Some(ending) => Found::Ended(ending.clone()),
            None => {
                state.reader_waits = true;
                Found::Nowhere
            }
        }
    }

    /// The part with this offset, if it is in one, and the block in it.
    pub(super) fn part_at(&self, offset: u64) -> Option<(Arc<PartRow>, usize)> {
        self.lock().part_at(offset).map(|(part, block)| (Arc::clone(part), block))
    }

    /// Makes a reader the one reader of a `delivered` job; any job that is stored has as many as like. False if there is
    /// one already.
    pub(super) fn attach_reader(&self) -> bool {
        let mut state = self.lock();
        let attached = self.retention == ResultMode::Stored || !state.reader_attached;
        state.reader_attached = true;
        attached
    }

    /// The reader has gone away; another may come.
    pub(super) fn detach_reader(&self) {
        self.lock().reader_attached = false;
    }

    /// The reader has all before this offset: a `delivered` job need not keep it. Returns the parts of which nothing is
    /// wanted any more.
    pub(super) fn delivered(&self, offset: u64) -> Vec<Arc<PartRow>> {
        let mut done = Vec::new();
        if self.retention == ResultMode::Stored {
            return done;
        }
        let mut state = self.lock();
        state.reader_waits = false;
        state.reader_moved = Some(Instant::now());
        while let Some(entry) = state.memory.first_entry()
            && entry.key() + entry.get().block.rows() as u64 <= offset
        {
            let held = entry.remove();
            state.memory_bytes -= held.block.bytes().len();
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

    /// Whether more than `window` bytes of a `delivered` job lie on the disk for a reader that does not keep up; `Some`
    /// only when the answer is another than the last time.
    pub(super) fn window_changed(&self, window: u64) -> Option<bool> {
        let mut state = self.lock();
        let full = if state.window_full { state.spilled_bytes > window / 2 } else { state.spilled_bytes > window };
        (full != std::mem::replace(&mut state.window_full, full)).then_some(full)
    }

    /// Wakes at each change.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(super) fn wants_flush(&self, config: &StoreConfig) -> bool {
        if self.retention == ResultMode::Delivered {
            return false;
        }
        let state = self.lock();
        state.memory_bytes >= config.part_bytes || state.held.len() == self.chunks.range().count()
    }

    /// The blocks that should be made a part now, in order; none if it is not yet time.
    pub(super) fn take_for_part(&self, config: &StoreConfig, pressure: Pressure) -> Vec<(u64, Held)> {
        let state = self.lock();
        let memory_is_short = pressure == Pressure::MemoryIsShort;
        let Some(oldest) = state.memory.values().map(|held| held.since).min() else { return Vec::new() };
        let due = match self.retention {
            ResultMode::Stored => {
                pressure != Pressure::None
                    || state.memory_bytes >= config.part_bytes
                    || oldest.elapsed() >= config.part_age.max(self.created.elapsed() / PART_AGE_SHARE)
                    || state.held.len() == self.chunks.range().count()
                    || state.ending.is_some()
                    || state.closing == Closing::Writing
            }
            ResultMode::Delivered => {
                let moved = state.reader_moved.unwrap_or(oldest).max(oldest);
                memory_is_short && (state.reader_waits || moved.elapsed() >= config.part_age)
            }
        };
        if !due {
            return Vec::new();
        }
        let mut bytes = 0;
        let mut fits = |held: &Held| {
            let first = bytes == 0;
            bytes += held.block.bytes().len();
            first || bytes <= config.part_bytes
        };
        let blocks = state.memory.iter().map(|(&first, held)| (first, held.clone()));
        match self.retention {
            ResultMode::Stored => blocks.take_while(|(_, held)| fits(held)).collect(),
            ResultMode::Delivered => {
                // Those that the reader wants last.
                let mut last: Vec<_> = blocks.rev().take_while(|(_, held)| fits(held)).collect();
                last.reverse();
                last
            }
        }
    }

    /// A part is durable, and the ledger says so. Returns the chunks that this commits; `None` if the job was forgotten
    /// meanwhile, or a block of it turned out to be bad, and the part is not wanted.
    pub(super) fn part_is_durable(&self, part: PartRow) -> Option<Vec<ChunkRun>> {
        let mut state = self.lock();
        if state.cleared || runs(&part.blocks).into_iter().any(|run| !state.held.contains_run(run)) {
            return None;
        }
        if self.retention == ResultMode::Delivered {
            state.spilled_bytes += part.bytes;
        }
        state.result_bytes += part.bytes;
        for block in &part.blocks {
            if let Some(held) = state.memory.remove(&block.first) {
                let bytes = held.block.bytes().len();
                state.memory_bytes -= bytes;
                state.result_bytes = state.result_bytes.saturating_sub(bytes as u64);
            }
        }
        let mut committed = Vec::new();
        for run in state.add_part(part) {
            committed.extend(whole_chunks(&state.durable, self.chunks, run));
        }
        drop(state);
        self.changed();
        // Chunks of a `delivered` job were committed when they came.
        Some(if self.retention == ResultMode::Delivered { Vec::new() } else { committed })
    }

    /// A part that the ledger had at the start.
    pub(super) fn recover_part(&self, part: PartRow) {
        let mut state = self.lock();
        state.result_bytes += part.bytes;
        for run in state.add_part(part) {
            state.held.insert(run);
        }
    }

    /// Whether this part is still one of the job's.
    pub(super) fn has_part(&self, part: &Arc<PartRow>) -> bool {
        self.lock().stored.values().any(|stored| Arc::ptr_eq(&stored.part, part))
    }

    /// A part is lost or damaged: its numbers are held no longer, but for those that a reader had who wants them once.
    /// Returns the chunks that this touches.
    pub(super) fn spoil_part(&self, part: &Arc<PartRow>) -> Vec<ChunkRun> {
        let mut state = self.lock();
        let stored = std::mem::take(&mut state.stored);
        let (lost, kept): (BTreeMap<_, _>, _) =
            stored.into_iter().partition(|(_, stored)| Arc::ptr_eq(&stored.part, part));
        state.stored = kept;
        let lost: Vec<OffsetRun> =
            lost.iter().filter_map(|(&start, stored)| OffsetRun::new(start, stored.end)).collect();
        for &run in &lost {
            state.durable.remove(run);
        }
        state.result_bytes = state.result_bytes.saturating_sub(part.bytes);
        if self.retention == ResultMode::Delivered {
            state.spilled_bytes = state.spilled_bytes.saturating_sub(part.bytes);
        }
        self.lose(state, lost)
    }

    /// A block in memory is damaged: its numbers are held no longer. Returns the chunks that this touches; none if it is
    /// not here any more.
    pub(super) fn spoil_block(&self, first: u64, block: &Block) -> Vec<ChunkRun> {
        let mut state = self.lock();
        let is_here = |held: &Held| held.block.bytes().as_ptr() == block.bytes().as_ptr();
        if !state.memory.get(&first).is_some_and(is_here) {
            return Vec::new();
        }
        state.memory.remove(&first);
        let bytes = block.bytes().len();
        state.memory_bytes -= bytes;
        state.result_bytes = state.result_bytes.saturating_sub(bytes as u64);
        let lost = OffsetRun::new(first, first.saturating_add(block.rows() as u64));
        self.lose(state, lost.into_iter().collect())
    }

    /// The reader of a `delivered` job had a block and could not use it: its numbers are held no longer. Returns the chunks
    /// that this touches; none if it was no block that was delivered.
    pub(super) fn take_back(&self, first: u64, numbers: u64) -> Vec<ChunkRun> {
        let state = self.lock();
        let Some(run) = OffsetRun::new(first, first.saturating_add(numbers)) else { return Vec::new() };
        let is_kept = state.memory.range(run.start()..run.end()).next().is_some()
            || state.stored.iter().any(|(&start, stored)| start < run.end() && run.start() < stored.end);
        let was_delivered = self.retention == ResultMode::Delivered && state.held.contains_run(run) && !is_kept;
        let ends = matches!(state.ending, Some(Ending::Broken(_) | Ending::GoingAway));
        if !was_delivered || ends || self.chunks_of_block(first, numbers).is_none() {
            return Vec::new();
        }
        self.lose(state, vec![run])
    }

    /// The chunks of a block of these offsets. It must be whole chunks, or one piece of a chunk that is larger than a
    /// block. The pieces of a chunk are the same whoever computes it, so that no two can overlap in part.
    pub(crate) fn chunks_of_block(&self, first: u64, numbers: u64) -> Option<ChunkRun> {
        let chunks = self.chunks;
        let end = first.checked_add(numbers).filter(|&end| end <= chunks.range().count() && end > first)?;
        let run = ChunkRun::new(chunks.chunk_at(first), chunks.chunk_at(end - 1) + 1)?;
        let covered = chunks.offsets(run);
        let is_whole = covered.start() == first && covered.end() == end;
        let piece = MAX_ROWS as u64;
        let is_piece = run.len() == 1
            && (first - covered.start()).is_multiple_of(piece)
            && (end == covered.end() || end - first == piece);
        (is_whole || is_piece).then_some(run)
    }

    /// These offsets are held no longer; returns the chunks that they touch.
    fn lose(&self, mut state: MutexGuard<'_, State>, lost: Vec<OffsetRun>) -> Vec<ChunkRun> {
        for &run in &lost {
            state.held.remove(run);
        }
        for skipped in state.skipped.clone().iter() {
            state.held.insert(skipped);
        }
        if state.ending == Some(Ending::Done) {
            state.ending = None;
        }
        drop(state);
        self.changed();
        lost.into_iter().map(|run| self.chunks.touched(run)).collect()
    }

    /// The chunks whose parts are durable; of a `delivered` job, those that are held or were delivered.
    pub(crate) fn committed_chunks(&self) -> ChunkSet {
        let state = self.lock();
        let offsets = match self.retention {
            ResultMode::Stored => state.durable.clone(),
            ResultMode::Delivered => {
                let mut held = state.held.clone();
                state.skipped.iter().for_each(|skipped| held.remove(skipped));
                held
            }
        };
        let mut committed = ChunkSet::new();
        for run in offsets.iter() {
            if let Some(chunks) = whole_chunks(&offsets, self.chunks, run) {
                committed.insert(chunks);
            }
        }
        committed
    }

    /// A part could not be written. True the first time since one was.
    pub(super) fn part_failed(&self) -> bool {
        !std::mem::replace(&mut self.lock().failing, true)
    }

    /// Parts can be written, or need not be. True if they failed until now.
    pub(super) fn part_is_fine(&self) -> bool {
        std::mem::take(&mut self.lock().failing)
    }

    /// Drops everything; returns the parts to delete. Readers are told the reason.
    pub(super) fn clear(&self, reason: String) -> Vec<Arc<PartRow>> {
        let mut state = self.lock();
        let parts: BTreeMap<_, _> =
            state.stored.values().map(|stored| (stored.part.path.clone(), Arc::clone(&stored.part))).collect();
        let parts = parts.into_values().collect();
        *state = State { cleared: true, ending: Some(Ending::Broken(reason)), ..State::default() };
        drop(state);
        self.changed();
        parts
    }

    #[cfg(test)]
    pub(super) fn lock_held(&self, run: OffsetRun) {
        self.lock().held.insert(run);
    }

    fn changed(&self) {
        self.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn drop_memory(&mut self) {
        self.memory.clear();
        self.result_bytes = self.result_bytes.saturating_sub(self.memory_bytes as u64);
        self.memory_bytes = 0;
    }

    fn part_at(&self, offset: u64) -> Option<(&Arc<PartRow>, usize)> {
        let (_, stored) = self.stored.range(..=offset).next_back().filter(|(_, stored)| offset < stored.end)?;
        let block = stored.part.blocks.partition_point(|block| block.first <= offset).checked_sub(1)?;
        Some((&stored.part, block))
    }

    /// Notes where the blocks of a part are. Returns the runs of offsets that it holds.
    fn add_part(&mut self, part: PartRow) -> Vec<OffsetRun> {
        let runs = runs(&part.blocks);
        let part = Arc::new(part);
        for &run in &runs {
            self.stored.insert(run.start(), Stored { end: run.end(), part: Arc::clone(&part) });
            self.durable.insert(run);
        }
        runs
    }
}

/// The runs of offsets that blocks in order of their offsets make.
fn runs(blocks: &[BlockRow]) -> Vec<OffsetRun> {
    let mut runs: Vec<OffsetRun> = Vec::new();
    for block in blocks {
        let end = block.first.saturating_add(u64::from(block.rows));
        match runs.last_mut() {
            Some(run) if run.end() == block.first => *run = OffsetRun::new(run.start(), end).unwrap_or(*run),
            _ => runs.extend(OffsetRun::new(block.first, end)),
        }
    }
    runs
}

/// The chunks that touch `run` and lie whole in `offsets`, which contains `run`.
fn whole_chunks(offsets: &OffsetSet, chunks: Chunks, run: OffsetRun) -> Option<ChunkRun> {
    let is_whole = |chunk: u64| offsets.contains_run(chunks.offsets(ChunkRun::one(chunk)));
    let mut start = chunks.chunk_at(run.start());
    let mut end = chunks.chunk_at(run.end() - 1) + 1;
    // Only a chunk at either end can lie partly outside of `run`.
    if !is_whole(start) {
        start += 1;
    }
    if start < end && !is_whole(end - 1) {
        end -= 1;
    }
    ChunkRun::new(start, end)
}
