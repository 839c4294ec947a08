//! Jobs as clients see them.

use std::sync::Arc;

use swath_model::{ChunkRun, ChunkSet, JobId};

use crate::{
    Core, JobStatus, Now, Refusal, Results, failed_numbers,
    jobs::{Job, Stock},
    waiting::{self, Workforce},
};

impl<R: Results> Core<R> {
    /// How a job stands.
    ///
    /// # Errors
    /// [`Refusal::NoSuchJob`].
    pub fn job(&self, id: JobId) -> Result<JobStatus, Refusal> {
        self.known(id).map(|job| self.status(id, job, self.workforce()))
    }

    /// How all jobs stand, in the order of their ids.
    pub fn jobs(&self) -> Vec<JobStatus> {
        let workforce = self.workforce();
        self.jobs.iter().map(|(&id, job)| self.status(id, job, workforce)).collect()
    }

    /// How a job stands. From now on its changes are published, until [`unwatch`](Self::unwatch) or until it is gone.
    ///
    /// # Errors
    /// [`Refusal::NoSuchJob`].
    pub fn watch(&mut self, now: Now, id: JobId) -> Result<JobStatus, Refusal> {
        self.begin(now);
        let status = self.job(id)?;
        self.watched.insert(id);
        if let Some(job) = self.jobs.get_mut(&id) {
            job.published_reason = status.waiting.as_ref().map(|waiting| waiting.reason);
        }
        Ok(status)
    }

    /// Nobody watches the job any more.
    pub fn unwatch(&mut self, id: JobId) {
        self.watched.remove(&id);
        self.changed.remove(&id);
    }

    pub(crate) fn mark_changed(&mut self, id: JobId) {
        if self.watched.contains(&id) {
            self.changed.insert(id);
        }
    }

    /// Publishes every watched job that changed since it was published last.
    pub(crate) fn publish_changed(&mut self) {
        self.mark_waiting_changed();
        for id in std::mem::take(&mut self.changed) {
            self.publish(id);
        }
    }

    fn status(&self, id: JobId, job: &Job, workforce: Workforce) -> JobStatus {
        let chunks = job.spec.chunks;
        let mut status = JobStatus {
            id,
            spec: Arc::clone(&job.spec),
            state: job.state.clone(),
            committed_chunks: 0,
            committed_numbers: 0,
            frontier: None,
            submitted_at: job.submitted.at,
            ended_at: job.ended.map(|ended| ended.at),
            took: job.ended.map_or_else(|| self.moment(), |ended| ended.moment).since(job.submitted.moment),
            result_bytes: 0,
            paused: job.paused.clone(),
            waiting: None,
            shares: job.shares.clone(),
            failed_chunks: job.failed.len() as u64,
            failed_numbers: failed_numbers(&job.failed, chunks),
            results_dropped: job.stock == Stock::Dropped,
        };
        if job.stock == Stock::Kept {
            status.result_bytes = self.results.bytes(id);
        }
        // The scheduler does not know that results were dropped.
        if let Some(view) = self.scheduler.job(id).filter(|_| job.stock == Stock::Kept) {
            status.waiting = waiting::waiting(job, &view, workforce);
            status.committed_chunks = view.committed;
            status.committed_numbers = view.committed_numbers;
            let frontier = (view.frontier < chunks.count()).then_some(view.frontier);
            status.frontier = frontier.map(|chunk| chunks.numbers(ChunkRun::one(chunk)).first());
            return status;
        }
        // It had ended before this coordinator started, or not all of it was computed.
        let committed = match job.stock {
            Stock::Kept => self.results.committed_chunks(id),
            Stock::Dropped => ChunkSet::new(),
        };
        status.committed_chunks = committed.len();
        status.committed_numbers = committed.iter().map(|run| chunks.offsets(run).len()).sum();
        let mut settled = committed;
        for &chunk in job.failed.keys() {
            settled.insert(ChunkRun::one(chunk));
        }
        status.frontier = settled.gaps(chunks.all()).next().map(|gap| chunks.numbers(gap).first());
        status
    }
}
