//! How workers that have nothing to do get chunks from those that have too much.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::Scheduler;
use crate::{
    Action, ChunkRun, Instant, LeaseId, WorkerId,
    estimate::Remainder,
    job::Job,
    lease::{Lease, LeaseState},
    worker::Worker,
};

/// What takes less than this is not worth asking for, which costs two round trips.
const WORTH_IT: Duration = Duration::from_millis(20);

/// How long to wait for a lease to become overdue before looking again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A lease that could return chunks.
struct Source {
    lease: LeaseId,
    worker: WorkerId,
    remaining: Duration,
}

impl Scheduler {
    /// If workers are free although nothing waits for them, asks others to give chunks back for them: first the
    /// worker that has most to do, and of its leases the one that will take longest. Those `held_back` get nothing.
    pub(super) fn rebalance(&mut self, now: Instant, held_back: &BTreeSet<WorkerId>) {
        if !self.rebalance_due {
            return;
        }
        // It costs in proportion to the leases; with thousands of them it is not worth it after every event.
        let pause = Duration::from_millis(self.leases.len() as u64 / 1000);
        let not_before = self.looked_around + pause;
        if now < not_before {
            self.look_again = Some(not_before);
            return;
        }
        self.rebalance_due = false;
        self.looked_around = now;
        self.look_again = None;
        self.stall_due = self.next_stall(now);
        let takers = self.takers(held_back);
        if takers.is_empty() {
            return;
        }
        let loads = self.loads(now);
        let sources = self.sources(now, &loads);
        if self.match_up(now, &takers, &sources, loads) && !sources.is_empty() {
            self.look_again = Some(now + LOOK_AGAIN);
        }
    }

    /// The free workers that nothing has been asked back for yet, the idle ones first.
    fn takers(&self, held_back: &BTreeSet<WorkerId>) -> Vec<WorkerId> {
        let mut takers = Vec::new();
        let mut after = None;
        while let Some(slot) = self.workers.next_free(after) {
            let (_, id) = slot;
            after = Some(slot);
            if !held_back.contains(&id) && self.workers.get(id).is_some_and(|w| w.asking.is_none()) {
                takers.push(id);
            }
        }
        takers
    }

    /// How long each worker will be at work on its leases.
    fn loads(&self, now: Instant) -> BTreeMap<WorkerId, Duration> {
        let mut loads = BTreeMap::new();
        for (&id, lease) in self.leases.iter().filter(|(_, lease)| lease.is_open()) {
            let load: &mut Duration = loads.entry(lease.worker).or_default();
            *load += self.remaining(now, id, lease);
        }
        loads
    }

    /// The leases that have something to return, those of the worker that has most to do first.
    fn sources(&self, now: Instant, loads: &BTreeMap<WorkerId, Duration>) -> Vec<Source> {
        let mut sources: Vec<Source> = self
            .leases
            .iter()
            .filter(|(id, lease)| self.most_to_give(**id, lease) > 0)
            .map(|(&id, lease)| Source { lease: id, worker: lease.worker, remaining: self.remaining(now, id, lease) })
            .collect();
        sources.sort_by_key(|source| {
            let load = loads.get(&source.worker).copied().unwrap_or_default();
            std::cmp::Reverse((load, source.remaining, source.lease))
        });
        sources
    }

    /// How many chunks can be asked of a lease: half of the one in work, all of one that waits.
    fn most_to_give(&self, id: LeaseId, lease: &Lease) -> u64 {
        let ready = |job: &Job| job.is_active() && !job.paused;
        if lease.state != LeaseState::Open || !lease.purpose.may_move() || !self.jobs.get(lease.job).is_some_and(ready)
        {
            return 0;
        }
        if self.is_computing(id, lease) { lease.outstanding.len() / 2 } else { lease.outstanding.len() }
    }

    /// Asks for each taker in turn; returns whether one of them got nothing.
    fn match_up(
        &mut self,
        now: Instant,
        takers: &[WorkerId],
        sources: &[Source],
        mut loads: BTreeMap<WorkerId, Duration>,
    ) -> bool {
        let mut sources = sources.iter();
        for &taker in takers {
            let own = loads.get(&taker).copied().unwrap_or_default();
            let mut asked = false;
            while let Some(source) = sources.as_slice().first() {
                let load = loads.get(&source.worker).copied().unwrap_or_default();
                if source.worker != taker && load < own + WORTH_IT {
                    break; // and those after it have even less to do
                }
                sources.next();
                if source.worker == taker || source.remaining < WORTH_IT {
                    continue;
                }
                if let Some((chunks, relief)) = self.fair_part(source, taker, load, own) {
                    self.ask(now, source.lease, chunks, Some(taker));
                    loads.insert(source.worker, load.saturating_sub(relief));
                    asked = true;
                    break;
                }
            }
            if !asked {
                return true;
            }
        }
        false
    }

    /// Which chunks of a source a taker should get so that both end at the same time, and by how much
    /// this relieves the worker. `None` if it would take the taker longer than the worker.
    fn fair_part(
        &self,
        source: &Source,
        taker: WorkerId,
        load: Duration,
        own: Duration,
    ) -> Option<(ChunkRun, Duration)> {
        let lease = self.leases.get(&source.lease)?;
        let job = self.jobs.get(lease.job).filter(|job| !self.is_barred(taker, job))?;
        let most = self.most_to_give(source.lease, lease);
        let theirs = self.rate(self.workers.get(source.worker)?, lease, job);
        let its = self.rate(self.workers.get(taker)?, lease, job);
        let (Some(theirs), Some(its)) = (theirs, its) else {
            // Nothing is known; one that has nothing to do takes what it can.
            let chunks = lease.tail(most).filter(|_| own.is_zero())?;
            return Some((chunks, source.remaining / 2));
        };
        let per_chunk = job.chunk_numbers();
        let gap = load.saturating_sub(own).as_secs_f64();
        let numbers = gap / (1.0 / theirs + 1.0 / its);
        let count = ((numbers / per_chunk).round() as u64).clamp(1, most.max(1));
        let chunks = lease.tail(count)?;
        let time_at = |rate: f64| {
            let seconds = chunks.len() as f64 * per_chunk / rate;
            Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
        };
        let ends_earlier = own.saturating_add(time_at(its)) < load;
        ends_earlier.then(|| (chunks, time_at(theirs)))
    }

    /// Asks a worker to give back the tail of a lease.
    fn ask(&mut self, now: Instant, id: LeaseId, chunks: ChunkRun, by: Option<WorkerId>) {
        let Some(worker) = self.holder(id) else {
            return;
        };
        self.set_state(now, id, LeaseState::Asked { by });
        self.actions.push_back(Action::ReturnChunks { worker, lease: id, chunks });
    }

    /// Asks a worker to give back all of a lease, for whoever wants it.
    pub(super) fn ask_for_all(&mut self, now: Instant, id: LeaseId) {
        if let Some(chunks) = self.leases.get(&id).and_then(|lease| lease.outstanding.hull()) {
            self.ask(now, id, chunks, None);
        }
    }

    /// What has been asked back for a worker is for anyone now.
    pub(super) fn stop_asking(&mut self, now: Instant, id: WorkerId) {
        if let Some(lease) = self.workers.get(id).and_then(|worker| worker.asking) {
            self.set_state(now, lease, LeaseState::Asked { by: None });
        }
    }

    fn is_computing(&self, id: LeaseId, lease: &Lease) -> bool {
        let computing = self.workers.get(lease.worker).and_then(|w| w.computing);
        computing.is_some_and(|(first, _)| first == id)
    }

    /// How long a lease will take yet.
    fn remaining(&self, now: Instant, id: LeaseId, lease: &Lease) -> Duration {
        let (Some(worker), Some(job)) = (self.workers.get(lease.worker), self.jobs.get(lease.job)) else {
            return Duration::ZERO;
        };
        let remainder = Remainder {
            numbers: lease.outstanding.len() as f64 * job.chunk_numbers(),
            of: lease.account.numbers as f64,
            computing: self.is_computing(id, lease),
            elapsed: (worker.computing).map_or(Duration::ZERO, |(_, since)| now - since),
            rate: self.rate(worker, lease, job),
        };
        remainder.time()
    }

    fn rate(&self, worker: &Worker, lease: &Lease, job: &Job) -> Option<f64> {
        self.sizing(worker, lease.job, job).rate
    }
}
