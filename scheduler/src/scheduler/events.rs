//! What each fact changes.

use std::time::Duration;

use super::{Scheduler, leasing::Holder};
use crate::{
    Action, ChunkRun, Event, Instant, JobId, LeaseId, WorkerId,
    estimate::thread_time,
    job::{Job, Released},
    lease::{LeaseState, Purpose, Unreported},
    worker::Worker,
};

/// A chunk that failed, and the error of the kernel.
pub(super) struct Failed {
    pub(super) chunk: u64,
    pub(super) number: i64,
    pub(super) reason: String,
}

/// How chunks came to their end under a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settled {
    Received,
    Committed,
}

impl Scheduler {
    pub(super) fn on_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::WorkerJoined { worker, threads } => self.on_joined(now, worker, threads),
            Event::WorkerLeft { worker } => self.on_left(now, worker),
            Event::WorkerCrashed { worker } => self.on_crashed(now, worker),
            Event::Heartbeat { worker } => self.on_heard(now, worker),
            Event::LeaseComputed { worker, lease, busy } => {
                self.on_heard(now, worker);
                self.on_computed(now, worker, lease, busy);
            }
            Event::ChunksReturned { worker, lease, chunks } => {
                self.on_heard(now, worker);
                self.on_returned(now, worker, lease, chunks);
            }
            Event::ChunkFailed { worker, lease, chunk, number, reason } => {
                self.on_heard(now, worker);
                let failed = Failed { chunk, number, reason };
                self.on_failed(now, worker, lease, failed);
            }
            Event::ChunksReceived { job, chunks } => self.on_received(now, job, chunks),
            Event::ChunksCommitted { job, chunks } => self.on_committed(now, job, chunks),
            Event::ChunksLost { job, chunks } => self.on_lost(now, job, chunks),
            Event::ResultsLost { job, chunks } => self.on_committed_lost(now, job, chunks),
            Event::JobPaused { job } => self.set_paused(now, job, |job| job.is_active()),
            Event::JobResumed { job } => self.set_paused(now, job, |_| false),
        }
    }

    pub(super) fn on_joined(&mut self, now: Instant, id: WorkerId, threads: u32) {
        if self.workers.get(id).is_some() {
            self.release_all(now, id, Holder::Stays);
        } else if !self.has_room_for_worker() {
            return;
        }
        self.stop_asking(now, id);
        let deadline = now + self.config.lease_timeout;
        self.workers.insert(id, Worker::new(threads, now, deadline));
        self.rebalance_due = true;
    }

    pub(super) fn on_left(&mut self, now: Instant, id: WorkerId) {
        self.stop_asking(now, id);
        self.release_all(now, id, Holder::Left);
        self.workers.remove(id);
    }

    fn on_heard(&mut self, now: Instant, id: WorkerId) {
        let deadline = now + self.config.lease_timeout;
        self.workers.update(now, id, |worker| {
            worker.deadline = worker.deadline.max(Some(deadline));
        });
        self.rebalance_due |= self.workers.is_free(id);
    }

    /// The deadline of a worker has passed.
    pub(super) fn on_silence(&mut self, now: Instant, id: WorkerId) {
        self.stop_asking(now, id);
        self.release_all(now, id, Holder::Stays);
        self.workers.update(now, id, |worker| worker.deadline = None);
    }

    fn on_computed(&mut self, now: Instant, id: WorkerId, lease: LeaseId, busy: Duration) {
        let work = match self.leases.get(&lease) {
            Some(held) if held.worker == id && held.is_open() => {
                let work = held.unreported(lease);
                self.set_state(now, lease, LeaseState::Computed);
                self.clear_suspicion(lease);
                Some(work)
            }
            _ => (self.workers).update(now, id, |worker| worker.take_unreported(lease)).flatten(),
        };
        if let Some(work) = work {
            self.learn(now, id, &work, busy);
        }
    }

    /// Learns from how long some work took: the rates, and what the job really cost.
    fn learn(&mut self, now: Instant, id: WorkerId, work: &Unreported, busy: Duration) {
        let numbers = work.account.numbers as f64;
        if work.account.numbers == 0 || !self.is_active(work.job) {
            return;
        }
        let Some(threads) = self.workers.get(id).map(|worker| worker.threads) else { return };
        // One chunk, or a few, need not take all threads of the worker: that would be no measure of it.
        if work.purpose == Purpose::Work {
            self.workers.update(now, id, |worker| {
                let worker_rate = worker.rates.entry(work.job).or_default();
                worker_rate.rate.observe(numbers, busy);
            });
            self.jobs.update(work.job, |job| {
                job.rate_per_thread.observe(numbers / f64::from(threads), busy);
            });
        }
        // It cannot have been busy for longer than it had the lease, whatever it says.
        let cost = thread_time(busy.min(now - work.assigned), threads);
        let charge = work.account.charge;
        self.jobs.charge(work.job, cost.saturating_sub(charge));
        self.jobs.refund(work.job, charge.saturating_sub(cost));
        self.rebalance_due = true;
    }

    fn on_returned(&mut self, now: Instant, id: WorkerId, lease: LeaseId, chunks: Option<ChunkRun>) {
        let Some(held) = self.leases.get_mut(&lease).filter(|held| held.worker == id) else {
            return;
        };
        let job = held.job;
        let state = held.state;
        let returned: Vec<ChunkRun> = match chunks {
            Some(chunks) => held.outstanding.intersection(chunks).collect(),
            None => Vec::new(),
        };
        if returned.is_empty() {
            if matches!(state, LeaseState::Asked { .. }) {
                self.set_state(now, lease, LeaseState::Touched);
            }
            return;
        }
        if state != LeaseState::Computed {
            self.set_state(now, lease, LeaseState::Open);
        }
        self.workers.update(now, id, |worker| worker.progress = now);
        for &run in &returned {
            self.take_out(now, lease, run);
            self.jobs.update(job, |job| job.give_back(run));
        }
        if let LeaseState::Asked { by: Some(by) } = state {
            self.hand_over(now, by, job, &returned);
        }
        self.rebalance_due = true;
    }

    fn on_failed(&mut self, now: Instant, id: WorkerId, lease: LeaseId, mut failed: Failed) {
        let Some(held) = self.leases.get(&lease).filter(|held| held.worker == id) else {
            return;
        };
        let id_of_job = held.job;
        let chunk = failed.chunk;
        if !held.outstanding.contains(chunk) {
            return;
        }
        let run = ChunkRun::one(chunk);
        let numbers = self.jobs.get(id_of_job).map(|job| job.chunks.numbers(run));
        if let Some(numbers) = numbers.filter(|numbers| numbers.offset_of(failed.number).is_none()) {
            // A worker may name any number; people are told of one that the chunk has.
            failed.number = numbers.first();
        }
        self.workers.update(now, id, |worker| worker.progress = now);
        self.take_out(now, lease, run);
        let too_often = self.jobs.update(id_of_job, |job| job.fail(chunk, id) > job.limits.max_retries);
        if too_often == Some(true) {
            self.give_up(now, id_of_job, failed);
        }
    }

    fn on_received(&mut self, now: Instant, id: JobId, chunks: ChunkRun) {
        if !self.is_active(id) {
            return;
        }
        let released = self.jobs.update(id, |job| job.receive(now, chunks));
        self.settle(now, released.unwrap_or_default(), Settled::Received);
    }

    fn on_lost(&mut self, now: Instant, id: JobId, chunks: ChunkRun) {
        let released = self.jobs.update(id, |job| job.lose(chunks));
        for (run, lease) in released.unwrap_or_default() {
            self.take_out(now, lease, run);
        }
    }

    fn on_committed_lost(&mut self, now: Instant, id: JobId, chunks: ChunkRun) {
        let released = self.jobs.update(id, |job| job.lose_committed(chunks));
        for (run, lease) in released.unwrap_or_default() {
            self.take_out(now, lease, run);
        }
        self.rebalance_due = true;
    }

    fn on_committed(&mut self, now: Instant, id: JobId, chunks: ChunkRun) {
        if !self.is_active(id) {
            return;
        }
        let released = self.jobs.update(id, |job| job.commit(chunks));
        self.settle(now, released.unwrap_or_default(), Settled::Committed);
        self.end_if_complete(now, id);
    }

    /// The first lease of a worker can be long if the kernel is slow: then the blocks tell the rate before its report.
    fn follow_progress(&mut self, now: Instant, id: LeaseId) {
        let Some(lease) = self.leases.get(&id) else { return };
        let (Some(worker), Some(job)) = (self.workers.get(lease.worker), self.jobs.get(lease.job)) else { return };
        let known = worker.rates.get(&lease.job).is_some_and(|worker_rate| worker_rate.rate.is_observed());
        let since = worker.computing.filter(|&(first, _)| first == id).map(|(_, since)| now - since);
        let Some(elapsed) = since.filter(|&elapsed| elapsed >= self.config.lease_target) else { return };
        let outstanding = lease.outstanding.len() as f64 * job.chunk_numbers();
        let numbers = lease.account.numbers as f64 - outstanding;
        if known || lease.purpose != Purpose::Work || numbers < 1.0 {
            return;
        }
        let (worker, job, threads) = (lease.worker, lease.job, worker.threads);
        self.workers.update(now, worker, |worker| worker.rates.entry(job).or_default().rate.expect(numbers, elapsed));
        self.jobs.update(job, |job| job.rate_per_thread.expect(numbers / f64::from(threads), elapsed));
        self.rebalance_due = true;
    }

    fn set_paused(&mut self, now: Instant, id: JobId, is_paused: impl FnOnce(&Job) -> bool) {
        self.jobs.update(id, |job| job.paused = is_paused(job));
        self.excuse_stalls(now);
    }

    /// Takes chunks that came to their end out of their leases. One that is committed without having been
    /// received was computed by somebody else, so who still has it stops.
    fn settle(&mut self, now: Instant, released: Released, settled: Settled) {
        for (run, id) in released {
            let Some(lease) = self.leases.get_mut(&id) else {
                continue;
            };
            lease.outstanding.remove(run);
            self.workers.update(now, lease.worker, |worker| worker.progress = now);
            if !lease.outstanding.is_empty() {
                self.follow_progress(now, id);
                continue;
            }
            let Some(lease) = self.detach(now, id) else {
                continue;
            };
            if !lease.is_open() {
                continue;
            }
            let unreported = lease.unreported(id);
            self.workers.update(now, lease.worker, |worker| {
                worker.await_report(unreported);
            });
            if settled == Settled::Committed {
                self.actions.push_back(Action::StopLease { worker: lease.worker, lease: id });
            }
        }
    }
}
