//! A lease that the worker holds, and how far it is.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use swath_model::{BlockBounds, ChunkRun, Chunks, Instant, LeaseId, OffsetRun, OffsetSet, ResumedLease};

use crate::{Config, Job};

/// Names a lease within the worker. It is never used again, whatever ids coordinators give out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LeaseKey(pub(crate) u64);

/// A lease that the worker holds.
#[derive(Debug)]
pub(crate) struct HeldLease<K> {
    pub(crate) key: LeaseKey,
    /// The id that it goes by now.
    pub(crate) id: LeaseId,
    pub(crate) job: Arc<Job<K>>,
    /// The chunks as they were given.
    pub(crate) run: ChunkRun,
    /// Offsets that no slot has taken yet.
    pub(crate) untaken: OffsetSet,
    /// Offsets that are neither acknowledged, nor failed, nor given back.
    pub(crate) in_flight: OffsetSet,
    /// Chunks that failed since the work in flight was last offered.
    failed: BTreeSet<u64>,
    /// Numbers that a block should cover.
    numbers: u64,
    /// How many slots compute some of it.
    pub(crate) slots: usize,
    progress: Progress,
}

#[derive(Clone, Copy, Debug)]
enum Progress {
    NotBegun,
    Begun { since: Instant },
    Computed { since: Option<Instant>, busy: Duration },
}

/// What the coordinator is told of a lease that continues.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Chunks that failed since they were offered.
    pub(crate) returned: Vec<u64>,
    /// How long the lease took, if it is computed.
    pub(crate) computed: Option<Duration>,
}

impl<K> HeldLease<K> {
    pub(crate) fn new(key: LeaseKey, id: LeaseId, job: Arc<Job<K>>, run: ChunkRun, config: &Config) -> Self {
        let offsets = job.chunks.offsets(run);
        let blocks = u64::from(config.slots.max(1)).saturating_mul(config.blocks_per_slot.max(1));
        Self {
            key,
            id,
            job,
            run,
            untaken: offsets.into(),
            in_flight: offsets.into(),
            failed: BTreeSet::new(),
            numbers: offsets.len().div_ceil(blocks).max(1),
            slots: 0,
            progress: Progress::NotBegun,
        }
    }

    pub(crate) fn chunks(&self) -> Chunks {
        self.job.chunks
    }

    pub(crate) fn is_computed(&self) -> bool {
        self.untaken.is_empty() && self.slots == 0
    }

    /// All of it is computed, and acknowledged or of no use.
    pub(crate) fn is_settled(&self) -> bool {
        self.in_flight.is_empty() && self.is_computed()
    }

    /// Takes the offsets of the next block, for a slot.
    pub(crate) fn take(&mut self, now: Instant) -> Option<OffsetRun> {
        let untaken = self.untaken.first()?;
        let taken = untaken.before(self.end_of_block(untaken))?;
        self.untaken.remove(taken);
        self.slots += 1;
        if matches!(self.progress, Progress::NotBegun) {
            self.progress = Progress::Begun { since: now };
        }
        Some(taken)
    }

    /// Where a block ends that begins with the first of these offsets.
    fn end_of_block(&self, untaken: OffsetRun) -> u64 {
        let (chunks, BlockBounds { piece, most }) = (self.chunks(), self.job.bounds);
        let (piece, most) = (piece.max(1), most.max(piece).max(1));
        let first = chunks.offsets(ChunkRun::one(chunks.chunk_at(untaken.start())));
        if first.len() > piece {
            // A piece: the same ones whoever computes the chunk.
            let index = (untaken.start() - first.start()) / piece;
            return first.end().min(first.start().saturating_add((index + 1).saturating_mul(piece)));
        }
        let far = untaken.start().saturating_add(self.numbers.clamp(first.len(), most) - 1);
        let last = chunks.offsets(ChunkRun::one(chunks.chunk_at(far.min(untaken.last()))));
        // The last chunk may reach over the limit: then the block ends before it.
        if last.end() - first.start() > most { last.start() } else { last.end() }
    }

    /// A slot is done with its task.
    pub(crate) fn release_slot(&mut self) {
        self.slots = self.slots.saturating_sub(1);
    }

    /// The last untouched chunks that stand side by side, from this one on. Of a chunk that is cut into pieces, some
    /// may be touched and others, before or behind them, not.
    fn untouched_from(&self, first: u64) -> Option<ChunkRun> {
        let chunks = self.chunks();
        let untouched = |untaken: OffsetRun| {
            let touched = chunks.touched(untaken);
            let all = chunks.offsets(touched);
            let begin = touched.start() + u64::from(all.start() < untaken.start());
            let end = touched.end() - u64::from(all.end() > untaken.end());
            ChunkRun::new(begin.max(first), end)
        };
        self.untaken.iter().filter_map(untouched).last()
    }

    /// Gives back the untouched chunks from this one on.
    pub(crate) fn give_back(&mut self, first: u64) -> Option<ChunkRun> {
        let returned = self.untouched_from(first)?;
        self.drop_chunks(returned);
        Some(returned)
    }

    /// This chunk will not be delivered.
    pub(crate) fn fail(&mut self, chunk: u64) {
        self.drop_chunks(ChunkRun::one(chunk));
        self.failed.insert(chunk);
    }

    fn drop_chunks(&mut self, run: ChunkRun) {
        let offsets = self.chunks().offsets(run);
        self.untaken.remove(offsets);
        self.in_flight.remove(offsets);
    }

    /// Whether a block of these offsets is still wanted. If only some of them are, those are computed again, alone.
    pub(crate) fn claim(&mut self, offsets: OffsetRun) -> Claim {
        if self.in_flight.contains_run(offsets) {
            return Claim::Wanted(self.id);
        }
        let wanted: Vec<OffsetRun> = self.in_flight.intersection(offsets).collect();
        for &run in &wanted {
            self.compute_again(run);
        }
        if wanted.is_empty() { Claim::Unwanted } else { Claim::ComputeAgain }
    }

    /// These offsets are wanted, and nobody has them.
    fn compute_again(&mut self, offsets: OffsetRun) {
        self.untaken.insert(offsets);
        self.in_flight.insert(offsets);
        if let Progress::Computed { since, .. } = self.progress {
            self.progress = since.map_or(Progress::NotBegun, |since| Progress::Begun { since });
        }
    }

    /// How long it took; once, when all of it is computed and something of it was begun.
    pub(crate) fn report(&mut self, now: Instant) -> Option<Duration> {
        if !self.is_computed() {
            return None;
        }
        match self.progress {
            Progress::Computed { .. } => None,
            Progress::NotBegun => {
                self.progress = Progress::Computed { since: None, busy: Duration::ZERO };
                None
            }
            Progress::Begun { since } => {
                let busy = now - since;
                self.progress = Progress::Computed { since: Some(since), busy };
                Some(busy)
            }
        }
    }

    /// What is in flight, to be offered; what failed before is known to be gone.
    pub(crate) fn offer(&mut self, max_runs: usize) -> OffsetSet {
        self.failed.clear();
        self.in_flight.iter().take(max_runs).collect()
    }

    /// Goes on with what the coordinator still wants, under another id.
    pub(crate) fn resume(&mut self, now: Instant, resumed: &ResumedLease) -> News {
        self.id = resumed.next;
        let unwanted: Vec<ChunkRun> = resumed.chunks.gaps(self.run).collect();
        for run in unwanted {
            self.drop_chunks(run);
        }
        let all = self.chunks().offsets(self.run);
        let again: OffsetSet = resumed.again.iter().filter_map(|again| again.intersect(all)).collect();
        let missing: Vec<OffsetRun> = again.iter().flat_map(|run| self.in_flight.gaps(run)).collect();
        for run in missing {
            self.compute_again(run);
        }
        let returned: Vec<u64> = self.failed.iter().copied().filter(|&chunk| resumed.chunks.contains(chunk)).collect();
        for &chunk in &returned {
            self.drop_chunks(ChunkRun::one(chunk));
        }
        let computed = match self.progress {
            Progress::Computed { busy, .. } => Some(busy),
            Progress::NotBegun | Progress::Begun { .. } => self.report(now),
        };
        News { returned, computed }
    }
}

/// Whether a block is still wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// All of it is, under this lease.
    Wanted(LeaseId),
    /// Some of it is, and will be computed again.
    ComputeAgain,
    /// Nothing of it is.
    Unwanted,
}
