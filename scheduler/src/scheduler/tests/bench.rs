//! A scheduler on the bench: calls, checks and what came out.

use std::time::Duration;

use swath_model::Range;

use crate::{
    Action, ChunkRun, Chunks, Config, Event, Instant, JobId, JobPlan, LeaseId, Limits, NewFailedChunk, Outcome,
    WorkerId, scheduler::Scheduler,
};

/// A lease as it went out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Given {
    pub(super) worker: WorkerId,
    pub(super) lease: LeaseId,
    pub(super) job: JobId,
    pub(super) chunks: ChunkRun,
}

/// A scheduler and its clock; every call is followed by a check and yields the actions.
pub(super) struct Bench {
    pub(super) scheduler: Scheduler,
    pub(super) now: Instant,
}

impl Bench {
    pub(super) fn new() -> Self {
        Bench::with(Config::default())
    }

    pub(super) fn with(config: Config) -> Self {
        Bench { scheduler: Scheduler::new(config), now: Instant::from_nanos(1) }
    }

    pub(super) fn actions(&mut self) -> Vec<Action> {
        self.scheduler.check_invariants();
        std::iter::from_fn(|| self.scheduler.poll_action()).collect()
    }

    pub(super) fn new_failed_chunks(&mut self) -> Vec<NewFailedChunk> {
        std::iter::from_fn(|| self.scheduler.poll_failed_chunk()).collect()
    }

    pub(super) fn tell(&mut self, event: Event) -> Vec<Action> {
        self.scheduler.handle_event(self.now, event);
        self.actions()
    }

    /// Lets time pass and tells the scheduler at the end.
    pub(super) fn pass(&mut self, span: Duration) -> Vec<Action> {
        self.now = self.now + span;
        self.scheduler.handle_timeout(self.now);
        self.actions()
    }

    /// A job of so many chunks of `size` numbers.
    pub(super) fn submit(&mut self, job: JobId, chunks: u64, size: u64) -> Vec<Action> {
        let spec = spec(chunks, size);
        self.scheduler.submit(self.now, job, spec).unwrap();
        self.actions()
    }

    pub(super) fn submit_with(&mut self, job: JobId, chunks: u64, size: u64, limits: Limits) -> Vec<Action> {
        let spec = JobPlan { limits, ..spec(chunks, size) };
        self.scheduler.submit(self.now, job, spec).unwrap();
        self.actions()
    }

    pub(super) fn join(&mut self, worker: WorkerId, threads: u32) -> Vec<Given> {
        given(&self.tell(Event::WorkerJoined { worker, threads }))
    }

    /// The worker computes a lease in `busy`, during which time passes, and all is received and committed.
    pub(super) fn complete(&mut self, g: Given, busy: Duration) -> Vec<Action> {
        self.now = self.now + busy;
        let (worker, lease, job, chunks) = (g.worker, g.lease, g.job, g.chunks);
        let mut actions = self.tell(Event::LeaseComputed { worker, lease, busy });
        assert!(self.scheduler.holds(lease, chunks));
        actions.extend(self.tell(Event::ChunksReceived { job, chunks }));
        actions.extend(self.tell(Event::ChunksCommitted { job, chunks }));
        actions
    }

    pub(super) fn fail(&mut self, g: Given, chunk: u64) -> Vec<Action> {
        self.tell(Event::ChunkFailed { worker: g.worker, lease: g.lease, chunk, number: 42, reason: "no root".into() })
    }
}

pub(super) fn spec(chunks: u64, size: u64) -> JobPlan {
    let last = i64::try_from(chunks * size).unwrap();
    let range = Range::new(1, last).unwrap();
    JobPlan { chunks: Chunks::new(range, size).unwrap(), limits: Limits::default() }
}

pub(super) fn given(actions: &[Action]) -> Vec<Given> {
    let given = |action: &Action| match *action {
        Action::Assign { worker, lease, job, chunks } => Some(Given { worker, lease, job, chunks }),
        _ => None,
    };
    actions.iter().filter_map(given).collect()
}

pub(super) fn asked_back(actions: &[Action]) -> Vec<(WorkerId, LeaseId, ChunkRun)> {
    let asked = |action: &Action| match *action {
        Action::ReturnChunks { worker, lease, chunks } => Some((worker, lease, chunks)),
        _ => None,
    };
    actions.iter().filter_map(asked).collect()
}

pub(super) fn stopped(actions: &[Action]) -> Vec<(WorkerId, LeaseId)> {
    let stopped = |action: &Action| match *action {
        Action::StopLease { worker, lease } => Some((worker, lease)),
        _ => None,
    };
    actions.iter().filter_map(stopped).collect()
}

pub(super) fn ended(actions: &[Action]) -> Vec<(JobId, Outcome)> {
    let ended = |action: &Action| match action {
        Action::JobEnded { job, outcome } => Some((*job, outcome.clone())),
        _ => None,
    };
    actions.iter().filter_map(ended).collect()
}
