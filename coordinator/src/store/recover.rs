//! The start of a coordinator: the jobs in the ledger, and the parts that are there.

use std::collections::{BTreeMap, BTreeSet};

use swath_coordinator_core::{RecoveredJob, Stock};
use tracing::{info, warn};

use super::{
    error::StoreError,
    job::JobResults,
    object_store_error::ObjectStoreError,
    owner::unknown_results,
    part_store::path::has_newer,
    result_store::{Store, results_dropped},
};
use crate::ledger::{Ledger, PartRow};

impl Store {
    /// Deletes parts that are not in the ledger, checks those that are, and creates the results of all jobs. A part
    /// that is gone or has another size is logged and dropped: its chunks are computed again.
    pub(crate) async fn recover(&self) -> Result<Vec<RecoveredJob>, StoreError> {
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
            let id = row.id;
            let (parts, failed) =
                self.with_ledger(move |ledger| Ok((ledger.parts(id)?, ledger.failed_chunks(id)?))).await?;
            known.extend(parts.iter().map(|part| part.path.clone()));
            match row.recovered(failed) {
                Ok(job) => {
                    self.recover_results(&job, parts, &there).await?;
                    recovered.push(job);
                }
                Err(error) => warn!(job = %id, %error, "skipped a job; it stays in the ledger"),
            }
        }
        self.sweep(there, &known).await?;
        let room_freed = |ledger: &dyn Ledger| {
            ledger.handle_room_freed();
            Ok(())
        };
        self.with_ledger(room_freed).await?;
        if !recovered.is_empty() {
            info!(jobs = recovered.len(), parts = known.len(), "recovered the jobs of the ledger");
        }
        Ok(recovered)
    }

    async fn recover_results(
        &self,
        job: &RecoveredJob,
        parts: Vec<PartRow>,
        there: &BTreeMap<String, u64>,
    ) -> Result<(), StoreError> {
        let (id, spec) = (job.id, &job.spec);
        let results = self.create_job(JobResults::of(id, spec));
        for &chunk in job.failed.keys().filter(|&&chunk| chunk < spec.chunks.count()) {
            results.fail_chunk(chunk);
        }
        for part in parts {
            match self.check_size(&part, there) {
                Ok(()) => {
                    self.disk.add(part.bytes);
                    results.recover_part(part);
                }
                Err(error) => {
                    warn!(job = %id, %error, "a part is lost; its numbers are computed again");
                    self.with_ledger(move |ledger| ledger.delete_part(&part.path)).await?;
                }
            }
        }
        if job.stock == Stock::Dropped {
            results.clear(results_dropped(id));
        }
        Ok(())
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

    /// Deletes what is not in the ledger: parts whose row was never written, and unfinished files. Results of a job
    /// that the ledger never had are left: they belong to another ledger.
    async fn sweep(&self, there: BTreeMap<String, u64>, known: &BTreeSet<String>) -> Result<(), StoreError> {
        if has_newer(&there, self.ledger.last_job()?) {
            return Err(unknown_results(&self.config));
        }
        let unknown: Vec<String> = there.into_keys().filter(|path| !known.contains(path)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let files = unknown.len();
        match self.parts.sweep(unknown).await {
            Ok(()) => info!(files, "deleted files that belong to no part"),
            // Nothing needs their names: what is written later under one of them takes its place.
            Err(error) => {
                warn!(files, %error, "cannot delete files that belong to no part; the next start tries again");
            }
        }
        Ok(())
    }
}
