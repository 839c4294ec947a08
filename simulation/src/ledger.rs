//! The ledger: what survives a coordinator. It has what was synced, and nothing else.

use std::collections::BTreeMap;

use swath_coordinator_core::{Moment, Record, RecoveredJob, Stamp, Standing, Stock, Submitted, Token};
use swath_model::{FailedChunks, Fingerprint, JobId, JobSpec, JobState, OffsetRun, OffsetSet, Share, WorkerId};

use crate::{disk::PartId, plan::whole_chunks};

#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) jobs: BTreeMap<JobId, JobRow>,
    pub(crate) parts: BTreeMap<PartId, PartRow>,
    pub(crate) clock: Moment,
    pub(crate) last_job: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct JobRow {
    pub(crate) spec: JobSpec,
    pub(crate) submitted: Stamp,
    pub(crate) token: Option<Token>,
    pub(crate) state: JobState,
    pub(crate) ended: Option<Stamp>,
    shares: Vec<(u64, Share)>,
    pub(crate) failed: FailedChunks,
    pub(crate) stock: Stock,
    /// The offsets of all its parts.
    pub(crate) durable: OffsetSet,
}

#[derive(Clone, Debug)]
pub(crate) struct PartRow {
    pub(crate) job: JobId,
    pub(crate) runs: Vec<OffsetRun>,
}

/// What became of the row of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    Inserted,
    /// The job was forgotten, or its results dropped: nothing was written.
    JobGone,
}

impl Ledger {
    /// Writes a record. An error is a promise that the core broke.
    pub(crate) fn apply(&mut self, record: &Record) -> Result<(), String> {
        match record {
            Record::Submitted(submitted) => return self.submit(submitted),
            Record::Standing(standing) => self.update(standing),
            Record::Shares(jobs) => {
                for (job, shares) in jobs {
                    if let Some(row) = self.jobs.get_mut(job).filter(|row| row.state == JobState::Running) {
                        row.shares.clone_from(shares);
                    }
                }
            }
            Record::FailedChunks(chunks) => {
                for (job, chunk, failed) in chunks {
                    if let Some(row) = self.jobs.get_mut(job) {
                        row.failed.insert(*chunk, failed.clone());
                    }
                }
            }
            Record::Forgotten(job) => {
                self.jobs.remove(job);
                self.parts.retain(|_, part| part.job != *job);
            }
        }
        Ok(())
    }

    fn submit(&mut self, submitted: &Submitted) -> Result<(), String> {
        let Submitted { id, spec, submitted, token } = submitted;
        if id.0 <= self.last_job {
            return Err(format!("the id {id} is given a second time"));
        }
        if let Some((other, _)) = self.jobs.iter().find(|(_, row)| token.is_some() && row.token == *token) {
            return Err(format!("job {id} has the token of job {other}"));
        }
        self.last_job = id.0;
        let row = JobRow {
            spec: (**spec).clone(),
            submitted: *submitted,
            token: *token,
            state: JobState::Running,
            ended: None,
            shares: Vec::new(),
            failed: FailedChunks::new(),
            stock: Stock::Kept,
            durable: OffsetSet::new(),
        };
        self.jobs.insert(*id, row);
        Ok(())
    }

    fn update(&mut self, standing: &Standing) {
        let Some(row) = self.jobs.get_mut(&standing.job) else { return };
        row.state = standing.state.clone();
        row.ended = standing.ended;
        row.shares.clone_from(&standing.shares);
        if standing.drops_results {
            row.stock = Stock::Dropped;
            row.durable = OffsetSet::new();
            self.parts.retain(|_, part| part.job != standing.job);
        }
    }

    /// Writes the row of a part. An error: numbers of it are in the ledger already.
    pub(crate) fn insert_part(&mut self, id: PartId, part: PartRow) -> Result<Inserted, String> {
        let Some(row) = self.jobs.get_mut(&part.job).filter(|row| row.stock == Stock::Kept) else {
            return Ok(Inserted::JobGone);
        };
        for &run in &part.runs {
            if row.durable.overlaps(run) {
                return Err(format!("offsets {run} of job {} are in the ledger twice", part.job));
            }
            row.durable.insert(run);
        }
        self.parts.insert(id, part);
        Ok(Inserted::Inserted)
    }

    /// Deletes the row of a part that is lost or not wanted.
    pub(crate) fn delete_part(&mut self, id: PartId) {
        let Some(part) = self.parts.remove(&id) else { return };
        if let Some(row) = self.jobs.get_mut(&part.job) {
            part.runs.iter().for_each(|&run| row.durable.remove(run));
        }
    }
}

impl JobRow {
    /// The job as a core recovers it.
    pub(crate) fn recovered(&self, id: JobId, fingerprint: Fingerprint) -> RecoveredJob {
        RecoveredJob {
            id,
            spec: self.spec.clone(),
            fingerprint,
            state: self.state.clone(),
            submitted: self.submitted,
            ended: self.ended,
            shares: self.shares.iter().map(|(worker, share)| (WorkerId(*worker), share.clone())).collect(),
            failed: self.failed.clone(),
            stock: self.stock,
            token: self.token,
        }
    }

    /// How many chunks are whole in its parts.
    pub(crate) fn committed_chunks(&self) -> u64 {
        self.durable
            .iter()
            .filter_map(|run| whole_chunks(&self.durable, self.spec.chunks, run))
            .map(|run| run.len())
            .sum()
    }
}
