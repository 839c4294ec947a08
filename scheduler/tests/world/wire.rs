//! Between the scheduler and the workers, as the shell of a coordinator does it: actions become messages, messages
//! become facts, and blocks pass the fence or do not.

use std::sync::Arc;

use swath_model::{BlockBounds, ChunkRun, ChunkSet, Fingerprint, JobId, LeaseId, WorkerId, WorkerState};
use swath_scheduler::Event;
use swath_worker_core::{FromCoordinator, Job, Lease, Loss, Slot, ToCoordinator};

use super::{
    World,
    machine::{Arrival, Machine},
    pick,
};

/// Names a process of the world.
pub(super) type MachineId = u64;

impl World {
    pub(super) fn some_machine(&self, choice: u16) -> Option<MachineId> {
        let machines: Vec<_> = self.machines.keys().copied().collect();
        pick(&machines, choice)
    }

    fn machine_of(&mut self, worker: WorkerId) -> Option<&mut Machine> {
        self.machines.values_mut().find(|machine| machine.worker() == Some(worker))
    }

    /// Sends a message to a worker. One that nobody listens to is lost.
    pub(super) fn send(&mut self, worker: WorkerId, message: FromCoordinator<()>) {
        if let Some(machine) = self.machine_of(worker) {
            machine.send(message);
        }
    }

    pub(super) fn send_lease(&mut self, worker: WorkerId, lease: LeaseId, id: JobId, chunks: ChunkRun) {
        let job = self.describe(id);
        let fingerprint = Some(job.fingerprint);
        let Some(machine) = self.machine_of(worker) else { return };
        if machine.describe(id) {
            machine.send(FromCoordinator::Job { id, job: Ok(job) });
        }
        machine.send(FromCoordinator::Lease(Lease { id: lease, job: id, fingerprint, chunks }));
    }

    pub(super) fn send_job_ended(&mut self, id: JobId) {
        for machine in self.machines.values_mut() {
            if machine.end_job(id) {
                machine.send(FromCoordinator::JobEnded { id });
            }
        }
    }

    /// A job as workers know it.
    pub(super) fn describe(&self, id: JobId) -> Arc<Job<()>> {
        let mut fingerprint = [0; Fingerprint::BYTES];
        fingerprint.iter_mut().zip(id.0.to_le_bytes()).for_each(|(to, from)| *to = from);
        let (chunks, bounds) = (self.plans[&id].chunks, BlockBounds { piece: u64::MAX, most: u64::MAX });
        Arc::new(Job { id, fingerprint: Fingerprint(fingerprint), chunks, bounds, kernel: () })
    }

    /// A worker gets on with some of its work, and some of what is on the way arrives.
    pub(super) fn work(&mut self, a: u16, b: u16, c: u16) {
        let Some(id) = self.some_machine(a) else { return };
        let mut choices = (u64::from(a) << 32) ^ (u64::from(b) << 16) ^ u64::from(c);
        for _ in 0..9 {
            let (what, which) = (choices % 32, (choices >> 3) as u16);
            choices >>= 5;
            let slot = Slot(u32::from(which) % 4);
            let now = self.now;
            let Some(machine) = self.machines.get_mut(&id) else { return };
            match what {
                0..=7 => drop(machine.receive(now)),
                8..=13 => drop(machine.take(now, slot)),
                14..=19 => machine.compute(now, slot, |_| false),
                20..=27 => drop(self.arrive(id)),
                28 => self.overtake(id),
                29 => machine.compute(now, slot, |chunk| chunk % 3 == u64::from(which) % 3),
                30 => machine.give_up(now, slot),
                _ => machine.wake(now),
            }
            self.remove_ended(id);
        }
    }

    /// The next thing that a worker sent arrives. Whether there was one.
    pub(super) fn arrive(&mut self, id: MachineId) -> bool {
        let machine = self.machines.get_mut(&id);
        let arrival = machine.and_then(|machine| Some((machine.worker()?, machine.arrival()?)));
        let Some((worker, arrival)) = arrival else { return false };
        self.on_arrival(worker, arrival);
        true
    }

    fn overtake(&mut self, id: MachineId) {
        let machine = self.machines.get_mut(&id);
        let arrival = machine.and_then(|machine| Some((machine.worker()?, machine.block_arrival()?)));
        if let Some((worker, block)) = arrival {
            self.on_arrival(worker, block);
        }
    }

    fn on_arrival(&mut self, worker: WorkerId, arrival: Arrival) {
        match arrival {
            Arrival::Message(message) => self.on_message(worker, message),
            Arrival::Block(block) => {
                self.accept(block.lease, block.job, block.chunks);
                if let Some(machine) = self.machine_of(worker) {
                    machine.send_receipt();
                }
            }
        }
    }

    fn on_message(&mut self, worker: WorkerId, message: ToCoordinator) {
        match message {
            ToCoordinator::Hello { .. } => panic!("{worker} says Hello again"),
            ToCoordinator::Heartbeat { .. } => self.on_heartbeat(worker),
            ToCoordinator::LeaseComputed { lease, busy } => {
                self.seen.count("computed");
                self.tell(Event::LeaseComputed { worker, lease, busy });
            }
            ToCoordinator::ChunksReturned { lease, chunks } => {
                if let Some(place) = self.asked_back.iter().position(|&asked| asked == (worker, lease)) {
                    self.asked_back.swap_remove(place);
                    self.seen.count("answered");
                }
                self.on_returned(worker, lease, chunks);
            }
            ToCoordinator::ChunkFailed { lease, chunk, number, reason } => {
                self.on_failed(worker, lease, chunk, (number, reason));
            }
            ToCoordinator::Leaving => {
                self.seen.count("leaving");
                self.drain(worker);
            }
        }
    }

    pub(super) fn on_heartbeat(&mut self, worker: WorkerId) {
        let silent = |world: &World| {
            let view = world.scheduler.worker(worker);
            view.is_some_and(|view| view.state == WorkerState::Silent)
        };
        if silent(self) {
            self.seen.count("came back");
        }
        self.tell(Event::Heartbeat { worker });
        assert!(!silent(self));
    }

    pub(super) fn on_returned(&mut self, worker: WorkerId, lease: LeaseId, chunks: Option<ChunkRun>) {
        let held = |world: &World| -> ChunkSet {
            let is_held = |&run: &ChunkRun| world.scheduler.holds(lease, run);
            chunks.into_iter().flat_map(ChunkRun::iter).map(ChunkRun::one).filter(is_held).collect()
        };
        let (holder, before) = (self.scheduler.holder(lease), held(self));
        self.tell(Event::ChunksReturned { worker, lease, chunks });
        if !before.is_empty() {
            let after = if holder == Some(worker) { ChunkSet::new() } else { before };
            assert_eq!(held(self), after, "{worker} returns {chunks:?} of {lease}, held by {holder:?}");
            self.seen.count(if holder == Some(worker) { "returned" } else { "not its own" });
        }
    }

    pub(super) fn on_failed(&mut self, worker: WorkerId, lease: LeaseId, chunk: u64, failure: (i64, String)) {
        let held = |world: &World| world.scheduler.holds(lease, ChunkRun::one(chunk));
        let (holder, was_held) = (self.scheduler.holder(lease), held(self));
        let (number, reason) = failure;
        self.tell(Event::ChunkFailed { worker, lease, chunk, number, reason });
        if was_held {
            assert_eq!(held(self), holder != Some(worker), "{chunk} of {lease} failed at {worker}, held by {holder:?}");
            self.seen.count(if holder == Some(worker) { "kernel failed" } else { "not its own" });
        }
    }

    /// Fences a block, and checks that no chunk passes twice.
    pub(super) fn accept(&mut self, lease: LeaseId, job: JobId, chunks: ChunkRun) {
        let Some(worker) = self.scheduler.holder(lease).filter(|_| self.scheduler.leased_job(lease) == Some(job))
        else {
            self.seen.count("refused");
            return;
        };
        if !self.scheduler.holds(lease, chunks) {
            self.seen.count("refused");
            // Where it holds some of them, nobody will send those again.
            self.tell(Event::ChunksReturned { worker, lease, chunks: Some(chunks) });
            return;
        }
        let truth = self.jobs.get_mut(&job).unwrap();
        for chunk in chunks.iter() {
            assert!(!truth.commits.contains_key(&chunk), "{chunk} is committed");
            assert!(truth.in_memory.insert(chunk), "{chunk} was received twice");
        }
        self.seen.count("received");
        self.tell(Event::ChunksReceived { job, chunks });
    }

    /// Tells a worker to come to its end.
    pub(super) fn drain(&mut self, worker: WorkerId) {
        self.scheduler.drain(self.now, worker).unwrap();
        self.send(worker, FromCoordinator::ShutDown);
        self.take_actions();
        self.seen.count("drained");
    }

    /// The connection of a worker breaks, and the coordinator sees it now or later, when it may be somebody else
    /// already.
    pub(super) fn cut(&mut self, id: MachineId) {
        let now = self.now;
        if let Some(machine) = self.machines.get_mut(&id) {
            machine.cut(now, Loss::Broken);
        }
        self.remove_ended(id);
    }

    /// A worker that has ended closes its connection.
    pub(super) fn remove_ended(&mut self, id: MachineId) {
        if !self.machines.get(&id).is_some_and(Machine::has_ended) {
            return;
        }
        let worker = self.machines.remove(&id).and_then(|machine| machine.worker());
        let Some(worker) = worker.filter(|worker| self.workers.remove(worker)) else { return };
        self.seen.count("ended by itself");
        self.tell(Event::WorkerLeft { worker });
    }
}
