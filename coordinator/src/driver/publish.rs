//! Jobs as clients see them.

use std::{collections::BTreeMap, time::Duration};

use swath_model::{ChunkRun, JobId};
use tokio::sync::watch;

use super::{
    Driver, JobRecord, Phase, Refusal,
    waiting::{self, Workforce},
};
use crate::{
    clock::Stamp,
    job::{JobState, JobStatus, NewJob, hole_numbers},
};

impl Driver {
    pub(super) fn job_status(&self, id: JobId) -> Result<JobStatus, Refusal> {
        self.known(id).map(|record| self.status(id, record, self.workforce()))
    }

    pub(super) fn job_statuses(&self) -> Vec<JobStatus> {
        let workforce = self.workforce();
        self.jobs.iter().map(|(&id, record)| self.status(id, record, workforce)).collect()
    }

    pub(super) fn watch(&mut self, id: JobId) -> Result<watch::Receiver<JobStatus>, Refusal> {
        let receiver = self.known(id)?.status.subscribe();
        self.mark_changed(id);
        self.publish(id);
        Ok(receiver)
    }

    /// Publishes every job that has changed since it was last published.
    pub(super) fn publish_changed(&mut self) {
        let workforce = self.workforce();
        self.mark_waiting_changed(workforce);
        let changed: Vec<JobId> = self.jobs.iter().filter(|(_, job)| job.changed).map(|(&id, _)| id).collect();
        for id in changed {
            self.publish_with(id, workforce);
        }
    }

    pub(super) fn publish(&mut self, id: JobId) {
        self.publish_with(id, self.workforce());
    }

    fn publish_with(&mut self, id: JobId, workforce: Workforce) {
        let Some(record) = self.jobs.get(&id) else { return };
        record.status.send_replace(self.status(id, record, workforce));
        if let Some(record) = self.jobs.get_mut(&id) {
            record.changed = false;
        }
    }

    pub(super) fn mark_changed(&mut self, id: JobId) {
        if let Some(record) = self.jobs.get_mut(&id) {
            record.changed = true;
        }
    }

    pub(super) fn set_paused(&mut self, id: JobId, reason: String) {
        // One that ends does not pause any more.
        if let Some(record) = self.jobs.get_mut(&id).filter(|record| matches!(record.phase, Phase::Running)) {
            record.paused = reason;
            record.changed = true;
        }
    }

    pub(super) fn status(&self, id: JobId, record: &JobRecord, workforce: Workforce) -> JobStatus {
        let mut status = self.new_status(id, &record.job, record.submitted);
        status.state = record.state.clone();
        status.ended_at = record.ended.map(|ended| ended.at);
        status.took =
            record.ended.map_or_else(|| self.clock.now(), |ended| ended.moment).since(record.submitted.moment);
        status.paused.clone_from(&record.paused);
        status.shares.clone_from(&record.shares);
        status.result_bytes = record.results.result_bytes();
        status.hole_chunks = record.holes.len() as u64;
        status.hole_numbers = hole_numbers(&record.holes, record.job.chunks);
        status.results_dropped = record.results_dropped;
        if let Some(view) = self.scheduler.job(id) {
            let chunks = record.job.chunks;
            status.waiting = waiting::waiting(record, &view, workforce);
            status.committed_chunks = view.committed;
            status.committed_numbers = view.committed_numbers;
            status.frontier = (view.frontier < chunks.count())
                .then(|| ChunkRun::new(view.frontier, view.frontier + 1))
                .flatten()
                .map(|chunk| chunks.numbers(chunk).first());
        } else {
            // It had ended before this coordinator started, or not all of it was computed.
            let committed = record.results.committed_chunks();
            let chunks = record.job.chunks;
            status.committed_chunks = committed.len();
            status.committed_numbers = committed.iter().map(|run| chunks.offsets(run).len()).sum();
            let mut settled = committed;
            for &chunk in record.holes.keys() {
                settled.insert(ChunkRun::one(chunk));
            }
            status.frontier = settled.gaps(chunks.all()).next().map(|gap| chunks.numbers(gap).first());
        }
        status
    }

    pub(super) fn new_status(&self, id: JobId, job: &NewJob, submitted: Stamp) -> JobStatus {
        JobStatus {
            id,
            state: JobState::Running,
            committed_chunks: 0,
            committed_numbers: 0,
            frontier: Some(job.range().first()),
            submitted_at: submitted.at,
            ended_at: None,
            took: Duration::ZERO,
            result_bytes: 0,
            results_location: match job.retention {
                swath_model::ResultMode::Stored => self.store.location(id),
                swath_model::ResultMode::Delivered => String::new(),
            },
            paused: String::new(),
            waiting: None,
            shares: BTreeMap::new(),
            hole_chunks: 0,
            hole_numbers: 0,
            results_dropped: false,
            job: job.clone(),
        }
    }
}
