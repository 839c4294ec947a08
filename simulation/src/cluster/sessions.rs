//! Sessions at the coordinator: what workers say, and what they are told.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use swath_coordinator_core::{Assignment, Join, Joined, ToWorker};
use swath_model::{
    ChunkRun, Incarnation, JobId, LeaseId, OffsetRun, ResumeOffer, WorkerId, WorkerInfo, WorkerState, nanos,
};
use swath_scheduler::Event as SchedulerEvent;
use swath_worker_core::{FromCoordinator, Lease, ToCoordinator, Welcome};

use super::{Cluster, connections::InFlight, note};
use crate::{
    coordinator::GivenLease,
    event::{LeasedJob, SessionId},
    plan::{fingerprint, whole_chunks},
    process::job as core_job,
};

/// The session that a worker says it had.
type Former = Option<(Incarnation, WorkerId)>;

impl Cluster {
    pub(super) fn on_said(&mut self, session: SessionId, message: ToCoordinator) {
        if !self.coordinator.is_up() || !self.network.hears(session, self.coordinator.incarnation) {
            self.tally.count("messages lost");
            return;
        }
        if let ToCoordinator::Hello { former, offers } = message {
            self.on_hello(session, former, &offers);
            return;
        }
        let Some(worker) = self.network.get(session).worker else { return };
        if self.worker_state(worker) == Some(WorkerState::Silent) {
            self.tally.count("workers back after their deadline");
        }
        match message {
            ToCoordinator::Hello { .. } => {}
            ToCoordinator::Heartbeat { received } => {
                self.check_heartbeat(session, received);
                let strays = self.network.get(session).stray_messages.iter().filter(|&&number| number <= received);
                let received = received - strays.count() as u64;
                self.input(|core, now| core.handle_heartbeat(now, worker, received));
            }
            ToCoordinator::LeaseComputed { lease, busy } => {
                note!(self, "worker {worker} has computed {lease} in {busy:?}");
                if let Some(open) = self.coordinator.open.get_mut(&worker) {
                    open.remove(&lease);
                }
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

    fn tell(&mut self, event: SchedulerEvent) {
        self.input(|core, now| core.handle_event(now, event));
    }

    fn worker_state(&self, worker: WorkerId) -> Option<WorkerState> {
        // All workers are asked for only now and then: this is for the tally.
        if !self.now.as_nanos().is_multiple_of(4) {
            return None;
        }
        self.coordinator.core.workers().iter().find(|status| status.id == worker).map(|status| status.state)
    }

    pub(super) fn drain(&mut self, worker: WorkerId) {
        note!(self, "worker {worker} is drained");
        self.tally.count("workers drained");
        self.coordinator.drained.insert(worker);
        if self.input(|core, now| core.drain(now, worker)).is_err() {
            self.break_promise(format!("failed to drain worker {worker}"));
        }
    }

    pub(super) fn on_send(&mut self, worker: WorkerId, message: ToWorker) {
        let Some(&session) = self.coordinator.sessions.get(&worker) else {
            self.break_promise(format!("worker {worker}, which is not there, is told {message:?}"));
            return;
        };
        match message {
            ToWorker::DescribeJob { job, spec, fingerprint: described } => {
                let index = self.plan.index(&spec);
                if !self.network.get(session).described.insert(job) {
                    self.break_promise(format!("job {job} is described twice in session {session}"));
                }
                if described != self.plan.fingerprint(index) {
                    self.break_promise(format!("job {job} is described as another one"));
                }
                let plan = &self.plan.jobs[index];
                let (fingerprint, chunks, piece) = (plan.fingerprint, spec.chunks, self.plan.piece);
                let shape = spec.layout.shape();
                let leased = LeasedJob { index, id: job, fingerprint, chunks, shape, piece };
                self.tell_worker(session, FromCoordinator::Job { id: job, job: Ok(Arc::new(core_job(leased))) });
            }
            ToWorker::JobEnded(job) => {
                if !self.network.get(session).described.remove(&job) {
                    self.break_promise(format!("session {session} does not know job {job}, which ends"));
                }
                self.tell_worker(session, FromCoordinator::JobEnded { id: job });
            }
            ToWorker::Lease(assignment) => self.assign(worker, session, assignment),
            ToWorker::ReturnChunks { lease, chunks } => {
                self.tell_worker(session, FromCoordinator::ReturnChunks { lease, chunks });
            }
            ToWorker::StopLease { lease } => {
                if let Some(open) = self.coordinator.open.get_mut(&worker) {
                    open.remove(&lease);
                }
                self.tell_worker(session, FromCoordinator::StopLease { lease });
            }
            ToWorker::ShutDown => self.tell_worker(session, FromCoordinator::ShutDown),
        }
    }

    fn assign(&mut self, worker: WorkerId, session: SessionId, assignment: Assignment) {
        let Assignment { lease, chunks, job, fingerprint } = assignment;
        note!(self, "worker {worker} gets {chunks} of job {job} as lease {lease}");
        self.tally.count("leases");
        self.note_lease(worker, lease, job, chunks);
        if self.coordinator.drained.contains(&worker) {
            self.break_promise(format!("lease {lease} is for worker {worker}, which was drained"));
        }
        if !self.network.get(session).described.contains(&job) {
            self.break_promise(format!("lease {lease} is of job {job}, which was not described in session {session}"));
        }
        self.check_use(lease, job, chunks);
        let lease = Lease { id: lease, job, fingerprint: Some(fingerprint), chunks };
        if !self.faults.is_calm && self.random.one_in(40) {
            self.tell_stray(session, lease);
        }
        self.tell_worker(session, FromCoordinator::Lease(lease));
    }

    /// A lease that nobody can compute: of a job that was described otherwise, or not at all. The worker refuses it.
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
        let link = self.network.get(session);
        link.stray_messages.push(link.told_messages);
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
        let process = self.process_of(session);
        let former = former.filter(|_| self.plan.names_former);
        let (former, others) = self.forge_former(session, former);
        let info = WorkerInfo {
            name: format!("worker {process}"),
            host: "host".to_owned(),
            process_id: self.processes[process].starts,
            threads: self.processes[process].slots,
            program_version: "1".to_owned(),
        };
        let before = self.coordinator.sessions.len();
        let join = Join { info, address: "here".to_owned(), former, offers: self.forge_offers(offers) };
        // The session is known before the effects are carried out: they may be leases for it.
        let now = self.coordinator.now(self.now);
        let joined = match self.coordinator.core.join(now, join) {
            Ok(joined) => joined,
            Err(refusal) => return self.break_promise(format!("session {session} cannot join: {refusal}")),
        };
        let Joined { worker, heartbeat, ref resumed, incarnation } = joined;
        note!(self, "session {session} is worker {worker}, formerly {former:?}, with {offers:?}");
        if self.coordinator.sessions.insert(worker, session).is_some() {
            self.break_promise(format!("worker {worker} is there twice"));
        }
        self.network.get(session).worker = Some(worker);
        if let Some(other) = others.filter(|other| !self.coordinator.core.workers().iter().any(|one| one.id == *other))
        {
            self.break_promise(format!("worker {worker} takes the place of worker {other}, which is another one"));
        }
        self.check_resumed(worker, offers, &joined);
        let welcome = Welcome { worker, incarnation, heartbeat, resumed: resumed.clone() };
        self.tell_worker(session, FromCoordinator::Welcome(welcome));
        self.carry_out();
        if self.coordinator.sessions.len() == before {
            self.tally.count("workers back before they were missed");
        }
    }

    /// A worker may name a session that is not its own, or one of another start: that session stays. Returns what it
    /// names, and who must still be there.
    fn forge_former(&mut self, session: SessionId, former: Former) -> (Former, Option<WorkerId>) {
        if self.faults.is_calm || !self.random.one_in(20) {
            return (former, None);
        }
        let process = self.process_of(session);
        let sessions: Vec<_> = self.coordinator.sessions.iter().map(|(worker, session)| (*worker, *session)).collect();
        let Some((worker, other)) = self.random.pick(&sessions) else { return (former, None) };
        let is_own = self.process_of(other) == process;
        let incarnation = if is_own { Incarnation(self.random.next()) } else { self.coordinator.incarnation };
        self.tally.count("former sessions that are another's");
        (Some((incarnation, worker)), Some(worker))
    }

    /// A worker may offer numbers that its job does not have: nothing goes on because of them.
    fn forge_offers(&mut self, offers: &[ResumeOffer]) -> Vec<ResumeOffer> {
        let mut offers = offers.to_vec();
        if !self.faults.is_calm && self.random.one_in(10) {
            for offer in &mut offers {
                let Some(row) = self.ledger.jobs.get(&offer.job) else { continue };
                let count = row.spec.range().count();
                if let Some(beyond) = OffsetRun::new(count, count.saturating_add(self.random.within(1, 1000))) {
                    offer.offsets.insert(beyond);
                    self.tally.count("offers of numbers beyond the range");
                }
            }
        }
        offers
    }

    /// What goes on of what a worker offered was of use, and its own.
    fn check_resumed(&mut self, worker: WorkerId, offers: &[ResumeOffer], joined: &Joined) {
        for offer in offers {
            let job = offer.job;
            let row = self.ledger.jobs.get(&job);
            let Some(chunks) = row.map(|row| row.spec.chunks) else { continue };
            let touched = offer.offsets.iter().map(|run| chunks.touched(run)).collect::<swath_model::ChunkSet>();
            let given = joined.resumed.iter().find(|resumed| resumed.lease == offer.lease);
            let Some(given) = given else {
                self.tally.count("leases not resumed");
                continue;
            };
            note!(self, "worker {worker} goes on with {:?} of job {job} as lease {}", given.chunks, given.next);
            let is_same =
                row.is_some_and(|row| Some(self.plan.fingerprint(self.plan.index(&row.spec))) == offer.fingerprint);
            if !is_same {
                self.break_promise(format!("worker {worker} goes on with job {job}, of which it has other results"));
            }
            self.tally.count(if given.chunks == touched { "leases resumed" } else { "leases resumed in part" });
            if !given.again.is_empty() {
                self.tally.count("pieces to be computed again");
            }
            for run in given.chunks.iter() {
                if !touched.contains_run(run) {
                    self.break_promise(format!("worker {worker} gets {run} of job {job}, which it has not in flight"));
                }
                self.coordinator.forgive(job, run);
                self.check_use(given.next, job, run);
            }
            self.check_again(given, offer, chunks);
            let numbers = given.chunks.iter().map(|run| chunks.offsets(run).len()).sum();
            self.tally.add("numbers resumed", numbers);
            if let Some(hull) = given.chunks.hull() {
                self.note_lease(worker, given.next, job, hull);
            }
        }
    }

    /// All of a chunk that goes on is held, in flight, or computed again.
    fn check_again(&mut self, given: &swath_model::ResumedLease, offer: &ResumeOffer, chunks: swath_model::Chunks) {
        for run in given.chunks.iter().map(|run| chunks.offsets(run)) {
            for gap in offer.offsets.gaps(run).collect::<Vec<_>>() {
                let rest: Vec<_> = given.again.gaps(gap).collect();
                // What is in the ledger is held; of what is in memory only the store knows.
                let missing = self.coordinator.store.with(offer.job, |results| {
                    let in_memory =
                        |at: u64| results.memory.range(..=at).next_back().is_some_and(|(_, held)| at < held.end);
                    let in_parts = |at: u64| results.parts.values().flatten().any(|run| run.contains(at));
                    let was_read = results.position;
                    rest.iter().map(|run| run.start()).find(|&at| !in_memory(at) && !in_parts(at) && at >= was_read)
                });
                if let Some(at) = missing.flatten() {
                    self.break_promise(format!("nobody computes offset {at} of job {}, which goes on", offer.job));
                }
            }
        }
    }

    /// Whatever is given out must be new, and of a job that runs.
    fn note_lease(&mut self, worker: WorkerId, lease: LeaseId, job: JobId, chunks: ChunkRun) {
        let Some(&session) = self.coordinator.sessions.get(&worker) else { return };
        let Some(row) = self.ledger.jobs.get(&job) else {
            self.break_promise(format!("lease {lease} is of job {job}, which is not in the ledger"));
            return;
        };
        if row.state.has_ended() && !self.promises.may_run_again(job) && !self.promises.refused.contains(&job) {
            self.break_promise(format!("lease {lease} is of job {job}, which is over"));
        }
        if self.promises.cancelled.contains(&job) {
            self.break_promise(format!("lease {lease} is of job {job}, which was cancelled"));
        }
        let given = GivenLease { worker, session, job, chunks };
        if self.leases.insert(lease, given).is_some() {
            self.break_promise(format!("lease {lease} is given out a second time"));
        }
        self.coordinator.open.entry(worker).or_default().insert(lease);
    }

    /// Nothing is given out that is there already.
    fn check_use(&mut self, lease: LeaseId, job: JobId, chunks: ChunkRun) {
        let Some(row) = self.ledger.jobs.get(&job).filter(|_| !self.promises.may_run_again(job)) else { return };
        let offsets = row.spec.chunks.offsets(chunks);
        let durable =
            row.durable.intersection(offsets).find_map(|run| whole_chunks(&row.durable, row.spec.chunks, run));
        if let Some(run) = durable.and_then(|run| run.intersect(chunks)) {
            self.break_promise(format!("lease {lease} is of {run} of job {job}, which are in parts"));
        }
        if let Some(chunk) = chunks.iter().find(|&chunk| self.promises.has_failed(job, chunk)) {
            self.break_promise(format!("lease {lease} is of chunk {chunk} of job {job}, which failed"));
        }
    }

    pub(super) fn on_coordinator_notices(&mut self, session: SessionId) {
        let Some(worker) = self.network.get(session).worker else { return };
        if !self.coordinator.is_up() || self.coordinator.sessions.get(&worker) != Some(&session) {
            return;
        }
        note!(self, "the session of worker {worker} is over");
        self.input(|core, now| core.handle_disconnected(now, worker));
        if self.coordinator.sessions.contains_key(&worker) {
            self.break_promise(format!("the session of worker {worker} is not closed"));
        }
    }

    /// The core has closed a session.
    pub(super) fn on_session_closed(&mut self, worker: WorkerId) {
        let Some(session) = self.coordinator.sessions.remove(&worker) else {
            self.break_promise(format!("the session of worker {worker} is closed twice"));
            return;
        };
        // Of one that was lost the core says so, after this.
        self.close_coordinator_end(session, InFlight::Arrives);
    }

    /// A session ended without a reason: what the worker had is suspected.
    pub(super) fn on_worker_lost(&mut self, worker: WorkerId) {
        self.tally.count("sessions broken");
        if self.coordinator.drained.contains(&worker) {
            self.break_promise(format!("worker {worker} was drained, and is taken for crashed"));
        }
        let open: BTreeSet<LeaseId> = self.coordinator.open.remove(&worker).unwrap_or_default();
        for lease in open {
            let Some(given) = self.leases.get(&lease).copied().filter(|given| given.chunks.len() == 1) else {
                continue;
            };
            let chunk = given.chunks.start();
            let crashes = self.coordinator.blame(given.job, chunk);
            note!(self, "chunk {chunk} of job {} may have been alone there: {crashes}", given.job);
        }
    }

    /// A worker is closed because it receives nothing: it must be so.
    pub(super) fn on_deaf(&mut self, worker: WorkerId) {
        note!(self, "worker {worker} receives nothing");
        self.tally.count("deaf workers closed");
        let Some(&session) = self.coordinator.sessions.get(&worker) else { return };
        let process = self.process_of(session);
        let was_stopped =
            self.processes[process].stopped_until.is_some_and(|until| until + self.heartbeat() * 2 > self.now);
        let link = self.network.get(session);
        let is_late = link.told.busy_until + Duration::from_millis(500) > self.now;
        if !link.told.cut && !was_stopped && !is_late {
            self.break_promise(format!("worker {worker} is taken for deaf, and is not"));
        }
    }

    /// How often workers are to be heard.
    pub(super) fn heartbeat(&self) -> Duration {
        Duration::from_nanos(nanos(self.plan.config.scheduler.lease_timeout) / 4)
    }
}
