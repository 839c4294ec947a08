//! All workers, with the orders in which they are looked up.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use crate::{Instant, WorkerId, worker::Worker};

/// A worker that can be given a lease, after how many open leases it has: the idle come first.
pub(crate) type Slot = (usize, WorkerId);

/// The workers. They are changed through [`WorkerTable::update`] only, which keeps the orders right.
#[derive(Debug)]
pub(crate) struct WorkerTable {
    workers: BTreeMap<WorkerId, Worker>,
    leases_per_worker: usize,
    free: BTreeSet<Slot>,
    deadlines: BTreeSet<(Instant, WorkerId)>,
    active: usize,
    active_threads: u64,
}

impl WorkerTable {
    pub(crate) fn new(leases_per_worker: usize) -> Self {
        WorkerTable {
            workers: BTreeMap::new(),
            leases_per_worker,
            free: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            active: 0,
            active_threads: 0,
        }
    }

    pub(crate) fn get(&self, id: WorkerId) -> Option<&Worker> {
        self.workers.get(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (WorkerId, &Worker)> {
        self.workers.iter().map(|(&id, worker)| (id, worker))
    }

    pub(crate) fn len(&self) -> usize {
        self.workers.len()
    }

    pub(crate) fn insert(&mut self, id: WorkerId, worker: Worker) {
        self.remove(id);
        self.workers.insert(id, worker);
        self.enter(id);
    }

    pub(crate) fn remove(&mut self, id: WorkerId) {
        self.leave(id);
        self.workers.remove(&id);
    }

    /// Changes a worker; `None` if there is none of this id.
    pub(crate) fn update<R>(&mut self, now: Instant, id: WorkerId, change: impl FnOnce(&mut Worker) -> R) -> Option<R> {
        self.leave(id);
        let worker = self.workers.get_mut(&id)?;
        let result = change(worker);
        worker.follow_computing(now);
        self.enter(id);
        Some(result)
    }

    /// Drops what all workers learned of a job. Touches no order.
    pub(crate) fn forget_job(&mut self, job: crate::JobId) {
        for worker in self.workers.values_mut() {
            worker.forget_job(job);
        }
    }

    /// The next worker after `after` that can be given a lease.
    pub(crate) fn next_free(&self, after: Option<Slot>) -> Option<Slot> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.free.range((from, Bound::Unbounded)).next().copied()
    }

    pub(crate) fn is_free(&self, id: WorkerId) -> bool {
        self.get(id).is_some_and(|worker| worker.is_free(self.leases_per_worker))
    }

    /// The earliest deadline, and whose it is.
    pub(crate) fn next_deadline(&self) -> Option<(Instant, WorkerId)> {
        self.deadlines.first().copied()
    }

    /// How many workers are active.
    pub(crate) fn active(&self) -> usize {
        self.active
    }

    /// How many threads the active workers have together.
    pub(crate) fn active_threads(&self) -> u64 {
        self.active_threads
    }

    fn leave(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get(&id) else {
            return;
        };
        self.free.remove(&(worker.open.len(), id));
        if let Some(deadline) = worker.deadline {
            self.deadlines.remove(&(deadline, id));
        }
        if worker.is_active() {
            self.active -= 1;
            self.active_threads -= u64::from(worker.threads);
        }
    }

    fn enter(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get(&id) else {
            return;
        };
        if worker.is_free(self.leases_per_worker) {
            self.free.insert((worker.open.len(), id));
        }
        if let Some(deadline) = worker.deadline {
            self.deadlines.insert((deadline, id));
        }
        if worker.is_active() {
            self.active += 1;
            self.active_threads += u64::from(worker.threads);
        }
    }

    /// Panics unless the orders tell what the workers do.
    pub(crate) fn check_invariants(&self) {
        let free: BTreeSet<Slot> = self
            .iter()
            .filter(|(_, worker)| worker.is_free(self.leases_per_worker))
            .map(|(id, worker)| (worker.open.len(), id))
            .collect();
        assert_eq!(self.free, free, "the free workers");
        let deadlines: BTreeSet<_> = self.iter().filter_map(|(id, worker)| Some((worker.deadline?, id))).collect();
        assert_eq!(self.deadlines, deadlines, "the deadlines");
        let active = || self.workers.values().filter(|worker| worker.is_active());
        assert_eq!(self.active, active().count(), "the active workers");
        let threads: u64 = active().map(|worker| u64::from(worker.threads)).sum();
        assert_eq!(self.active_threads, threads, "the active threads");
    }
}
