//! Jobs from submission to the day they are forgotten.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use swath_scheduler::{Chunks, JobId, JobSpec, Outcome, WorkerId};
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::{Driver, JobRecord, Refusal};
use crate::{
    convert,
    job::{Holes, JobState, JobStatus, NewJob, Share},
    store::{Ending, JobResults, Recovered, Retention},
};

/// The most jobs that are kept, those that have ended included.
const MAX_JOBS: usize = 20_000;

impl JobRecord {
    fn new(job: NewJob, results: Arc<JobResults>, submitted_at: SystemTime, status: JobStatus) -> Self {
        Self {
            fingerprint: convert::fingerprint(&job),
            job,
            results,
            state: JobState::Running,
            submitted_at,
            ended_at: None,
            paused: String::new(),
            shares: BTreeMap::new(),
            shares_changed: false,
            holes: Holes::new(),
            results_dropped: false,
            status: watch::Sender::new(status),
            changed: false,
            spoiled: false,
        }
    }

    fn ledger_shares(&self) -> Vec<(u64, Share)> {
        self.shares.iter().map(|(worker, share)| (worker.0, share.clone())).collect()
    }

    /// Whether it ended so long ago that it need not be kept any more.
    fn has_expired(&self, retain: Option<Duration>, now: SystemTime) -> bool {
        let expires = self.ended_at.zip(self.job.retain.or(retain)).and_then(|(ended, kept)| ended.checked_add(kept));
        self.state.has_ended() && expires.is_some_and(|expires| expires <= now)
    }
}

impl Driver {
    pub(super) fn known(&self, id: JobId) -> Result<&JobRecord, Refusal> {
        self.jobs.get(&id).ok_or_else(|| Refusal::NotFound(format!("there is no job {id}")))
    }

    pub(super) fn submit(&mut self, id: JobId, job: NewJob, submitted_at: SystemTime) -> Result<JobStatus, Refusal> {
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
        self.jobs.insert(id, JobRecord::new(job, results, submitted_at, initial.clone()));
        Ok(initial)
    }

    /// Takes back a job that an earlier coordinator had.
    pub(crate) fn recover(&mut self, recovered: Recovered) {
        let Recovered { row, job, results, holes } = recovered;
        let id = row.id;
        let status = self.new_status(id, &job, row.submitted_at);
        let record = JobRecord {
            state: row.state,
            ended_at: row.ended_at,
            shares: row.shares.into_iter().map(|(worker, share)| (WorkerId(worker), share)).collect(),
            holes,
            results_dropped: row.results_dropped,
            changed: true,
            ..JobRecord::new(job, results, row.submitted_at, status)
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
    pub(super) fn resume(&mut self, id: JobId) {
        let now = self.now();
        let Some(record) = self.jobs.get_mut(&id) else { return };
        record.spoiled = false;
        record.state = JobState::Running;
        record.ended_at = None;
        record.changed = true;
        let spec = JobSpec { chunks: record.job.chunks, limits: record.job.limits };
        let committed = record.results.committed_chunks();
        // An ended job that goes on is a new one to the scheduler; one that it does not know need not be forgotten.
        let _ = self.scheduler.forget(id);
        if let Err(error) = self.scheduler.restore_with_holes(now, id, spec, committed, record.holes.clone()) {
            warn!(%id, %error, "the job cannot continue");
        }
        self.note(id);
    }

    /// Writes into the ledger where a job stands.
    fn note(&self, id: JobId) {
        let Some(record) = self.jobs.get(&id) else { return };
        if let Err(error) = self.store.ledger().update_job(id, &record.state, record.ended_at, &record.ledger_shares())
        {
            // After the next start the job goes on from what is committed, and ends again.
            warn!(%id, %error, "the end of the job could not be recorded in the ledger");
        }
    }

    /// Takes note of chunks that were given up, before anybody hears that their job is done.
    pub(super) fn note_holes(&mut self) {
        let mut noted = Vec::new();
        while let Some(skipped) = self.scheduler.poll_skipped() {
            let (id, chunk, hole) = (skipped.job, skipped.chunk, skipped.hole);
            let Some(record) = self.jobs.get_mut(&id) else { continue };
            debug!(%id, chunk, number = hole.number, reason = hole.reason, "chunk failed for good");
            record.holes.insert(chunk, hole.clone());
            record.results.skip(chunk);
            record.changed = true;
            if record.job.retention == Retention::Stored {
                noted.push((id, chunk, hole));
            }
        }
        if !noted.is_empty()
            && let Err(error) = self.store.ledger().insert_holes(&noted)
        {
            // After the next start they are tried again.
            warn!(%error, "failed chunks could not be recorded in the ledger");
        }
    }

    pub(super) fn holes(&self, id: JobId) -> Result<(Holes, Chunks), Refusal> {
        self.known(id).map(|record| (record.holes.clone(), record.job.chunks))
    }

    pub(super) fn cancel(&mut self, id: JobId, drop_results: bool) -> Result<JobStatus, Refusal> {
        let now = self.now();
        self.known(id)?;
        self.scheduler
            .cancel(now, id)
            .map_err(|error| Refusal::Precondition(format!("cannot cancel job {id}: {error}")))?;
        if let Some(record) = self.jobs.get_mut(&id) {
            record.results_dropped = drop_results;
        }
        // The answer shows what has become of it.
        self.drain_actions();
        self.job_status(id)
    }

    pub(super) fn forget(&mut self, id: JobId) -> Result<(), Refusal> {
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

    /// Forgets jobs that have been kept long enough, and notes who has computed how much of those that run.
    pub(super) fn look_after_jobs(&mut self) {
        let now = SystemTime::now();
        let expired = self.jobs.iter().filter(|(_, record)| record.has_expired(self.retain, now));
        for id in expired.map(|(&id, _)| id).collect::<Vec<_>>() {
            if self.forget(id).is_ok() {
                let store = Arc::clone(&self.store);
                tokio::spawn(async move {
                    if let Err(error) = store.forget(id).await {
                        warn!(%id, %error, "an expired job could not be deleted completely");
                    }
                });
            }
        }
        let mut shares = Vec::new();
        for (&id, record) in self.jobs.iter_mut().filter(|(_, record)| record.job.retention == Retention::Stored) {
            if std::mem::take(&mut record.shares_changed) && !record.state.has_ended() {
                shares.push((id, record.ledger_shares()));
            }
        }
        if !shares.is_empty() {
            let store = Arc::clone(&self.store);
            tokio::spawn(async move {
                if let Err(error) = store.with_ledger(move |ledger| ledger.update_shares(&shares)).await {
                    debug!(%error, "who computed how much is not in the ledger");
                }
            });
        }
    }

    pub(super) fn end_job(&mut self, id: JobId, outcome: Outcome) {
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
        info!(%id, state = %record.state, failure = record.state.failure(), "job ended");
        self.note(id);
        self.publish(id);
    }
}
