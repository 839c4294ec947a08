//! How leases begin and end.

use std::collections::{BTreeMap, BTreeSet};

use super::Scheduler;
use crate::{
    Action, ChunkRun, ChunkSet, Instant, JobId, LeaseId, WorkerId,
    estimate::{LeaseSizing, thread_time},
    job::{Job, Work},
    lease::{Account, Lease, LeaseState, Purpose},
    worker::Worker,
};

/// Chunks that a worker is to get.
struct Offer {
    job: JobId,
    chunks: ChunkRun,
    /// How long the lease was to be, in numbers; `None` for one that is no measure of the worker.
    wanted: Option<u64>,
    purpose: Purpose,
}

/// How many probes of a job wait. Counting costs in proportion to the suspects, so it is done once for all workers.
type Probes = BTreeMap<JobId, u64>;

/// What becomes of a free worker.
enum Turn {
    Gets(Offer),
    /// Nothing until it has computed what it has: then it gets a probe.
    HeldBack,
}

/// Whether the worker that holds a lease is still there when it ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    Stays,
    Left,
}

impl Scheduler {
    /// Gives leases to all workers that are free, the idle ones first, as long as there are chunks for them; then
    /// sees to it that those still free get something from the others.
    ///
    /// A probe needs an idle worker. As many as there are probes are held back until they are; the others go on.
    pub(super) fn dispatch(&mut self, now: Instant) {
        let mut after = None;
        let mut held_back = BTreeSet::new();
        let mut probes = Probes::new();
        while self.jobs.any_ready()
            && let Some(slot) = self.workers.next_free(after)
        {
            let (_, worker) = slot;
            match self.turn_of(worker, held_back.len() as u64, &mut probes) {
                Some(Turn::Gets(offer)) => {
                    self.assign(now, worker, &offer);
                    if offer.purpose == Purpose::Probe {
                        probes.remove(&offer.job);
                    }
                    continue;
                }
                Some(Turn::HeldBack) => drop(held_back.insert(worker)),
                None => {}
            }
            after = Some(slot);
        }
        self.rebalance(now, &held_back);
    }

    /// What a worker is to get next: the first chunks that wait, of the job whose turn it is.
    fn turn_of(&self, id: WorkerId, held_back: u64, probes: &mut Probes) -> Option<Turn> {
        let worker = self.workers.get(id)?;
        let alone = self.workers.active() <= 1;
        let is_idle = worker.open.is_empty();
        self.jobs.ready().find_map(|(job_id, job)| {
            let special = |chunks, purpose| Turn::Gets(Offer { job: job_id, chunks, wanted: None, purpose });
            let work = job.next_work(id, alone)?;
            // A chunk to be tried again may be for this worker alone: it has failed on the others.
            if !matches!(work, Work::Retry(_)) && self.is_barred(id, job) {
                return None;
            }
            let waiting = match work {
                Work::Retry(chunk) => return Some(special(ChunkRun::new(chunk, chunk + 1)?, Purpose::Retry)),
                Work::Probe(chunks) if is_idle => return Some(special(chunks, Purpose::Probe)),
                Work::Probe(_) if held_back < *probes.entry(job_id).or_insert_with(|| job.probes().max(1)) => {
                    return Some(Turn::HeldBack);
                }
                Work::Probe(_) => job.next_waiting()?,
                Work::Waiting(run) => run,
            };
            let sizing = self.sizing(worker, job_id, job);
            let wanted = sizing.lease_numbers(self.config.lease_target, self.config.max_lease_numbers);
            let length = (wanted / job.chunks.largest()).max(1);
            let chunks = ChunkRun::new(waiting.start(), waiting.start().saturating_add(length).min(waiting.end()))?;
            Some(Turn::Gets(Offer { job: job_id, chunks, wanted: Some(wanted), purpose: Purpose::Work }))
        })
    }

    /// Chunks that were asked back for an idle worker go to it, if it still has room for them.
    pub(super) fn hand_over(&mut self, now: Instant, to: WorkerId, job: JobId, returned: &[ChunkRun]) {
        let ready = self.jobs.get(job).is_some_and(Job::is_ready);
        let Some(&chunks) = returned.first() else {
            return;
        };
        if ready && self.workers.is_free(to) {
            let offer = Offer { job, chunks, wanted: None, purpose: Purpose::Work };
            self.assign(now, to, &offer);
        }
    }

    fn assign(&mut self, now: Instant, id: WorkerId, offer: &Offer) {
        let (Some(worker), Some(job)) = (self.workers.get(id), self.jobs.get(offer.job)) else {
            return;
        };
        let numbers = job.chunks.offsets(offer.chunks).len();
        let sizing = self.sizing(worker, offer.job, job);
        let duration = sizing.duration_of(numbers, self.config.lease_target);
        let charge = thread_time(duration, worker.threads);

        self.jobs.charge(offer.job, charge);
        let lease = self.begin(
            now,
            Lease {
                worker: id,
                job: offer.job,
                chunks: offer.chunks,
                outstanding: ChunkSet::from(offer.chunks),
                purpose: offer.purpose,
                assigned: now,
                state: LeaseState::Open,
                account: Account { numbers, charge },
            },
        );
        self.workers.update(now, id, |worker| {
            if offer.purpose == Purpose::Probe {
                worker.probe = Some(lease);
            }
            if offer.wanted.is_some() {
                worker.rates.entry(offer.job).or_default().previous = offer.wanted;
            }
        });
        self.actions.push_back(Action::Assign { worker: id, lease, job: offer.job, chunks: offer.chunks });
    }

    /// Puts a lease on the books, the chunks of which wait so far.
    pub(super) fn begin(&mut self, now: Instant, lease: Lease) -> LeaseId {
        self.last_sequence += 1;
        let id = LeaseId { incarnation: self.config.incarnation, sequence: self.last_sequence };
        self.jobs.update(lease.job, |job| {
            for run in lease.outstanding.iter() {
                job.lease_out(run, id);
            }
        });
        self.workers.update(now, lease.worker, |worker| {
            if worker.leases().next().is_none() {
                worker.progress = now;
            }
            worker.open.insert(id)
        });
        self.leases.insert(id, lease);
        self.rebalance_due = true;
        id
    }

    /// What is to be expected of a worker for a job.
    pub(super) fn sizing(&self, worker: &Worker, id: JobId, job: &Job) -> LeaseSizing {
        let worker_rate = worker.rates.get(&id).copied().unwrap_or_default();
        let rate_per_thread = job.rate_per_thread.per_second();
        let as_others = rate_per_thread.map(|rate| rate * f64::from(worker.threads));
        LeaseSizing {
            rate: worker_rate.rate.per_second().or(as_others),
            rate_per_thread,
            threads: worker.threads,
            all_threads: self.workers.active_threads(),
            waiting: job.waiting_numbers(),
            previous: worker_rate.previous,
        }
    }

    /// Takes outstanding chunks out of a lease, as not done by its worker; ends it when none is left. Where the
    /// chunks go is for the caller to say.
    pub(super) fn take_out(&mut self, now: Instant, id: LeaseId, run: ChunkRun) {
        let Some(lease) = self.leases.get_mut(&id) else {
            return;
        };
        let Some(job) = self.jobs.get(lease.job) else {
            return;
        };
        let refund = lease.account.deduct(job.chunks.offsets(run).len());
        lease.outstanding.remove(run);
        let ended = lease.outstanding.is_empty();
        self.jobs.refund(lease.job, refund);
        if ended {
            self.detach(now, id);
        }
    }

    /// Ends a lease; its chunks wait again. A worker that stays is told to stop.
    pub(super) fn release(&mut self, now: Instant, id: LeaseId, holder: Holder) {
        let Some(lease) = self.detach(now, id) else {
            return;
        };
        self.jobs.update(lease.job, |job| {
            for run in lease.outstanding.iter() {
                job.give_back(run);
            }
        });
        if holder == Holder::Stays {
            self.actions.push_back(Action::StopLease { worker: lease.worker, lease: id });
        }
    }

    /// Ends all leases of a worker.
    pub(super) fn release_all(&mut self, now: Instant, id: WorkerId, holder: Holder) {
        let leases: Vec<LeaseId> = match self.workers.get(id) {
            Some(worker) => worker.leases().collect(),
            None => return,
        };
        for lease in leases {
            self.release(now, lease, holder);
        }
    }

    /// Takes a lease off the books, but for its chunks.
    pub(super) fn detach(&mut self, now: Instant, id: LeaseId) -> Option<Lease> {
        self.set_state(now, id, LeaseState::Open);
        let lease = self.leases.remove(&id)?;
        self.workers.update(now, lease.worker, |worker| {
            worker.close(id);
            worker.computed.remove(&id);
        });
        self.rebalance_due = true;
        Some(lease)
    }

    /// Changes how far a lease is, and tells the workers that this concerns.
    pub(super) fn set_state(&mut self, now: Instant, id: LeaseId, state: LeaseState) {
        let Some(lease) = self.leases.get_mut(&id) else {
            return;
        };
        let before = std::mem::replace(&mut lease.state, state);
        if let LeaseState::Asked { by: Some(by) } = before {
            self.workers.update(now, by, |worker| worker.asking = None);
        }
        if let LeaseState::Asked { by: Some(by) } = state {
            self.workers.update(now, by, |worker| worker.asking = Some(id));
        }
        if state == LeaseState::Computed {
            self.workers.update(now, lease.worker, |worker| {
                worker.close(id);
                worker.computed.insert(id);
            });
        }
    }

    /// The outstanding chunks of each lease of each job, as the leases tell it.
    pub(super) fn outstanding(&self) -> BTreeMap<(JobId, LeaseId), ChunkSet> {
        let entries = self.leases.iter();
        entries.map(|(&id, lease)| ((lease.job, id), lease.outstanding.clone())).collect()
    }
}
