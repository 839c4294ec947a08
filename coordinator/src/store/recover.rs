//! What lies in the data folder when a coordinator starts.

use std::{collections::BTreeSet, fs, io, path::Path as FilePath, sync::Arc};

use object_store::{ObjectStoreExt, path::Path};
use swath_scheduler::JobId;
use tracing::{info, warn};

use super::{Ending, JobResults, Retention, Store, StoreError};
use crate::{
    job::{Holes, JobState, NewJob},
    ledger::{JobRow, LedgerError, PartRow},
};

/// A job that an earlier coordinator had.
pub(crate) struct Recovered {
    pub(crate) row: JobRow,
    pub(crate) job: NewJob,
    pub(crate) results: Arc<JobResults>,
    pub(crate) holes: Holes,
}

impl Store {
    /// Sweeps parts that the ledger does not know, checks those that it knows, and makes room for the results of all
    /// jobs. A part that is gone or of another size is named and forgotten: its chunks are computed again.
    pub(crate) async fn recover(&self) -> Result<Vec<Recovered>, StoreError> {
        let rows = self.with_ledger(|ledger| ledger.jobs()).await?;
        let mut recovered = Vec::new();
        let mut known = BTreeSet::new();
        for row in rows {
            let parts = {
                let id = row.id;
                self.with_ledger(move |ledger| ledger.parts(id)).await?
            };
            known.extend(parts.iter().map(|part| part.path.clone()));
            match NewJob::from_row(&row) {
                Ok(job) => recovered.push(self.recover_job(row, job, parts).await?),
                Err(reason) => warn!(job = %row.id, reason, "a job of an earlier coordinator is left as it is"),
            }
        }
        self.sweep(&known)?;
        if !recovered.is_empty() {
            info!(jobs = recovered.len(), parts = known.len(), "jobs of an earlier coordinator are back");
        }
        Ok(recovered)
    }

    async fn recover_job(&self, mut row: JobRow, job: NewJob, parts: Vec<PartRow>) -> Result<Recovered, StoreError> {
        let results = self.create_job(JobResults::new(row.id, job.chunks, job.value_type(), job.retention));
        let id = row.id;
        let holes = self.with_ledger(move |ledger| ledger.holes(id)).await?;
        for &chunk in holes.keys().filter(|&&chunk| chunk < job.chunks.count()) {
            results.skip(chunk);
        }
        for part in parts {
            match self.check_size(&part).await {
                Ok(()) => {
                    self.disk.add(part.bytes);
                    results.recover_part(part);
                }
                Err(error) => {
                    warn!(job = %row.id, %error, "its numbers will be computed again");
                    self.with_ledger(move |ledger| ledger.delete_part(&part.path)).await?;
                }
            }
        }
        match &row.state {
            JobState::Running if row.retention == Retention::Delivered => {
                let reason = "the coordinator was started again while its results were being delivered";
                row.state = JobState::Failed(reason.to_owned());
            }
            JobState::Done if results.committed_chunks().len() + (holes.len() as u64) < job.chunks.count() => {
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
            results.clear(super::dropped(row.id));
        }
        Ok(Recovered { row, job, results, holes })
    }

    async fn check_size(&self, part: &PartRow) -> Result<(), StoreError> {
        let path = Path::from(part.path.as_str());
        let read = |error| StoreError::Read { path: part.path.clone(), error };
        let found = self.objects.head(&path).await.map_err(read)?.size;
        if found != part.bytes {
            let expected = part.bytes;
            let reason = format!("it has {found} bytes instead of {expected}");
            return Err(StoreError::Damaged { path: part.path.clone(), reason });
        }
        Ok(())
    }

    /// Deletes what no row of the ledger names: parts whose row was never written, files that were never finished.
    fn sweep(&self, known: &BTreeSet<String>) -> Result<(), StoreError> {
        let failed = |error: io::Error| StoreError::Folder {
            folder: self.config.folder.display().to_string(),
            reason: error.to_string(),
        };
        let jobs = self.config.folder.join("jobs");
        let folders = match fs::read_dir(&jobs) {
            Ok(folders) => folders,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        let mut jobs = Vec::new();
        for folder in folders {
            let folder = folder.map_err(failed)?;
            // Only what the store names so itself.
            let Some(job) = folder.file_name().to_str().and_then(|name| name.parse().ok()).map(JobId) else { continue };
            jobs.push((job, folder.path()));
        }
        // Results of a job that the ledger never gave out are not ours to delete.
        let last = self.ledger.last_job()?;
        if jobs.iter().any(|(job, _)| job.0 > last) {
            return Err(LedgerError::NoLedger { folder: self.config.folder.display().to_string() }.into());
        }
        let mut swept = 0;
        for (job, folder) in jobs {
            swept += sweep_job(job, &folder, known).map_err(failed)?;
        }
        if swept > 0 {
            info!(files = swept, "files that no commit names were swept");
        }
        Ok(())
    }
}

fn sweep_job(job: JobId, folder: &FilePath, known: &BTreeSet<String>) -> io::Result<usize> {
    let mut swept = 0;
    for file in fs::read_dir(folder)? {
        let file = file?;
        let name = file.file_name().to_string_lossy().into_owned();
        if name.starts_with("part-") && !known.contains(&format!("jobs/{job}/{name}")) {
            fs::remove_file(file.path())?;
            swept += 1;
        }
    }
    Ok(swept)
}
