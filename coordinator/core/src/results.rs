//! Which results of one job are held, which are durable, and whether more may come.

use swath_model::{ChunkRun, ChunkSet, Chunks, Cut, JobId, JobState, OffsetRun, OffsetSet, ResultMode};

/// What became of a block that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// The block is held. These chunks are now held whole.
    Held {
        /// The chunks, if it completed any.
        chunks: Option<ChunkRun>,
    },
    /// All its numbers were held already: the block is dropped.
    Duplicate {
        /// Those of its chunks that are held whole.
        chunks: Option<ChunkRun>,
    },
    /// Some of its numbers were held already: the block is dropped, and what is not held must be computed again.
    Overlapping {
        /// Those of its chunks that are held whole.
        chunks: Vec<ChunkRun>,
    },
    /// The job takes no more results: the block is dropped.
    Gone,
}

/// Why no more results will come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// All of them are held.
    Done,
    /// The job failed or was cancelled; a sentence that says so.
    Broken(String),
    /// The coordinator shuts down; the next one may continue.
    ShuttingDown,
}

impl Ending {
    /// That of a job in this state; `None` while it runs.
    pub(crate) fn of(job: JobId, state: &JobState) -> Option<Self> {
        match state {
            JobState::Running => None,
            JobState::Done => Some(Self::Done),
            JobState::Failed(failure) => Some(Self::Broken(format!("job {job} failed: {failure}"))),
            JobState::Cancelled => Some(Self::Broken(format!("job {job} was cancelled"))),
        }
    }
}

/// Whether the results of a job may still grow.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// Blocks are accepted.
    Open,
    /// The job failed or was cancelled: no block is accepted, those in memory are being written.
    Closing,
    /// The same, and nothing is left in memory.
    Closed,
    /// No more will come.
    Ended(Ending),
    /// All results were dropped; a sentence that says why.
    Dropped(String),
}

/// Which offsets of one job are held, durable or failed.
///
/// It knows no bytes: whoever keeps the blocks keeps this index beside them, under the same lock, and follows its
/// decisions. An offset is *held* when its value is in memory, in a part, or was delivered; it is *durable* when its
/// part is. Offsets of failed chunks count as held, because nothing of them is wanted any more.
#[derive(Debug, Clone)]
pub struct ResultIndex {
    chunks: Chunks,
    mode: ResultMode,
    held: OffsetSet,
    failed: OffsetSet,
    durable: OffsetSet,
    /// What is being written as a part, but for blocks of it that were lost meanwhile.
    writing: OffsetSet,
    stage: Stage,
}

impl ResultIndex {
    /// Nothing is held yet.
    pub fn new(chunks: Chunks, mode: ResultMode) -> Self {
        let (held, failed, durable, writing) = Default::default();
        Self { chunks, mode, held, failed, durable, writing, stage: Stage::Open }
    }

    /// How the range of the job is split.
    pub fn chunks(&self) -> Chunks {
        self.chunks
    }

    /// Decides on a block with these offsets. If the answer is [`Accepted::Held`], they are held from now on, and the
    /// caller keeps the block.
    pub fn accept(&mut self, run: OffsetRun) -> Accepted {
        let takes = matches!(self.stage, Stage::Open | Stage::Ended(Ending::Done | Ending::ShuttingDown));
        if !takes || run.end() > self.chunks.range().count() {
            return Accepted::Gone;
        }
        if self.held.contains_run(run) {
            return Accepted::Duplicate { chunks: whole_chunks(&self.held, self.chunks, run) };
        }
        if self.held.overlaps(run) {
            let held = self.held.intersection(run);
            return Accepted::Overlapping {
                chunks: held.filter_map(|run| whole_chunks(&self.held, self.chunks, run)).collect(),
            };
        }
        self.held.insert(run);
        Accepted::Held { chunks: whole_chunks(&self.held, self.chunks, run) }
    }

    /// A chunk failed for good: nothing of it is wanted any more. Returns its offsets, whose blocks the caller drops.
    pub fn fail_chunk(&mut self, chunk: u64) -> OffsetRun {
        let offsets = self.chunks.offsets(ChunkRun::one(chunk));
        self.held.insert(offsets);
        self.failed.insert(offsets);
        offsets
    }

    /// Blocks with these offsets are being written as a part, in place of the part before. At most one part of a job is
    /// written at a time.
    pub fn begin_part(&mut self, runs: &[OffsetRun]) {
        self.writing = runs.iter().copied().collect();
    }

    /// The part with these offsets, in order, is durable. Returns the chunks that this commits; `None` if the part is
    /// not wanted, because the results were dropped or some of its blocks were lost since it was
    /// [begun](Self::begin_part), even if they were computed again: the part has the lost blocks, and the new ones are
    /// in memory. Chunks of a job in `delivered` mode were committed when they arrived.
    pub fn commit(&mut self, runs: &[OffsetRun]) -> Option<Vec<ChunkRun>> {
        let writing = std::mem::take(&mut self.writing);
        if runs.iter().any(|&run| !writing.contains_run(run)) {
            return None;
        }
        runs.iter().for_each(|&run| self.durable.insert(run));
        if self.mode == ResultMode::Delivered {
            return Some(Vec::new());
        }
        Some(runs.iter().filter_map(|&run| whole_chunks(&self.durable, self.chunks, run)).collect())
    }

    /// The ledger has a durable part with these offsets from an earlier start.
    pub fn recover(&mut self, runs: &[OffsetRun]) {
        for &run in runs {
            self.held.insert(run);
            self.durable.insert(run);
        }
    }

    /// The blocks of these offsets were lost or damaged: they are not held any more, and a job that was done is open
    /// again. Returns the chunks that they touch.
    pub fn lose(&mut self, runs: &[OffsetRun]) -> Vec<ChunkRun> {
        for &run in runs {
            self.held.remove(run);
            self.durable.remove(run);
            self.writing.remove(run);
        }
        for failed in self.failed.iter() {
            self.held.insert(failed);
        }
        if self.stage == Stage::Ended(Ending::Done) {
            self.stage = Stage::Open;
        }
        runs.iter().map(|&run| self.chunks.touched(run)).collect()
    }

    /// Whether these offsets were delivered to the reader of a job in `delivered` mode and can still be computed again.
    /// `kept`: the caller has some of them in memory or in a part, so they were not delivered.
    pub fn was_delivered(&self, run: OffsetRun, kept: Kept) -> bool {
        let takes = matches!(self.stage, Stage::Open | Stage::Closing | Stage::Closed | Stage::Ended(Ending::Done));
        takes && kept == Kept::Nothing && self.mode == ResultMode::Delivered && self.held.contains_run(run)
    }

    /// The offsets of these chunks that are neither held nor among `offsets`.
    pub fn missing(&self, chunks: &ChunkSet, offsets: &OffsetSet) -> OffsetSet {
        let mut missing = OffsetSet::new();
        for chunks in chunks.iter() {
            for gap in offsets.gaps(self.chunks.offsets(chunks)) {
                self.held.gaps(gap).for_each(|gap| missing.insert(gap));
            }
        }
        missing
    }

    /// The chunks whose parts are durable; in `delivered` mode those that are held or were delivered.
    pub fn committed_chunks(&self) -> ChunkSet {
        let delivered;
        let offsets = match self.mode {
            ResultMode::Stored => &self.durable,
            ResultMode::Delivered => {
                let mut held = self.held.clone();
                self.failed.iter().for_each(|failed| held.remove(failed));
                delivered = held;
                &delivered
            }
        };
        offsets.iter().filter_map(|run| whole_chunks(offsets, self.chunks, run)).collect()
    }

    /// Whether every offset is held or failed.
    pub fn is_complete(&self) -> bool {
        self.held.len() == self.chunks.range().count()
    }

    /// If `offset` is of a failed chunk: the first offset after it that is not.
    pub fn end_of_failed(&self, offset: u64) -> Option<u64> {
        self.failed.contains(offset).then(|| self.failed.first_missing(offset))
    }

    /// Why no more results will come; `None` while they may.
    pub fn ending(&self) -> Option<Ending> {
        match &self.stage {
            Stage::Open | Stage::Closing | Stage::Closed => None,
            Stage::Ended(ending) => Some(ending.clone()),
            Stage::Dropped(reason) => Some(Ending::Broken(reason.clone())),
        }
    }

    /// No more results will come. The first ending counts. True if what is in memory must be dropped: nobody will read
    /// it.
    ///
    /// A job with lost results is not done, although its end may arrive here before the core hears of the loss; readers
    /// wait. (After a start nothing is held of a job in `delivered` mode, whose reader had everything.)
    pub fn end(&mut self, ending: Ending) -> bool {
        let had_everything = self.mode == ResultMode::Delivered && self.held.is_empty();
        if ending == Ending::Done && !self.is_complete() && !had_everything {
            return false;
        }
        let drops_memory = matches!(ending, Ending::Broken(_));
        if matches!(self.stage, Stage::Open | Stage::Closing | Stage::Closed) {
            self.stage = Stage::Ended(ending);
        }
        drops_memory
    }

    /// A job that was done is computed again: more results may come. Does nothing if all are held after all.
    pub fn reopen(&mut self) {
        if self.stage == Stage::Ended(Ending::Done) && !self.is_complete() {
            self.stage = Stage::Open;
        }
    }

    /// The job failed or was cancelled: no block is accepted any more, and those in memory are due.
    pub fn close(&mut self) {
        if self.stage == Stage::Open {
            self.stage = Stage::Closing;
        }
    }

    /// Whether blocks in memory must be written because the job is closing.
    pub fn is_closing(&self) -> bool {
        self.stage == Stage::Closing
    }

    /// Nothing is in memory any more. True if the job was closing, and is closed from now on.
    pub fn close_is_done(&mut self) -> bool {
        let was_closing = self.is_closing();
        if was_closing {
            self.stage = Stage::Closed;
        }
        was_closing
    }

    /// Forgets everything, for this reason. Nothing is accepted afterwards.
    pub fn drop_all(&mut self, reason: String) {
        *self = Self { stage: Stage::Dropped(reason), ..Self::new(self.chunks, self.mode) };
    }

    /// Whether all results were dropped.
    pub fn is_dropped(&self) -> bool {
        matches!(self.stage, Stage::Dropped(_))
    }

    /// Panics if the index contradicts itself; for tests.
    ///
    /// # Panics
    /// A durable or failed offset is not held, or one is outside of the range.
    pub fn check_invariants(&self) {
        let count = self.chunks.range().count();
        for run in self.durable.iter().chain(self.failed.iter()) {
            assert!(self.held.contains_run(run), "{run} is durable or failed, but not held");
        }
        assert!(self.held.last().is_none_or(|run| run.end() <= count), "an offset is outside of the range");
        if self.is_dropped() {
            assert!(self.held.is_empty(), "results are held after they were dropped");
        }
    }
}

/// Whether the bytes of given offsets are still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// None of them.
    Nothing,
    /// Some or all, in memory or in a part.
    Something,
}

/// The chunks of a block with these offsets. A block covers whole chunks, or a part of one chunk that is too large for
/// a block: one piece of it, or where the rows decide, any part. Whoever computes a chunk cuts it in the same way, so
/// two blocks do not overlap in part. `None` for any other run.
pub fn chunks_of_block(chunks: Chunks, cut: Cut, block: OffsetRun) -> Option<ChunkRun> {
    if block.end() > chunks.range().count() {
        return None;
    }
    let run = chunks.touched(block);
    let covered = chunks.offsets(run);
    let is_part = run.len() == 1
        && match cut {
            Cut::Pieces(piece) => {
                (block.start() - covered.start()).is_multiple_of(piece)
                    && (block.end() == covered.end() || block.len() == piece)
            }
            Cut::Anywhere => true,
        };
    (covered == block || is_part).then_some(run)
}

/// The chunks that touch `run` and lie whole in `offsets`, which contains `run`.
fn whole_chunks(offsets: &OffsetSet, chunks: Chunks, run: OffsetRun) -> Option<ChunkRun> {
    let is_whole = |chunk: u64| offsets.contains_run(chunks.offsets(ChunkRun::one(chunk)));
    let touched = chunks.touched(run);
    let (mut start, mut end) = (touched.start(), touched.end());
    // Only the first and the last chunk can lie partly outside of `run`.
    if !is_whole(start) {
        start += 1;
    }
    if start < end && !is_whole(end - 1) {
        end -= 1;
    }
    ChunkRun::new(start, end)
}

#[cfg(test)]
mod tests;
