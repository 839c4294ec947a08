//! A small world around a scheduler: real workers that come, go, fall silent and come back; false reports; a store that
//! receives, loses and commits. It keeps its own books, and compares them after every step.

mod calm;
mod false_reports;
mod machine;
mod rejoin;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use swath_model::{
    ChunkRun, ChunkSet, Chunks, Incarnation, Instant, JobId, LeaseId, Limits, Range, WorkerId, WorkerState,
};
use swath_scheduler::{Action, Config, Event, JobPlan, JobState, NewFailedChunk, Outcome, Scheduler};
use swath_worker_core::FromCoordinator;

use self::{machine::Machine, wire::MachineId};

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

/// The incarnation of the coordinator.
const INCARNATION: Incarnation = Incarnation(9);

/// A lease as it was given out.
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
    failed: BTreeSet<u64>,
    ended: Option<Outcome>,
}

pub(crate) struct World {
    pub(crate) scheduler: Scheduler,
    now: Instant,
    jobs: BTreeMap<JobId, Truth>,
    /// All jobs there ever were.
    plans: BTreeMap<JobId, JobPlan>,
    /// Leases that their worker reported as computed.
    computed: BTreeSet<LeaseId>,
    /// How often a worker crashed that had nothing to compute but this chunk.
    crashes: BTreeMap<(JobId, u64), u32>,
    /// The workers as the coordinator knows them. The process of one may be gone, or be another one by now.
    workers: BTreeSet<WorkerId>,
    machines: BTreeMap<MachineId, Machine>,
    given: Vec<Given>,
    /// The workers that were asked for some of a lease and have not answered.
    asked_back: Vec<(WorkerId, LeaseId)>,
    next_job: u64,
    next_worker: u64,
    next_machine: MachineId,
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
                incarnation: INCARNATION,
                ..Config::default()
            }),
            now: Instant::from_nanos(1_000),
            jobs: BTreeMap::new(),
            plans: BTreeMap::new(),
            computed: BTreeSet::new(),
            crashes: BTreeMap::new(),
            workers: BTreeSet::new(),
            machines: BTreeMap::new(),
            given: Vec::new(),
            asked_back: Vec::new(),
            next_job: 1,
            next_worker: 1,
            next_machine: 1,
            last_event: None,
            actions: Vec::new(),
            seen: Seen::default(),
        }
    }

    pub(crate) fn step(&mut self, step: Step) {
        let (what, a, b, c) = step;
        self.now = self.now + Duration::from_micros(u64::from(c) % 5_000);
        match what % 64 {
            0..=2 => self.join(1 + u32::from(a) % 4),
            3..=6 => self.leave(a, b),
            7 => self.stop(a),
            8..=9 => self.report_heartbeat(a),
            10..=11 => self.report_computed(a, b),
            12 => self.report_returned(a, b, c),
            13 => self.report_block(a, b, c),
            14..=16 => self.report_failed(a, b),
            17 => self.again(),
            18..=21 => self.commit(a, b, c),
            22..=23 => self.lose(a, b, c),
            24..=26 => self.submit(a, b),
            27 => self.cancel(a),
            28..=29 => self.pause(a, b.is_multiple_of(2)),
            30 => self.pass_time(Duration::from_millis(u64::from(a) % 20_000)),
            31..=32 => self.pass_time(Duration::from_millis(u64::from(a) % 300)),
            33 => self.drain_one(a),
            34 => self.out_of_thin_air(a, b, c),
            35 => self.forget(a),
            36..=37 => self.lose_connection(a, b),
            38..=41 => self.come_back(a, b, c),
            _ => self.work(a, b, c),
        }
        self.check();
    }

    fn tell(&mut self, event: Event) {
        match event {
            Event::WorkerCrashed { worker } => self.count_crash(worker),
            Event::LeaseComputed { worker, lease, .. } if self.scheduler.holder(lease) == Some(worker) => {
                self.computed.insert(lease);
            }
            _ => {}
        }
        self.last_event = Some(event.clone());
        self.scheduler.handle_event(self.now, event);
        self.take_actions();
    }

    fn count_crash(&mut self, worker: WorkerId) {
        let is_open = |lease| self.scheduler.holder(lease) == Some(worker) && !self.computed.contains(&lease);
        let open: Vec<Given> = self.given.iter().copied().filter(|given| is_open(given.lease)).collect();
        if let &[Given { job, chunks, .. }] = open.as_slice()
            && chunks.len() == 1
        {
            *self.crashes.entry((job, chunks.start())).or_default() += 1;
        }
    }

    /// A chunk fails for this reason: if for crashes, then it was alone in as many of them as its job allows.
    fn check_failed(&self, job: JobId, chunk: u64, reason: &str) {
        let (crashes, limit) = (self.crashes.get(&(job, chunk)), self.plans[&job].limits.crash_limit.max(1));
        if reason.contains("crashed") {
            assert!(
                crashes.is_some_and(|&crashes| crashes >= limit),
                "{crashes:?} of {limit} in chunk {chunk} of {job}"
            );
        }
    }

    fn take_actions(&mut self) {
        while let Some(NewFailedChunk { job, chunk, failed }) = self.scheduler.poll_failed_chunk() {
            let truth = self.jobs.get_mut(&job).unwrap();
            assert_eq!(truth.ended, None, "chunk {chunk} of job {job}");
            assert!(!truth.commits.contains_key(&chunk) && !truth.in_memory.contains(&chunk), "chunk {chunk}");
            assert!(truth.failed.insert(chunk), "chunk {chunk} of job {job} fails for good again");
            self.check_failed(job, chunk, &failed.reason);
            self.seen.count(if failed.reason.contains("crashed") { "crashed" } else { "failed for good" });
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
                self.given.push(Given { lease, worker, job, chunks });
                self.send_lease(worker, lease, job, chunks);
                self.seen.count("assigned");
            }
            Action::ReturnChunks { worker, lease, chunks } => {
                assert!(self.workers.contains(&worker), "{action:?}: no such worker");
                self.asked_back.push((worker, lease));
                self.send(worker, FromCoordinator::ReturnChunks { lease, chunks });
                self.seen.count("asked back");
            }
            Action::StopLease { worker, lease } => {
                assert_ne!(self.scheduler.holder(lease), Some(worker), "{action:?}: it is held");
                self.send(worker, FromCoordinator::StopLease { lease });
                self.seen.count("stopped");
            }
            Action::JobEnded { job, ref outcome } => {
                let truth = self.jobs.get_mut(&job).unwrap();
                assert_eq!(truth.ended, None, "job {job} has ended before");
                truth.ended = Some(outcome.clone());
                self.send_job_ended(job);
                if let Outcome::Failed { chunk, reason, .. } = outcome {
                    self.check_failed(job, *chunk, reason);
                }
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
        let mut machine = Machine::new(self.now, threads);
        let worker = self.new_worker();
        machine.connect(self.now, worker);
        machine.send(self.welcome(worker, Vec::new()));
        if self.scheduler.has_room_for_worker() {
            self.workers.insert(worker);
            self.add_machine(machine);
        } else {
            self.seen.count("no room");
        }
        self.tell(Event::WorkerJoined { worker, threads });
    }

    fn new_worker(&mut self) -> WorkerId {
        let worker = WorkerId(self.next_worker);
        self.next_worker += 1;
        worker
    }

    fn add_machine(&mut self, machine: Machine) -> MachineId {
        let id = self.next_machine;
        self.next_machine += 1;
        self.machines.insert(id, machine);
        id
    }

    fn some_worker(&self, choice: u16) -> Option<WorkerId> {
        let workers: Vec<_> = self.workers.iter().copied().collect();
        pick(&workers, choice)
    }

    /// A worker is gone, with its process if it has one.
    fn leave(&mut self, a: u16, b: u16) {
        let Some(worker) = self.some_worker(a) else { return };
        self.machines.retain(|_, machine| machine.worker() != Some(worker));
        let crashed = !b.is_multiple_of(4);
        self.seen.count(if crashed { "worker crashed" } else { "left" });
        self.miss(worker, if crashed { Event::WorkerCrashed { worker } } else { Event::WorkerLeft { worker } });
    }

    /// The coordinator notices that a worker is gone.
    fn miss(&mut self, worker: WorkerId, event: Event) {
        self.workers.remove(&worker);
        self.asked_back.retain(|&(asked, _)| asked != worker);
        self.tell(event);
    }

    /// A worker is told to stop on its own machine.
    fn stop(&mut self, a: u16) {
        let Some(id) = self.some_machine(a) else { return };
        let now = self.now;
        if let Some(machine) = self.machines.get_mut(&id) {
            machine.stop(now);
        }
        self.remove_ended(id);
    }

    /// The connection of a worker breaks; the coordinator notices, or does not.
    fn lose_connection(&mut self, a: u16, b: u16) {
        let Some(id) = self.some_machine(a) else { return };
        let worker = self.machines[&id].worker();
        self.cut(id);
        if let Some(worker) = worker.filter(|_| b.is_multiple_of(2)) {
            self.miss(worker, Event::WorkerCrashed { worker });
        }
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
                truth.failed.remove(&chunk);
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
        self.plans.insert(id, JobPlan { chunks, limits });
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

    fn drain_one(&mut self, a: u16) {
        if let Some(worker) = self.some_worker(a) {
            self.drain(worker);
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
            // Nobody sends what failed for good, so it is not news that it was received.
            truth.in_memory.retain(|chunk| !truth.failed.contains(chunk));
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
                assert_eq!(view.failed_chunks, truth.failed.len() as u64, "job {id}");
                let failed = self.scheduler.failed_chunks(id).map(|(chunk, _)| chunk);
                assert!(failed.eq(truth.failed.iter().copied()), "job {id}");
                let passed = |chunk: &u64| truth.commits.contains_key(chunk) || truth.failed.contains(chunk);
                let frontier = (0..).find(|chunk| !passed(chunk));
                assert_eq!(Some(view.frontier), frontier, "job {id}");
                let all = view.waiting + view.leased + view.received + view.committed + view.failed_chunks;
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
