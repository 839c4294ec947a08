//! One job and where each of its chunks is.

use std::collections::{BTreeMap, BTreeSet};

use crate::estimate::{Rate, Throughput};
use crate::holdings::Holdings;
use crate::{Chunks, Instant, IntervalSet, JobSpec, JobState, JobView, LeaseId, Limits, Outcome, Run, WorkerId};

/// How many chunks to be tried again are looked through for one that a worker may take.
const RETRIES_LOOKED_AT: usize = 32;

/// What is known of a job. Each of its chunks is in exactly one of `waiting`, `retries`, `held`, `received` and
/// `committed`; once it has ended, only what is committed is still known.
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
    waiting: IntervalSet,
    /// Chunks that wait and have failed before.
    retries: BTreeSet<u64>,
    held: Holdings,
    received: IntervalSet,
    committed: IntervalSet,
    /// Chunks that have failed and are not committed.
    failures: BTreeMap<u64, Failure>,
    throughput: Throughput,
}

#[derive(Debug)]
struct Failure {
    count: u32,
    last_worker: WorkerId,
}

/// Outstanding chunks that are no longer, and the lease that held them.
pub(crate) type Released = Vec<(Run, LeaseId)>;

/// What a worker could be given of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// One chunk that has failed before.
    Retry(u64),
    /// The start of this run.
    Waiting(Run),
}

impl Job {
    pub(crate) fn new(now: Instant, spec: &JobSpec, committed: IntervalSet) -> Self {
        Job {
            chunks: spec.chunks,
            limits: spec.limits,
            state: JobState::Active,
            paused: false,
            pass: 0,
            rate_per_thread: Rate::default(),
            waiting: committed.gaps(spec.chunks.all()).collect(),
            retries: BTreeSet::new(),
            held: Holdings::default(),
            received: IntervalSet::new(),
            committed,
            failures: BTreeMap::new(),
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

    pub(crate) fn all_committed(&self) -> bool {
        self.committed.len() == self.chunks.count()
    }

    /// What `worker` should be given next. `alone` says that there is no other worker to try a failed chunk on.
    pub(crate) fn next_work(&self, worker: WorkerId, alone: bool) -> Option<Work> {
        let retry = self.retries.iter().take(RETRIES_LOOKED_AT).find(|chunk| {
            let failure = self.failures.get(chunk);
            alone || failure.is_none_or(|failure| failure.last_worker != worker)
        });
        match retry {
            Some(&chunk) => Some(Work::Retry(chunk)),
            None => self.waiting.first().map(Work::Waiting),
        }
    }

    /// The numbers of the mean chunk.
    pub(crate) fn chunk_numbers(&self) -> f64 {
        self.chunks.range().count() as f64 / self.chunks.count() as f64
    }

    /// About how many numbers wait.
    pub(crate) fn waiting_numbers(&self) -> f64 {
        self.waiting_count() as f64 * self.chunk_numbers()
    }

    /// Chunks that wait go out under `lease`.
    pub(crate) fn lease_out(&mut self, run: Run, lease: LeaseId) {
        self.remove_waiting(run);
        self.held.insert(run, lease);
    }

    /// Outstanding chunks wait again.
    pub(crate) fn give_back(&mut self, run: Run) {
        for (run, _) in self.held.remove(run) {
            self.add_waiting(run);
        }
    }

    pub(crate) fn receive(&mut self, now: Instant, run: Run) -> Released {
        let Some(run) = run.intersect(self.chunks.all()) else {
            return Vec::new();
        };
        self.remove_waiting(run);
        let released = self.held.remove(run);
        let before = self.received.len();
        for news in self.committed.gaps(run) {
            self.received.insert(news);
        }
        let news = (self.received.len() - before) as f64 * self.chunk_numbers();
        self.throughput.add(now, news as u64);
        released
    }

    pub(crate) fn commit(&mut self, run: Run) -> Released {
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
        released
    }

    /// Chunks that were received wait again.
    pub(crate) fn lose(&mut self, run: Run) {
        let lost: Vec<Run> = self.received.intersection(run).collect();
        for run in lost {
            self.received.remove(run);
            self.add_waiting(run);
        }
    }

    /// An outstanding chunk has failed and waits again; returns how often it has failed.
    pub(crate) fn fail(&mut self, chunk: u64, worker: WorkerId) -> u32 {
        let failure = self.failures.entry(chunk).or_insert(Failure { count: 0, last_worker: worker });
        failure.count = failure.count.saturating_add(1);
        failure.last_worker = worker;
        let count = failure.count;
        self.give_back(Run { start: chunk, end: chunk + 1 });
        count
    }

    /// Ends the job, which no lease may hold any more.
    pub(crate) fn end(&mut self, outcome: Outcome) {
        self.state = JobState::Ended(outcome);
        self.paused = false;
        self.waiting = IntervalSet::new();
        self.retries.clear();
        self.received = IntervalSet::new();
        self.failures.clear();
    }

    /// All leases that hold chunks, in order of their ids.
    pub(crate) fn leases(&self) -> BTreeSet<LeaseId> {
        self.held.iter().map(|(_, lease)| lease).collect()
    }

    pub(crate) fn held(&self) -> &Holdings {
        &self.held
    }

    pub(crate) fn view(&self) -> JobView {
        JobView {
            state: self.state.clone(),
            chunks: self.chunks,
            committed: self.committed.len(),
            committed_numbers: self.committed.iter().map(|run| self.chunks.offsets(run).len()).sum(),
            committed_intervals: self.committed.intervals(),
            frontier: self.committed.first_missing(0),
            waiting: self.waiting_count(),
            leased: self.held.len(),
            received: self.received.len(),
            numbers_per_second: self.throughput.per_second(),
            paused: self.paused,
        }
    }

    fn waiting_count(&self) -> u64 {
        self.waiting.len() + self.retries.len() as u64
    }

    fn failed_within(&self, run: Run) -> Vec<u64> {
        self.failures.range(run.start..run.end).map(|(&chunk, _)| chunk).collect()
    }

    fn add_waiting(&mut self, run: Run) {
        self.waiting.insert(run);
        for chunk in self.failed_within(run) {
            self.waiting.remove(Run { start: chunk, end: chunk + 1 });
            self.retries.insert(chunk);
        }
    }

    fn remove_waiting(&mut self, run: Run) {
        self.waiting.remove(run);
        for chunk in self.failed_within(run) {
            self.retries.remove(&chunk);
        }
    }

    /// Panics unless each chunk is in exactly one place.
    pub(crate) fn check_invariants(&self) {
        let retries = self.retries.iter().map(|&chunk| Run { start: chunk, end: chunk + 1 });
        let mut places: Vec<(Run, &str)> = (self.waiting.iter().map(|run| (run, "waiting")))
            .chain(retries.map(|run| (run, "to be tried again")))
            .chain(self.held.iter().map(|(run, _)| (run, "outstanding")))
            .chain(self.received.iter().map(|run| (run, "received")))
            .chain(self.committed.iter().map(|run| (run, "committed")))
            .collect();
        places.sort();
        let all = self.chunks.all();
        if !self.is_active() {
            assert!(places.iter().all(|(_, place)| *place == "committed"), "an ended job has chunks in {places:?}");
        } else {
            let mut next = all.start;
            for (run, place) in &places {
                assert_eq!(run.start, next, "{run} {place} does not follow: {places:?}");
                next = run.end;
            }
            assert_eq!(next, all.end, "chunks are missing: {places:?}");
            assert!(!self.all_committed(), "done, but not ended");
        }
        let failed = |chunk| self.failures.contains_key(chunk);
        assert!(self.retries.iter().all(failed), "a retry without a failure");
        let committed = |chunk: &u64| self.committed.contains(*chunk);
        assert!(!self.failures.keys().any(committed), "a failure of a committed chunk");
        let held: u64 = self.held.iter().map(|(run, _)| run.len()).sum();
        assert_eq!(self.held.len(), held, "the count of outstanding chunks");
    }
}
