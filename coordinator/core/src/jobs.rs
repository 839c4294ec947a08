//! Jobs that are there: recovered, resumed, checked from time to time.

use std::{collections::BTreeMap, sync::Arc};

use swath_model::{ChunkRun, Chunks, FailedChunks, Fingerprint, JobId, JobSpec, JobState, ResultMode, Share, WorkerId};
use swath_scheduler::{Event, JobPlan, JobState as SchedulerState};

use crate::{
    Core, Effect, Ending, Moment, Notice, Now, Record, Refusal, Results, Stamp, Token,
    job::{Job, Loss, Phase, Stock},
};

/// A job that an earlier coordinator left, as the ledger has it.
#[derive(Debug, Clone)]
pub struct RecoveredJob {
    /// Its id.
    pub id: JobId,
    /// What it computes.
    pub spec: JobSpec,
    /// The same in 16 bytes.
    pub fingerprint: Fingerprint,
    /// Where it stood.
    pub state: JobState,
    /// When it was submitted.
    pub submitted: Stamp,
    /// When it ended.
    pub ended: Option<Stamp>,
    /// What each worker computed.
    pub shares: BTreeMap<WorkerId, Share>,
    /// Its failed chunks.
    pub failed: FailedChunks,
    /// Whether its results were dropped when it was cancelled.
    pub stock: Stock,
    /// What its client knows it by.
    pub token: Option<Token>,
}

impl<R: Results> Core<R> {
    pub(crate) fn known(&self, id: JobId) -> Result<&Job, Refusal> {
        self.jobs.get(&id).ok_or(Refusal::NoSuchJob(id))
    }

    /// Takes back a job of an earlier coordinator. Its results are there, and are looked up: one that was done and has
    /// lost some runs again. One whose results were being delivered has failed, because nobody knows which of them
    /// arrived.
    pub fn recover(&mut self, now: Now, recovered: RecoveredJob) {
        self.begin(now);
        let RecoveredJob { id, spec, fingerprint, state, submitted, ended, shares, mut failed, stock, token } =
            recovered;
        // A ledger may be damaged.
        failed.retain(|&chunk, _| chunk < spec.chunks.count());
        let job = Job::new(Arc::new(spec), fingerprint, submitted, token);
        let mut job = Job { state, ended, shares, failed, stock, ..job };
        // Workers of this coordinator are others than those that had these ids before.
        self.last_worker = job.shares.keys().map(|worker| worker.0).fold(self.last_worker, u64::max);
        self.last_job = self.last_job.max(id.0);
        self.tokens.extend(token.map(|token| (token, id)));
        job.state = self.recovered_state(id, &job);
        let is_running = job.state == JobState::Running;
        if !is_running {
            // A job in `delivered` mode that fails because of this start is not in the ledger as ended.
            job.phase = if job.ended.is_some() { Phase::Ended } else { Phase::Unsaved };
            job.ended.get_or_insert_with(|| self.stamp());
        }
        let ending = Ending::of(id, &job.state);
        self.jobs.insert(id, job);
        match ending {
            Some(ending) => self.effect(Effect::EndResults { job: id, ending }),
            None => self.resume(id),
        }
        self.settle();
    }

    /// Where a job stands after a start. Results of a job in `delivered` mode do not outlive a coordinator: a running
    /// job cannot continue, and a job that is done stays done.
    fn recovered_state(&self, id: JobId, job: &Job) -> JobState {
        let is_stored = job.spec.result_mode == ResultMode::Stored;
        match &job.state {
            JobState::Running if !is_stored => {
                JobState::Failed("the coordinator was started again while its results were being delivered".to_owned())
            }
            JobState::Done if is_stored => {
                let mut settled = self.results.committed_chunks(id);
                job.failed.keys().for_each(|&chunk| settled.insert(ChunkRun::one(chunk)));
                if settled.contains_run(job.spec.chunks.all()) { JobState::Done } else { JobState::Running }
            }
            state => state.clone(),
        }
    }

    /// Has the scheduler compute what is not committed of a job.
    pub(crate) fn resume(&mut self, id: JobId) {
        let instant = self.instant();
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.loss = Loss::None;
        job.phase = Phase::Running;
        job.state = JobState::Running;
        job.ended = None;
        let plan = JobPlan { chunks: job.spec.chunks, limits: job.spec.limits };
        let (standing, failed) = (job.standing(id), job.failed.clone());
        let committed = self.results.committed_chunks(id);
        self.mark_changed(id);
        // An ended job that runs again is new to the scheduler. An error means that the scheduler does not know the
        // job.
        let _ = self.scheduler.forget(id);
        if let Err(error) = self.scheduler.restore(instant, id, plan, committed, failed) {
            self.log(Notice::JobNotResumed(id, error.to_string()));
        }
        self.effect(Effect::ReopenResults(id));
        self.persist(Record::Standing(standing));
    }

    /// The failed chunks of a job, and how its range is split.
    ///
    /// # Errors
    /// [`Refusal::NoSuchJob`].
    pub fn failed_chunks(&self, id: JobId) -> Result<(FailedChunks, Chunks), Refusal> {
        self.known(id).map(|job| (job.failed.clone(), job.spec.chunks))
    }

    /// Takes note of chunks that failed for good, before their job ends.
    pub(crate) fn on_failed_chunks(&mut self) {
        let mut noted = Vec::new();
        while let Some(new) = self.scheduler.poll_failed_chunk() {
            let (id, chunk, failed) = (new.job, new.chunk, new.failed);
            let Some(job) = self.jobs.get_mut(&id) else { continue };
            job.failed.insert(chunk, failed.clone());
            let is_stored = job.spec.result_mode == ResultMode::Stored;
            let (number, reason) = (failed.number, failed.reason.clone());
            self.log(Notice::ChunkFailed { job: id, chunk, number, reason });
            self.effect(Effect::FailChunk { job: id, chunk });
            self.mark_changed(id);
            if is_stored {
                noted.push((id, chunk, failed));
            }
        }
        if !noted.is_empty() {
            self.persist(Record::FailedChunks(noted));
        }
    }

    /// The parts with these chunks are durable.
    pub fn handle_committed(&mut self, now: Now, job: JobId, chunks: ChunkRun) {
        self.begin(now);
        self.mark_changed(job);
        self.tell_scheduler(Event::ChunksCommitted { job, chunks });
        self.settle();
    }

    /// A part could not be written, or the reader does not keep up: no leases of this job until
    /// [`handle_resumed`](Self::handle_resumed).
    pub fn handle_paused(&mut self, now: Now, job: JobId, reason: String) {
        self.begin(now);
        self.set_paused(job, reason);
        self.tell_scheduler(Event::JobPaused { job });
        self.settle();
    }

    /// The reason of a pause is gone.
    pub fn handle_resumed(&mut self, now: Now, job: JobId) {
        self.begin(now);
        self.set_paused(job, String::new());
        self.tell_scheduler(Event::JobResumed { job });
        self.settle();
    }

    /// A part or a block was lost or damaged: the index does not hold all of these chunks any more.
    pub fn handle_lost(&mut self, now: Now, id: JobId, chunks: &[ChunkRun]) {
        self.begin(now);
        // A piece of a large chunk may be lost that the worker which holds the chunk would not send again.
        for &chunks in chunks {
            self.tell_scheduler(Event::ResultsLost { job: id, chunks });
        }
        self.mark_changed(id);
        let is_active = self.scheduler.job(id).is_some_and(|view| view.state == SchedulerState::Active);
        match self.jobs.get_mut(&id) {
            Some(job) if job.state == JobState::Done && !matches!(job.phase, Phase::Forgetting(_)) => self.resume(id),
            Some(job) if !is_active => job.loss = Loss::AfterDone,
            _ => {}
        }
        self.settle();
    }

    fn set_paused(&mut self, id: JobId, reason: String) {
        // A job that is ending does not pause any more.
        if let Some(job) = self.jobs.get_mut(&id).filter(|job| matches!(job.phase, Phase::Running)) {
            job.paused = reason;
            self.mark_changed(id);
        }
    }

    /// Forgets jobs that have been kept long enough, and sends the shares of running jobs and unsaved ends to the
    /// ledger.
    pub(crate) fn keep_house(&mut self) {
        let now = self.moment();
        let expired = self.jobs.iter().filter(|(_, job)| self.has_expired(job, now));
        for id in expired.map(|(&id, _)| id).collect::<Vec<_>>() {
            self.begin_forgetting(id, Vec::new());
        }
        if !self.jobs.is_empty() {
            self.outgoing.check_clock(now);
        }
        // A ledger that does not keep up gets no more records.
        if !self.outgoing.is_idle() {
            return;
        }
        for (&id, job) in self.jobs.iter().filter(|(_, job)| matches!(job.phase, Phase::Unsaved)) {
            self.outgoing.push(Record::Standing(job.standing(id)));
        }
        let unsaved = std::mem::take(&mut self.unsaved_shares);
        let running = unsaved.iter().filter_map(|id| Some((*id, self.jobs.get(id)?)));
        let shares: Vec<_> = running
            .filter(|(_, job)| matches!(job.phase, Phase::Running))
            .map(|(id, job)| (id, job.ledger_shares()))
            .collect();
        if !shares.is_empty() {
            self.persist(Record::Shares(shares));
        }
    }

    /// Whether a job ended so long ago that it need not be kept any more.
    fn has_expired(&self, job: &Job, now: Moment) -> bool {
        let is_settled = matches!(job.phase, Phase::Ended | Phase::Unsaved);
        let kept = job.spec.keep_for.or(self.config.keep_for).zip(job.ended);
        is_settled && kept.is_some_and(|(keep_for, ended)| now.since(ended.moment) >= keep_for)
    }
}
