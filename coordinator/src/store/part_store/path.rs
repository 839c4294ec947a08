//! The paths of parts: `jobs/<id>/part-<name>.parquet`.

use std::collections::BTreeMap;

use swath_model::JobId;

/// The folder of all jobs.
pub(in crate::store) const JOBS: &str = "jobs";

/// The folder of a job.
pub(in crate::store) fn folder_of(job: JobId) -> String {
    format!("{JOBS}/{job}")
}

/// The path of a part with this name.
pub(super) fn part(job: JobId, name: &str) -> String {
    format!("{JOBS}/{job}/part-{name}.parquet")
}

/// The job of a part, by its path. `None` for a path that is not like those of the store.
pub(super) fn job_of(path: &str) -> Option<JobId> {
    let (job, name) = path.strip_prefix("jobs/")?.split_once('/')?;
    (name.starts_with("part-") && !name.contains('/')).then(|| job.parse().ok().map(JobId))?
}

/// Whether there are parts of a job with a higher id.
pub(in crate::store) fn has_newer(parts: &BTreeMap<String, u64>, last: u64) -> bool {
    parts.keys().any(|path| job_of(path).is_some_and(|job| job.0 > last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_job_and_other_files_have_none() {
        assert_eq!(job_of(&part(JobId(7), "3")), Some(JobId(7)));
        for other in ["jobs/7", "jobs/7/notes", "jobs/x/part-3.parquet", "jobs/7/a/part-3.parquet", "owner.json"] {
            assert_eq!(job_of(other), None, "{other}");
        }
        let parts = BTreeMap::from([(part(JobId(7), "3"), 1)]);
        assert!(has_newer(&parts, 6) && !has_newer(&parts, 7));
    }
}
