//! What comes after the faults: healthy workers, who must bring every job to its end.

use std::time::Duration;

use swath_model::{ChunkRun, JobId};
use swath_scheduler::{Event, Outcome};
use swath_worker_core::Slot;

use super::{World, wire::MachineId};

/// The slots of the worker that is not slow.
const SLOTS: u32 = 3;

impl World {
    /// A healthy worker and a slow one replace all others; every job must come to its end.
    pub(crate) fn calm_down(&mut self) {
        self.machines.clear();
        while let Some(worker) = self.workers.pop_last() {
            self.tell(Event::WorkerLeft { worker });
        }
        let jobs: Vec<_> = self.jobs.keys().copied().collect();
        for &job in &jobs {
            self.tell(Event::JobResumed { job });
            self.commit_received(job);
        }
        let slow = self.next_machine;
        self.join(1);
        let fast = self.come_with_every_third_chunk(SLOTS);
        let mut rounds = 0_u32;
        while self.jobs.values().any(|truth| truth.ended.is_none()) {
            rounds += 1;
            assert!(rounds < 20_000, "no end: {:#?}", self.scheduler);
            self.pass_time(Duration::from_millis(1));
            self.exchange(slow);
            if rounds.is_multiple_of(40) {
                self.compute(slow, 1);
            }
            self.exchange(fast);
            self.compute(fast, SLOTS);
            jobs.iter().for_each(|&job| self.commit_received(job));
            self.check();
        }
        for truth in self.jobs.values() {
            assert!(truth.commits.values().all(|&times| times == 1));
            if truth.ended == Some(Outcome::Done) {
                assert_eq!((truth.commits.len() + truth.failed.len()) as u64, truth.count, "done is all");
            }
        }
        let leases: usize = self.scheduler.workers().map(|(_, view)| view.leases).sum();
        assert_eq!(leases, 0, "nothing is left");
        self.exchange(slow);
        self.exchange(fast);
        assert!(self.machines[&slow].is_idle() && self.machines[&fast].is_idle(), "{:#?}", self.machines);
    }

    fn commit_received(&mut self, job: JobId) {
        while let Some(run) = self.received_of(job) {
            self.commit_run(job, run);
        }
    }

    fn received_of(&self, job: JobId) -> Option<ChunkRun> {
        let truth = self.jobs.get(&job).filter(|truth| truth.ended.is_none())?;
        truth.in_memory.first().map(|&chunk| ChunkRun::one(chunk))
    }

    /// All that is on the way arrives, until nothing comes of it.
    fn exchange(&mut self, id: MachineId) {
        let now = self.now;
        self.machines.get_mut(&id).unwrap().wake(now);
        loop {
            let received = self.machines.get_mut(&id).unwrap().receive(now);
            if !self.arrive(id) && !received {
                break;
            }
        }
    }

    /// A worker has computed its tasks, and takes others.
    fn compute(&mut self, id: MachineId, slots: u32) {
        let now = self.now;
        let machine = self.machines.get_mut(&id).unwrap();
        for slot in (0..slots).map(Slot) {
            machine.compute(now, slot, |_| false);
            machine.take(now, slot);
        }
    }
}
