//! What is durable, and the store in front of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use swath_model::{ChunkRun, ChunkSet, Chunks, FailedChunk, Incarnation, OffsetRun, OffsetSet};
use swath_scheduler::Outcome;

use crate::cluster::{Cluster, note};
use crate::event::{Block, Event, Fact, JobIndex};
use crate::plan::{Plan, one};

/// How often the store looks for what is due.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    pub(crate) jobs: Vec<LedgerJob>,
}

#[derive(Clone, Debug)]
pub(crate) struct LedgerJob {
    pub(crate) submitted: bool,
    pub(crate) chunks: Chunks,
    /// Offsets whose part is durable.
    pub(crate) durable: OffsetSet,
    pub(crate) holes: BTreeMap<u64, FailedChunk>,
    pub(crate) outcome: Option<Outcome>,
    /// Offsets that some worker has computed. Nobody in the cluster knows.
    pub(crate) computed: OffsetSet,
}

/// Results in the memory of a coordinator.
#[derive(Debug, Default)]
pub(crate) struct Store {
    jobs: BTreeMap<JobIndex, StoreJob>,
    /// How many blocks there are.
    pub(crate) blocks: usize,
}

#[derive(Debug, Default)]
struct StoreJob {
    /// Offsets in memory or durable.
    held: OffsetSet,
    /// Start and end of each block.
    memory: BTreeMap<u64, u64>,
    is_writing: bool,
    is_failing: bool,
}

impl Ledger {
    pub(crate) fn new(plan: &Plan) -> Self {
        Ledger { jobs: plan.jobs.iter().map(|plan| LedgerJob::new(plan.chunks)).collect() }
    }
}

impl LedgerJob {
    /// A job that is not submitted yet.
    fn new(chunks: Chunks) -> Self {
        LedgerJob {
            submitted: false,
            chunks,
            durable: OffsetSet::new(),
            holes: BTreeMap::new(),
            outcome: None,
            computed: OffsetSet::new(),
        }
    }

    pub(crate) fn committed(&self) -> ChunkSet {
        let mut committed = ChunkSet::new();
        for run in self.durable.iter() {
            whole(&self.durable, self.chunks, run).into_iter().for_each(|chunks| committed.insert(chunks));
        }
        committed
    }
}

impl Store {
    /// A store that finds this in the ledger.
    pub(crate) fn open(ledger: &Ledger) -> Self {
        let job =
            |(index, job): (usize, &LedgerJob)| (index, StoreJob { held: job.durable.clone(), ..StoreJob::default() });
        Store { jobs: ledger.jobs.iter().enumerate().map(job).collect(), blocks: 0 }
    }
}

impl Cluster {
    /// Takes a block in. `None` if some of it is held already; otherwise the chunks that are whole with it.
    pub(crate) fn accept(&mut self, block: Block) -> Option<Option<ChunkRun>> {
        let job = block.job.index;
        if block.job.fingerprint != self.plan.jobs[job].fingerprint {
            self.break_promise(format!("offsets {} of another job were accepted as job {job}", block.offsets));
        }
        let store = self.coordinator.store.jobs.entry(job).or_default();
        if store.held.overlaps(block.offsets) {
            return None;
        }
        store.held.insert(block.offsets);
        store.memory.insert(block.offsets.start(), block.offsets.end());
        self.coordinator.store.blocks += 1;
        Some(whole(&store.held, self.plan.jobs[job].chunks, block.offsets))
    }

    /// Whether all of a chunk is in memory or durable.
    pub(crate) fn has_whole(&self, job: JobIndex, chunk: u64) -> bool {
        let offsets = self.plan.jobs[job].chunks.offsets(one(chunk));
        self.coordinator.store.jobs.get(&job).is_some_and(|store| store.held.contains_run(offsets))
    }

    /// What of these offsets is neither in memory nor durable.
    pub(crate) fn missing(&self, job: JobIndex, run: OffsetRun) -> Vec<OffsetRun> {
        match self.coordinator.store.jobs.get(&job) {
            Some(store) => store.held.gaps(run).collect(),
            None => vec![run],
        }
    }

    pub(crate) fn on_look(&mut self, incarnation: Incarnation) {
        if incarnation != self.coordinator.incarnation || !self.coordinator.is_up {
            return;
        }
        self.plan_in(LOOK, Event::Look { incarnation });
        self.write_parts();
    }

    /// Begins to write what is due: everything where memory is full.
    pub(crate) fn write_parts(&mut self) {
        let incarnation = self.coordinator.incarnation;
        let full = self.coordinator.store.blocks >= self.plan.memory_room;
        let mut due = Vec::new();
        let mut resumed = Vec::new();
        for (&job, store) in &mut self.coordinator.store.jobs {
            if store.memory.is_empty() && store.is_failing && !self.disk_is_full {
                // All that failed was dropped.
                store.is_failing = false;
                resumed.push(job);
            }
            if store.is_writing || store.memory.is_empty() || !(full || self.random.one_in(3)) {
                continue;
            }
            store.is_writing = true;
            due.push((job, store.memory.iter().map(|(&start, &end)| (start, end)).collect()));
        }
        for job in resumed {
            self.tell_fact(job, Fact::Resumed);
        }
        for (job, blocks) in due {
            let span = self.random.millis(1, 60);
            self.plan_in(span, Event::PartWritten { incarnation, job, blocks });
        }
    }

    /// A part is durable, and so is its row in the ledger; or it could not be written.
    pub(crate) fn on_part_written(&mut self, incarnation: Incarnation, job: JobIndex, blocks: &[(u64, u64)]) {
        if incarnation != self.coordinator.incarnation || !self.coordinator.is_up {
            self.tally.count("parts without a row");
            return;
        }
        if self.disk_is_full {
            self.on_part_failed(job, blocks);
            return;
        }
        let Some(store) = self.coordinator.store.jobs.get_mut(&job) else { return };
        store.is_writing = false;
        let resumed = std::mem::take(&mut store.is_failing);
        let mut committed = ChunkSet::new();
        let mut twice = None;
        let ledger = &mut self.ledger.jobs[job];
        for &(start, end) in blocks {
            let Some(run) = OffsetRun::new(start, end) else { continue };
            if ledger.durable.overlaps(run) {
                twice = Some(run);
            }
            ledger.durable.insert(run);
            store.memory.remove(&start);
            self.coordinator.store.blocks -= 1;
            whole(&ledger.durable, ledger.chunks, run).into_iter().for_each(|chunks| committed.insert(chunks));
        }
        if let Some(run) = twice {
            self.break_promise(format!("offsets {run} of job {job} are in the ledger twice"));
        }
        note!(self, "job {job}: a part with {} blocks is durable: {committed:?}", blocks.len());
        for chunks in committed.iter() {
            self.tell_fact(job, Fact::Committed(chunks));
        }
        if resumed {
            self.tell_fact(job, Fact::Resumed);
        }
        self.take_stalled();
    }

    fn on_part_failed(&mut self, job: JobIndex, blocks: &[(u64, u64)]) {
        let Some(store) = self.coordinator.store.jobs.get_mut(&job) else { return };
        store.is_writing = false;
        let paused = !std::mem::replace(&mut store.is_failing, true);
        if paused {
            note!(self, "job {job}: the disk is full");
            self.tally.count("jobs paused by a full disk");
            self.tell_fact(job, Fact::Paused);
        } else if self.plan.drops && self.random.one_in(2) {
            // Some blocks are dropped, and with them chunks of which they may have been a piece only.
            let chunks = self.plan.jobs[job].chunks;
            let mut lost = BTreeSet::new();
            for &(start, end) in blocks.iter().filter(|(start, _)| start % 3 != 0) {
                store.memory.remove(&start);
                OffsetRun::new(start, end).into_iter().for_each(|run| store.held.remove(run));
                self.coordinator.store.blocks -= 1;
                lost.extend(chunks.chunk_at(start)..=chunks.chunk_at(end - 1));
            }
            note!(self, "job {job}: the store drops {lost:?}");
            self.tally.add("chunks lost by the store", lost.len() as u64);
            for run in lost.into_iter().map(one).collect::<ChunkSet>().iter() {
                self.tell_fact(job, Fact::Lost(run));
            }
            self.take_stalled();
        }
    }

    fn tell_fact(&mut self, job: JobIndex, fact: Fact) {
        // All facts take as long, so they stay in order.
        let incarnation = self.coordinator.incarnation;
        self.plan_in(Duration::from_micros(50), Event::Fact { incarnation, job, fact });
    }

    /// Somebody copies the data folder.
    pub(crate) fn copy_ledger(&mut self) {
        note!(self, "the ledger is copied");
        self.copy = Some(self.ledger.clone());
    }

    /// Somebody puts the copy in the place of the ledger, while no coordinator runs. The jobs that came after it was made
    /// are unknown then, and others are submitted, which get their ids.
    pub(crate) fn put_back_copy(&mut self) {
        let Some(copy) = self.copy.clone() else { return };
        note!(self, "an older copy of the ledger is put back");
        self.tally.count("older copies of the ledger put back");
        let newest = std::mem::replace(&mut self.ledger, copy);
        for (job, lost) in newest.jobs.iter().enumerate() {
            if self.ledger.jobs[job].submitted {
                continue;
            }
            if lost.submitted {
                self.tally.count("jobs lost with the newest ledger");
                let (piece, calm) = (self.plan.piece, self.plan.calm);
                let other = self.plan.jobs[job].draw_other(&mut self.random, piece, calm);
                note!(self, "another job gets the id of job {job}: {other:?}");
                self.plan.jobs[job] = other;
                let submitted = self.random.millis(0, 4000);
                self.plan_in(submitted, Event::Submit { job });
            }
            self.ledger.jobs[job] = LedgerJob::new(self.plan.jobs[job].chunks);
        }
    }

    pub(crate) fn on_disk_has_room(&mut self) {
        note!(self, "the disk has room");
        self.disk_is_full = false;
    }
}

/// The chunks that touch `run` and lie whole in `offsets`.
pub(crate) fn whole(offsets: &OffsetSet, chunks: Chunks, run: OffsetRun) -> Option<ChunkRun> {
    let is_whole = |chunk: u64| offsets.contains_run(chunks.offsets(one(chunk)));
    let mut start = chunks.chunk_at(run.start());
    let mut end = chunks.chunk_at(run.end() - 1) + 1;
    if !is_whole(start) {
        start += 1;
    }
    if start < end && !is_whole(end - 1) {
        end -= 1;
    }
    ChunkRun::new(start, end)
}
