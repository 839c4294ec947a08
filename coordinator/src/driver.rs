//! The loop around the scheduler: the only clock, the only owner of its state.
//!
//! Services talk to it through [`DriverHandle`]; it talks to workers through their sessions and to the result
//! store through the store's facts. Result bytes never come by here.

mod handle;
mod publish;
mod session;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use swath_scheduler::{
    Action, Config as SchedulerConfig, Event, JobId, JobSpec, LeaseId, Outcome, Run, Scheduler, WorkerId,
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use self::session::Session;
pub(crate) use self::{
    handle::{AcceptedBlock, DriverHandle, Refusal, Request},
    session::{Assignment, ToWorker},
};
use crate::{
    job::{Introduction, JobState, JobStatus, NewJob, Share},
    store::{Accepted, Ending, Fact, JobResults, Recovered, Retention, Store},
};

/// Progress is published no more often than this; ends of jobs at once.
const PUBLISH: Duration = Duration::from_millis(100);

/// Messages taken at once before the scheduler's actions are carried out.
const BATCH: usize = 256;

/// The most jobs that are kept, those that have ended included.
const MAX_JOBS: usize = 20_000;

pub(crate) struct Driver {
    scheduler: Scheduler,
    origin: Instant,
    store: Arc<Store>,
    jobs: BTreeMap<JobId, JobRecord>,
    sessions: BTreeMap<WorkerId, Session>,
    last_worker: u64,
    heartbeat_interval: Duration,
}

/// A job and those who watch it.
struct JobRecord {
    job: NewJob,
    results: Arc<JobResults>,
    state: JobState,
    submitted_at: SystemTime,
    ended_at: Option<SystemTime>,
    paused: String,
    shares: BTreeMap<WorkerId, Share>,
    status: watch::Sender<JobStatus>,
    /// Changed since it was last published.
    changed: bool,
    /// A part was lost while it ran: it is not done when the scheduler thinks so.
    spoiled: bool,
}

impl Driver {
    pub(crate) fn new(config: SchedulerConfig, store: Arc<Store>) -> Self {
        Self {
            heartbeat_interval: config.lease_timeout / 4,
            scheduler: Scheduler::new(config),
            origin: Instant::now(),
            store,
            jobs: BTreeMap::new(),
            sessions: BTreeMap::new(),
            last_worker: 0,
        }
    }

    /// Takes back a job that an earlier coordinator had.
    pub(crate) fn recover(&mut self, recovered: Recovered) {
        let Recovered { row, job, results } = recovered;
        let id = row.id;
        let status = watch::Sender::new(self.new_status(id, &job, row.submitted_at));
        let record = JobRecord {
            job,
            results,
            state: row.state,
            submitted_at: row.submitted_at,
            ended_at: row.ended_at,
            paused: String::new(),
            shares: row.shares.into_iter().map(|(worker, share)| (WorkerId(worker), share)).collect(),
            status,
            changed: true,
            spoiled: false,
        };
        // Workers of this coordinator are others than those that had these ids before.
        self.last_worker = record.shares.keys().map(|worker| worker.0).fold(self.last_worker, u64::max);
        let is_running = record.state == JobState::Running;
        self.jobs.insert(id, record);
        if is_running {
            self.resume(id);
        }
    }

    /// Has the scheduler compute what of a job is not committed.
    fn resume(&mut self, id: JobId) {
        let now = self.now();
        let Some(record) = self.jobs.get_mut(&id) else { return };
        record.spoiled = false;
        record.state = JobState::Running;
        record.ended_at = None;
        record.changed = true;
        let spec = JobSpec { chunks: record.job.chunks, limits: record.job.limits };
        // An ended job that goes on is a new one to the scheduler; one that it does not know need not be forgotten.
        let _ = self.scheduler.forget(id);
        if let Err(error) = self.scheduler.restore(now, id, spec, record.results.committed_chunks()) {
            warn!(%id, %error, "the job cannot go on");
        }
        self.note(id);
    }

    /// Writes into the ledger where a job stands.
    fn note(&self, id: JobId) {
        let Some(record) = self.jobs.get(&id) else { return };
        let shares: Vec<_> = record.shares.iter().map(|(worker, share)| (worker.0, share.clone())).collect();
        if let Err(error) = self.store.ledger().update_job(id, &record.state, record.ended_at, &shares) {
            // After the next start the job goes on from what is committed, and ends again.
            warn!(%id, %error, "the end of the job is not in the ledger");
        }
    }

    /// Runs until `stop`; then the sessions end, and workers look for the coordinator that comes next.
    pub(crate) async fn drive(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        mut facts: mpsc::UnboundedReceiver<Fact>,
        stop: CancellationToken,
    ) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut publish = tokio::time::interval(PUBLISH);
        publish.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let timeout = self.scheduler.poll_timeout().map(|at| self.origin + Duration::from_nanos(at.as_nanos()));
            tokio::select! {
                // In this order: after a stop nothing counts any more, and what comes seldom must not wait for what comes
                // all the time.
                biased;
                () = stop.cancelled() => break,
                () = sleep_until(timeout) => {
                    let now = self.now();
                    self.scheduler.handle_timeout(now);
                }
                _ = publish.tick() => self.publish_changed(),
                Some(fact) = facts.recv() => self.handle_fact(fact),
                taken = requests.recv_many(&mut batch, BATCH) => {
                    if taken == 0 {
                        break;
                    }
                    for request in batch.drain(..) {
                        self.handle_request(request);
                    }
                }
            }
            self.drain_actions();
        }
    }

    fn now(&self) -> swath_scheduler::Instant {
        swath_scheduler::Instant::from_nanos(self.origin.elapsed().as_nanos() as u64)
    }

    fn handle_request(&mut self, request: Request) {
        let now = self.now();
        match request {
            Request::Submit { id, job, submitted_at, reply } => drop(reply.send(self.submit(id, job, submitted_at))),
            Request::Job { id, reply } => drop(reply.send(self.job_status(id))),
            Request::Jobs { reply } => {
                drop(reply.send(self.job_statuses()));
            }
            Request::Watch { id, reply } => drop(reply.send(self.watch(id))),
            Request::Cancel { id, reply } => drop(reply.send(self.cancel(id))),
            Request::Forget { id, reply } => drop(reply.send(self.forget(id))),
            Request::Workers { reply } => drop(reply.send(self.worker_statuses())),
            Request::Drain { worker, reply } => drop(reply.send(self.drain(worker))),
            Request::Join { introduction, outbox, reply } => {
                if let Err(Ok((worker, _))) = reply.send(self.join(introduction, outbox)) {
                    // The worker has gone away meanwhile.
                    self.close_session(worker);
                }
            }
            Request::Said { worker, event } => {
                if let Event::ChunkFailed { chunk, number, reason, .. } = &event {
                    debug!(%worker, chunk, number, reason, "chunk failed");
                }
                self.scheduler.handle_event(now, event);
            }
            Request::Left { worker } => self.close_session(worker),
            Request::Fence { lease, job, chunks, reply } => drop(reply.send(self.fence(lease, job, chunks))),
            Request::Accepted(block) => self.on_accepted(block),
        }
    }

    fn handle_fact(&mut self, fact: Fact) {
        let now = self.now();
        let event = match fact {
            Fact::Committed { job, chunks } => {
                self.mark_changed(job);
                Event::ChunksCommitted { job, chunks }
            }
            Fact::Paused { job, reason } => {
                self.set_paused(job, reason);
                Event::JobPaused { job }
            }
            Fact::Spoiled { job } => {
                match self.jobs.get_mut(&job) {
                    Some(record) if record.state == JobState::Done => self.resume(job),
                    Some(record) => record.spoiled = true,
                    None => {}
                }
                return;
            }
            Fact::Resumed { job } => {
                self.set_paused(job, String::new());
                Event::JobResumed { job }
            }
        };
        self.scheduler.handle_event(now, event);
    }

    fn join(
        &mut self,
        introduction: Introduction,
        outbox: mpsc::Sender<ToWorker>,
    ) -> Result<(WorkerId, Duration), Refusal> {
        if !self.scheduler.has_room_for_worker() {
            let count = self.sessions.len();
            return Err(Refusal::Exhausted(format!("{count} workers are as many as this coordinator takes")));
        }
        let threads = introduction.threads;
        let worker = self.open_session(introduction, outbox);
        let now = self.now();
        self.scheduler.handle_event(now, Event::WorkerJoined { worker, threads });
        Ok((worker, self.heartbeat_interval))
    }

    /// The worker that holds these chunks of this job under this lease. Where it holds only some of them, nobody will send
    /// those again: they wait for another lease.
    fn fence(&mut self, lease: LeaseId, job: JobId, chunks: Run) -> Option<WorkerId> {
        let worker = self.scheduler.holder(lease).filter(|_| self.scheduler.leased_job(lease) == Some(job))?;
        if self.scheduler.holds(lease, chunks) {
            return Some(worker);
        }
        let now = self.now();
        self.scheduler.handle_event(now, Event::ChunksReturned { worker, lease, chunks: Some(chunks) });
        None
    }

    fn on_accepted(&mut self, block: AcceptedBlock) {
        let AcceptedBlock { job, worker, lease, .. } = block;
        match block.accepted {
            Accepted::Held { chunks } => {
                self.count_share(job, worker, block.numbers, chunks.map_or(0, |chunks| chunks.len()));
                self.receive(job, chunks);
            }
            Accepted::HeldAlready { chunks } => self.receive(job, chunks),
            Accepted::Overlapped { chunks } => {
                for chunks in chunks {
                    self.receive(job, Some(chunks));
                }
                let now = self.now();
                self.scheduler.handle_event(now, Event::ChunksReturned { worker, lease, chunks: Some(block.chunks) });
            }
            Accepted::Gone => {}
        }
    }

    /// These chunks are held whole by the store.
    fn receive(&mut self, job: JobId, chunks: Option<Run>) {
        let (Some(chunks), Some(record)) = (chunks, self.jobs.get(&job)) else { return };
        let is_committed = record.results.retention() == Retention::Delivered;
        let now = self.now();
        self.scheduler.handle_event(now, Event::ChunksReceived { job, chunks });
        if is_committed {
            self.scheduler.handle_event(now, Event::ChunksCommitted { job, chunks });
        }
    }

    fn count_share(&mut self, job: JobId, worker: WorkerId, numbers: u64, chunks: u64) {
        let session = self.sessions.get_mut(&worker);
        let name = session.map(|session| session.count(numbers, chunks).to_owned());
        // What comes after the end of a job is not part of it.
        let Some(record) = self.jobs.get_mut(&job).filter(|record| !record.state.has_ended()) else { return };
        let share = record.shares.entry(worker).or_default();
        if let Some(name) = name {
            share.worker = name;
        }
        share.numbers += numbers;
        share.chunks += chunks;
        record.changed = true;
    }

    fn submit(&mut self, id: JobId, job: NewJob, submitted_at: SystemTime) -> Result<JobStatus, Refusal> {
        if self.jobs.len() >= MAX_JOBS {
            return Err(Refusal::Exhausted(format!(
                "{MAX_JOBS} jobs are as many as this coordinator keeps; forget some with `swath job forget`"
            )));
        }
        let spec = JobSpec { chunks: job.chunks, limits: job.limits };
        let now = self.now();
        self.scheduler
            .submit(now, id, spec)
            .map_err(|error| Refusal::Exhausted(format!("failed to submit: {error}")))?;
        let results = self.store.create_job(JobResults::new(id, job.chunks, job.value_type(), job.retention));
        info!(%id, kernel = job.kernel.name(), range = %job.range(), chunks = job.chunks.count(), "job submitted");
        let initial = self.new_status(id, &job, submitted_at);
        let record = JobRecord {
            job,
            results,
            state: JobState::Running,
            submitted_at,
            ended_at: None,
            paused: String::new(),
            shares: BTreeMap::new(),
            status: watch::Sender::new(initial.clone()),
            changed: false,
            spoiled: false,
        };
        self.jobs.insert(id, record);
        Ok(initial)
    }

    fn cancel(&mut self, id: JobId) -> Result<JobStatus, Refusal> {
        let now = self.now();
        self.known(id)?;
        self.scheduler
            .cancel(now, id)
            .map_err(|error| Refusal::Precondition(format!("cannot cancel job {id}: {error}")))?;
        // The answer shows what has become of it.
        self.drain_actions();
        self.job_status(id)
    }

    fn forget(&mut self, id: JobId) -> Result<(), Refusal> {
        if self.known(id)?.state.has_ended() {
            // One that had ended before this coordinator started is not known to the scheduler.
            let _ = self.scheduler.forget(id);
        } else {
            return Err(Refusal::Precondition(format!("cannot forget job {id}: it has not ended; cancel it first")));
        }
        self.jobs.remove(&id);
        info!(%id, "job forgotten");
        Ok(())
    }

    fn known(&self, id: JobId) -> Result<&JobRecord, Refusal> {
        self.jobs.get(&id).ok_or_else(|| Refusal::NotFound(format!("there is no job {id}")))
    }

    /// Carries out what the scheduler decided.
    fn drain_actions(&mut self) {
        while let Some(action) = self.scheduler.poll_action() {
            match action {
                Action::Assign { worker, lease, job, chunks } => {
                    let Some(record) = self.jobs.get(&job) else { continue };
                    let assignment = Assignment { lease, chunks, job_id: job, job: record.job.clone() };
                    self.send(worker, ToWorker::Lease(assignment));
                }
                Action::Revoke { worker, lease, chunks } => {
                    let stop = self.scheduler.holder(lease) != Some(worker);
                    self.send(worker, ToWorker::Revoke { lease, chunks, stop });
                }
                Action::JobEnded { job, outcome } => self.end_job(job, outcome),
            }
        }
    }

    fn send(&mut self, worker: WorkerId, message: ToWorker) {
        let Some(session) = self.sessions.get(&worker) else { return };
        if !session.send(message) {
            warn!(%worker, name = session.name(), "the worker does not take its messages: its session ends");
            self.close_session(worker);
        }
    }

    fn end_job(&mut self, id: JobId, outcome: Outcome) {
        let Some(record) = self.jobs.get_mut(&id) else { return };
        if record.spoiled && outcome == Outcome::Done {
            return self.resume(id);
        }
        record.state = match outcome {
            Outcome::Done => JobState::Done,
            Outcome::Cancelled => JobState::Cancelled,
            Outcome::Failed { number, reason, .. } => {
                JobState::Failed(format!("kernel `{}` failed at {number}: {reason}", record.job.kernel.name()))
            }
        };
        record.ended_at = Some(SystemTime::now());
        record.results.end(match &record.state {
            JobState::Failed(failure) => Ending::Broken(format!("job {id} failed: {failure}")),
            JobState::Cancelled => Ending::Broken(format!("job {id} was cancelled")),
            JobState::Done | JobState::Running => Ending::Done,
        });
        record.changed = true;
        info!(%id, state = ?record.state, "job ended");
        self.note(id);
        self.publish(id);
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
