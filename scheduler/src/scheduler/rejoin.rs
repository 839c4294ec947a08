//! How a worker that was lost comes back with what it has in flight.

use super::Scheduler;
use crate::{
    ChunkSet, Instant, JobId, LeaseId, WorkerId,
    lease::{Account, Lease, LeaseState, Purpose},
};

impl Scheduler {
    /// Leases to a worker those of `chunks` that wait. It has them in flight, so they have not crashed it: they are
    /// suspected no longer, whoever holds them now.
    pub(super) fn resume(
        &mut self,
        now: Instant,
        worker: WorkerId,
        id: JobId,
        chunks: &ChunkSet,
    ) -> Option<(LeaseId, ChunkSet)> {
        let may_resume =
            self.workers.get(worker).is_some_and(|worker| worker.is_active() && worker.has_room_for_lease());
        let job = self.jobs.get(id).filter(|job| job.is_active() && may_resume)?;
        let granted = job.waiting_among(chunks);
        let numbers = granted.iter().map(|run| job.chunks.offsets(run).len()).sum();
        let hull = granted.hull();
        let lease = hull.map(|hull| {
            self.begin(
                now,
                Lease {
                    worker,
                    job: id,
                    chunks: hull,
                    outstanding: granted.clone(),
                    purpose: Purpose::Resumed,
                    assigned: now,
                    state: LeaseState::Open,
                    // What it took so far was charged with the lease before. What it takes from now on is charged when
                    // its worker reports.
                    account: Account { numbers, charge: 0 },
                },
            )
        });
        self.jobs.update(id, |job| job.clear_of_suspicion(chunks));
        lease.map(|lease| (lease, granted))
    }
}
