//! The state machine: its contract, and how inputs become effects.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, SystemTime},
};

use swath_model::{ChunkSet, Instant, JobId, OffsetSet, WorkerId};
use swath_scheduler::{Action, Config as SchedulerConfig, Event, Scheduler};

use crate::{
    Answer, Effect, Moment, Notice, Now, Record, Refusal, Reply, RequestId, Stamp, ToWorker, Token,
    job::{Cancel, Job, Reserved},
    outgoing::Outgoing,
    session::{LostWorker, Session},
};

/// Changes of jobs are published no more often than this; their ends at once.
const PUBLISH: Duration = Duration::from_millis(100);

/// How often expired jobs are forgotten, and the shares of workers and unsaved ends are sent to the ledger.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// While workers are connected, the core wants to be called at least this often, to notice that it was not.
const BEAT: Duration = Duration::from_millis(100);

/// If no input came for longer than this and longer than the heartbeat interval, the process was suspended.
const SUSPENDED: Duration = Duration::from_millis(400);

/// So many heartbeats fit into the time after which a silent worker loses its leases.
pub(crate) const HEARTBEATS_IN_LEASE: u32 = 4;

/// What the core may look up of the results, whose bytes the shell keeps: the answers of the
/// [`ResultIndex`](crate::ResultIndex) of a job.
pub trait Results {
    /// See [`ResultIndex::committed_chunks`](crate::ResultIndex::committed_chunks); none of an unknown job.
    fn committed_chunks(&self, job: JobId) -> ChunkSet;

    /// See [`ResultIndex::missing`](crate::ResultIndex::missing); none of an unknown job.
    fn missing(&self, job: JobId, chunks: &ChunkSet, offsets: &OffsetSet) -> OffsetSet;

    /// The size of all results that are held; 0 for an unknown job.
    fn bytes(&self, job: JobId) -> u64;

    /// Where the parts of a job lie, for people.
    fn location(&self, job: JobId) -> String;
}

/// What is decided once, at the start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Settings of the scheduler.
    pub scheduler: SchedulerConfig,
    /// How long a job is kept after its end if it does not set that itself; `None`: until it is forgotten.
    pub keep_for: Option<Duration>,
    /// The most jobs that are kept, those that have ended included.
    pub max_jobs: usize,
}

impl Config {
    /// The documented limits.
    pub fn new(scheduler: SchedulerConfig, keep_for: Option<Duration>) -> Self {
        Self { scheduler, keep_for, max_jobs: 20_000 }
    }
}

/// What earlier coordinators left in the ledger, beside their jobs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inherited {
    /// The highest id that a job was ever given.
    pub last_job: u64,
    /// What the clock of the ledger says.
    pub clock: Moment,
}

/// Owns the jobs, the scheduler and the sessions of workers of one coordinator.
///
/// A state machine without I/O and without a clock. The shell around it
///
/// 1. calls [`recover`](Self::recover) for each job of the ledger, before anything else;
/// 2. passes requests in. Those whose answer must be durable ([`submit`](Self::submit), [`cancel`](Self::cancel),
///    [`forget`](Self::forget)) carry a [`RequestId`] and are answered exactly once by an effect, unless
///    [`handle_client_gone`](Self::handle_client_gone) names them first; whether or not anybody waits, they are carried
///    out. The others ([`join`](Self::join), [`drain`](Self::drain), [`watch`](Self::watch), …) are answered at once;
/// 3. reports facts with the methods called `handle_…`, which never fail and ignore what no longer applies;
/// 4. after each of these takes all effects from [`poll_effect`](Self::poll_effect) until there is none, and carries
///    them out in this order. An effect sees the state after those before it: the results of a job are created before
///    its first lease is sent, and a status shows what was carried out before it;
/// 5. then asks [`poll_timeout`](Self::poll_timeout) when to call [`handle_timeout`](Self::handle_timeout) at the
///    latest.
///
/// All `now` come from one clock that does not go back. The same inputs give the same effects.
///
/// **Durable steps.** Nothing that a client or a reader is told of is told before the ledger has it. A submit is
/// *reserved* (it has an id and counts for the limits, and nobody sees it), *persisted*, then answered and scheduled.
/// An end is decided by the scheduler, persisted together with dropping the results if that was asked for, then
/// published. A forget is persisted, then the job is gone. At most one batch of records is under way
/// ([`Effect::Persist`]), and what is decided meanwhile waits for the next one, so records are written in the order of
/// the decisions. A submit and a forget that cannot be written are refused; an end that cannot be written holds all the
/// same, and is written later.
///
/// **Fencing.** A block is accepted only while a live session holds its chunks under the lease that it names, and if it
/// has the fingerprint of the job ([`fence`](Self::fence)).
///
/// **Suspension.** A core with sessions asks to be called every 100 ms. If no input came for much longer, the process
/// was suspended, and no worker counts as silent because of that time.
#[derive(Debug)]
pub struct Core<R> {
    pub(crate) config: Config,
    pub(crate) results: R,
    pub(crate) scheduler: Scheduler,
    pub(crate) jobs: BTreeMap<JobId, Job>,
    /// Jobs whose submit is on its way to the ledger.
    pub(crate) reserved: BTreeMap<JobId, Reserved>,
    /// The jobs of both that were submitted with a token.
    pub(crate) tokens: BTreeMap<Token, JobId>,
    pub(crate) last_job: u64,
    /// Jobs that were cancelled and whose end the scheduler has not reported yet.
    pub(crate) cancelled: BTreeMap<JobId, Cancel>,
    pub(crate) sessions: BTreeMap<WorkerId, Session>,
    /// Workers that were lost, the last one at the end.
    pub(crate) lost: VecDeque<LostWorker>,
    pub(crate) last_worker: u64,
    pub(crate) outgoing: Outgoing,
    /// Jobs that somebody watches.
    pub(crate) watched: BTreeSet<JobId>,
    /// Those of them that changed since they were published.
    pub(crate) changed: BTreeSet<JobId>,
    /// Running jobs whose shares are not in the ledger.
    pub(crate) unsaved_shares: BTreeSet<JobId>,
    effects: VecDeque<Queued>,
    /// The clock of the ledger at instant zero.
    clock: Moment,
    last_input: Instant,
    time_of_day: SystemTime,
    publish_at: Instant,
    housekeeping_at: Instant,
}

/// An effect on its way to the shell. A status is taken when it is polled.
#[derive(Debug)]
enum Queued {
    Effect(Effect),
    Publish(JobId),
    Answer(RequestId, JobId),
}

impl<R: Results> Core<R> {
    /// A coordinator without jobs and workers.
    pub fn new(config: Config, inherited: Inherited, now: Now, results: R) -> Self {
        Self {
            scheduler: Scheduler::new(config.scheduler.clone()),
            config,
            results,
            jobs: BTreeMap::new(),
            reserved: BTreeMap::new(),
            tokens: BTreeMap::new(),
            last_job: inherited.last_job,
            cancelled: BTreeMap::new(),
            sessions: BTreeMap::new(),
            lost: VecDeque::new(),
            last_worker: 0,
            outgoing: Outgoing::new(inherited.clock),
            watched: BTreeSet::new(),
            changed: BTreeSet::new(),
            unsaved_shares: BTreeSet::new(),
            effects: VecDeque::new(),
            clock: inherited.clock,
            last_input: now.instant,
            time_of_day: now.time_of_day,
            publish_at: now.instant + PUBLISH,
            housekeeping_at: now.instant + HOUSEKEEPING,
        }
    }

    /// Does what is due: silent workers lose their leases, changes are published, jobs that were kept long enough are
    /// forgotten. May be called for nothing.
    pub fn handle_timeout(&mut self, now: Now) {
        self.begin(now);
        self.scheduler.handle_timeout(now.instant);
        if self.publish_at <= now.instant {
            self.publish_at = now.instant + PUBLISH;
            self.publish_changed();
        }
        if self.housekeeping_at <= now.instant {
            self.housekeeping_at = now.instant + HOUSEKEEPING;
            self.keep_house();
        }
        self.settle();
    }

    /// When [`handle_timeout`](Self::handle_timeout) should be called; `None` if nothing depends on time.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let beat = (!self.sessions.is_empty()).then(|| self.last_input + BEAT);
        let publish = (!self.watched.is_empty()).then_some(self.publish_at);
        let housekeeping = (!self.jobs.is_empty()).then_some(self.housekeeping_at);
        [self.scheduler.poll_timeout(), beat, publish, housekeeping].into_iter().flatten().min()
    }

    /// The next effect for the shell to carry out.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        loop {
            return Some(match self.effects.pop_front()? {
                Queued::Effect(effect) => effect,
                Queued::Publish(job) => match self.job(job) {
                    Ok(status) => Effect::Publish(Box::new(status)),
                    Err(_) => continue,
                },
                Queued::Answer(request, job) => Effect::Answer(self.reply(request, job)),
            });
        }
    }

    /// A client went away before its request was answered. The request is carried out all the same.
    pub fn handle_client_gone(&mut self, request: RequestId) {
        let ends = self.jobs.values_mut().filter_map(Job::waiting_mut);
        let cancels = self.cancelled.values_mut().map(Cancel::waiting_mut);
        let submits = self.reserved.values_mut().map(|reserved| &mut reserved.waiting);
        for waiting in ends.chain(cancels).chain(submits) {
            waiting.retain(|&waiting| waiting != request);
        }
    }

    /// Begins an input: notices a suspension of the process.
    pub(crate) fn begin(&mut self, now: Now) {
        let away = now.instant - self.last_input;
        self.last_input = self.last_input.max(now.instant);
        self.time_of_day = now.time_of_day;
        if !self.sessions.is_empty() && away > self.heartbeat_interval().max(SUSPENDED) {
            self.log(Notice::Suspended { away });
            self.excuse_silence();
        }
    }

    /// Ends an input: carries out what the scheduler decided, and sends the next records on their way.
    pub(crate) fn settle(&mut self) {
        self.on_failed_chunks();
        while let Some(action) = self.scheduler.poll_action() {
            match action {
                Action::Assign { worker, lease, job, chunks } => self.send_lease(worker, lease, job, chunks),
                Action::ReturnChunks { worker, lease, chunks } => {
                    self.send(worker, ToWorker::ReturnChunks { lease, chunks });
                }
                Action::StopLease { worker, lease } => self.send(worker, ToWorker::StopLease { lease }),
                Action::JobEnded { job, outcome } => {
                    self.send_job_ended(job);
                    self.on_job_ended(job, outcome);
                }
            }
        }
        let clock = self.moment();
        if let Some(records) = self.outgoing.poll(clock) {
            self.effect(Effect::Persist { records, clock });
        }
    }

    pub(crate) fn tell_scheduler(&mut self, event: Event) {
        self.scheduler.handle_event(self.last_input, event);
    }

    pub(crate) fn instant(&self) -> Instant {
        self.last_input
    }

    pub(crate) fn moment(&self) -> Moment {
        self.clock.at(self.last_input)
    }

    pub(crate) fn stamp(&self) -> Stamp {
        Stamp { at: self.time_of_day, moment: self.moment() }
    }

    pub(crate) fn heartbeat_interval(&self) -> Duration {
        self.config.scheduler.lease_timeout / HEARTBEATS_IN_LEASE
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        self.effects.push_back(Queued::Effect(effect));
    }

    pub(crate) fn log(&mut self, notice: Notice) {
        self.effect(Effect::Log(notice));
    }

    pub(crate) fn persist(&mut self, record: Record) {
        self.outgoing.push(record);
    }

    /// Publishes a job, if somebody watches it.
    pub(crate) fn publish(&mut self, job: JobId) {
        self.changed.remove(&job);
        if self.watched.contains(&job) {
            self.effects.push_back(Queued::Publish(job));
        }
    }

    pub(crate) fn answer(&mut self, request: RequestId, answer: Result<Answer, Refusal>) {
        self.effect(Effect::Answer(Reply { request, answer }));
    }

    pub(crate) fn refuse(&mut self, requests: Vec<RequestId>, refusal: &Refusal) {
        for request in requests {
            self.answer(request, Err(refusal.clone()));
        }
    }

    /// Answers with the job as it stands when the effects before are carried out.
    pub(crate) fn answer_with_job(&mut self, requests: Vec<RequestId>, job: JobId) {
        self.effects.extend(requests.into_iter().map(|request| Queued::Answer(request, job)));
    }

    pub(crate) fn reply(&self, request: RequestId, job: JobId) -> Reply {
        Reply { request, answer: self.job(job).map(|status| Answer::Job(Box::new(status))) }
    }
}
