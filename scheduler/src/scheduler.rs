//! The state machine: its contract, commands and queries.

mod crashes;
mod events;
mod invariants;
mod leasing;
mod rebalance;
mod rejoin;
mod stalls;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use crate::{
    Action, CancelError, ChunkRun, ChunkSet, Config, DrainError, Event, FailedChunk, ForgetError, Instant, JobId,
    JobPlan, JobState, JobView, LeaseId, NewFailedChunk, Outcome, SubmitError, WorkerId, WorkerView, job::Job,
    jobs::Jobs, lease::Lease, worker_table::WorkerTable,
};

/// Decides who computes which chunks of which job.
///
/// A state machine that performs no I/O and reads no clock. The shell around it
///
/// 1. calls a command ([`submit`](Self::submit), [`restore`](Self::restore), [`cancel`](Self::cancel),
///    [`forget`](Self::forget), [`drain`](Self::drain), [`rejoin`](Self::rejoin)), which may be refused; or reports a
///    fact to [`handle_event`](Self::handle_event), which never fails and ignores what no longer applies; or calls
///    [`handle_timeout`](Self::handle_timeout) when the time has come;
/// 2. after each of these takes all chunks that failed for good from [`poll_failed_chunk`](Self::poll_failed_chunk),
///    then all from [`poll_action`](Self::poll_action), in order, until there is none;
/// 3. then asks [`poll_timeout`](Self::poll_timeout) when to call `handle_timeout` at the latest. It may be called
///    earlier, or for nothing.
///
/// Every `now` comes from one clock that does not run backwards. The same calls give the same actions.
///
/// What is kept is proportional to the workers and to the intervals of chunks in different states, never to the
/// chunks. At all times each chunk of an active job
///
/// - *waits* for a worker, or
/// - is *outstanding* under exactly one lease, or
/// - is *received*: the coordinator holds its block in memory, or
/// - is *committed*: durable. It stays so; or
/// - is a *failed chunk*: it failed too often or crashed too many workers, and its job keeps going without it.
///
/// A lease ends when none of its chunks is outstanding any more, when its worker leaves or stays silent for
/// [`Config::lease_timeout`], when nothing comes of its worker for [`Config::stall_timeout`] and longer while another
/// one is free, or when its job is over. Blocks are fenced with [`holds`](Self::holds): those of chunks
/// that are not outstanding under their lease are to be dropped, and not reported as received.
///
/// A worker whose connection broke is lost, and so are its leases; their ids are not used again. Its process may live
/// and connect anew, as another worker with chunks in flight. Then [`rejoin`](Self::rejoin) takes the place of
/// [`Event::WorkerJoined`]: it leases to it what it can still use before anything else goes out.
#[derive(Debug)]
pub struct Scheduler {
    config: Config,
    jobs: Jobs,
    workers: WorkerTable,
    leases: BTreeMap<LeaseId, Lease>,
    /// The sequence of the last lease given out.
    last_sequence: u64,
    new_failed_chunks: VecDeque<NewFailedChunk>,
    actions: VecDeque<Action>,
    /// Whether something has changed since the last rebalance that may let a free worker get chunks of another one.
    rebalance_due: bool,
    /// When the last rebalance was.
    looked_around: Instant,
    /// When to rebalance again although nothing happened: leases become overdue by themselves.
    look_again: Option<Instant>,
    /// When to look whether a worker has stalled.
    stall_due: Option<Instant>,
    /// What was before this time counts for no stall.
    stalls_from: Instant,
}

impl Scheduler {
    /// A scheduler without jobs and workers.
    pub fn new(mut config: Config) -> Self {
        config.leases_per_worker = config.leases_per_worker.max(1);
        Scheduler {
            workers: WorkerTable::new(config.leases_per_worker),
            config,
            jobs: Jobs::default(),
            leases: BTreeMap::new(),
            last_sequence: 0,
            new_failed_chunks: VecDeque::new(),
            actions: VecDeque::new(),
            rebalance_due: false,
            looked_around: Instant::ZERO,
            look_again: None,
            stall_due: None,
            stalls_from: Instant::ZERO,
        }
    }

    /// Takes a new job; its leases go out at once.
    ///
    /// # Errors
    /// The id is known already, or too many jobs have not ended.
    pub fn submit(&mut self, now: Instant, id: JobId, spec: JobPlan) -> Result<(), SubmitError> {
        if self.jobs.get(id).is_some() {
            return Err(SubmitError::Duplicate(id));
        }
        let max = self.config.max_jobs;
        if self.jobs.active() >= max {
            return Err(SubmitError::TooManyJobs { max });
        }
        self.restore(now, id, spec, ChunkSet::new(), BTreeMap::new())
    }

    /// Takes a job read back from a ledger, of which `committed` chunks are committed already, and `failed` failed for
    /// good (if it keeps going; one that is committed has not failed). The bound on jobs does not apply: it was taken
    /// once. If all are committed or failed it is done at once.
    ///
    /// # Errors
    /// The id is known already, or `committed` or `failed` name chunks that the job does not have.
    pub fn restore(
        &mut self,
        now: Instant,
        id: JobId,
        spec: JobPlan,
        committed: ChunkSet,
        failed: BTreeMap<u64, FailedChunk>,
    ) -> Result<(), SubmitError> {
        if self.jobs.get(id).is_some() {
            return Err(SubmitError::Duplicate(id));
        }
        let count = spec.chunks.count();
        let last_failed = failed.last_key_value().map(|(&chunk, _)| chunk);
        let last = committed.last().map(|last| last.end() - 1).max(last_failed);
        if let Some(chunk) = last.filter(|&last| last >= count) {
            return Err(SubmitError::NoSuchChunk { job: id, chunk, count });
        }
        let job = Job::new(now, &spec, committed, failed);
        let done = job.is_complete();
        self.jobs.insert(id, job);
        if done {
            self.end_job(now, id, Outcome::Done);
        }
        self.dispatch(now);
        Ok(())
    }

    /// Ends a job: its leases end, and what is still reported of it is ignored.
    ///
    /// # Errors
    /// There is no such job, or it has ended already.
    pub fn cancel(&mut self, now: Instant, id: JobId) -> Result<(), CancelError> {
        let job = self.jobs.get(id).ok_or(CancelError::Unknown(id))?;
        if !job.is_active() {
            return Err(CancelError::Ended(id));
        }
        self.end_job(now, id, Outcome::Cancelled);
        self.dispatch(now);
        Ok(())
    }

    /// Drops what is known of an ended job. Its id may then be used again.
    ///
    /// # Errors
    /// There is no such job, or it has not ended.
    pub fn forget(&mut self, id: JobId) -> Result<(), ForgetError> {
        let job = self.jobs.get(id).ok_or(ForgetError::Unknown(id))?;
        if job.is_active() {
            return Err(ForgetError::NotEnded(id));
        }
        self.jobs.remove(id);
        Ok(())
    }

    /// Drains a worker: it gets no more leases, is asked to return those that it has not begun, and finishes the one
    /// that it computes. When it holds no lease any more it may leave. Draining it twice is fine.
    ///
    /// # Errors
    /// There is no such worker.
    pub fn drain(&mut self, now: Instant, id: WorkerId) -> Result<(), DrainError> {
        let worker = self.workers.get(id).ok_or(DrainError::Unknown(id))?;
        if worker.draining {
            return Ok(());
        }
        let untouched: Vec<LeaseId> = worker.open.iter().skip(1).copied().collect();
        self.stop_asking(now, id);
        self.workers.update(now, id, |worker| worker.draining = true);
        for lease in untouched {
            self.ask_for_all(now, lease);
        }
        self.dispatch(now);
        Ok(())
    }

    /// A worker joins that has chunks in flight, computed or half computed, which it was leased before: by this
    /// coordinator or an earlier one. It gets those that still wait.
    ///
    /// `former` is the worker that its process was until now, if with the same incarnation of the coordinator and not
    /// yet reported to be gone: it leaves, without having crashed. `offers` names whole chunks of a job, one entry for
    /// each lease that is no more, in the order in which they are computed.
    ///
    /// Returns for each entry the new lease and which of the chunks it holds: those that waited, of an active job,
    /// paused or not. `None` if that is none of them, or if the worker has 64 leases by now. There is no
    /// [`Action::Assign`] for it, and its chunks need not be one run. What is not granted (it is committed, received,
    /// failed, leased to somebody else, or its job is over or unknown) the worker drops. Such a lease is like any other
    /// from then on: what the worker does not deliver of it after all it gives back.
    ///
    /// All chunks named are cleared of having crashed workers, since this one is there. A worker that comes back with
    /// more leases than [`Config::leases_per_worker`] gets no other until it has computed some. One that cannot join
    /// ([`has_room_for_worker`](Self::has_room_for_worker)) gets nothing.
    pub fn rejoin(
        &mut self,
        now: Instant,
        worker: WorkerId,
        threads: u32,
        former: Option<WorkerId>,
        offers: &[(JobId, ChunkSet)],
    ) -> Vec<Option<(LeaseId, ChunkSet)>> {
        if let Some(former) = former.filter(|&former| former != worker) {
            self.on_left(now, former);
        }
        self.on_joined(now, worker, threads);
        let resumed = offers.iter().map(|(job, chunks)| self.resume(now, worker, *job, chunks)).collect();
        self.dispatch(now);
        resumed
    }

    /// Takes note of a fact.
    pub fn handle_event(&mut self, now: Instant, event: Event) {
        self.on_event(now, event);
        self.dispatch(now);
    }

    /// Does what is due: ends the leases of silent workers and of those that have stalled, and rebalances leases that
    /// are overdue.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((deadline, worker)) = self.workers.next_deadline() {
            if deadline > now {
                break;
            }
            self.on_silence(now, worker);
        }
        if self.look_again.is_some_and(|at| at <= now) {
            self.look_again = None;
            self.rebalance_due = true;
        }
        self.end_stalled_leases(now);
        self.dispatch(now);
    }

    /// The next chunk that failed for good, of a job that keeps going; comes at most once for each chunk. To be asked
    /// before [`poll_action`](Self::poll_action), so that a job's failed chunks are known when its end comes. A shell
    /// whose jobs do not keep going need not ask.
    pub fn poll_failed_chunk(&mut self) -> Option<NewFailedChunk> {
        self.new_failed_chunks.pop_front()
    }

    /// The next action for the shell to perform.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) should be called; `None` if nothing depends on time.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadline = self.workers.next_deadline().map(|(deadline, _)| deadline);
        deadline.into_iter().chain(self.look_again).chain(self.stall_due).min()
    }

    /// Whether every one of `chunks` is still outstanding under `lease`.
    pub fn holds(&self, lease: LeaseId, chunks: ChunkRun) -> bool {
        let lease = self.leases.get(&lease);
        lease.is_some_and(|lease| chunks.len() > 0 && lease.outstanding.contains_run(chunks))
    }

    /// The job whose chunks a lease holds, if there still is such a lease.
    pub fn leased_job(&self, lease: LeaseId) -> Option<JobId> {
        self.leases.get(&lease).map(|lease| lease.job)
    }

    /// The worker that holds `lease`, unless it has ended.
    pub fn holder(&self, lease: LeaseId) -> Option<WorkerId> {
        self.leases.get(&lease).map(|lease| lease.worker)
    }

    /// Where a job stands.
    pub fn job(&self, id: JobId) -> Option<JobView> {
        self.jobs.get(id).map(Job::view)
    }

    /// Where all jobs stand, in order of their ids.
    pub fn jobs(&self) -> impl Iterator<Item = (JobId, JobView)> + '_ {
        self.jobs.iter().map(|(id, job)| (id, job.view()))
    }

    /// The failed chunks of a job, in order. As with what is committed, they are known until the job is
    /// forgotten.
    pub fn failed_chunks(&self, id: JobId) -> impl Iterator<Item = (u64, &FailedChunk)> + '_ {
        let job = self.jobs.get(id);
        job.into_iter().flat_map(|job| job.failed_chunks().iter().map(|(&chunk, failed)| (chunk, failed)))
    }

    /// Where a worker stands.
    pub fn worker(&self, id: WorkerId) -> Option<WorkerView> {
        let worker = self.workers.get(id)?;
        let chunks = |lease| self.leases.get(&lease).map(|l| l.outstanding.len());
        Some(WorkerView {
            threads: worker.threads,
            state: worker.state(),
            leases: worker.leases().count(),
            leased_chunks: worker.leases().filter_map(chunks).sum(),
        })
    }

    /// Where all workers stand, in order of their ids.
    pub fn workers(&self) -> impl Iterator<Item = (WorkerId, WorkerView)> + '_ {
        let ids = self.workers.iter().map(|(id, _)| id);
        ids.filter_map(|id| Some((id, self.worker(id)?)))
    }

    /// How many more jobs may be submitted now. A shell that stores a job before it submits it asks first, and then
    /// takes it with [`restore`](Self::restore), to which the bound does not apply.
    pub fn room_for_jobs(&self) -> usize {
        self.config.max_jobs.saturating_sub(self.jobs.active())
    }

    /// Whether another worker may join. One that joins beyond [`Config::max_workers`] is ignored, so the shell
    /// asks first and refuses it with a reason.
    pub fn has_room_for_worker(&self) -> bool {
        self.workers.len() < self.config.max_workers
    }

    /// Ends an active job and all its leases.
    fn end_job(&mut self, now: Instant, id: JobId, outcome: Outcome) {
        let leases = self.jobs.get(id).map(Job::leases).unwrap_or_default();
        for lease in leases {
            self.release(now, lease, leasing::Holder::Stays);
        }
        self.jobs.update(id, |job| job.end(outcome.clone()));
        self.workers.forget_job(id);
        self.actions.push_back(Action::JobEnded { job: id, outcome });
    }

    /// Whether a job is known and has not ended.
    fn is_active(&self, id: JobId) -> bool {
        (self.jobs.get(id)).is_some_and(|job| job.state == JobState::Active)
    }
}
