//! A small world around a scheduler: workers that come, go, fall silent and send what is stale; a store that
//! receives, loses and commits. It keeps its own books, and compares them after every step.

mod calm;
mod rejoin;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use swath_model::{
    ChunkRun, ChunkSet, Chunks, Incarnation, Instant, JobId, LeaseId, Limits, Range, WorkerId, WorkerState,
};
use swath_scheduler::{Action, Config, Event, JobPlan, JobState, Outcome, Scheduler, Skipped};

/// One random step: what, and three choices.
pub(crate) type Step = (u8, u16, u16, u16);

/// How often what happened; a world in which something never happens proves nothing about it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(pub(crate) BTreeMap<&'static str, u64>);

impl Seen {
    fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }
}

/// A lease as its worker knows it.
#[derive(Clone, Copy, Debug)]
struct Given {
    lease: LeaseId,
    worker: WorkerId,
    job: JobId,
    chunks: ChunkRun,
}

/// The truth about a job's chunks.
#[derive(Debug, Default)]
struct Truth {
    count: u64,
    in_memory: BTreeSet<u64>,
    commits: BTreeMap<u64, u32>,
    holes: BTreeSet<u64>,
    ended: Option<Outcome>,
}

pub(crate) struct World {
    pub(crate) scheduler: Scheduler,
    now: Instant,
    jobs: BTreeMap<JobId, Truth>,
    workers: BTreeSet<WorkerId>,
    given: Vec<Given>,
    to_do: BTreeMap<WorkerId, Vec<Given>>,
    asked_back: Vec<(LeaseId, ChunkRun)>,
    next_job: u64,
    next_worker: u64,
    last_event: Option<Event>,
    pub(crate) actions: Vec<Action>,
    pub(crate) seen: Seen,
}

fn pick<T: Copy>(items: &[T], choice: u16) -> Option<T> {
    (!items.is_empty()).then(|| items[usize::from(choice) % items.len()])
}

/// Some part of `run`.
fn part(run: ChunkRun, a: u16, b: u16) -> ChunkRun {
    let start = run.start() + u64::from(a) % run.len();
    let end = start + 1 + u64::from(b) % (run.end() - start);
    ChunkRun::new(start, end).unwrap()
}

impl World {
    pub(crate) fn new() -> Self {
        World {
            scheduler: Scheduler::new(Config {
                max_jobs: 5,
                max_workers: 6,
                incarnation: Incarnation(9),
                ..Config::default()
            }),
            now: Instant::from_nanos(1_000),
            jobs: BTreeMap::new(),
            workers: BTreeSet::new(),
            given: Vec::new(),
            to_do: BTreeMap::new(),
            asked_back: Vec::new(),
            next_job: 1,
            next_worker: 1,
            last_event: None,
            actions: Vec::new(),
            seen: Seen::default(),
        }
    }

    pub(crate) fn step(&mut self, step: Step) {
        let (what, a, b, c) = step;
        self.now = self.now + Duration::from_micros(u64::from(c) % 5_000);
        match what % 46 {
            0..=2 => self.join(1 + u32::from(a) % 4),
            3 => self.leave(a, b),
            4..=6 => self.heartbeat(a),
            7..=10 => self.report_computed(a, b),
            11..=13 => self.give_back(a, b, c),
            14..=19 => self.block_arrives(a, b, c),
            20..=23 => self.commit(a, b, c),
            24 => self.lose(a, b, c),
            25..=26 => self.fail(a, b),
            27..=29 => self.submit(a, b),
            30 => self.cancel(a),
            31..=32 => self.pause(a, b.is_multiple_of(2)),
            33 => self.pass_time(Duration::from_millis(u64::from(a) % 20_000)),
            34..=35 => self.pass_time(Duration::from_millis(u64::from(a) % 300)),
            36 => self.drain(a),
            37 => self.out_of_thin_air(a, b, c),
            38 => self.again(),
            39 => self.forget(a),
            40..=42 => self.leave(a, 1),
            _ => self.come_back(a, b, c),
        }
        self.check();
    }

    fn tell(&mut self, event: Event) {
        self.last_event = Some(event.clone());
        self.scheduler.handle_event(self.now, event);
        self.take_actions();
    }

    fn take_actions(&mut self) {
        while let Some(Skipped { job, chunk, hole }) = self.scheduler.poll_skipped() {
            let truth = self.jobs.get_mut(&job).unwrap();
            assert_eq!(truth.ended, None, "chunk {chunk} of job {job}");
            assert!(!truth.commits.contains_key(&chunk) && !truth.in_memory.contains(&chunk), "chunk {chunk}");
            assert!(truth.holes.insert(chunk), "chunk {chunk} of job {job} is skipped again");
            self.seen.count(if hole.reason.contains("crashed") { "crashed" } else { "skipped" });
        }
        while let Some(action) = self.scheduler.poll_action() {
            self.on_action(&action);
            self.actions.push(action);
        }
    }

    fn on_action(&mut self, action: &Action) {
        match *action {
            Action::Assign { worker, lease, job, chunks } => {
                assert!(self.workers.contains(&worker), "{action:?}: no such worker");
                assert!(self.given.iter().all(|g| g.lease < lease), "{lease} again");
                let truth = &self.jobs[&job];
                assert_eq!(truth.ended, None, "{action:?}");
                assert!(chunks.end() <= truth.count, "{action:?}");
                let given = Given { lease, worker, job, chunks };
                self.given.push(given);
                self.to_do.entry(worker).or_default().push(given);
                self.seen.count("assigned");
            }
            Action::ReturnChunks { worker, lease, chunks } => {
                assert!(self.workers.contains(&worker), "{action:?}: no such worker");
                self.asked_back.push((lease, chunks));
                self.seen.count("asked back");
            }
            Action::StopLease { worker, lease } => {
                assert_ne!(self.scheduler.holder(lease), Some(worker), "{action:?}: it is held");
                self.seen.count("stopped");
            }
            Action::JobEnded { job, ref outcome } => {
                let truth = self.jobs.get_mut(&job).unwrap();
                assert_eq!(truth.ended, None, "job {job} has ended before");
                truth.ended = Some(outcome.clone());
                self.seen.count(match outcome {
                    Outcome::Done => "done",
                    Outcome::Cancelled => "cancelled",
                    Outcome::Failed { reason, .. } if reason.contains("crashed") => "crashed",
                    Outcome::Failed { .. } => "failed",
                });
            }
        }
    }

    fn join(&mut self, threads: u32) {
        let worker = WorkerId(self.next_worker);
        self.next_worker += 1;
        if self.scheduler.has_room_for_worker() {
            self.workers.insert(worker);
        } else {
            self.seen.count("no room");
        }
        self.tell(Event::WorkerJoined { worker, threads });
    }

    fn some_worker(&self, choice: u16) -> Option<WorkerId> {
        let workers: Vec<_> = self.workers.iter().copied().collect();
        pick(&workers, choice)
    }

    fn leave(&mut self, a: u16, b: u16) {
        let Some(worker) = self.some_worker(a) else {
            return;
        };
        self.workers.remove(&worker);
        let crashed = !b.is_multiple_of(4);
        self.seen.count(if crashed { "worker crashed" } else { "left" });
        self.tell(if crashed { Event::WorkerCrashed { worker } } else { Event::WorkerLeft { worker } });
    }

    fn heartbeat(&mut self, a: u16) {
        // One that has never been there, too.
        let worker = self.some_worker(a).unwrap_or(WorkerId(99_999));
        let silent = |world: &World| {
            let view = world.scheduler.worker(worker);
            view.is_some_and(|view| view.state == WorkerState::Silent)
        };
        if silent(self) {
            self.seen.count("came back");
        }
        self.tell(Event::Heartbeat { worker });
        assert!(!silent(self));
    }

    /// Of the last few leases mostly, of any sometimes.
    fn some_lease(&mut self, choice: u16) -> Option<Given> {
        let from = if choice.is_multiple_of(5) { 0 } else { self.given.len().saturating_sub(6) };
        let given = pick(&self.given[from..], choice)?;
        if self.scheduler.holder(given.lease).is_none() {
            self.seen.count("stale");
        }
        Some(given)
    }

    fn report_computed(&mut self, a: u16, b: u16) {
        let Some(given) = self.some_lease(a) else {
            return;
        };
        self.tell(Event::LeaseComputed {
            worker: given.worker,
            lease: given.lease,
            busy: Duration::from_micros(u64::from(b) * 10),
        });
    }

    fn give_back(&mut self, a: u16, b: u16, c: u16) {
        let (lease, chunks) = match pick(&self.asked_back, a) {
            Some(asked) if !b.is_multiple_of(3) => asked,
            _ => match self.some_lease(a) {
                Some(given) => (given.lease, given.chunks),
                None => return,
            },
        };
        let given = *self.given.iter().find(|g| g.lease == lease).unwrap();
        let chunks = (!c.is_multiple_of(4)).then(|| part(chunks, b, c));
        let held = |world: &World, run| world.scheduler.holds(lease, run);
        let whole = chunks.is_some_and(|run| held(self, run));
        self.tell(Event::ChunksReturned { worker: given.worker, lease, chunks });
        if whole {
            assert!(!held(self, chunks.unwrap()), "returned, but still held");
            self.seen.count("returned");
        }
    }

    fn block_arrives(&mut self, a: u16, b: u16, c: u16) {
        if let Some(given) = self.some_lease(a) {
            let chunks = if c.is_multiple_of(2) { given.chunks } else { part(given.chunks, b, c) };
            self.accept(given, chunks);
        }
    }

    /// Fences a block as the shell does, and checks that no chunk passes twice.
    fn accept(&mut self, given: Given, chunks: ChunkRun) {
        if !self.scheduler.holds(given.lease, chunks) {
            self.seen.count("refused");
            return;
        }
        let truth = self.jobs.get_mut(&given.job).unwrap();
        for chunk in chunks.start()..chunks.end() {
            assert!(!truth.commits.contains_key(&chunk), "{chunk} is committed");
            assert!(truth.in_memory.insert(chunk), "{chunk} was received twice");
        }
        self.seen.count("received");
        let job = given.job;
        self.tell(Event::ChunksReceived { job, chunks });
    }

    fn some_received(&self, a: u16, b: u16, c: u16) -> Option<(JobId, ChunkRun)> {
        let jobs: Vec<_> = self.jobs.keys().copied().collect();
        let job = pick(&jobs, a)?;
        let single = |&chunk: &u64| ChunkRun::new(chunk, chunk + 1).unwrap();
        let received: ChunkSet = self.jobs[&job].in_memory.iter().map(single).collect();
        let runs: Vec<_> = received.iter().collect();
        let run = pick(&runs, b)?;
        Some((job, if c.is_multiple_of(2) { run } else { part(run, b, c) }))
    }

    fn commit(&mut self, a: u16, b: u16, c: u16) {
        if let Some((job, chunks)) = self.some_received(a, b, c) {
            self.commit_run(job, chunks);
        }
    }

    fn commit_run(&mut self, job: JobId, chunks: ChunkRun) {
        let truth = self.jobs.get_mut(&job).unwrap();
        for chunk in chunks.start()..chunks.end() {
            if truth.in_memory.remove(&chunk) {
                *truth.commits.entry(chunk).or_default() += 1;
                truth.holes.remove(&chunk);
            }
        }
        self.seen.count("committed");
        self.tell(Event::ChunksCommitted { job, chunks });
    }

    fn lose(&mut self, a: u16, b: u16, c: u16) {
        let Some((job, chunks)) = self.some_received(a, b, c) else {
            return;
        };
        let truth = self.jobs.get_mut(&job).unwrap();
        truth.in_memory.retain(|&chunk| !chunks.contains(chunk));
        self.seen.count("lost");
        self.tell(Event::ChunksLost { job, chunks });
    }

    fn fail(&mut self, a: u16, b: u16) {
        let Some(given) = self.some_lease(a) else {
            return;
        };
        let run = part(given.chunks, b, 0);
        if self.scheduler.holds(given.lease, run) {
            self.seen.count("kernel failed");
        }
        self.tell(Event::ChunkFailed {
            worker: given.worker,
            lease: given.lease,
            chunk: run.start(),
            number: 7,
            reason: "odd".into(),
        });
    }

    fn submit(&mut self, a: u16, b: u16) {
        let id = JobId(self.next_job);
        let last = 1 + i64::from(a) % 40;
        let last = if b.is_multiple_of(3) { last * 40_000 } else { last };
        let range = Range::new(1, last).unwrap();
        let chunks = Chunks::new(range, (range.count() / (1 + u64::from(b) % 40)).max(1)).unwrap();
        let limits = Limits {
            max_retries: u32::from(b) % 3,
            crash_limit: u32::from(a) % 3,
            keep_going: (a / 3).is_multiple_of(2),
        };
        let truth = Truth { count: chunks.count(), ..Truth::default() };
        let full = self.scheduler.jobs();
        let full = full.filter(|(_, v)| v.state == JobState::Active).count() == 5;
        self.jobs.insert(id, truth);
        let result = self.scheduler.submit(self.now, id, JobPlan { chunks, limits });
        assert_eq!(result.is_err(), full);
        if full {
            self.jobs.remove(&id);
            self.seen.count("too many jobs");
        } else {
            self.next_job += 1;
            let again = self.scheduler.submit(self.now, id, JobPlan { chunks, limits });
            assert!(again.is_err(), "the id is taken");
        }
        self.take_actions();
    }

    fn some_job(&self, a: u16) -> Option<JobId> {
        let jobs: Vec<_> = self.jobs.keys().copied().collect();
        pick(&jobs, a)
    }

    fn cancel(&mut self, a: u16) {
        let Some(job) = self.some_job(a) else { return };
        let ended = self.jobs[&job].ended.is_some();
        assert_eq!(self.scheduler.cancel(self.now, job).is_err(), ended);
        self.take_actions();
    }

    fn forget(&mut self, a: u16) {
        let Some(job) = self.some_job(a) else { return };
        let ended = self.jobs[&job].ended.is_some();
        assert_eq!(self.scheduler.forget(job).is_ok(), ended);
        if ended {
            self.jobs.remove(&job);
            self.given.retain(|given| given.job != job || given.lease.sequence.is_multiple_of(2));
            let given: BTreeSet<_> = self.given.iter().map(|given| given.lease).collect();
            self.asked_back.retain(|(lease, _)| given.contains(lease));
            self.seen.count("forgotten");
        }
    }

    fn pause(&mut self, a: u16, paused: bool) {
        let Some(job) = self.some_job(a) else { return };
        if paused {
            self.seen.count("paused");
            self.tell(Event::JobPaused { job });
        } else {
            self.tell(Event::JobResumed { job });
        }
    }

    fn drain(&mut self, a: u16) {
        if let Some(worker) = self.some_worker(a) {
            self.scheduler.drain(self.now, worker).unwrap();
            self.take_actions();
            self.seen.count("drained");
        }
    }

    /// Facts about chunks that the scheduler knows otherwise; the store is always right.
    fn out_of_thin_air(&mut self, a: u16, b: u16, c: u16) {
        let Some(job) = self.some_job(a) else { return };
        let truth = self.jobs.get_mut(&job).unwrap();
        let mut chunks = part(ChunkRun::new(0, truth.count).unwrap(), b, c);
        if a.is_multiple_of(4) {
            chunks = ChunkRun::new(chunks.start(), truth.count).unwrap();
        }
        if truth.ended.is_some() {
            self.tell(Event::ChunksCommitted { job, chunks });
            return;
        }
        for chunk in chunks.start()..chunks.end() {
            if !truth.commits.contains_key(&chunk) {
                truth.in_memory.insert(chunk);
            }
        }
        self.seen.count("thin air");
        if b.is_multiple_of(2) {
            // Nobody sends what is given up, so it is not news that it was received.
            truth.in_memory.retain(|chunk| !truth.holes.contains(chunk));
        }
        if b.is_multiple_of(2) {
            if a.is_multiple_of(4) {
                chunks = ChunkRun::new(chunks.start(), u64::MAX).unwrap(); // what reaches past the end is cut
            }
            self.tell(Event::ChunksReceived { job, chunks });
        } else {
            self.commit_run(job, chunks);
        }
    }

    /// The last event comes twice, unless it would be news about what the store holds.
    fn again(&mut self) {
        let event = self.last_event.clone();
        match event {
            Some(Event::ChunksReceived { .. } | Event::ChunksLost { .. }) | None => {}
            Some(Event::WorkerJoined { worker, .. }) if !self.workers.contains(&worker) => {}
            Some(event) => {
                self.seen.count("doubled");
                self.tell(event);
            }
        }
    }

    /// Lets time pass, waking the scheduler whenever it wants to be woken.
    fn pass_time(&mut self, span: Duration) {
        let until = self.now + span;
        let mut wakes = 0;
        while let Some(at) = self.scheduler.poll_timeout().filter(|&at| at <= until) {
            self.now = self.now.max(at);
            self.scheduler.handle_timeout(self.now);
            self.take_actions();
            let next = self.scheduler.poll_timeout();
            assert!(next.is_none_or(|next| next > self.now), "woken for nothing");
            wakes += 1;
            assert!(wakes < 10_000, "woken again and again");
        }
        self.now = until;
        let silent = |(_, view): &(WorkerId, swath_scheduler::WorkerView)| view.state == WorkerState::Silent;
        if self.scheduler.workers().any(|worker| silent(&worker)) {
            self.seen.count("silent");
        }
    }

    /// Compares the books.
    fn check(&self) {
        self.scheduler.check_invariants();
        for (&id, truth) in &self.jobs {
            let view = self.scheduler.job(id).unwrap();
            let state = match &truth.ended {
                Some(outcome) => JobState::Ended(outcome.clone()),
                None => JobState::Active,
            };
            assert_eq!(view.state, state, "job {id}");
            if truth.ended.is_none() {
                assert_eq!(view.committed, truth.commits.len() as u64, "job {id}");
                assert_eq!(view.received, truth.in_memory.len() as u64, "job {id}");
                assert_eq!(view.holes, truth.holes.len() as u64, "job {id}");
                let holes = self.scheduler.holes(id).map(|(chunk, _)| chunk);
                assert!(holes.eq(truth.holes.iter().copied()), "job {id}");
                let passed = |chunk: &u64| truth.commits.contains_key(chunk) || truth.holes.contains(chunk);
                let frontier = (0..).find(|chunk| !passed(chunk));
                assert_eq!(Some(view.frontier), frontier, "job {id}");
                let all = view.waiting + view.leased + view.received + view.committed + view.holes;
                assert_eq!(all, truth.count, "job {id}");
            }
        }
    }
}

/// Runs a script and what follows; returns the world for its books.
pub(crate) fn run(script: &[Step]) -> World {
    let mut world = World::new();
    for &step in script {
        world.step(step);
    }
    world.calm_down();
    world
}
