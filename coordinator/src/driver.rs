//! The loop around the scheduler: the only clock, the only owner of its state.
//!
//! Services talk to it through [`DriverHandle`]; it talks to workers through their sessions and to the result
//! store through the store's facts. Result bytes never come by here.

mod ending;
mod handle;
mod jobs;
mod outgoing;
mod publish;
mod session;
mod submit;
mod waiting;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use swath_model::{ChunkRun, Fingerprint, Incarnation, JobId, ResultMode, WorkerId};
use swath_scheduler::{Action, Config as SchedulerConfig, Event, Scheduler};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use self::{
    ending::{Cancel, Phase},
    outgoing::Outgoing,
    session::Session,
    submit::Reserved,
};
pub(crate) use self::{
    handle::{AcceptedBlock, Claim, DriverHandle, Joined, Refusal, RefusedBlock, Request},
    session::ToWorker,
};
use crate::{
    clock::{Clock, Moment, Stamp},
    job::{Holes, JobState, JobStatus, NewJob, Share, Token},
    ledger::Sender,
    store::{Accepted, Fact, JobResults, Store},
};

/// Progress is published no more often than this; ends of jobs at once.
const PUBLISH: Duration = Duration::from_millis(100);

/// How often jobs are looked after: which have been kept long enough, who has computed how much.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// So many heartbeats fit into the time after which a silent worker loses its leases.
const HEARTBEATS_IN_LEASE: u32 = 4;

/// A turn of the driver that takes longer than this, and than a heartbeat, is not its own doing.
const AWAY: Duration = Duration::from_millis(400);

/// How long the last changes may take to be written after a stop.
const LAST_TIME: Duration = Duration::from_secs(20);

/// Messages taken at once before the scheduler's actions are carried out.
const BATCH: usize = 256;

pub(crate) struct Driver {
    scheduler: Scheduler,
    origin: Instant,
    store: Arc<Store>,
    jobs: BTreeMap<JobId, JobRecord>,
    /// Jobs that are being stored.
    reserved: BTreeMap<JobId, Reserved>,
    /// The jobs of both that were submitted with a token.
    tokens: BTreeMap<Token, JobId>,
    last_job: u64,
    /// The most jobs that may run.
    max_running: usize,
    /// Jobs that were cancelled and whose end the scheduler has yet to tell.
    cancelled: BTreeMap<JobId, Cancel>,
    outgoing: Outgoing,
    /// Durations are measured with it, but for those of the scheduler.
    clock: Clock,
    sessions: BTreeMap<WorkerId, Session>,
    last_worker: u64,
    heartbeat_interval: Duration,
    incarnation: Incarnation,
    /// How long jobs that do not say are kept after their end; `None`: until they are forgotten.
    retain: Option<Duration>,
}

/// What earlier coordinators left, beside their jobs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inherited {
    /// The highest id that a job was ever given.
    pub(crate) last_job: u64,
    /// What the ledger's clock says.
    pub(crate) clock: Moment,
}

/// A job and those who watch it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "what else there is to tell of a job stands beside its phase, and changes on its own"
)]
struct JobRecord {
    job: NewJob,
    fingerprint: Fingerprint,
    results: Arc<JobResults>,
    phase: Phase,
    /// As clients see it.
    state: JobState,
    submitted: Stamp,
    ended: Option<Stamp>,
    token: Option<Token>,
    paused: String,
    shares: BTreeMap<WorkerId, Share>,
    /// The shares are others than those in the ledger.
    shares_changed: bool,
    /// Chunks that were given up.
    holes: Holes,
    /// What was committed was dropped when the job was cancelled.
    results_dropped: bool,
    status: watch::Sender<JobStatus>,
    /// Changed since it was last published.
    changed: bool,
    /// A part or a block was lost just when the scheduler thought that it was done.
    spoiled: bool,
}

impl Driver {
    pub(crate) fn new(
        config: SchedulerConfig,
        retain: Option<Duration>,
        store: Arc<Store>,
        inherited: Inherited,
    ) -> Self {
        Self {
            incarnation: config.incarnation,
            reserved: BTreeMap::new(),
            tokens: BTreeMap::new(),
            last_job: inherited.last_job,
            max_running: config.max_jobs,
            cancelled: BTreeMap::new(),
            outgoing: Outgoing::new(inherited.clock),
            clock: Clock::from(inherited.clock),
            retain,
            heartbeat_interval: config.lease_timeout / HEARTBEATS_IN_LEASE,
            scheduler: Scheduler::new(config),
            origin: Instant::now(),
            store,
            jobs: BTreeMap::new(),
            sessions: BTreeMap::new(),
            last_worker: 0,
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
        let mut look_after = tokio::time::interval(LOOK_AFTER);
        look_after.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let timeout = self.scheduler.poll_timeout().map(|at| self.origin + Duration::from_nanos(at.as_nanos()));
            let turn = Instant::now();
            tokio::select! {
                // In this order: after a stop nothing counts any more, and what comes seldom must not wait for what comes
                // all the time.
                biased;
                () = stop.cancelled() => break,
                () = sleep_until(timeout) => {
                    self.excuse_after(turn);
                    let now = self.now();
                    self.scheduler.handle_timeout(now);
                }
                _ = publish.tick() => self.publish_changed(),
                _ = look_after.tick() => self.look_after_jobs(),
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
            self.excuse_after(turn);
            self.drain_actions();
            self.write_outgoing();
        }
        if tokio::time::timeout(LAST_TIME, self.finish(&mut facts)).await.is_err() {
            warn!("not all changes of jobs could be written in time");
        }
    }

    /// Turns are short, unless the process or the machine stood still: then nobody could be heard.
    fn excuse_after(&mut self, turn: Instant) {
        let away = turn.elapsed();
        if away > self.heartbeat_interval.max(AWAY) {
            let away = humantime::format_duration(Duration::from_millis(away.as_millis() as u64));
            warn!(%away, "the coordinator stood still; its workers keep their leases");
            self.excuse_silence();
        }
    }

    fn now(&self) -> swath_model::Instant {
        swath_model::Instant::from_nanos(self.origin.elapsed().as_nanos() as u64)
    }

    fn handle_request(&mut self, request: Request) {
        let now = self.now();
        match request {
            Request::Submit { job, token, reply } => self.submit(job, token, reply),
            Request::Job { id, reply } => drop(reply.send(self.job_status(id))),
            Request::Jobs { reply } => {
                drop(reply.send(self.job_statuses()));
            }
            Request::Watch { id, reply } => drop(reply.send(self.watch(id))),
            Request::Holes { id, reply } => drop(reply.send(self.holes(id))),
            Request::Cancel { id, drop_results, reply } => self.cancel(id, drop_results, reply),
            Request::Forget { id, reply } => self.forget(id, reply),
            Request::Workers { reply } => drop(reply.send(self.worker_statuses())),
            Request::Drain { worker, reply } => drop(reply.send(self.drain(worker))),
            Request::Join { introduction, past, outbox, reply } => {
                if let Err(Ok(joined)) = reply.send(self.join(introduction, &past, outbox)) {
                    // The worker has gone away meanwhile.
                    self.close_session(joined.worker);
                }
            }
            Request::Said { worker, event } => {
                if let Event::ChunkFailed { chunk, number, reason, .. } = &event {
                    debug!(%worker, chunk, number, reason, "chunk failed");
                }
                self.scheduler.handle_event(now, event);
            }
            Request::Heard { worker, messages } => self.note_heard(worker, messages),
            Request::Left { worker } => self.close_session(worker),
            Request::Fence { claim, reply } => drop(reply.send(self.fence(claim))),
            Request::Accepted(block) => self.on_accepted(block),
            Request::Refused(block) => self.on_refused(block),
            Request::Ping { reply } => drop(reply.send(())),
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
            Fact::Lost { job, chunks } => {
                // A piece of a large chunk may be lost that the worker which holds the chunk would not send again.
                for chunks in chunks {
                    self.scheduler.handle_event(now, Event::ResultsLost { job, chunks });
                }
                self.mark_changed(job);
                let is_active =
                    self.scheduler.job(job).is_some_and(|view| view.state == swath_scheduler::JobState::Active);
                match self.jobs.get_mut(&job) {
                    Some(record) if record.state == JobState::Done && !matches!(record.phase, Phase::Forgetting(_)) => {
                        self.resume(job);
                    }
                    Some(record) if !is_active => record.spoiled = true,
                    _ => {}
                }
                return;
            }
            Fact::Closed { job, lost } => return self.on_closed(job, lost),
            Fact::Persisted { records, written } => return self.handle_persisted(&records, written),
            Fact::Resumed { job } => {
                self.set_paused(job, String::new());
                Event::JobResumed { job }
            }
        };
        self.scheduler.handle_event(now, event);
    }

    /// The worker that holds these chunks of this job under this lease, in a session that lives. Where it holds only some
    /// of them, or computed another job, nobody will send those again: they wait for another lease.
    fn fence(&mut self, claim: Claim) -> Option<Arc<Sender>> {
        let Claim { lease, job, fingerprint, chunks } = claim;
        let worker = self.scheduler.holder(lease).filter(|_| self.scheduler.leased_job(lease) == Some(job))?;
        let record = self.jobs.get(&job)?;
        let name = self.sessions.get(&worker)?.name().to_owned();
        let sender = Some(Arc::new(Sender { worker: worker.0, name }));
        let Some(chunks) = chunks else { return sender };
        if fingerprint == Some(record.fingerprint) && self.scheduler.holds(lease, chunks) {
            return sender;
        }
        let now = self.now();
        self.scheduler.handle_event(now, Event::ChunksReturned { worker, lease, chunks: Some(chunks) });
        None
    }

    /// A block that cannot be taken is a failure of its worker at the first of its chunks, so that it is not tried for ever;
    /// the others wait again.
    fn on_refused(&mut self, block: RefusedBlock) {
        let RefusedBlock { job, worker, lease, chunks, number, reason } = block;
        let name = self.sessions.get(&worker).map(Session::name).unwrap_or_default();
        warn!(%job, %worker, name, number, reason, "a worker sent a block that cannot be taken; its chunks are tried again");
        let reason = format!("worker {worker} ({name}) sent a block that cannot be taken: {reason}");
        let now = self.now();
        let failed = Event::ChunkFailed { worker, lease, chunk: chunks.start(), number, reason };
        self.scheduler.handle_event(now, failed);
        self.scheduler.handle_event(now, Event::ChunksReturned { worker, lease, chunks: Some(chunks) });
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
    fn receive(&mut self, job: JobId, chunks: Option<ChunkRun>) {
        let (Some(chunks), Some(record)) = (chunks, self.jobs.get(&job)) else { return };
        let is_committed = record.results.retention() == ResultMode::Delivered;
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
        let record = self.jobs.get_mut(&job).filter(|record| matches!(record.phase, Phase::Running));
        let Some(record) = record else { return };
        let share = record.shares.entry(worker).or_default();
        if let Some(name) = name {
            share.worker = name;
        }
        share.numbers += numbers;
        share.chunks += chunks;
        record.changed = true;
        record.shares_changed = true;
    }

    /// Carries out what the scheduler decided.
    fn drain_actions(&mut self) {
        self.note_holes();
        while let Some(action) = self.scheduler.poll_action() {
            match action {
                Action::Assign { worker, lease, job, chunks } => self.send_lease(worker, lease, job, chunks),
                Action::ReturnChunks { worker, lease, chunks } => {
                    self.send(worker, ToWorker::ReturnChunks { lease, chunks });
                }
                Action::StopLease { worker, lease } => self.send(worker, ToWorker::StopLease(lease)),
                Action::JobEnded { job, outcome } => {
                    self.send_job_ended(job);
                    // An action before this one may have ended a session, and that a chunk.
                    self.note_holes();
                    self.end_job(job, outcome);
                }
            }
        }
    }

    fn send(&mut self, worker: WorkerId, message: ToWorker) {
        let Some(session) = self.sessions.get_mut(&worker) else { return };
        if !session.send(message) {
            warn!(%worker, name = session.name(), "the worker does not read its messages: its session is closed");
            self.close_session(worker);
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
