//! Jobs that cannot be computed yet, because what evaluates them is on its way.

use std::{collections::VecDeque, sync::Arc};

use swath_model::{ChunkRun, Instant};

use super::Worker;
use crate::{Effect, Job, ToCoordinator, held::HeldLease};

impl<K> Worker<K> {
    /// The shell fetches what evaluates this job: its leases wait.
    pub fn handle_preparing(&mut self, job: Arc<Job<K>>) {
        self.preparing.push(job);
    }

    /// What evaluates a job is there; or it cannot be had, for a reason, and the job is not computed in this session.
    pub fn handle_prepared(&mut self, now: Instant, job: &Arc<Job<K>>, outcome: Result<(), String>) {
        let is_it = |other: &Arc<Job<K>>| Arc::ptr_eq(other, job);
        let Some(index) = self.preparing.iter().position(is_it) else { return };
        self.preparing.swap_remove(index);
        let Err(reason) = outcome else {
            self.effects.push_back(Effect::WakeSlots);
            return;
        };
        if let Some(session) = self.state.session_mut() {
            let described = session.jobs.values_mut().filter(|known| known.as_ref().is_ok_and(is_it));
            described.for_each(|known| *known = Err(reason.clone()));
        }
        let leases = std::mem::take(&mut self.leases).into_iter();
        let (unable, others): (VecDeque<_>, VecDeque<_>) = leases.partition(|held| is_it(&held.job));
        self.leases = others;
        for held in unable {
            self.give_up(&held, &reason);
        }
        self.leave_if_delivered(now);
    }

    /// Says that nothing of a lease will be delivered: its first chunk counts as failed.
    fn give_up(&mut self, held: &HeldLease<K>, reason: &str) {
        let (lease, chunks) = (held.id, held.chunks());
        let mut runs = held.in_flight.iter().map(|run| chunks.touched(run));
        let Some(first) = runs.next() else { return };
        let chunk = first.start();
        let number = chunks.numbers(ChunkRun::one(chunk)).first();
        let rest = ChunkRun::new(chunk + 1, first.end());
        let returned: Vec<ChunkRun> = rest.into_iter().chain(runs).collect();
        self.send(ToCoordinator::ChunkFailed { lease, chunk, number, reason: reason.to_owned() });
        for chunks in returned {
            self.send(ToCoordinator::ChunksReturned { lease, chunks: Some(chunks) });
        }
    }
}
