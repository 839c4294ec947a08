//! What comes after the trouble: healthy workers, who must bring every job to its end.

use std::time::Duration;

use swath_model::{ChunkRun, JobId, WorkerId};
use swath_scheduler::{Event, Outcome};

use super::{Given, World};

impl World {
    /// A healthy worker and a slow one replace all others; every job must come to its end.
    pub(crate) fn calm_down(&mut self) {
        while let Some(worker) = self.workers.pop_last() {
            self.tell(Event::WorkerLeft { worker });
        }
        self.to_do.clear();
        let jobs: Vec<_> = self.jobs.keys().copied().collect();
        for job in jobs {
            self.tell(Event::JobResumed { job });
            while let Some((job, run)) = self.received_of(job) {
                self.commit_run(job, run);
            }
        }
        let first = self.next_worker;
        self.join(1);
        self.rejoin_with_every_third_chunk(3);
        let mut rounds = 0_u32;
        while self.jobs.values().any(|truth| truth.ended.is_none()) {
            rounds += 1;
            assert!(rounds < 20_000, "no end: {:#?}", self.scheduler);
            self.pass_time(Duration::from_millis(1));
            self.answer();
            if rounds.is_multiple_of(40) {
                self.work(WorkerId(first));
            }
            self.tell(Event::Heartbeat { worker: WorkerId(first) });
            self.work(WorkerId(first + 1));
            self.check();
        }
        for truth in self.jobs.values() {
            assert!(truth.commits.values().all(|&times| times == 1));
            if truth.ended == Some(Outcome::Done) {
                assert_eq!((truth.commits.len() + truth.holes.len()) as u64, truth.count, "done is all");
            }
        }
        let leases: usize = self.scheduler.workers().map(|(_, view)| view.leases).sum();
        assert_eq!(leases, 0, "nothing is left");
    }

    fn received_of(&self, job: JobId) -> Option<(JobId, ChunkRun)> {
        let truth = self.jobs.get(&job).filter(|truth| truth.ended.is_none())?;
        let &chunk = truth.in_memory.first()?;
        Some((job, ChunkRun::new(chunk, chunk + 1)?))
    }

    /// Every worker gives back what it has not begun of what it was asked for.
    fn answer(&mut self) {
        for (lease, chunks) in std::mem::take(&mut self.asked_back) {
            let Some(holder) = self.scheduler.holder(lease) else {
                continue;
            };
            let list = self.to_do.entry(holder).or_default();
            let untouched = list.iter().skip(1).any(|given| given.lease == lease);
            if untouched {
                let asked = |given: Given| match given.lease == lease {
                    true => given.chunks.before(chunks.start()).map(|chunks| Given { chunks, ..given }),
                    false => Some(given),
                };
                let others = list.split_off(1);
                list.extend(others.into_iter().filter_map(asked));
            }
            self.tell(Event::ChunksReturned { worker: holder, lease, chunks: untouched.then_some(chunks) });
            self.seen.count("answered");
        }
    }

    /// A worker computes its next lease.
    fn work(&mut self, worker: WorkerId) {
        self.tell(Event::Heartbeat { worker });
        let list = self.to_do.entry(worker).or_default();
        list.retain(|given| self.scheduler.holder(given.lease) == Some(worker));
        let Some(given) = (!list.is_empty()).then(|| list.remove(0)) else {
            return;
        };
        self.accept(given, given.chunks);
        if !self.to_do[&worker].iter().any(|next| next.lease == given.lease) {
            self.tell(Event::LeaseComputed { worker, lease: given.lease, busy: Duration::from_millis(1) });
        }
        if self.jobs.get(&given.job).is_some_and(|t| t.ended.is_none()) {
            self.commit_run(given.job, given.chunks);
        }
    }
}
