//! Workers that come back with what they have in flight, or say they have.

use std::time::Duration;

use swath_model::{ChunkRun, ChunkSet, Incarnation, JobId, LeaseId, OffsetSet, ResumedLease, WorkerId};
use swath_scheduler::{Event, JobState};
use swath_worker_core::{FromCoordinator, Lease, Loss, Slot, Welcome};

use super::{Given, INCARNATION, World, machine::Machine, part, pick, wire::MachineId};

/// Chunks in flight of one job.
type InFlight = (JobId, ChunkSet);

/// How a worker joins again.
struct Rejoin {
    worker: WorkerId,
    threads: u32,
    former: Option<WorkerId>,
}

impl World {
    /// A worker comes back under another id, or the same one: after it was missed, before, or instead of itself.
    pub(super) fn come_back(&mut self, a: u16, b: u16, c: u16) {
        let Some(id) = self.some_machine(a) else { return };
        self.come_back_as(id, b, c);
        if c.is_multiple_of(5) && self.machines.contains_key(&id) {
            self.come_back_as(id, b / 4, c / 5);
        }
    }

    fn come_back_as(&mut self, id: MachineId, b: u16, c: u16) {
        self.cut(id);
        let Some(old) = self.machines.get(&id).and_then(Machine::last_worker) else { return };
        let is_there = self.workers.contains(&old);
        if b.is_multiple_of(4) && is_there {
            self.miss(old, Event::WorkerCrashed { worker: old });
        }
        let is_same = b % 4 == 3 && is_there;
        let worker = if is_same { old } else { self.new_worker() };
        let now = self.now;
        let Some(machine) = self.machines.get_mut(&id) else { return };
        let hello = machine.connect(now, worker);
        // Whom it was welcomed as last.
        let former = hello.former.map(|(incarnation, former)| {
            assert!(incarnation == INCARNATION && former <= old);
            former
        });
        let mut offers: Vec<(LeaseId, InFlight)> =
            hello.offers.iter().map(|offer| (offer.lease, self.named(offer.job, &offer.offsets))).collect();
        if c.is_multiple_of(3) {
            offers.extend(self.false_offers(b, c));
        }
        let former = former.filter(|former| b % 4 == 1 && self.workers.remove(former));
        if let Some(former) = former {
            self.asked_back.retain(|&(asked, _)| asked != former);
            self.seen.count("took the place of its former self");
        }
        if is_same {
            self.seen.count("came again");
        }
        self.rejoin(id, &Rejoin { worker, threads: 1 + u32::from(c) % 4, former }, &offers);
    }

    /// The chunks that an offer is of.
    fn named(&self, job: JobId, offsets: &OffsetSet) -> InFlight {
        let chunks = self.plans[&job].chunks;
        let named: ChunkSet = offsets.iter().map(|run| chunks.touched(run)).collect();
        assert!(named.iter().all(|run| offsets.contains_run(chunks.offsets(run))), "whole chunks are in flight");
        (job, named)
    }

    /// What somebody else has, perhaps, and more than there is.
    fn false_offers(&self, b: u16, c: u16) -> Vec<(LeaseId, InFlight)> {
        let job = self.some_job(c).map(|job| (job, ChunkSet::from(ChunkRun::new(0, u64::MAX - 1).unwrap())));
        let offers = [
            pick(&self.given, b).map(|given| some_of(given, b, c)),
            pick(&self.given, c).map(|given| some_of(given, 0, 0)),
            job,
        ];
        let lease = |sequence| LeaseId { incarnation: Incarnation(0), sequence };
        (0..).map(lease).zip(offers.into_iter().flatten()).collect()
    }

    /// A worker whom an earlier coordinator had given all of every job. It has computed the first half of each but for
    /// two chunks of three, which failed.
    pub(super) fn come_with_every_third_chunk(&mut self, threads: u32) -> MachineId {
        let now = self.now;
        let mut machine = Machine::new(now, threads);
        let incarnation = Incarnation(8);
        machine.connect(now, WorkerId(1));
        let heartbeat = Duration::from_secs(1);
        machine.send(FromCoordinator::Welcome(Welcome {
            worker: WorkerId(1),
            incarnation,
            heartbeat,
            resumed: Vec::new(),
        }));
        for (&id, truth) in &self.jobs {
            let job = self.describe(id);
            let lease = Lease {
                id: LeaseId { incarnation, sequence: id.0 },
                job: id,
                fingerprint: Some(job.fingerprint),
                chunks: ChunkRun::new(0, truth.count).unwrap(),
            };
            machine.send(FromCoordinator::Job { id, job: Ok(job) });
            machine.send(FromCoordinator::Lease(lease));
            while machine.receive(now) {}
            while machine.take(now, Slot(0)) {
                let chunks = machine.computing(Slot(0)).unwrap();
                machine.compute(now, Slot(0), |chunk| !chunk.is_multiple_of(3));
                if chunks.end() > truth.count / 2 {
                    break;
                }
            }
        }
        machine.cut(now, Loss::Broken);
        let worker = self.new_worker();
        let hello = machine.connect(now, worker);
        let id = self.add_machine(machine);
        let offers: Vec<(LeaseId, InFlight)> =
            hello.offers.iter().map(|offer| (offer.lease, self.named(offer.job, &offer.offsets))).collect();
        self.rejoin(id, &Rejoin { worker, threads, former: None }, &offers);
        id
    }

    /// Lets a worker join, and tells it what goes on of its offers.
    fn rejoin(&mut self, id: MachineId, rejoin: &Rejoin, offers: &[(LeaseId, InFlight)]) {
        let named: Vec<InFlight> = offers.iter().map(|(_, named)| named.clone()).collect();
        let granted = self.grant(rejoin, &named);
        let mut resumed = Vec::new();
        for (&(lease, (job, _)), granted) in offers.iter().zip(granted) {
            let Some((next, chunks)) = granted else { continue };
            for chunks in chunks.iter() {
                self.given.push(Given { lease: next, worker: rejoin.worker, job, chunks });
            }
            resumed.push(ResumedLease { lease, next, chunks, again: OffsetSet::new() });
        }
        let welcome = self.welcome(rejoin.worker, resumed);
        if self.workers.contains(&rejoin.worker) {
            self.machines.get_mut(&id).unwrap().send(welcome);
        } else {
            self.machines.remove(&id);
            self.seen.count("no room");
        }
        self.take_actions();
        self.check();
    }

    pub(super) fn welcome(&self, worker: WorkerId, resumed: Vec<ResumedLease>) -> FromCoordinator<()> {
        let heartbeat = Duration::from_secs(1);
        FromCoordinator::Welcome(Welcome { worker, incarnation: INCARNATION, heartbeat, resumed })
    }

    /// Checks that a worker that joins gets of what it has in flight all that waits and nothing else.
    fn grant(&mut self, rejoin: &Rejoin, in_flight: &[InFlight]) -> Vec<Option<(LeaseId, ChunkSet)>> {
        let &Rejoin { worker, threads, former } = rejoin;
        let gone = |id: WorkerId| id == worker || Some(id) == former;
        let makes_room = self.scheduler.workers().any(|(id, _)| gone(id));
        let joins = makes_room || self.scheduler.has_room_for_worker();
        let mut taken: Vec<(JobId, ChunkSet)> =
            self.jobs.keys().map(|&job| (job, self.not_waiting(job, gone))).collect();
        let newest = self.given.iter().map(|given| given.lease).max();
        let granted = self.scheduler.rejoin(self.now, worker, threads, former, in_flight);
        if joins {
            self.workers.insert(worker);
        }
        assert_eq!(granted.len(), in_flight.len());
        let mut leases = 0;
        for ((job, named), granted) in in_flight.iter().zip(&granted) {
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
            let &Some((lease, _)) = granted else {
                self.seen.count("not resumed");
                continue;
            };
            assert!(newest.is_none_or(|newest| newest < lease), "{lease} again");
            assert_eq!(self.scheduler.holder(lease), Some(worker));
            assert!(chunks.iter().all(|chunks| self.scheduler.holds(lease, chunks)));
            leases += 1;
            self.seen.count(if chunks == *named { "resumed" } else { "resumed in part" });
        }
        granted
    }

    /// The chunks of a job that cannot be had: all from its last one on, and all of one that has ended. What the
    /// workers that are `gone` hold is not among them.
    fn not_waiting(&self, job: JobId, gone: impl Fn(WorkerId) -> bool) -> ChunkSet {
        let truth = &self.jobs[&job];
        let mut taken = ChunkSet::from(ChunkRun::new(truth.count, u64::MAX).unwrap());
        if self.scheduler.job(job).is_none_or(|view| view.state != JobState::Active) {
            taken.insert(ChunkRun::new(0, u64::MAX).unwrap());
        }
        let one = |chunk: u64| ChunkRun::one(chunk);
        for &chunk in truth.commits.keys().chain(&truth.in_memory).chain(&truth.failed) {
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

/// What is in flight of a lease: all of it, or some with a gap.
fn some_of(given: Given, b: u16, c: u16) -> InFlight {
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
