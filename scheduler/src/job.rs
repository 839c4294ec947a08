//! One job and where each of its chunks is.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ChunkRun, ChunkSet, Chunks, FailedChunk, Instant, JobPlan, JobState, JobView, LeaseId, Limits, Outcome, WorkerId,
    estimate::{Rate, Throughput},
    lease_index::LeaseIndex,
    suspicion::Suspicion,
};

#[cfg(test)]
thread_local! {
    /// How often [`Job::probes`] has walked over all suspects.
    pub(crate) static PROBES_COUNTED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// How many chunks to be tried again are looked through for one that a worker may take.
const RETRIES_LOOKED_AT: usize = 32;

/// What is known of a job. Each of its chunks is in exactly one of `waiting`, `retries`, `suspects`, `held`,
/// `received`, `committed` and `failed`; once it has ended, only what is committed or failed for good is still known.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) chunks: Chunks,
    pub(crate) limits: Limits,
    pub(crate) state: JobState,
    pub(crate) paused: bool,
    /// Virtual time: how much thread time, in nanoseconds, it has been given. The least gets the next lease.
    pub(crate) pass: u128,
    /// Numbers a second of one thread.
    pub(crate) rate_per_thread: Rate,
    waiting: ChunkSet,
    /// Chunks that wait and have failed before.
    retries: BTreeSet<u64>,
    /// Chunks that wait and may crash their worker, but for those that have failed too.
    suspects: ChunkSet,
    held: LeaseIndex,
    received: ChunkSet,
    committed: ChunkSet,
    /// Chunks that failed for good.
    failed: BTreeMap<u64, FailedChunk>,
    /// Chunks that have failed and are neither committed nor failed for good.
    failures: BTreeMap<u64, Failure>,
    suspicion: Suspicion,
    /// Workers that stalled in it, and how often that was.
    pub(crate) stalled: BTreeSet<WorkerId>,
    pub(crate) stalls: u32,
    throughput: Throughput,
}

/// The run of one chunk.
fn one(chunk: u64) -> ChunkRun {
    ChunkRun::one(chunk)
}

#[derive(Debug)]
struct Failure {
    count: u32,
    last_worker: WorkerId,
}

/// Outstanding chunks that are no longer, and the lease that held them.
pub(crate) type Released = Vec<(ChunkRun, LeaseId)>;

/// What a worker could be given of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// One chunk that has failed before.
    Retry(u64),
    /// Suspects, for a worker that has nothing else.
    Probe(ChunkRun),
    /// The start of this run.
    Waiting(ChunkRun),
}

impl Job {
    pub(crate) fn new(
        now: Instant,
        spec: &JobPlan,
        committed: ChunkSet,
        mut failed: BTreeMap<u64, FailedChunk>,
    ) -> Self {
        failed.retain(|&chunk, _| !committed.contains(chunk));
        let mut waiting: ChunkSet = committed.gaps(spec.chunks.all()).collect();
        for &chunk in failed.keys() {
            waiting.remove(one(chunk));
        }
        Job {
            chunks: spec.chunks,
            limits: spec.limits,
            state: JobState::Active,
            paused: false,
            pass: 0,
            rate_per_thread: Rate::default(),
            waiting,
            retries: BTreeSet::new(),
            suspects: ChunkSet::new(),
            held: LeaseIndex::default(),
            received: ChunkSet::new(),
            committed,
            failed,
            failures: BTreeMap::new(),
            suspicion: Suspicion::default(),
            stalled: BTreeSet::new(),
            stalls: 0,
            throughput: Throughput::new(now),
        }
    }

    pub(crate) fn is_active(&self) -> bool {
        self.state == JobState::Active
    }

    /// Whether leases may go out.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_active() && !self.paused && self.waiting_count() > 0
    }

    /// Whether every chunk is committed or failed for good.
    pub(crate) fn is_complete(&self) -> bool {
        self.committed.len() + self.failed.len() as u64 == self.chunks.count()
    }

    /// What `worker` should be given next. `alone` says that there is no other worker to try a failed chunk on.
    pub(crate) fn next_work(&self, worker: WorkerId, alone: bool) -> Option<Work> {
        let retry = self.retries.iter().take(RETRIES_LOOKED_AT).find(|chunk| {
            let failure = self.failures.get(chunk);
            alone || failure.is_none_or(|failure| failure.last_worker != worker)
        });
        match retry {
            Some(&chunk) if self.suspicion.contains(chunk) => Some(Work::Probe(one(chunk))),
            Some(&chunk) => Some(Work::Retry(chunk)),
            None => self.next_probe().map(Work::Probe).or(self.next_waiting().map(Work::Waiting)),
        }
    }

    /// The first chunks that wait and of which nothing bad is known.
    pub(crate) fn next_waiting(&self) -> Option<ChunkRun> {
        self.waiting.first()
    }

    fn next_probe(&self) -> Option<ChunkRun> {
        self.suspicion.first_trial(self.suspects.first()?)
    }

    /// How many probes wait, those of chunks that have failed not counted.
    pub(crate) fn probes(&self) -> u64 {
        #[cfg(test)]
        PROBES_COUNTED.set(PROBES_COUNTED.get() + 1);
        self.suspects.iter().map(|run| self.suspicion.probes(run)).sum()
    }

    /// The numbers of the mean chunk.
    pub(crate) fn chunk_numbers(&self) -> f64 {
        self.chunks.range().count() as f64 / self.chunks.count() as f64
    }

    /// About how many numbers wait.
    pub(crate) fn waiting_numbers(&self) -> f64 {
        self.waiting_count() as f64 * self.chunk_numbers()
    }

    /// Those of `chunks` that wait, for whatever reason.
    pub(crate) fn waiting_among(&self, chunks: &ChunkSet) -> ChunkSet {
        let among = |run: ChunkRun| {
            let retries = self.retries.range(run.start()..run.end()).map(|&chunk| one(chunk));
            self.waiting.intersection(run).chain(self.suspects.intersection(run)).chain(retries)
        };
        chunks.iter().flat_map(among).collect()
    }

    /// Chunks that wait go out under `lease`.
    pub(crate) fn lease_out(&mut self, run: ChunkRun, lease: LeaseId) {
        self.remove_waiting(run);
        self.held.insert(run, lease);
    }

    /// Outstanding chunks wait again.
    pub(crate) fn give_back(&mut self, run: ChunkRun) {
        for (run, _) in self.held.remove(run) {
            self.add_waiting(run);
        }
    }

    pub(crate) fn receive(&mut self, now: Instant, run: ChunkRun) -> Released {
        let Some(run) = run.intersect(self.chunks.all()) else {
            return Vec::new();
        };
        self.remove_waiting(run);
        let released = self.held.remove(run);
        let before = self.received.len();
        for news in self.committed.gaps(run) {
            self.received.insert(news);
        }
        for (&chunk, _) in self.failed.range(run.start()..run.end()) {
            self.received.remove(one(chunk));
        }
        self.suspicion.clear(run);
        let news = (self.received.len() - before) as f64 * self.chunk_numbers();
        self.throughput.add(now, news as u64);
        released
    }

    pub(crate) fn commit(&mut self, run: ChunkRun) -> Released {
        let Some(run) = run.intersect(self.chunks.all()) else {
            return Vec::new();
        };
        self.remove_waiting(run);
        let released = self.held.remove(run);
        self.received.remove(run);
        self.committed.insert(run);
        for chunk in self.failed_within(run) {
            self.failures.remove(&chunk);
        }
        let failed: Vec<u64> = self.failed.range(run.start()..run.end()).map(|(&chunk, _)| chunk).collect();
        for chunk in failed {
            self.failed.remove(&chunk);
        }
        self.suspicion.clear(run);
        released
    }

    /// Chunks that were received wait again. So do outstanding ones, of which a piece may have been received that
    /// nobody would send again.
    pub(crate) fn lose(&mut self, run: ChunkRun) -> Released {
        let lost: Vec<ChunkRun> = self.received.intersection(run).collect();
        self.received.remove(run);
        let released = self.held.remove(run);
        for run in lost.into_iter().chain(released.iter().map(|&(run, _)| run)) {
            self.add_waiting(run);
        }
        released
    }

    /// The same for chunks that were committed, and are no more; nothing of a job that has ended.
    pub(crate) fn lose_committed(&mut self, run: ChunkRun) -> Released {
        if !self.is_active() {
            return Vec::new();
        }
        let lost: Vec<ChunkRun> = self.committed.intersection(run).collect();
        self.committed.remove(run);
        lost.into_iter().for_each(|run| self.add_waiting(run));
        self.lose(run)
    }

    /// An outstanding chunk has failed and waits again; returns how often it has failed.
    pub(crate) fn fail(&mut self, chunk: u64, worker: WorkerId) -> u32 {
        let failure = self.failures.entry(chunk).or_insert(Failure { count: 0, last_worker: worker });
        failure.count = failure.count.saturating_add(1);
        failure.last_worker = worker;
        let count = failure.count;
        // It was computed up to where it failed, and its worker is still there.
        self.suspicion.clear(one(chunk));
        self.give_back(one(chunk));
        count
    }

    /// What is outstanding under a lease may have crashed its worker.
    pub(crate) fn suspect(&mut self, outstanding: &ChunkSet) {
        for run in outstanding.iter() {
            self.suspicion.suspect(run, outstanding.len());
        }
    }

    /// A chunk crashed a worker that computed nothing else; returns how often this has happened.
    pub(crate) fn count_crash(&mut self, chunk: u64, worker: WorkerId) -> u32 {
        self.suspicion.count_crash(chunk, worker)
    }

    /// This worker has not crashed.
    pub(crate) fn absolve(&mut self, worker: WorkerId) {
        self.suspicion.absolve(worker);
    }

    /// Chunks that do not wait were computed, or are in work, without crashing their worker.
    pub(crate) fn clear_of_suspicion(&mut self, chunks: &ChunkSet) {
        for run in chunks.iter() {
            self.suspicion.clear(run);
        }
    }

    /// Goes on without a chunk that waits. False if too many have failed already.
    pub(crate) fn give_up(&mut self, chunk: u64, failed: FailedChunk) -> bool {
        if self.failed.len() >= FailedChunk::MOST {
            return false;
        }
        self.remove_waiting(one(chunk));
        self.failures.remove(&chunk);
        self.suspicion.clear(one(chunk));
        self.failed.insert(chunk, failed);
        true
    }

    pub(crate) fn failed_chunks(&self) -> &BTreeMap<u64, FailedChunk> {
        &self.failed
    }

    pub(crate) fn suspicion(&self) -> &Suspicion {
        &self.suspicion
    }

    /// Ends the job, which no lease may hold any more.
    pub(crate) fn end(&mut self, outcome: Outcome) {
        self.state = JobState::Ended(outcome);
        self.paused = false;
        self.waiting = ChunkSet::new();
        self.retries.clear();
        self.suspects = ChunkSet::new();
        self.received = ChunkSet::new();
        self.failures.clear();
        self.stalled.clear();
        self.suspicion = Suspicion::default();
    }

    /// All leases that hold chunks, in order of their ids.
    pub(crate) fn leases(&self) -> BTreeSet<LeaseId> {
        self.held.iter().map(|(_, lease)| lease).collect()
    }

    pub(crate) fn held(&self) -> &LeaseIndex {
        &self.held
    }

    pub(crate) fn view(&self) -> JobView {
        JobView {
            state: self.state.clone(),
            chunks: self.chunks,
            committed: self.committed.len(),
            committed_numbers: self.committed.iter().map(|run| self.chunks.offsets(run).len()).sum(),
            committed_intervals: self.committed.intervals(),
            failed_chunks: self.failed.len() as u64,
            frontier: self.frontier(),
            waiting: self.waiting_count(),
            leased: self.held.len(),
            received: self.received.len(),
            numbers_per_second: self.throughput.per_second(),
            paused: self.paused,
        }
    }

    fn waiting_count(&self) -> u64 {
        self.waiting.len() + self.suspects.len() + self.retries.len() as u64
    }

    fn frontier(&self) -> u64 {
        let mut frontier = self.committed.first_missing(0);
        while self.failed.contains_key(&frontier) {
            frontier = self.committed.first_missing(frontier + 1);
        }
        frontier
    }

    fn failed_within(&self, run: ChunkRun) -> Vec<u64> {
        self.failures.range(run.start()..run.end()).map(|(&chunk, _)| chunk).collect()
    }

    fn add_waiting(&mut self, run: ChunkRun) {
        self.waiting.insert(run);
        for (suspects, _) in self.suspicion.within(run) {
            self.waiting.remove(suspects);
            self.suspects.insert(suspects);
        }
        for chunk in self.failed_within(run) {
            self.waiting.remove(one(chunk));
            self.suspects.remove(one(chunk));
            self.retries.insert(chunk);
        }
    }

    fn remove_waiting(&mut self, run: ChunkRun) {
        self.waiting.remove(run);
        self.suspects.remove(run);
        for chunk in self.failed_within(run) {
            self.retries.remove(&chunk);
        }
    }

    /// Panics unless each chunk is in exactly one place.
    pub(crate) fn check_invariants(&self) {
        let retries = self.retries.iter().map(|&chunk| one(chunk));
        let mut places: Vec<(ChunkRun, &str)> = (self.waiting.iter().map(|run| (run, "waiting")))
            .chain(retries.map(|run| (run, "to be tried again")))
            .chain(self.suspects.iter().map(|run| (run, "to be tried alone")))
            .chain(self.held.iter().map(|(run, _)| (run, "outstanding")))
            .chain(self.received.iter().map(|run| (run, "received")))
            .chain(self.committed.iter().map(|run| (run, "committed")))
            .chain(self.failed.keys().map(|&chunk| (one(chunk), "failed for good")))
            .collect();
        places.sort();
        let all = self.chunks.all();
        if !self.is_active() {
            assert!(
                places.iter().all(|(_, place)| ["committed", "failed for good"].contains(place)),
                "an ended job has chunks in {places:?}"
            );
        } else {
            let mut next = all.start();
            for (run, place) in &places {
                assert_eq!(run.start(), next, "{run} {place} does not follow: {places:?}");
                next = run.end();
            }
            assert_eq!(next, all.end(), "chunks are missing: {places:?}");
            assert!(!self.is_complete(), "done, but not ended");
        }
        let failed = |chunk| self.failures.contains_key(chunk);
        assert!(self.retries.iter().all(failed), "a retry without a failure");
        let over = |chunk: &u64| self.committed.contains(*chunk) || self.failed.contains_key(chunk);
        assert!(!self.failures.keys().any(over), "a failure of a chunk that is committed or failed for good");
        let suspected = |run: ChunkRun| self.suspicion.within(run).map(|(run, _)| run.len()).sum::<u64>();
        assert!(self.suspects.iter().all(|run| suspected(run) == run.len()), "a probe of a chunk that is no suspect");
        let clear = self.waiting.iter().chain(self.received.iter()).chain(self.committed.iter());
        assert!(clear.map(suspected).sum::<u64>() == 0, "a suspect among {places:?}");
        let held: u64 = self.held.iter().map(|(run, _)| run.len()).sum();
        assert_eq!(self.held.len(), held, "the count of outstanding chunks");
    }
}
