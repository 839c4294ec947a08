//! The sessions of workers: from joining to leaving.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant, SystemTime},
};

use swath_model::{ChunkRun, ChunkSet, Fingerprint, Incarnation, JobId, LeaseId, ResumeOffer, ResumedLease, WorkerId};
use swath_scheduler::{Event, WorkerState};
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::{Driver, HEARTBEATS_IN_LEASE, Joined, Refusal};
use crate::job::{Introduction, NewJob, Past, WorkerStatus};

/// What the driver says to a worker.
#[derive(Debug)]
pub(crate) enum ToWorker {
    /// What a job computes; once in a session, before the first lease of the job.
    DescribeJob {
        id: JobId,
        job: NewJob,
        fingerprint: Fingerprint,
    },
    /// No lease of this job comes any more.
    JobEnded(JobId),
    Lease {
        lease: LeaseId,
        chunks: ChunkRun,
        job: JobId,
        fingerprint: Fingerprint,
    },
    /// Give back what was not begun of these chunks.
    ReturnChunks {
        lease: LeaseId,
        chunks: ChunkRun,
    },
    /// The lease has ended.
    StopLease(LeaseId),
    ShutDown,
}

/// The session of one worker.
pub(super) struct Session {
    introduction: Introduction,
    outbox: mpsc::Sender<ToWorker>,
    joined_at: SystemTime,
    numbers: u64,
    chunks: u64,
    sent: u64,
    heard: u64,
    /// Since when it has not heard what was sent to it.
    unheard_since: Option<Instant>,
    /// It was drained, by somebody or by itself.
    is_leaving: bool,
    /// The jobs that it knows.
    described: BTreeSet<JobId>,
}

impl Session {
    pub(super) fn name(&self) -> &str {
        &self.introduction.name
    }

    /// False if the worker does not take what is sent to it.
    pub(super) fn send(&mut self, message: ToWorker) -> bool {
        self.sent += 1;
        self.unheard_since.get_or_insert_with(Instant::now);
        self.outbox.try_send(message).is_ok()
    }

    /// Whether it has yet to be told what this job computes; from now on it counts as told.
    pub(super) fn needs_description(&mut self, job: JobId) -> bool {
        self.described.insert(job)
    }

    /// It has heard so many messages. False if it has heard nothing for too long, though there was something to hear.
    fn has_heard(&mut self, messages: u64, limit: Duration) -> bool {
        if messages > self.heard {
            self.heard = messages;
            self.unheard_since = (messages < self.sent).then(Instant::now);
        }
        self.unheard_since.is_none_or(|since| since.elapsed() <= limit)
    }

    /// Counts what it computed; returns its name.
    pub(super) fn count(&mut self, numbers: u64, chunks: u64) -> &str {
        self.numbers += numbers;
        self.chunks += chunks;
        self.name()
    }
}

impl Driver {
    /// Takes a worker in, with what it has in hand.
    pub(super) fn join(
        &mut self,
        introduction: Introduction,
        past: &Past,
        outbox: mpsc::Sender<ToWorker>,
    ) -> Result<Joined, Refusal> {
        let former = self.former_session(&introduction, past.former);
        if former.is_none() && !self.scheduler.has_room_for_worker() {
            let count = self.sessions.len();
            return Err(Refusal::Exhausted(format!("{count} workers are as many as this coordinator takes")));
        }
        if let Some(former) = former {
            self.sessions.remove(&former);
        }
        let threads = introduction.threads;
        let worker = self.open_session(introduction, outbox);
        let now = self.now();
        let in_hand: Vec<_> = past.in_hand.iter().map(|in_hand| (in_hand.job, self.usable(in_hand))).collect();
        let granted = self.scheduler.rejoin(now, worker, threads, former, &in_hand);
        let resumed = past.in_hand.iter().zip(granted).filter_map(|(in_hand, granted)| {
            let (next, chunks) = granted?;
            let again = self.jobs.get(&in_hand.job)?.results.missing(&chunks, &in_hand.offsets);
            Some(ResumedLease { lease: in_hand.lease, next, chunks, again })
        });
        let (heartbeat, incarnation) = (self.heartbeat_interval, self.incarnation);
        Ok(Joined { worker, heartbeat, resumed: resumed.collect(), incarnation })
    }

    /// The session that this process still seems to have: its connection broke, and only the worker knows yet.
    fn former_session(&self, introduction: &Introduction, former: Option<(Incarnation, WorkerId)>) -> Option<WorkerId> {
        let (_, worker) = former.filter(|(incarnation, _)| *incarnation == self.incarnation)?;
        let session = self.sessions.get(&worker)?;
        let same = |introduction: &Introduction| {
            (introduction.process_id, introduction.host.clone(), introduction.name.clone())
        };
        (same(&session.introduction) == same(introduction)).then_some(worker)
    }

    /// The chunks of which a worker has something in hand. Kernels are pure, so that any job with the same fingerprint has
    /// the same results, whoever gave out the lease.
    fn usable(&self, in_hand: &ResumeOffer) -> ChunkSet {
        let record = self.jobs.get(&in_hand.job);
        let Some(record) = record.filter(|record| Some(record.fingerprint) == in_hand.fingerprint) else {
            let (lease, job) = (in_hand.lease, in_hand.job);
            info!(%lease, %job, "a worker offers work of a job that this coordinator does not have");
            return ChunkSet::new();
        };
        let chunks = record.job.chunks;
        let within = in_hand.offsets.iter().filter(|run| run.end() <= chunks.range().count());
        within.map(|run| chunks.touched(run)).collect()
    }

    fn open_session(&mut self, introduction: Introduction, outbox: mpsc::Sender<ToWorker>) -> WorkerId {
        self.last_worker += 1;
        let worker = WorkerId(self.last_worker);
        info!(%worker, name = introduction.name, threads = introduction.threads, "worker joined");
        let session = Session {
            introduction,
            outbox,
            joined_at: SystemTime::now(),
            numbers: 0,
            chunks: 0,
            sent: 0,
            heard: 0,
            unheard_since: None,
            is_leaving: false,
            described: BTreeSet::new(),
        };
        self.sessions.insert(worker, session);
        worker
    }

    /// Gives a worker a lease, after what its job computes.
    pub(super) fn send_lease(&mut self, worker: WorkerId, lease: LeaseId, job: JobId, chunks: ChunkRun) {
        let (Some(record), Some(session)) = (self.jobs.get(&job), self.sessions.get_mut(&worker)) else { return };
        let fingerprint = record.fingerprint;
        let description = session.needs_description(job).then(|| ToWorker::DescribeJob {
            id: job,
            job: record.job.clone(),
            fingerprint,
        });
        for message in description.into_iter().chain([ToWorker::Lease { lease, chunks, job, fingerprint }]) {
            self.send(worker, message);
        }
    }

    /// Workers that know of a job forget it.
    pub(super) fn send_job_ended(&mut self, job: JobId) {
        let knows = |(&worker, session): (&WorkerId, &mut Session)| session.described.remove(&job).then_some(worker);
        let told: Vec<WorkerId> = self.sessions.iter_mut().filter_map(knows).collect();
        for worker in told {
            self.send(worker, ToWorker::JobEnded(job));
        }
    }

    /// A worker that is heard and hears nothing would keep leases that it knows nothing of.
    pub(super) fn note_heard(&mut self, worker: WorkerId, messages: u64) {
        let limit = self.heartbeat_interval * HEARTBEATS_IN_LEASE;
        let Some(session) = self.sessions.get_mut(&worker) else { return };
        if !session.has_heard(messages, limit) {
            warn!(%worker, name = session.name(), "the worker receives nothing: its session is closed");
            self.close_session(worker);
        }
    }

    /// The coordinator itself was away: that nobody was heard meanwhile says nothing of the workers.
    pub(super) fn excuse_silence(&mut self) {
        let now = self.now();
        let workers: Vec<WorkerId> = self.sessions.keys().copied().collect();
        for worker in workers {
            self.scheduler.handle_event(now, Event::Heartbeat { worker });
            if let Some(session) = self.sessions.get_mut(&worker) {
                session.unheard_since = session.unheard_since.map(|_| Instant::now());
            }
        }
    }

    /// Ends a session. A worker that was neither sent away nor said that it leaves may have crashed: what it computed is
    /// then suspected.
    pub(super) fn close_session(&mut self, worker: WorkerId) {
        if let Some(session) = self.sessions.remove(&worker) {
            let now = self.now();
            let event = if session.is_leaving {
                info!(%worker, name = session.name(), "worker left");
                Event::WorkerLeft { worker }
            } else {
                info!(%worker, name = session.name(), "worker lost");
                Event::WorkerCrashed { worker }
            };
            self.scheduler.handle_event(now, event);
        }
    }

    /// No new lease for a worker, which then leaves.
    pub(super) fn drain(&mut self, worker: WorkerId) -> Result<(), Refusal> {
        let now = self.now();
        self.scheduler.drain(now, worker).map_err(|error| Refusal::NotFound(error.to_string()))?;
        if let Some(session) = self.sessions.get_mut(&worker) {
            session.is_leaving = true;
        }
        self.send(worker, ToWorker::ShutDown);
        Ok(())
    }

    pub(super) fn worker_statuses(&self) -> Vec<WorkerStatus> {
        let status = |(&id, session): (&WorkerId, &Session)| {
            let view = self.scheduler.worker(id);
            WorkerStatus {
                id,
                introduction: session.introduction.clone(),
                state: view.as_ref().map_or(WorkerState::Silent, |view| view.state),
                leases: view.as_ref().map_or(0, |view| view.leases as u32),
                leased_chunks: view.as_ref().map_or(0, |view| view.leased_chunks),
                numbers: session.numbers,
                chunks: session.chunks,
                joined_at: session.joined_at,
            }
        };
        self.sessions.iter().map(status).collect()
    }
}
