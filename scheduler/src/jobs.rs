//! All jobs, with the order in which they get leases.

use std::collections::{BTreeMap, BTreeSet};

use crate::{JobId, job::Job};

/// The jobs. They are changed through [`Jobs::update`] only, which keeps the order right.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    jobs: BTreeMap<JobId, Job>,
    /// The jobs that have chunks to lease out, least virtual time first.
    ready: BTreeSet<(u128, JobId)>,
    /// The pass of the job that last got a lease: where a job starts that comes when no other is ready.
    virtual_time: u128,
    active: usize,
}

impl Jobs {
    pub(crate) fn get(&self, id: JobId) -> Option<&Job> {
        self.jobs.get(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (JobId, &Job)> {
        self.jobs.iter().map(|(&id, job)| (id, job))
    }

    pub(crate) fn insert(&mut self, id: JobId, job: Job) {
        self.active += usize::from(job.is_active());
        self.jobs.insert(id, job);
        self.catch_up(id);
        self.enter(id);
    }

    /// Drops a job that has ended.
    pub(crate) fn remove(&mut self, id: JobId) {
        let job = self.jobs.remove(&id);
        if let Some(job) = job {
            self.ready.remove(&(job.pass, id));
            self.active -= usize::from(job.is_active());
        }
    }

    /// Changes a job; `None` if there is none of this id.
    pub(crate) fn update<R>(&mut self, id: JobId, change: impl FnOnce(&mut Job) -> R) -> Option<R> {
        let job = self.jobs.get_mut(&id)?;
        let was_ready = self.ready.remove(&(job.pass, id));
        self.active -= usize::from(job.is_active());
        let result = change(job);
        self.active += usize::from(job.is_active());
        if !was_ready {
            self.catch_up(id);
        }
        self.enter(id);
        Some(result)
    }

    /// The jobs that have chunks to lease out, the one whose turn it is first.
    pub(crate) fn ready(&self) -> impl Iterator<Item = (JobId, &Job)> {
        let ids = self.ready.iter().map(|&(_, id)| id);
        ids.filter_map(|id| Some((id, self.jobs.get(&id)?)))
    }

    pub(crate) fn any_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Charges a job for a lease: `charge` nanoseconds of a thread.
    pub(crate) fn charge(&mut self, id: JobId, charge: u64) {
        if let Some(job) = self.jobs.get(&id) {
            self.virtual_time = self.virtual_time.max(job.pass);
        }
        self.update(id, |job| job.pass += u128::from(charge));
    }

    /// Gives a job part of a charge back.
    pub(crate) fn refund(&mut self, id: JobId, charge: u64) {
        self.update(id, |job| {
            job.pass = job.pass.saturating_sub(u128::from(charge));
        });
    }

    /// How many have not ended.
    pub(crate) fn active(&self) -> usize {
        self.active
    }

    /// A job that was not ready until now starts where the others are: what it did not use before is not owed to it.
    fn catch_up(&mut self, id: JobId) {
        let least = self.ready.first().map_or(self.virtual_time, |&(pass, _)| pass);
        if let Some(job) = self.jobs.get_mut(&id).filter(|job| job.is_ready()) {
            job.pass = job.pass.max(least);
        }
    }

    /// Puts a job in its place if it is ready.
    fn enter(&mut self, id: JobId) {
        if let Some(job) = self.jobs.get(&id).filter(|job| job.is_ready()) {
            self.ready.insert((job.pass, id));
        }
    }

    /// Panics unless the order tells what the jobs do.
    pub(crate) fn check_invariants(&self) {
        let ready: BTreeSet<_> =
            self.iter().filter(|(_, job)| job.is_ready()).map(|(id, job)| (job.pass, id)).collect();
        assert_eq!(self.ready, ready, "the ready jobs");
        let active = self.jobs.values().filter(|job| job.is_active()).count();
        assert_eq!(self.active, active, "the active jobs");
        for job in self.jobs.values() {
            job.check_invariants();
        }
    }
}
