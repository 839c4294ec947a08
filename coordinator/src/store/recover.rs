//! The start of a coordinator: the jobs in the ledger, and the parts that are there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use swath_model::ResultMode;
use tracing::{info, warn};

use super::{
    error::StoreError,
    job::{Ending, JobResults},
    object_store_error::ObjectStoreError,
    owner::unknown_results,
    part_store::path::has_newer,
    result_store::{Store, results_dropped},
};
use crate::{
    job::{Holes, JobState, NewJob},
    ledger::{JobRow, PartRow},
};

/// A job that an earlier coordinator had.
pub(crate) struct Recovered {
    pub(crate) row: JobRow,
    pub(crate) job: NewJob,
    pub(crate) results: Arc<JobResults>,
    pub(crate) failed_chunks: Holes,
}

impl Store {
    /// Sweeps parts that are not in the ledger, checks those that are, and makes room for the results of all jobs. A part
    /// that is gone or has another size is named and dropped: its chunks are computed again.
    pub(crate) async fn recover(&self) -> Result<Vec<Recovered>, StoreError> {
        let there = self.parts.list().await.map_err(|error| self.parts.unusable(error))?;
        let rows = self
            .with_ledger(|ledger| {
                ledger.sweep()?;
                ledger.jobs()
            })
            .await?;
        let mut recovered = Vec::new();
        let mut known = BTreeSet::new();
        for row in rows {
            let parts = {
                let id = row.id;
                self.with_ledger(move |ledger| ledger.parts(id)).await?
            };
            known.extend(parts.iter().map(|part| part.path.clone()));
            match row.job() {
                Ok(job) => recovered.push(self.recover_job(row, job, parts, &there).await?),
                Err(error) => warn!(job = %row.id, %error, "skipped a job; it stays in the ledger"),
            }
        }
        self.sweep(there, &known).await?;
        if !recovered.is_empty() {
            info!(jobs = recovered.len(), parts = known.len(), "recovered the jobs of the ledger");
        }
        Ok(recovered)
    }

    async fn recover_job(
        &self,
        mut row: JobRow,
        job: NewJob,
        parts: Vec<PartRow>,
        there: &BTreeMap<String, u64>,
    ) -> Result<Recovered, StoreError> {
        let results = self.create_job(JobResults::new(row.id, job.chunks, job.value_type(), job.retention));
        let id = row.id;
        let failed_chunks = self.with_ledger(move |ledger| ledger.failed_chunks(id)).await?;
        for &chunk in failed_chunks.keys().filter(|&&chunk| chunk < job.chunks.count()) {
            results.skip(chunk);
        }
        for part in parts {
            match self.check_size(&part, there) {
                Ok(()) => {
                    self.disk.add(part.bytes);
                    results.recover_part(part);
                }
                Err(error) => {
                    warn!(job = %row.id, %error, "a part is lost; its numbers are computed again");
                    self.with_ledger(move |ledger| ledger.delete_part(&part.path)).await?;
                }
            }
        }
        match &row.state {
            JobState::Running if row.retention == ResultMode::Delivered => {
                let reason = "the coordinator was started again while its results were being delivered";
                row.state = JobState::Failed(reason.to_owned());
            }
            JobState::Done if results.committed_chunks().len() + (failed_chunks.len() as u64) < job.chunks.count() => {
                row.state = JobState::Running;
            }
            _ => {}
        }
        match &row.state {
            JobState::Running => {}
            JobState::Done => results.end(Ending::Done),
            JobState::Failed(failure) => results.end(Ending::Broken(format!("job {} failed: {failure}", row.id))),
            JobState::Cancelled => results.end(Ending::Broken(format!("job {} was cancelled", row.id))),
        }
        if row.results_dropped {
            results.clear(results_dropped(row.id));
        }
        Ok(Recovered { row, job, results, failed_chunks })
    }

    fn check_size(&self, part: &PartRow, there: &BTreeMap<String, u64>) -> Result<(), StoreError> {
        let path = self.parts.name_in_errors(&part.path);
        let expected = part.bytes;
        match there.get(&part.path) {
            Some(&found) if found == expected => Ok(()),
            Some(found) => {
                let reason = format!("it has {found} bytes instead of {expected}");
                Err(StoreError::Damaged { path, reason })
            }
            None => Err(StoreError::Read { path, error: ObjectStoreError::missing() }),
        }
    }

    /// Deletes what is not in the ledger: parts whose row was never written, and unfinished files. Results of a job that the
    /// ledger never had are left: they belong to another ledger.
    async fn sweep(&self, there: BTreeMap<String, u64>, known: &BTreeSet<String>) -> Result<(), StoreError> {
        if has_newer(&there, self.ledger.last_job()?) {
            return Err(unknown_results(&self.config));
        }
        let unknown: Vec<String> = there.into_keys().filter(|path| !known.contains(path)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let swept = unknown.len();
        self.parts.sweep(unknown).await.map_err(|error| self.parts.unusable(error))?;
        info!(files = swept, "deleted files that belong to no part");
        Ok(())
    }
}
