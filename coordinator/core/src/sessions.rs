//! The sessions of workers: from joining to leaving.

use std::{sync::Arc, time::Duration};

use swath_model::{
    ChunkRun, ChunkSet, Incarnation, JobId, LeaseId, ResumeOffer, ResumedLease, WorkerId, WorkerInfo, WorkerState,
    WorkerStatus,
};
use swath_scheduler::Event;

use crate::{
    Assignment, Core, Effect, Notice, Now, Refusal, Results, ToWorker,
    core::HEARTBEATS_IN_LEASE,
    session::{LostWorker, Session, Stay, process},
};

/// A worker that joins.
#[derive(Debug, Clone)]
pub struct Join {
    /// As it describes itself.
    pub info: WorkerInfo,
    /// Where its connection comes from.
    pub address: String,
    /// The session that its process had before, and the start of the coordinator that opened it.
    pub former: Option<(Incarnation, WorkerId)>,
    /// What it still has in flight.
    pub offers: Vec<ResumeOffer>,
}

/// A session that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Names the session.
    pub worker: WorkerId,
    /// How often a heartbeat should come.
    pub heartbeat: Duration,
    /// The offers that were accepted.
    pub resumed: Vec<ResumedLease>,
    /// Names this start of the coordinator.
    pub incarnation: Incarnation,
}

/// How many workers that were lost are remembered, in case that they come back.
const MOST_LOST: usize = 1024;

impl<R: Results> Core<R> {
    /// Opens a session for a worker, in which work in flight of an earlier one may continue.
    ///
    /// # Errors
    /// [`Refusal::TooManyWorkers`].
    pub fn join(&mut self, now: Now, join: Join) -> Result<Joined, Refusal> {
        self.begin(now);
        let Join { info, address, former, offers } = join;
        self.absolve_former(&info, former);
        let former = self.former_session(&info, former);
        if former.is_none() && !self.scheduler.has_room_for_worker() {
            return Err(Refusal::TooManyWorkers { count: self.sessions.len() });
        }
        if let Some(former) = former {
            self.sessions.remove(&former);
            self.effect(Effect::CloseSession(former));
        }
        let threads = info.threads;
        let worker = self.open_session(info, address);
        let usable: Vec<_> = offers.iter().map(|offer| (offer.job, self.usable(offer))).collect();
        let granted = self.scheduler.rejoin(self.instant(), worker, threads, former, &usable);
        let resumed = offers.iter().zip(granted).filter_map(|(offer, granted)| {
            let (next, chunks) = granted?;
            let again = self.results.missing(offer.job, &chunks, &offer.offsets);
            Some(ResumedLease { lease: offer.lease, next, chunks, again })
        });
        let resumed = resumed.collect();
        let (heartbeat, incarnation) = (self.heartbeat_interval(), self.config.scheduler.incarnation);
        self.settle();
        Ok(Joined { worker, heartbeat, resumed, incarnation })
    }

    /// The session that the process of a joining worker still has here: its connection broke, and only the worker has
    /// noticed yet.
    fn former_session(&self, info: &WorkerInfo, former: Option<(Incarnation, WorkerId)>) -> Option<WorkerId> {
        let (_, worker) = former.filter(|(incarnation, _)| *incarnation == self.config.scheduler.incarnation)?;
        let session = self.sessions.get(&worker)?;
        (process(&session.info) == process(info)).then_some(worker)
    }

    /// A process that joins anew has not crashed, although its session ended without a word: no chunk is to blame.
    fn absolve_former(&mut self, info: &WorkerInfo, former: Option<(Incarnation, WorkerId)>) {
        let former = former.filter(|(incarnation, _)| *incarnation == self.config.scheduler.incarnation);
        let lost = former.and_then(|(_, worker)| self.lost.iter().position(|lost| lost.worker == worker));
        if let Some(lost) = lost.and_then(|index| self.lost.remove(index)) {
            if lost.process == process(info) {
                self.scheduler.absolve(lost.worker);
            } else {
                self.lost.push_back(lost);
            }
        }
    }

    /// The chunks of which a worker has something in flight. Kernels are pure: jobs with the same fingerprint have the
    /// same results, whichever coordinator gave out the lease.
    fn usable(&mut self, offer: &ResumeOffer) -> ChunkSet {
        let job = self.jobs.get(&offer.job);
        let Some(job) = job.filter(|job| Some(job.fingerprint) == offer.fingerprint) else {
            self.log(Notice::UnknownOffer { lease: offer.lease, job: offer.job });
            return ChunkSet::new();
        };
        let chunks = job.spec.chunks;
        let within = offer.offsets.iter().filter(|run| run.end() <= chunks.range().count());
        within.map(|run| chunks.touched(run)).collect()
    }

    fn open_session(&mut self, info: WorkerInfo, address: String) -> WorkerId {
        self.last_worker += 1;
        let worker = WorkerId(self.last_worker);
        self.log(Notice::WorkerJoined { worker, name: info.name.clone(), threads: info.threads });
        let session = Session::new(info, address, self.stamp().at);
        self.sessions.insert(worker, session);
        worker
    }

    /// A message of a worker about its leases. Use [`handle_heartbeat`](Self::handle_heartbeat) for heartbeats.
    pub fn handle_event(&mut self, now: Now, event: Event) {
        self.begin(now);
        self.tell_scheduler(event);
        self.settle();
    }

    /// A heartbeat of a worker that received so many messages in its session. One that sends but receives nothing would
    /// keep leases that it does not know of: its session is closed.
    pub fn handle_heartbeat(&mut self, now: Now, worker: WorkerId, received: u64) {
        self.begin(now);
        let limit = self.heartbeat_interval() * HEARTBEATS_IN_LEASE;
        let instant = self.instant();
        let session = self.sessions.get_mut(&worker);
        let is_deaf = session.is_some_and(|session| !session.has_received(instant, received, limit));
        if is_deaf {
            let name = self.sessions.get(&worker).map(|session| session.name().to_owned()).unwrap_or_default();
            self.log(Notice::WorkerIsDeaf { worker, name });
            self.close_session(worker);
        } else {
            self.tell_scheduler(Event::Heartbeat { worker });
        }
        self.settle();
    }

    /// The connection of a worker is gone, or it does not read its messages. Unless it was drained it may have crashed:
    /// what it computed is suspected.
    pub fn handle_disconnected(&mut self, now: Now, worker: WorkerId) {
        self.begin(now);
        self.close_session(worker);
        self.settle();
    }

    /// No new leases for a worker, which finishes its work in flight and then leaves.
    ///
    /// # Errors
    /// [`Refusal::NoSuchWorker`].
    pub fn drain(&mut self, now: Now, worker: WorkerId) -> Result<(), Refusal> {
        self.begin(now);
        self.scheduler.drain(self.instant(), worker).map_err(|_| Refusal::NoSuchWorker(worker))?;
        if let Some(session) = self.sessions.get_mut(&worker) {
            session.stay = Stay::Leaves;
        }
        self.send(worker, ToWorker::ShutDown);
        self.settle();
        Ok(())
    }

    /// Gives a worker a lease, after what its job computes.
    pub(crate) fn send_lease(&mut self, worker: WorkerId, lease: LeaseId, job: JobId, chunks: ChunkRun) {
        let (Some(record), Some(session)) = (self.jobs.get(&job), self.sessions.get_mut(&worker)) else { return };
        let (spec, fingerprint) = (Arc::clone(&record.spec), record.fingerprint);
        if session.described.insert(job) {
            self.send(worker, ToWorker::DescribeJob { job, spec, fingerprint });
        }
        self.send(worker, ToWorker::Lease(Assignment { lease, chunks, job, fingerprint }));
    }

    /// Workers that know of a job forget it.
    pub(crate) fn send_job_ended(&mut self, job: JobId) {
        let knows = |(&worker, session): (&WorkerId, &mut Session)| session.described.remove(&job).then_some(worker);
        for worker in self.sessions.iter_mut().filter_map(knows).collect::<Vec<_>>() {
            self.send(worker, ToWorker::JobEnded(job));
        }
    }

    pub(crate) fn send(&mut self, worker: WorkerId, message: ToWorker) {
        let instant = self.instant();
        let Some(session) = self.sessions.get_mut(&worker) else { return };
        session.sent += 1;
        session.waiting_since.get_or_insert(instant);
        self.effect(Effect::Send { worker, message });
    }

    /// The process was suspended, so workers that sent nothing meanwhile are not silent. Those that were silent before
    /// stay so.
    pub(crate) fn excuse_silence(&mut self) {
        let instant = self.instant();
        let was_active =
            |id: &WorkerId| self.scheduler.worker(*id).is_some_and(|worker| worker.state != WorkerState::Silent);
        for worker in self.sessions.keys().copied().filter(was_active).collect::<Vec<_>>() {
            self.tell_scheduler(Event::Heartbeat { worker });
        }
        self.scheduler.excuse_stalls(instant);
        for session in self.sessions.values_mut() {
            session.waiting_since = session.waiting_since.map(|_| instant);
        }
    }

    fn close_session(&mut self, worker: WorkerId) {
        let Some(session) = self.sessions.remove(&worker) else { return };
        let name = session.name().to_owned();
        self.effect(Effect::CloseSession(worker));
        let event = match session.stay {
            Stay::Leaves => {
                self.log(Notice::WorkerLeft { worker, name });
                Event::WorkerLeft { worker }
            }
            Stay::Stays => {
                self.log(Notice::WorkerLost { worker, name });
                if self.lost.len() == MOST_LOST {
                    self.lost.pop_front();
                }
                self.lost.push_back(LostWorker { worker, process: process(&session.info) });
                Event::WorkerCrashed { worker }
            }
        };
        self.tell_scheduler(event);
    }

    /// All workers that are connected, in the order of their ids.
    pub fn workers(&self) -> Vec<WorkerStatus> {
        let status = |(&id, session): (&WorkerId, &Session)| {
            let view = self.scheduler.worker(id);
            WorkerStatus {
                id,
                info: session.info.clone(),
                address: session.address.clone(),
                state: view.as_ref().map_or(WorkerState::Silent, |view| view.state),
                leases: view.as_ref().map_or(0, |view| u32::try_from(view.leases).unwrap_or(u32::MAX)),
                leased_chunks: view.as_ref().map_or(0, |view| view.leased_chunks),
                numbers: session.numbers,
                chunks: session.chunks,
                joined_at: session.joined_at,
            }
        };
        self.sessions.iter().map(status).collect()
    }
}
