//! The shell around the scheduler, as the real one does it: messages and facts in, actions out, and blocks past the
//! fence into the store.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use swath_model::{
    ChunkRun, ChunkSet, Incarnation, Instant, JobId, LeaseId, OffsetSet, ResumeOffer, ResumedLease, WorkerId,
    WorkerState,
};
use swath_scheduler::{Action, Config, Event as SchedulerEvent, JobPlan, JobState, Scheduler};
use swath_worker_core::{FromCoordinator, Lease, ToCoordinator, Welcome};

use crate::cluster::{Cluster, note};
use crate::event::{Block, Event, Fact, JobIndex, LeasedJob, SessionId, id, index};
use crate::ledger::Store;
use crate::plan::one;
use crate::process::{fingerprint, job as core_job};

#[derive(Debug)]
pub(crate) struct Coordinator {
    pub(crate) is_up: bool,
    /// Names this start.
    pub(crate) incarnation: Incarnation,
    pub(crate) scheduler: Scheduler,
    pub(crate) store: Store,
    config: Config,
    /// When it started: where its clock begins.
    origin: Instant,
    sessions: BTreeMap<WorkerId, SessionId>,
    last_worker: u64,
    /// For when the next wake-up is planned.
    wakes_at: Option<Instant>,
    /// Blocks that wait for room.
    stalled: VecDeque<(SessionId, u32, Block)>,
    /// Every lease there ever was: its job and its chunks.
    leases: BTreeMap<LeaseId, (JobIndex, ChunkRun)>,
    /// Leases that no worker may compute.
    strays: BTreeSet<LeaseId>,
    /// Workers that were drained.
    drained: BTreeSet<WorkerId>,
    /// Leases that a worker may be computing.
    open: BTreeMap<WorkerId, BTreeSet<LeaseId>>,
    /// How often a worker crashed that had nothing else to compute than this chunk, since it was last computed.
    alone: BTreeMap<(JobIndex, u64), u32>,
}

impl Coordinator {
    pub(crate) fn new(config: Config) -> Self {
        Coordinator {
            is_up: false,
            incarnation: Incarnation(0),
            scheduler: Scheduler::new(config.clone()),
            store: Store::default(),
            config,
            origin: Instant::ZERO,
            sessions: BTreeMap::new(),
            last_worker: 0,
            wakes_at: None,
            stalled: VecDeque::new(),
            leases: BTreeMap::new(),
            strays: BTreeSet::new(),
            drained: BTreeSet::new(),
            open: BTreeMap::new(),
            alone: BTreeMap::new(),
        }
    }

    /// How often workers crashed for which nothing but this chunk can be blamed.
    pub(crate) fn crashes_alone(&self, job: JobIndex, chunk: u64) -> u32 {
        self.alone.get(&(job, chunk)).copied().unwrap_or(0)
    }

    pub(crate) fn workers(&self) -> Vec<WorkerId> {
        self.sessions.keys().copied().collect()
    }

    /// These chunks are computed, and their worker is still there.
    fn forgive(&mut self, job: JobIndex, chunks: ChunkRun) {
        for chunk in self.accused(job, chunks) {
            self.alone.remove(&(job, chunk));
        }
    }

    fn accused(&self, job: JobIndex, chunks: ChunkRun) -> Vec<u64> {
        self.alone.range((job, chunks.start())..(job, chunks.end())).map(|(&(_, chunk), _)| chunk).collect()
    }
}

impl Cluster {
    pub(crate) fn start_coordinator(&mut self) {
        if self.coordinator.is_up {
            return;
        }
        let leases = std::mem::take(&mut self.coordinator.leases);
        let incarnation = Incarnation(self.random.next());
        let config = Config { incarnation, ..self.coordinator.config.clone() };
        self.coordinator =
            Coordinator { is_up: true, incarnation, origin: self.now, leases, ..Coordinator::new(config) };
        self.coordinator.store = Store::open(&self.ledger);
        note!(self, "the coordinator starts, incarnation {incarnation}");
        for index in 0..self.ledger.jobs.len() {
            let job = &self.ledger.jobs[index];
            if !job.submitted || job.outcome.is_some() {
                continue;
            }
            self.tally.add("holes read back", job.holes.len() as u64);
            let (committed, holes) = (job.committed(), job.holes.clone());
            let (now, spec) = (self.scheduler_now(), self.spec(index));
            let restored = self.coordinator.scheduler.restore(now, id(index), spec, committed, holes);
            if let Err(error) = restored {
                self.break_promise(format!("failed to restore job {index}: {error}"));
            }
            self.carry_out();
        }
        self.plan_in(Duration::ZERO, Event::Look { incarnation });
    }

    /// It is gone, with all that it had in memory.
    pub(crate) fn crash_coordinator(&mut self) {
        note!(self, "the coordinator crashes");
        self.tally.count("crashes of the coordinator");
        self.coordinator.is_up = false;
        // Those too that have said nothing yet.
        for process in 0..self.processes.len() {
            if let Some(session) = self.processes[process].session {
                self.close_coordinator_end(session.0, true);
            }
        }
        if self.random.one_in(3) {
            self.put_back_copy();
        }
        let downtime = self.random.millis(10, 3000);
        self.plan_in(downtime, Event::CoordinatorStarts);
    }

    fn scheduler_now(&self) -> Instant {
        Instant::ZERO + (self.now - self.coordinator.origin)
    }

    fn spec(&self, job: JobIndex) -> JobPlan {
        let plan = &self.plan.jobs[job];
        JobPlan { chunks: plan.chunks, limits: plan.limits }
    }

    pub(crate) fn on_submit(&mut self, job: JobIndex) {
        if !self.coordinator.is_up {
            self.plan_in(Duration::from_millis(200), Event::Submit { job });
            return;
        }
        note!(self, "job {job} is submitted");
        self.ledger.jobs[job].submitted = true;
        let (now, spec) = (self.scheduler_now(), self.spec(job));
        if let Err(error) = self.coordinator.scheduler.submit(now, id(job), spec) {
            self.break_promise(format!("failed to submit job {job}: {error}"));
        }
        self.carry_out();
    }

    pub(crate) fn on_cancel(&mut self, job: JobIndex) {
        if !self.coordinator.is_up || !self.ledger.jobs[job].submitted {
            self.plan_in(Duration::from_millis(200), Event::Cancel { job });
            return;
        }
        let now = self.scheduler_now();
        let over = self.ledger.jobs[job].outcome.is_some();
        let cancelled = self.coordinator.scheduler.cancel(now, id(job)).is_ok();
        note!(self, "job {job} is cancelled: {cancelled}");
        if cancelled == over {
            self.break_promise(format!("cancelling job {job}: {cancelled}, but it is over: {over}"));
        }
        self.carry_out();
    }

    pub(crate) fn drain(&mut self, worker: WorkerId) {
        let now = self.scheduler_now();
        note!(self, "worker {worker} is drained");
        self.tally.count("workers drained");
        self.coordinator.drained.insert(worker);
        if self.coordinator.scheduler.drain(now, worker).is_err() {
            self.break_promise(format!("failed to drain worker {worker}"));
        }
        if let Some(&session) = self.coordinator.sessions.get(&worker) {
            self.tell_worker(session, FromCoordinator::ShutDown);
        }
        self.carry_out();
    }

    fn tell(&mut self, event: SchedulerEvent) {
        let now = self.scheduler_now();
        self.coordinator.scheduler.handle_event(now, event);
        self.carry_out();
    }

    pub(crate) fn on_wake(&mut self, incarnation: Incarnation) {
        if incarnation != self.coordinator.incarnation || !self.coordinator.is_up {
            return;
        }
        if self.coordinator.wakes_at.is_some_and(|at| at <= self.now) {
            self.coordinator.wakes_at = None;
        }
        let now = self.scheduler_now();
        self.coordinator.scheduler.handle_timeout(now);
        self.carry_out();
    }

    /// Checks the scheduler, carries out what it decided, and sees to it that it is woken.
    fn carry_out(&mut self) {
        self.coordinator.scheduler.check_invariants();
        while let Some(new) = self.coordinator.scheduler.poll_failed_chunk() {
            self.on_skipped(index(new.job), new.chunk, new.failed);
        }
        while let Some(action) = self.coordinator.scheduler.poll_action() {
            match action {
                Action::Assign { worker, lease, job, chunks } => self.assign(worker, lease, index(job), chunks),
                Action::ReturnChunks { worker, lease, chunks } => {
                    if let Some(&session) = self.coordinator.sessions.get(&worker) {
                        self.tell_worker(session, FromCoordinator::ReturnChunks { lease, chunks });
                    }
                }
                Action::StopLease { worker, lease } => {
                    if let Some(&session) = self.coordinator.sessions.get(&worker) {
                        self.tell_worker(session, FromCoordinator::StopLease { lease });
                    }
                }
                Action::JobEnded { job, outcome } => {
                    let sessions: Vec<SessionId> = self.coordinator.sessions.values().copied().collect();
                    for session in sessions {
                        if self.network.get(session).described.remove(&job) {
                            self.tell_worker(session, FromCoordinator::JobEnded { id: job });
                        }
                    }
                    self.on_job_ended(index(job), outcome);
                }
            }
        }
        if let Some(at) = self.coordinator.scheduler.poll_timeout() {
            let at = (self.coordinator.origin + (at - Instant::ZERO)).max(self.now);
            if self.coordinator.wakes_at.is_none_or(|wakes_at| at < wakes_at) {
                self.coordinator.wakes_at = Some(at);
                self.agenda.plan(at, Event::Wake { incarnation: self.coordinator.incarnation });
            }
        }
    }

    fn assign(&mut self, worker: WorkerId, lease: LeaseId, job: JobIndex, chunks: ChunkRun) {
        note!(self, "worker {worker} gets {chunks} of job {job} as lease {lease}");
        self.tally.count("leases");
        self.note_lease(worker, lease, job, chunks);
        if self.coordinator.drained.contains(&worker) {
            self.break_promise(format!("lease {lease} is for worker {worker}, which was drained"));
        }
        let Some(&session) = self.coordinator.sessions.get(&worker) else {
            self.break_promise(format!("lease {lease} is for worker {worker}, which is not there"));
            return;
        };
        let plan = &self.plan.jobs[job];
        let leased = LeasedJob { index: job, fingerprint: plan.fingerprint, chunks: plan.chunks };
        if self.network.get(session).described.insert(id(job)) {
            let job = Arc::new(core_job(leased));
            self.tell_worker(session, FromCoordinator::Job { id: job.id, job: Ok(job) });
        }
        let fingerprint = Some(fingerprint(leased.fingerprint));
        let lease = Lease { id: lease, job: id(job), fingerprint, chunks };
        if !self.is_calm && self.random.one_in(40) {
            self.tell_stray(session, lease);
        }
        self.tell_worker(session, FromCoordinator::Lease(lease));
    }

    /// A lease that nobody can compute: of a job that was described otherwise, or not at all.
    fn tell_stray(&mut self, session: SessionId, lease: Lease) {
        let id = LeaseId { incarnation: Incarnation(self.random.next()), sequence: 1 };
        self.coordinator.strays.insert(id);
        let other = fingerprint(self.random.next());
        let stray = match self.random.below(3) {
            0 => Lease { id, fingerprint: Some(other), ..lease },
            1 => Lease { id, job: JobId(99), ..lease },
            _ => Lease { id, fingerprint: None, ..lease },
        };
        self.tell_worker(session, FromCoordinator::Lease(stray));
    }

    pub(crate) fn on_said(&mut self, session: SessionId, message: ToCoordinator) {
        if !self.coordinator.is_up || !self.network.hears(session, self.coordinator.incarnation) {
            self.tally.count("messages lost");
            return;
        }
        if let ToCoordinator::Hello { former, offers } = message {
            self.on_hello(session, former, &offers);
            return;
        }
        let Some(worker) = self.network.get(session).worker else { return };
        if self.coordinator.scheduler.worker(worker).is_some_and(|view| view.state == WorkerState::Silent) {
            self.tally.count("workers back after their deadline");
        }
        match message {
            ToCoordinator::Hello { .. } => {}
            ToCoordinator::Heartbeat { received } => {
                self.check_heartbeat(session, received);
                self.tell(SchedulerEvent::Heartbeat { worker });
            }
            ToCoordinator::LeaseComputed { lease, busy } => {
                note!(self, "worker {worker} has computed {lease} in {busy:?}");
                self.on_computed(worker, lease);
                self.tell(SchedulerEvent::LeaseComputed { worker, lease, busy });
            }
            ToCoordinator::ChunksReturned { lease, chunks } => {
                note!(self, "worker {worker} returns {chunks:?} of {lease}");
                self.tally.count(if chunks.is_some() { "chunks given back" } else { "nothing to give back" });
                self.note_answer(session, lease);
                self.tell(SchedulerEvent::ChunksReturned { worker, lease, chunks });
            }
            ToCoordinator::ChunkFailed { lease, .. } if self.coordinator.strays.contains(&lease) => {
                self.tally.count("stray leases refused");
            }
            ToCoordinator::ChunkFailed { lease, chunk, number, reason } => {
                note!(self, "worker {worker} failed at {number} in chunk {chunk} of {lease}");
                self.tally.count("chunks failed");
                self.tell(SchedulerEvent::ChunkFailed { worker, lease, chunk, number, reason });
            }
            // As the real one does it: it drains the worker, and says so.
            ToCoordinator::Leaving => self.drain(worker),
        }
    }

    fn on_computed(&mut self, worker: WorkerId, lease: LeaseId) {
        if let Some(&(job, chunks)) = self.coordinator.leases.get(&lease) {
            for chunk in self.coordinator.accused(job, chunks) {
                // It may be with somebody else by now.
                if self.coordinator.scheduler.holds(lease, one(chunk)) {
                    self.coordinator.forgive(job, one(chunk));
                }
            }
        }
        if let Some(open) = self.coordinator.open.get_mut(&worker) {
            open.remove(&lease);
        }
    }

    /// What a worker has received, it has answered, and it counts no more than that.
    fn check_heartbeat(&mut self, session: SessionId, received: u64) {
        let link = self.network.get(session);
        let (told, asked) = (link.told_messages, link.asked.front().copied());
        if received > told {
            self.break_promise(format!("session {session} has received {received} of {told} messages"));
        }
        if let Some((lease, _)) = asked.filter(|&(_, number)| number <= received) {
            self.break_promise(format!("session {session} was asked to give back some of {lease} and did not answer"));
        }
    }

    /// A worker gives chunks back: perhaps it was asked for them.
    fn note_answer(&mut self, session: SessionId, lease: LeaseId) {
        let link = self.network.get(session);
        // It may be no answer: a worker that drains gives back unasked, too.
        if let Some(place) = link.asked.iter().position(|&(asked, _)| asked == lease) {
            link.asked.remove(place);
        }
    }

    fn on_hello(&mut self, session: SessionId, former: Option<(Incarnation, WorkerId)>, offers: &[ResumeOffer]) {
        if self.network.get(session).worker.is_some() {
            note!(self, "session {session} says Hello again, and is closed");
            self.on_coordinator_notices(session);
            return;
        }
        let worker = WorkerId(self.coordinator.last_worker + 1);
        self.coordinator.last_worker = worker.0;
        let former = former.filter(|(incarnation, _)| *incarnation == self.coordinator.incarnation);
        let former = former.map(|(_, worker)| worker).filter(|_| self.plan.knows_former);
        let former = former.filter(|former| self.coordinator.sessions.contains_key(former));
        note!(self, "session {session} is worker {worker}, formerly {former:?}, with {offers:?}");
        if let Some(former) = former
            && let Some(old) = self.coordinator.sessions.remove(&former)
        {
            self.tally.count("workers back before they were missed");
            self.coordinator.open.remove(&former);
            self.close_coordinator_end(old, false);
        }
        self.coordinator.sessions.insert(worker, session);
        self.network.get(session).worker = Some(worker);
        let slots = self.processes[self.network.process(session)].slots;
        let now = self.scheduler_now();
        let named: Vec<_> = offers.iter().map(|offer| (offer.job, self.usable(offer))).collect();
        let granted = self.coordinator.scheduler.rejoin(now, worker, slots, former, &named);
        if granted.len() != offers.len() {
            self.break_promise(format!("{} answers to {offers:?}", granted.len()));
        }
        let mut resumed = Vec::new();
        for ((offer, (_, named)), granted) in offers.iter().zip(&named).zip(granted) {
            self.on_granted(worker, offer, named, granted.as_ref());
            resumed.extend(granted.map(|(next, chunks)| self.resumed(offer, next, chunks)));
        }
        let (incarnation, heartbeat) = (self.coordinator.incarnation, self.heartbeat());
        let welcome = Welcome { worker, incarnation, heartbeat, resumed };
        self.tell_worker(session, FromCoordinator::Welcome(welcome));
        self.carry_out();
    }

    /// The chunks that a worker has in flight, if they are of the job that has this id now.
    fn usable(&mut self, offer: &ResumeOffer) -> ChunkSet {
        let plan = self.plan.jobs.get(index(offer.job));
        let Some(plan) = plan.filter(|plan| offer.fingerprint == Some(fingerprint(plan.fingerprint))) else {
            self.tally.count("work of another job offered");
            return ChunkSet::new();
        };
        offer.offsets.iter().map(|run| plan.chunks.touched(run)).collect()
    }

    /// What goes on of an offer. What the coordinator has not, and the worker has not in flight, is computed again.
    fn resumed(&mut self, offer: &ResumeOffer, next: LeaseId, chunks: ChunkSet) -> ResumedLease {
        let job = index(offer.job);
        let mut again = OffsetSet::new();
        for run in chunks.iter().map(|run| self.plan.jobs[job].chunks.offsets(run)) {
            let missing = self.missing(job, run);
            missing.iter().flat_map(|run| offer.offsets.gaps(*run)).for_each(|run| again.insert(run));
        }
        if !again.is_empty() {
            self.tally.count("pieces to be computed again");
        }
        ResumedLease { lease: offer.lease, next, chunks, again }
    }

    fn on_granted(
        &mut self,
        worker: WorkerId,
        offer: &ResumeOffer,
        named: &ChunkSet,
        granted: Option<&(LeaseId, ChunkSet)>,
    ) {
        let job = index(offer.job);
        let is_active = self.coordinator.scheduler.job(offer.job).is_some_and(|view| view.state == JobState::Active);
        if is_active {
            named.iter().for_each(|run| self.coordinator.forgive(job, run));
        }
        let Some((lease, chunks)) = granted else {
            self.tally.count(if is_active { "leases not resumed" } else { "leases not resumed: the job is over" });
            return;
        };
        note!(self, "worker {worker} goes on with {chunks:?} of job {job} as lease {lease}");
        self.tally.count(if chunks == named { "leases resumed" } else { "leases resumed in part" });
        if let Some(run) = chunks.iter().find(|run| !named.contains_run(*run)) {
            self.break_promise(format!("worker {worker} gets {run} of job {job}, which it has not in flight"));
        }
        if let Some(chunk) =
            chunks.iter().flat_map(|run| run.start()..run.end()).find(|&chunk| self.has_whole(job, chunk))
        {
            self.break_promise(format!("worker {worker} goes on with chunk {chunk} of job {job}, which is there"));
        }
        let numbers = chunks.iter().map(|run| self.plan.jobs[job].chunks.offsets(run).len()).sum();
        self.tally.add("numbers resumed", numbers);
        if let Some(hull) = chunks.hull() {
            self.note_lease(worker, *lease, job, hull);
        }
    }

    /// Whatever the scheduler gives out must be new, and of use.
    fn note_lease(&mut self, worker: WorkerId, lease: LeaseId, job: JobIndex, chunks: ChunkRun) {
        if self.coordinator.leases.insert(lease, (job, chunks)).is_some() {
            self.break_promise(format!("lease {lease} is given out a second time"));
        }
        if self.ledger.jobs[job].outcome.is_some() {
            self.break_promise(format!("lease {lease} is of job {job}, which is over"));
        }
        self.coordinator.open.entry(worker).or_default().insert(lease);
    }

    pub(crate) fn on_coordinator_notices(&mut self, session: SessionId) {
        let Some(worker) = self.network.get(session).worker else { return };
        if self.coordinator.sessions.get(&worker) != Some(&session) {
            return;
        }
        self.coordinator.sessions.remove(&worker);
        let leaving = self.coordinator.drained.contains(&worker);
        note!(self, "the session of worker {worker} is over; it was leaving: {leaving}");
        let open = self.coordinator.open.remove(&worker).unwrap_or_default();
        if leaving {
            self.tell(SchedulerEvent::WorkerLeft { worker });
        } else {
            self.tally.count("sessions broken");
            let scheduler = &self.coordinator.scheduler;
            let open: Vec<_> = open.iter().filter(|lease| scheduler.holder(**lease) == Some(worker)).collect();
            if let [lease] = open[..]
                && let Some(&(job, chunks)) = self.coordinator.leases.get(lease)
                && chunks.len() == 1
            {
                let crashes = self.coordinator.alone.entry((job, chunks.start())).or_default();
                *crashes += 1;
                let most = u64::from(*crashes);
                note!(self, "chunk {} of job {job} was alone there: {most}", chunks.start());
            }
            self.tell(SchedulerEvent::WorkerCrashed { worker });
        }
        self.close_coordinator_end(session, false);
    }

    pub(crate) fn on_fact(&mut self, incarnation: Incarnation, job: JobIndex, fact: &Fact) {
        if incarnation != self.coordinator.incarnation || !self.coordinator.is_up {
            return;
        }
        let id = id(job);
        self.tell(match *fact {
            Fact::Committed(chunks) => SchedulerEvent::ChunksCommitted { job: id, chunks },
            Fact::Lost(chunks) => SchedulerEvent::ChunksLost { job: id, chunks },
            Fact::Paused => SchedulerEvent::JobPaused { job: id },
            Fact::Resumed => SchedulerEvent::JobResumed { job: id },
        });
    }

    /// The reader of a job does not keep up for a while.
    pub(crate) fn pause(&mut self, job: JobId) {
        self.tally.count("jobs paused by their reader");
        note!(self, "job {job} is paused by its reader");
        self.tell(SchedulerEvent::JobPaused { job });
        let span = self.random.millis(10, 2000);
        let incarnation = self.coordinator.incarnation;
        self.plan_in(span, Event::Fact { incarnation, job: index(job), fact: Fact::Resumed });
    }

    pub(crate) fn on_uploaded(&mut self, session: SessionId, stream: u32, block: Block) {
        if !self.coordinator.is_up || !self.network.uploads(session, stream, self.coordinator.incarnation) {
            self.tally.count("messages lost");
            return;
        }
        if self.coordinator.store.blocks >= self.plan.memory_room || self.is_stalled(session) {
            self.tally.count("blocks that waited for room");
            self.coordinator.stalled.push_back((session, stream, block));
        } else {
            self.take(session, stream, block);
        }
        if self.coordinator.store.blocks >= self.plan.memory_room && !self.disk_is_full {
            self.write_parts();
        }
    }

    /// Blocks of one connection are taken in order.
    fn is_stalled(&self, session: SessionId) -> bool {
        self.coordinator.stalled.iter().any(|(stalled, ..)| *stalled == session)
    }

    pub(crate) fn take_stalled(&mut self) {
        while self.coordinator.store.blocks < self.plan.memory_room
            && let Some((session, stream, block)) = self.coordinator.stalled.pop_front()
        {
            if self.network.uploads(session, stream, self.coordinator.incarnation) {
                self.take(session, stream, block);
            }
        }
    }

    fn take(&mut self, session: SessionId, stream: u32, block: Block) {
        let outcome = self.fence(block);
        note!(self, "offsets {} of job {} under {}: {outcome}", block.offsets, block.job.index, block.lease);
        self.tally.count(outcome);
        if block.again {
            self.tally.count("blocks that came twice or late");
        }
        self.receipt(session, stream);
    }

    /// Lets a block pass if its lease holds it; returns what became of it.
    fn fence(&mut self, block: Block) -> &'static str {
        const REFUSED: &str = "blocks refused";
        if self.coordinator.strays.contains(&block.lease) {
            self.break_promise(format!("lease {} was computed, which does not fit its job", block.lease));
        }
        let Some(worker) = self.coordinator.scheduler.holder(block.lease) else { return REFUSED };
        let job = block.job.index;
        if block.job.fingerprint != self.plan.jobs[job].fingerprint {
            return "blocks of another job refused";
        }
        let chunks = self.plan.jobs[job].chunks;
        let run = chunks.touched(block.offsets);
        if !self.coordinator.scheduler.holds(block.lease, run) {
            // Where it holds some of them, nobody will send those again.
            self.tell(SchedulerEvent::ChunksReturned { worker, lease: block.lease, chunks: Some(run) });
            return REFUSED;
        }
        let given = self.coordinator.leases.get(&block.lease);
        if !given.is_some_and(|&(leased, given)| leased == job && given.intersect(run) == Some(run)) {
            self.break_promise(format!("chunks {run} passed under lease {}, which is not for them", block.lease));
        }
        match self.accept(block) {
            Some(Some(whole)) => {
                self.coordinator.forgive(job, whole);
                self.tell(SchedulerEvent::ChunksReceived { job: id(job), chunks: whole });
                "blocks taken"
            }
            Some(None) => "pieces taken",
            None => {
                if run.len() > 1 || chunks.largest() <= self.plan.piece {
                    self.break_promise(format!("chunks {run} of job {job} passed the fence twice"));
                }
                "pieces held already"
            }
        }
    }
}
