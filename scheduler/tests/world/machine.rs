//! A worker: the real core, and around it what a process has, slots that compute and one connection.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use swath_model::{ChunkRun, Incarnation, Instant, JobId, LeaseId, OffsetRun, ResumeOffer, WorkerId};
use swath_worker_core::{
    BlockId, Config, Effect, FromCoordinator, Loss, NextTask, SessionId, Slot, Task, ToCoordinator, Worker,
};

/// How many blocks a connection takes that have no receipt yet.
const WINDOW: usize = 3;

/// A process that is a worker.
#[derive(Debug)]
pub(super) struct Machine {
    core: Worker<()>,
    /// What its slots compute.
    tasks: BTreeMap<Slot, Task<()>>,
    /// Slots that were told to stop, and have not said that they are done.
    stopped: VecDeque<Slot>,
    /// The blocks that it keeps the bytes of.
    blocks: BTreeSet<BlockId>,
    /// The attempt to connect that the core waits for.
    attempt: Option<SessionId>,
    line: Option<Line>,
    /// Who it was when it joined last.
    last_worker: Option<WorkerId>,
    has_ended: bool,
}

/// Its connection, and what is on the way on it.
#[derive(Debug)]
struct Line {
    session: SessionId,
    inbound: VecDeque<FromCoordinator<()>>,
    receipts: usize,
    outbound: VecDeque<ToCoordinator>,
    uploads: VecDeque<Block>,
    without_receipt: usize,
    described: BTreeSet<JobId>,
}

/// What arrives at the coordinator.
#[derive(Debug)]
pub(super) enum Arrival {
    Message(ToCoordinator),
    Block(Block),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) lease: LeaseId,
    pub(super) job: JobId,
    pub(super) chunks: ChunkRun,
}

/// What a worker says when it joins.
#[derive(Debug)]
pub(super) struct Hello {
    pub(super) former: Option<(Incarnation, WorkerId)>,
    pub(super) offers: Vec<ResumeOffer>,
}

impl Machine {
    /// Waits to be connected. A block has whole chunks, however many numbers that is: the scheduler knows no others.
    pub(super) fn new(now: Instant, slots: u32) -> Self {
        let pause = Duration::ZERO;
        let config = Config { slots, first_pause: pause, last_pause: pause, ..Config::default() };
        let mut machine = Machine {
            core: Worker::new(now, config),
            tasks: BTreeMap::new(),
            stopped: VecDeque::new(),
            blocks: BTreeSet::new(),
            attempt: None,
            line: None,
            last_worker: None,
            has_ended: false,
        };
        machine.carry_out();
        machine
    }

    /// Calls the core, and carries out what it decides.
    fn call<T>(&mut self, now: Instant, call: impl FnOnce(&mut Worker<()>) -> T) -> T {
        let result = call(&mut self.core);
        self.carry_out();
        // Slots that are told to stop do so at once.
        while let Some(slot) = self.stopped.pop_front() {
            self.core.finish(now, slot, "the slot was stopped");
            self.carry_out();
        }
        self.core.check_invariants();
        result
    }

    fn carry_out(&mut self) {
        while let Some(effect) = self.core.poll_effect() {
            match effect {
                Effect::Connect(session) => self.attempt = Some(session),
                Effect::Send(_, message) => {
                    self.line.as_mut().expect("it says something on no connection").outbound.push_back(message);
                }
                Effect::UploadReady(_) => self.upload(),
                Effect::StopSlot(slot) => {
                    assert!(self.tasks.remove(&slot).is_some(), "{slot:?} is stopped, but idle");
                    self.stopped.push_back(slot);
                }
                Effect::DropBlock(block) => assert!(self.blocks.remove(&block), "{block:?} is dropped twice"),
                Effect::WakeSlots | Effect::Waiting => {}
                Effect::End(_) => self.has_ended = true,
            }
        }
    }

    fn upload(&mut self) {
        let Some(line) = &mut self.line else { return };
        while line.without_receipt < WINDOW
            && let Some(upload) = self.core.poll_upload(line.session)
        {
            let chunks = upload.job.chunks.touched(upload.offsets);
            assert_eq!(upload.job.chunks.offsets(chunks), upload.offsets, "a block of whole chunks");
            line.uploads.push_back(Block { lease: upload.lease, job: upload.job.id, chunks });
            line.without_receipt += 1;
        }
    }

    /// Connects, and says Hello.
    pub(super) fn connect(&mut self, now: Instant, worker: WorkerId) -> Hello {
        assert!(self.line.is_none(), "it has a connection");
        self.wake(now);
        let session = self.attempt.take().expect("it does not want to connect");
        self.last_worker = Some(worker);
        self.line = Some(Line {
            session,
            inbound: VecDeque::new(),
            receipts: 0,
            outbound: VecDeque::new(),
            uploads: VecDeque::new(),
            without_receipt: 0,
            described: BTreeSet::new(),
        });
        self.call(now, |core| core.handle_connected(session));
        match self.line.as_mut().and_then(|line| line.outbound.pop_front()) {
            Some(ToCoordinator::Hello { former, offers }) => Hello { former, offers },
            other => panic!("{other:?} is no Hello"),
        }
    }

    /// The connection is gone, with all that is on the way on it.
    pub(super) fn cut(&mut self, now: Instant, loss: Loss) {
        if let Some(line) = self.line.take() {
            self.call(now, |core| core.handle_lost(now, line.session, loss, 0));
        }
    }

    /// Does what the core wanted to do by now.
    pub(super) fn wake(&mut self, now: Instant) {
        if self.core.poll_timeout().is_some_and(|due| due <= now) {
            self.call(now, |core| core.handle_timeout(now));
        }
    }

    /// It is told to stop, on its own machine.
    pub(super) fn stop(&mut self, now: Instant) {
        self.call(now, |core| core.handle_stop(now));
    }

    /// The coordinator sends it a message.
    pub(super) fn send(&mut self, message: FromCoordinator<()>) {
        if let Some(line) = &mut self.line {
            line.inbound.push_back(message);
        }
    }

    /// Whether it is to be told of a job that it has not heard of in this session.
    pub(super) fn describe(&mut self, job: JobId) -> bool {
        self.line.as_mut().is_some_and(|line| line.described.insert(job))
    }

    /// Whether it was told of this job, which has ended.
    pub(super) fn end_job(&mut self, job: JobId) -> bool {
        self.line.as_mut().is_some_and(|line| line.described.remove(&job))
    }

    pub(super) fn send_receipt(&mut self) {
        if let Some(line) = &mut self.line {
            line.receipts += 1;
        }
    }

    /// The next message or receipt arrives at the worker. Whether there was one.
    pub(super) fn receive(&mut self, now: Instant) -> bool {
        let Some(line) = &mut self.line else { return false };
        let session = line.session;
        if let Some(message) = line.inbound.pop_front() {
            self.call(now, |core| core.handle_message(now, session, message));
            return true;
        }
        if line.receipts == 0 {
            return false;
        }
        line.receipts -= 1;
        line.without_receipt -= 1;
        self.call(now, |core| core.handle_receipt(now, session)).expect("a receipt for each block");
        self.upload();
        self.carry_out();
        true
    }

    /// The next message, or else the next block, arrives at the coordinator.
    pub(super) fn arrival(&mut self) -> Option<Arrival> {
        let line = self.line.as_mut()?;
        line.outbound.pop_front().map(Arrival::Message).or_else(|| line.uploads.pop_front().map(Arrival::Block))
    }

    /// The next block arrives at the coordinator: it may overtake messages.
    pub(super) fn block_arrival(&mut self) -> Option<Arrival> {
        self.line.as_mut()?.uploads.pop_front().map(Arrival::Block)
    }

    /// A slot that is idle takes a task. Whether one did.
    pub(super) fn take(&mut self, now: Instant, slot: Slot) -> bool {
        match self.call(now, |core| core.take(now, slot)) {
            NextTask::Compute(task) => {
                assert!(self.tasks.insert(slot, task).is_none(), "{slot:?} has two tasks");
                true
            }
            NextTask::Wait | NextTask::Leave => false,
        }
    }

    /// A slot has computed its task: `fails` says which chunks of it failed.
    pub(super) fn compute(&mut self, now: Instant, slot: Slot, fails: impl Fn(u64) -> bool) {
        let Some(task) = self.tasks.remove(&slot) else { return };
        let chunks = task.job.chunks;
        let mut start = task.offsets.start();
        for chunk in chunks.touched(task.offsets).iter().filter(|&chunk| fails(chunk)) {
            let failed = chunks.offsets(ChunkRun::one(chunk));
            self.deliver(now, slot, OffsetRun::new(start, failed.start()));
            let number = chunks.range().at(failed.start()).unwrap();
            self.call(now, |core| core.handle_failed(slot, chunk, number, "odd".to_owned()));
            start = failed.end();
        }
        self.deliver(now, slot, OffsetRun::new(start, task.offsets.end()));
        self.call(now, |core| core.finish(now, slot, "the slot delivered nothing"));
    }

    fn deliver(&mut self, now: Instant, slot: Slot, offsets: Option<OffsetRun>) {
        if let Some(offsets) = offsets {
            // The shell keeps the bytes before it carries anything out.
            let block = self.core.handle_block(slot, offsets);
            self.blocks.extend(block);
            self.call(now, |_| ());
        }
    }

    /// A slot ends, and delivers nothing of its task.
    pub(super) fn give_up(&mut self, now: Instant, slot: Slot) {
        if self.tasks.remove(&slot).is_some() {
            self.call(now, |core| core.finish(now, slot, "odd"));
        }
    }

    /// The chunks that a slot computes.
    pub(super) fn computing(&self, slot: Slot) -> Option<ChunkRun> {
        self.tasks.get(&slot).map(|task| task.job.chunks.touched(task.offsets))
    }

    /// Who it is, as long as it has a connection.
    pub(super) fn worker(&self) -> Option<WorkerId> {
        self.line.as_ref().and(self.last_worker)
    }

    /// Who it is, or was when it had a connection.
    pub(super) fn last_worker(&self) -> Option<WorkerId> {
        self.last_worker
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Whether it has nothing to compute and nothing to send.
    pub(super) fn is_idle(&self) -> bool {
        self.tasks.is_empty() && self.blocks.is_empty() && self.core.waiting_blocks() == 0
    }
}
