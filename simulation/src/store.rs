//! The results in a coordinator: blocks in memory, which parts there are, and the index of each job, beside its blocks.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use swath_coordinator_core::{Ending, Kept, ResultIndex, Results};
use swath_model::{ChunkRun, ChunkSet, JobId, OffsetRun, OffsetSet, ResultMode};

use crate::disk::PartId;

/// Shared between the core, which looks things up, and the shell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store(Rc<RefCell<BTreeMap<JobId, JobResults>>>);

/// The results of one job.
#[derive(Debug)]
pub(crate) struct JobResults {
    pub(crate) index: ResultIndex,
    pub(crate) mode: ResultMode,
    /// Blocks, by their first offset.
    pub(crate) memory: BTreeMap<u64, Held>,
    pub(crate) parts: BTreeMap<PartId, Vec<OffsetRun>>,
    /// The part that is being written.
    pub(crate) writing: Option<PartId>,
    pub(crate) is_failing: bool,
    /// What the reader of a job in `delivered` mode had: everything before this offset.
    pub(crate) position: u64,
}

/// A block in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) end: u64,
    /// What it was computed for.
    pub(crate) fingerprint: u64,
}

impl Results for Store {
    fn committed_chunks(&self, job: JobId) -> ChunkSet {
        self.with(job, |results| results.index.committed_chunks()).unwrap_or_default()
    }

    fn missing(&self, job: JobId, chunks: &ChunkSet, offsets: &OffsetSet) -> OffsetSet {
        self.with(job, |results| results.index.missing(chunks, offsets)).unwrap_or_default()
    }

    fn bytes(&self, job: JobId) -> u64 {
        self.with(job, |results| results.memory.len() as u64 + results.parts.len() as u64).unwrap_or_default()
    }

    fn location(&self, job: JobId) -> String {
        format!("jobs/{job}")
    }
}

impl Store {
    pub(crate) fn with<T>(&self, job: JobId, look: impl FnOnce(&mut JobResults) -> T) -> Option<T> {
        self.0.borrow_mut().get_mut(&job).map(look)
    }

    /// False if the job is there already.
    pub(crate) fn create(&self, job: JobId, results: JobResults) -> bool {
        self.0.borrow_mut().insert(job, results).is_none()
    }

    pub(crate) fn remove(&self, job: JobId) -> Option<JobResults> {
        self.0.borrow_mut().remove(&job)
    }

    pub(crate) fn jobs(&self) -> Vec<JobId> {
        self.0.borrow().keys().copied().collect()
    }

    /// The blocks in memory.
    pub(crate) fn blocks(&self) -> usize {
        self.0.borrow().values().map(|results| results.memory.len()).sum()
    }

    pub(crate) fn check_invariants(&self) {
        self.0.borrow().values().for_each(|results| results.index.check_invariants());
    }
}

impl JobResults {
    pub(crate) fn new(index: ResultIndex, mode: ResultMode) -> Self {
        let (memory, parts) = Default::default();
        Self { index, mode, memory, parts, writing: None, is_failing: false, position: 0 }
    }

    /// A chunk failed for good.
    pub(crate) fn fail_chunk(&mut self, chunk: u64) {
        let offsets = self.index.fail_chunk(chunk);
        self.memory.retain(|first, held| !offsets.contains(*first) || held.end > offsets.end());
    }

    /// No more results will come.
    pub(crate) fn end(&mut self, ending: Ending) {
        if self.index.end(ending) {
            self.memory.clear();
        }
    }

    /// Forgets everything; returns the parts to delete.
    pub(crate) fn drop_all(&mut self) -> Vec<PartId> {
        self.index.drop_all("the results were dropped".to_owned());
        self.memory.clear();
        std::mem::take(&mut self.parts).into_keys().collect()
    }

    /// The blocks to make a part of.
    pub(crate) fn blocks_for_part(&self) -> Vec<(u64, OffsetRun)> {
        let block = |(&first, held): (&u64, &Held)| Some((held.fingerprint, OffsetRun::new(first, held.end)?));
        match self.mode {
            ResultMode::Stored => self.memory.iter().filter_map(block).collect(),
            // Those that the reader wants last.
            ResultMode::Delivered => self.memory.iter().skip(self.memory.len() / 2).filter_map(block).collect(),
        }
    }

    /// Some blocks in memory are damaged. Returns their offsets, and the chunks that they touch.
    pub(crate) fn lose_blocks(&mut self, lost: &[OffsetRun]) -> (Vec<OffsetRun>, BTreeSet<ChunkRun>) {
        let lost: Vec<_> = lost.iter().copied().filter(|run| self.memory.remove(&run.start()).is_some()).collect();
        let touched = self.index.lose(&lost).into_iter().collect();
        (lost, touched)
    }

    /// A block is in a part now.
    pub(crate) fn forget_block(&mut self, run: OffsetRun) {
        self.memory.remove(&run.start());
    }

    /// What the reader of a job in `delivered` mode reads next, if it is here.
    pub(crate) fn read_on(&mut self) -> Option<Found> {
        while let Some(end) = self.index.end_of_failed(self.position) {
            self.position = end;
        }
        if let Some((&first, held)) = self.memory.range(..=self.position).next_back()
            && self.position < held.end
        {
            return OffsetRun::new(first, held.end).map(|run| Found::Memory(run, held.fingerprint));
        }
        let holds = |runs: &[OffsetRun]| runs.iter().any(|run| run.contains(self.position));
        self.parts.iter().find(|(_, runs)| holds(runs)).map(|(&part, _)| Found::Part(part))
    }

    /// The reader has everything before this offset. Returns the parts of which nothing is wanted any more.
    pub(crate) fn delivered(&mut self, offset: u64) -> Vec<PartId> {
        self.position = offset;
        self.memory.retain(|_, held| held.end > offset);
        let had =
            |(&part, runs): (&PartId, &Vec<OffsetRun>)| runs.iter().all(|run| run.end() <= offset).then_some(part);
        let done: Vec<PartId> = self.parts.iter().filter_map(had).collect();
        done.iter().for_each(|part| drop(self.parts.remove(part)));
        done
    }

    /// The reader cannot use what it had. The chunks that are computed again; none if they cannot be.
    pub(crate) fn lose_delivered(&mut self, run: OffsetRun) -> Vec<ChunkRun> {
        if !self.index.was_delivered(run, Kept::Nothing) {
            return Vec::new();
        }
        self.position = run.start();
        self.index.lose(&[run])
    }

    /// Whether its reader has all that will come.
    pub(crate) fn is_read(&self) -> bool {
        self.position >= self.index.chunks().range().count()
    }
}

/// Where the next block of a reader is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found {
    Memory(OffsetRun, u64),
    Part(PartId),
}
