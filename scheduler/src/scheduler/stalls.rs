//! Workers of which nothing comes, although others could do their work.
//!
//! A worker may be slow, and it alone knows how far it is. So time decides: if nothing comes of its leases for long,
//! and another worker is free, the leases end, and the others get the chunks. If those take as long it was the chunks,
//! not the worker: the time doubles with each worker that is given up on in a job.

use std::{collections::BTreeSet, time::Duration};

use super::{Scheduler, leasing::Holder};
use crate::{Instant, JobId, LeaseId, WorkerId, job::Job};

/// A worker has stalled when it takes so many times longer for a chunk than is expected of it.
const TIMES_EXPECTED: f64 = 20.0;

/// The time doubles no more often than this.
const MOST_DOUBLINGS: u32 = 16;

/// How long to wait before looking again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl Scheduler {
    /// The time until now was no fault of the workers: the process was suspended, or their results found no room.
    pub fn excuse_stalls(&mut self, now: Instant) {
        self.stalls_from = now;
        self.rebalance_due = true;
    }

    /// Ends the leases of workers that have stalled, if somebody is free to do their work.
    pub(super) fn end_stalled_leases(&mut self, now: Instant) {
        if self.stall_due.is_none_or(|due| due > now) {
            return;
        }
        self.stall_due = None;
        // The next rebalance says when to look again.
        self.rebalance_due = true;
        if self.jobs.iter().any(|(_, job)| job.is_active() && job.paused) {
            // Memory may be full of the results of one job, and those of the others wait.
            return self.excuse_stalls(now);
        }
        let holders: Vec<WorkerId> = self.workers.iter().map(|(id, _)| id).collect();
        for worker in holders {
            if self.stalled_at(worker).is_some_and(|at| at <= now) && self.has_taker_besides(worker) {
                self.give_up_on(now, worker);
            }
        }
    }

    /// When to look whether a worker has stalled; never, while nobody is free. It may be too early.
    pub(super) fn next_stall(&self, now: Instant) -> Option<Instant> {
        self.workers.next_free(None)?;
        let at_work = self.workers.iter().filter(|(_, worker)| worker.leases().next().is_some());
        let progress = at_work.map(|(_, worker)| worker.progress.max(self.stalls_from)).min()?;
        Some((progress + self.least_patience()).max(now + LOOK_AGAIN))
    }

    /// When a worker will have stalled, if nothing comes of it until then; `None` if it has nothing to do.
    fn stalled_at(&self, id: WorkerId) -> Option<Instant> {
        let worker = self.workers.get(id)?;
        let patience = worker.leases().filter_map(|lease| self.patience(id, lease)).max()?;
        Some(worker.progress.max(self.stalls_from) + patience)
    }

    /// Silence is no stall.
    fn least_patience(&self) -> Duration {
        self.config.stall_timeout.max(self.config.lease_timeout)
    }

    /// How long nothing may come of a lease.
    fn patience(&self, worker: WorkerId, lease: LeaseId) -> Option<Duration> {
        let id = self.leases.get(&lease)?.job;
        let (worker, job) = (self.workers.get(worker)?, self.jobs.get(id)?);
        let rate = self.sizing(worker, id, job).rate;
        let expected = rate.map(|rate| TIMES_EXPECTED * job.chunk_numbers() / rate).unwrap_or_default();
        let expected = Duration::try_from_secs_f64(expected).unwrap_or(Duration::MAX);
        let doubled = 1_u32 << job.stalls.min(MOST_DOUBLINGS);
        // Within what can be added to any time.
        let most = Duration::from_secs(u64::from(u32::MAX));
        Some(expected.max(self.least_patience()).saturating_mul(doubled).min(most))
    }

    fn has_taker_besides(&self, id: WorkerId) -> bool {
        let first = self.workers.next_free(None);
        first.is_some_and(|slot| slot.1 != id || self.workers.next_free(Some(slot)).is_some())
    }

    fn give_up_on(&mut self, now: Instant, id: WorkerId) {
        let leases = self.workers.get(id).map(|worker| worker.leases().collect::<Vec<_>>()).unwrap_or_default();
        let jobs: BTreeSet<JobId> = leases.iter().filter_map(|lease| Some(self.leases.get(lease)?.job)).collect();
        self.stop_asking(now, id);
        self.release_all(now, id, Holder::Stays);
        for job in jobs {
            self.jobs.update(job, |job| {
                job.stalled.insert(id);
                job.stalls = job.stalls.saturating_add(1);
            });
        }
    }

    /// Whether a worker gets nothing of a job: it has stalled, and one that has not is free. Without that condition
    /// nobody would get what waits while those that have not stalled are busy with other jobs.
    pub(super) fn is_barred(&self, id: WorkerId, job: &Job) -> bool {
        if !job.stalled.contains(&id) {
            return false;
        }
        let mut free = std::iter::successors(self.workers.next_free(None), |&slot| self.workers.next_free(Some(slot)));
        free.any(|(_, other)| !job.stalled.contains(&other))
    }
}
