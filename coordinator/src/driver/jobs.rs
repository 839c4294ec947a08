//! Jobs that are there: recovered, resumed, looked after.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use swath_model::{Chunks, JobId, ResultMode, WorkerId};
use swath_scheduler::JobPlan;
use tokio::sync::watch;
use tracing::{debug, warn};

use super::{Driver, JobRecord, Phase, Refusal, outgoing::unknown};
use crate::{
    clock::{Moment, Stamp},
    convert,
    job::{Holes, JobState, JobStatus, NewJob, Share, Token},
    ledger::{Record, Standing},
    store::{JobResults, Recovered},
};

impl JobRecord {
    pub(super) fn new(
        job: NewJob,
        results: Arc<JobResults>,
        submitted: Stamp,
        token: Option<Token>,
        status: JobStatus,
    ) -> Self {
        Self {
            fingerprint: convert::fingerprint(&job),
            job,
            results,
            phase: Phase::Running,
            state: JobState::Running,
            submitted,
            ended: None,
            token,
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

    pub(super) fn ledger_shares(&self) -> Vec<(u64, Share)> {
        self.shares.iter().map(|(worker, share)| (worker.0, share.clone())).collect()
    }

    /// The record that says where the job stands.
    pub(super) fn standing(&self, job: JobId) -> Standing {
        let (state, ended, shares) = (self.state.clone(), self.ended, self.ledger_shares());
        Standing { job, state, ended, shares, drops_results: false }
    }

    /// Whether it ended so long ago that it need not be kept any more.
    fn has_expired(&self, retain: Option<Duration>, now: Moment) -> bool {
        let is_settled = matches!(self.phase, Phase::Ended | Phase::Unsaved);
        let kept = self.job.retain.or(retain).zip(self.ended);
        is_settled && kept.is_some_and(|(retain, ended)| now.since(ended.moment) >= retain)
    }
}

impl Driver {
    pub(super) fn known(&self, id: JobId) -> Result<&JobRecord, Refusal> {
        self.jobs.get(&id).ok_or_else(|| unknown(id))
    }

    /// Takes back a job that an earlier coordinator had.
    pub(crate) fn recover(&mut self, recovered: Recovered) {
        let Recovered { row, job, results, failed_chunks } = recovered;
        let id = row.id;
        let status = self.new_status(id, &job, row.submitted);
        let mut record = JobRecord {
            state: row.state,
            ended: row.ended,
            shares: row.shares.into_iter().map(|(worker, share)| (WorkerId(worker), share)).collect(),
            holes: failed_chunks,
            results_dropped: row.results_dropped,
            changed: true,
            ..JobRecord::new(job, results, row.submitted, row.token, status)
        };
        // Workers of this coordinator are others than those that had these ids before.
        self.last_worker = record.shares.keys().map(|worker| worker.0).fold(self.last_worker, u64::max);
        self.tokens.extend(row.token.map(|token| (token, id)));
        let is_running = record.state == JobState::Running;
        if !is_running {
            // One that ended because its coordinator did is not in the ledger as that.
            record.phase = if record.ended.is_some() { Phase::Ended } else { Phase::Unsaved };
            record.ended.get_or_insert_with(|| self.clock.stamp());
        }
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
        record.phase = Phase::Running;
        record.state = JobState::Running;
        record.ended = None;
        record.changed = true;
        let spec = JobPlan { chunks: record.job.chunks, limits: record.job.limits };
        let committed = record.results.committed_chunks();
        let standing = record.standing(id);
        // An ended job that goes on is a new one to the scheduler; one that it does not know need not be forgotten.
        let _ = self.scheduler.forget(id);
        if let Err(error) = self.scheduler.restore(now, id, spec, committed, record.holes.clone()) {
            warn!(%id, %error, "the job cannot continue");
        }
        self.outgoing.push(Record::Standing(standing));
    }

    /// Takes note of chunks that were given up, before their job ends.
    pub(super) fn note_holes(&mut self) {
        let mut noted = Vec::new();
        while let Some(skipped) = self.scheduler.poll_failed_chunk() {
            let (id, chunk, hole) = (skipped.job, skipped.chunk, skipped.failed);
            let Some(record) = self.jobs.get_mut(&id) else { continue };
            debug!(%id, chunk, number = hole.number, reason = hole.reason, "chunk failed for good");
            record.holes.insert(chunk, hole.clone());
            record.results.skip(chunk);
            record.changed = true;
            if record.job.retention == ResultMode::Stored {
                noted.push((id, chunk, hole));
            }
        }
        if !noted.is_empty() {
            self.outgoing.push(Record::FailedChunks(noted));
        }
    }

    pub(super) fn holes(&self, id: JobId) -> Result<(Holes, Chunks), Refusal> {
        self.known(id).map(|record| (record.holes.clone(), record.job.chunks))
    }

    /// Forgets jobs that have been kept long enough, notes who has computed how much of those that run, and tries again what
    /// could not be written.
    pub(super) fn look_after_jobs(&mut self) {
        let now = self.clock.now();
        let expired = self.jobs.iter().filter(|(_, record)| record.has_expired(self.retain, now));
        for id in expired.map(|(&id, _)| id).collect::<Vec<_>>() {
            self.begin_forgetting(id, None);
        }
        if !self.jobs.is_empty() {
            self.outgoing.look_after_clock(now);
        }
        // While the ledger does not keep up there would only be more of it.
        if !self.outgoing.is_idle() {
            return;
        }
        let mut shares = Vec::new();
        for (&id, record) in &mut self.jobs {
            match record.phase {
                Phase::Unsaved => self.outgoing.push(Record::Standing(record.standing(id))),
                Phase::Running
                    if record.job.retention == ResultMode::Stored && std::mem::take(&mut record.shares_changed) =>
                {
                    shares.push((id, record.ledger_shares()));
                }
                _ => {}
            }
        }
        if !shares.is_empty() {
            self.outgoing.push(Record::Shares(shares));
        }
    }
}
