//! Workers that come back with what they have in hand, or say they have.

use swath_model::{ChunkRun, ChunkSet, JobId, WorkerId};
use swath_scheduler::{Event, JobState};

use super::{Given, World, part, pick};

/// Chunks in hand of one job.
type InHand = (JobId, ChunkSet);

impl World {
    /// A worker comes back under another id, or the same one: after it was missed, before, or instead of itself.
    pub(super) fn come_back(&mut self, a: u16, b: u16, c: u16) {
        let Some(old) = self.some_worker(a) else {
            return;
        };
        let mut in_hand: Vec<InHand> = self
            .given
            .iter()
            .rev()
            .filter(|given| given.worker == old)
            .take(4)
            .map(|&given| some_of(given, b, c))
            .collect();
        in_hand.reverse();
        if c.is_multiple_of(3) {
            // What somebody else has, perhaps, and more than there is.
            in_hand.extend(pick(&self.given, c).map(|given| some_of(given, 0, 0)));
            in_hand.extend(self.some_job(c).map(|job| (job, ChunkSet::from(ChunkRun::new(0, u64::MAX - 1).unwrap()))));
        }
        let worker = WorkerId(self.next_worker);
        self.next_worker += 1;
        match b % 4 {
            0 => {
                self.workers.remove(&old);
                self.tell(Event::WorkerCrashed { worker: old });
                self.rejoin(worker, 2, None, &in_hand);
            }
            1 => {
                self.workers.remove(&old);
                self.rejoin(worker, 2, Some(old), &in_hand);
                self.seen.count("took the place of its former self");
            }
            2 => self.rejoin(worker, 2, None, &in_hand),
            _ => {
                self.rejoin(old, 1, None, &in_hand);
                self.seen.count("came again");
            }
        }
        if c.is_multiple_of(5) && self.workers.contains(&worker) {
            self.rejoin(worker, 3, Some(old), &in_hand);
            self.workers.remove(&old);
            self.seen.count("came again");
        }
    }

    pub(super) fn rejoin_with_every_third_chunk(&mut self, threads: u32) {
        let worker = WorkerId(self.next_worker);
        self.next_worker += 1;
        let thirds = |count: u64| (0..count).step_by(3).filter_map(|chunk| ChunkRun::new(chunk, chunk + 1)).collect();
        let in_hand: Vec<InHand> = self.jobs.iter().map(|(&job, truth)| (job, thirds(truth.count))).collect();
        self.rejoin(worker, threads, None, &in_hand);
    }

    /// Lets a worker join, and checks that it gets of what it has in hand all that waits and nothing else.
    fn rejoin(&mut self, worker: WorkerId, threads: u32, former: Option<WorkerId>, in_hand: &[InHand]) {
        let gone = |id: WorkerId| id == worker || Some(id) == former;
        let makes_room = self.scheduler.workers().any(|(id, _)| gone(id));
        let joins = makes_room || self.scheduler.has_room_for_worker();
        let mut taken: Vec<(JobId, ChunkSet)> =
            self.jobs.keys().map(|&job| (job, self.not_waiting(job, gone))).collect();
        let newest = self.given.iter().map(|given| given.lease).max();
        let granted = self.scheduler.rejoin(self.now, worker, threads, former, in_hand);
        if joins {
            self.workers.insert(worker);
        }
        assert_eq!(granted.len(), in_hand.len());
        let mut leases = 0;
        for ((job, named), granted) in in_hand.iter().zip(granted) {
            let chunks = granted.as_ref().map(|(_, chunks)| chunks.clone()).unwrap_or_default();
            let wanted = match taken.iter_mut().find(|(id, _)| id == job) {
                Some((_, taken)) if joins && leases < 64 => {
                    let wanted = named.iter().flat_map(|run| taken.gaps(run).collect::<Vec<_>>()).collect();
                    named.iter().for_each(|run| taken.insert(run));
                    wanted
                }
                _ => ChunkSet::new(),
            };
            assert_eq!(chunks, wanted, "of {named:?} of job {job}");
            let Some((lease, _)) = granted else {
                self.seen.count("not resumed");
                continue;
            };
            assert!(newest.is_none_or(|newest| newest < lease), "{lease} again");
            assert_eq!(self.scheduler.holder(lease), Some(worker));
            leases += 1;
            self.seen.count(if chunks == *named { "resumed" } else { "resumed in part" });
            for chunks in chunks.iter() {
                assert!(self.scheduler.holds(lease, chunks));
                let given = Given { lease, worker, job: *job, chunks };
                self.given.push(given);
                self.to_do.entry(worker).or_default().push(given);
            }
        }
        self.take_actions();
        self.check();
    }

    /// The chunks of a job that cannot be had: all from its last one on, and all of one that has ended. What the workers
    /// that are `gone` hold is not among them.
    fn not_waiting(&self, job: JobId, gone: impl Fn(WorkerId) -> bool) -> ChunkSet {
        let truth = &self.jobs[&job];
        let mut taken = ChunkSet::from(ChunkRun::new(truth.count, u64::MAX).unwrap());
        if self.scheduler.job(job).is_none_or(|view| view.state != JobState::Active) {
            taken.insert(ChunkRun::new(0, u64::MAX).unwrap());
        }
        let one = |chunk: u64| ChunkRun::one(chunk);
        for &chunk in truth.commits.keys().chain(&truth.in_memory).chain(&truth.holes) {
            taken.insert(one(chunk));
        }
        let held = self.given.iter().filter(|given| given.job == job && !gone(given.worker));
        for given in held {
            let chunks = given.chunks.start()..given.chunks.end();
            chunks
                .map(one)
                .filter(|&chunk| self.scheduler.holds(given.lease, chunk))
                .for_each(|chunk| taken.insert(chunk));
        }
        taken
    }
}

/// What is in hand of a lease: all of it, or some with a gap.
fn some_of(given: Given, b: u16, c: u16) -> InHand {
    let mut chunks = ChunkSet::from(given.chunks);
    if !c.is_multiple_of(4) {
        chunks = ChunkSet::from(part(given.chunks, b, c));
        let gap = part(given.chunks, c, 0);
        if chunks.len() > 2 {
            chunks.remove(gap);
        }
    }
    (given.job, chunks)
}
