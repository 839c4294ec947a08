//! The shell of a worker: it carries out what the real core decides.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use swath_model::OffsetRun;
use swath_worker_core::{
    Effect, FromCoordinator, Job, Loss, NextTask, Outcome, SessionId as Attempt, Slot, ToCoordinator, Worker,
};

use super::{
    Cluster,
    connections::InFlight,
    note,
    verdict::{NO_PROGRAM, kernel_says},
};
use crate::{
    event::{Block, Event, LeasedJob, ProcessId, SessionId, TaskId},
    plan::{ALWAYS, one},
    process::{Process, Product, Thread},
};

impl Cluster {
    pub(super) fn start(&mut self, process: ProcessId) {
        if self.processes[process].is_running() {
            return;
        }
        note!(self, "process {process} starts");
        self.processes[process].start(self.now);
        self.drive(process);
    }

    /// Calls the core of a process, if it runs, and carries out what it decides.
    fn call<T>(&mut self, process: ProcessId, call: impl FnOnce(&mut Worker<LeasedJob>) -> T) -> Option<T> {
        let result = self.processes[process].core.as_mut().map(call);
        self.drive(process);
        result
    }

    /// Carries out what a core has decided, delivers what threads have computed, and gives them tasks, until nothing of
    /// that is left to do.
    fn drive(&mut self, process: ProcessId) {
        loop {
            self.carry_out_effects(process);
            if !self.deliver(process) && !self.feed(process) {
                break;
            }
        }
        let Some(core) = &self.processes[process].core else { return };
        core.check_invariants();
        let due = core.poll_timeout();
        if let Some(due) = due.filter(|due| self.processes[process].wakes_at.is_none_or(|at| *due < at)) {
            self.processes[process].wakes_at = Some(due);
            self.agenda.plan(due.max(self.now), Event::ProcessWakes { process });
        }
    }

    fn carry_out_effects(&mut self, process: ProcessId) {
        while let Some(effect) = self.processes[process].core.as_mut().and_then(Worker::poll_effect) {
            match effect {
                Effect::Connect(attempt) => self.connect(process, attempt),
                Effect::Send(attempt, message) => self.send(process, attempt, message),
                Effect::UploadReady(_) => self.send_blocks(process),
                Effect::StopSlot(Slot(slot)) => {
                    self.tally.count("threads stopped");
                    self.processes[process].threads[slot as usize] = Thread::Delivering(VecDeque::new());
                }
                Effect::DropBlock(block) => {
                    if !self.processes[process].blocks.remove(&block) {
                        self.break_promise(format!("process {process} drops block {block:?} twice"));
                    }
                }
                Effect::WakeSlots | Effect::Waiting => {}
                Effect::End(outcome) => self.go(process, outcome),
            }
        }
    }

    fn connect(&mut self, process: ProcessId, attempt: Attempt) {
        if !self.coordinator.is_up() {
            let (now, random) = (self.now, self.random.next());
            if let Some(core) = &mut self.processes[process].core {
                core.handle_lost(now, attempt, Loss::Unreachable, random);
            }
            return;
        }
        let session = self.network.open(process, self.coordinator.incarnation);
        note!(self, "process {process} opens session {session}");
        let opening = &mut self.processes[process];
        opening.session = Some((session, attempt));
        opening.on_the_way.clear();
        if let Some(core) = &mut opening.core {
            core.handle_connected(attempt);
        }
    }

    fn send(&mut self, process: ProcessId, attempt: Attempt, message: ToCoordinator) {
        if let Err(broken) = self.processes[process].witness.on_said(&message) {
            self.break_promise(format!("process {process}: {broken}"));
        }
        let Some((session, _)) = self.processes[process].session.filter(|(_, present)| *present == attempt) else {
            self.break_promise(format!("process {process} says something in no session: {message:?}"));
            return;
        };
        if self.processes[process].resumes && matches!(message, ToCoordinator::ChunksReturned { .. }) {
            self.tally.count("chunks given back that were resumed");
        }
        if matches!(message, ToCoordinator::Hello { .. }) && !self.faults.is_calm && self.random.one_in(30) {
            self.tally.count("workers that joined twice");
            self.say(session, message.clone());
        }
        self.say(session, message);
    }

    /// Sends blocks as far as the connection takes them.
    fn send_blocks(&mut self, process: ProcessId) {
        let Some((session, attempt)) = self.processes[process].session else { return };
        while self.processes[process].on_the_way.len() < self.plan.upload_window {
            let sending = &mut self.processes[process];
            let Some(upload) = sending.core.as_mut().and_then(|core| core.poll_upload(attempt)) else { break };
            sending.on_the_way.push_back(upload.block);
            let again = !sending.sent.insert(upload.block);
            if again {
                self.tally.count("blocks sent again");
            }
            if let Err(broken) = self.processes[process].witness.on_upload(&upload) {
                self.break_promise(format!("process {process}: {broken}"));
            }
            let block = Block { lease: upload.lease, job: upload.job.kernel, offsets: upload.offsets, again };
            self.upload(session, block);
        }
    }

    /// Threads that have computed something hand it over as far as there is room. Whether any did.
    fn deliver(&mut self, process: ProcessId) -> bool {
        let (now, room) = (self.now, self.plan.upload_room);
        let Process { core, threads, blocks, .. } = &mut self.processes[process];
        let Some(core) = core else { return false };
        let mut any = false;
        for (slot, thread) in (0..).map(Slot).zip(threads) {
            let Thread::Delivering(products) = thread else { continue };
            while let Some(product) = products.front().copied() {
                match product {
                    Product::Failed { chunk, number } => core.handle_failed(slot, chunk, number, kernel_says(number)),
                    Product::Block(_) if blocks.len() >= room => break,
                    Product::Block(offsets) => blocks.extend(core.handle_block(slot, offsets)),
                }
                products.pop_front();
                any = true;
            }
            if products.is_empty() {
                *thread = Thread::Idle;
                core.finish(now, slot, "the thread is gone");
                any = true;
            }
        }
        any
    }

    /// Threads that have nothing to do take a task. Whether any did.
    fn feed(&mut self, process: ProcessId) -> bool {
        let mut any = false;
        for thread in 0..self.processes[process].threads.len() {
            if !matches!(self.processes[process].threads[thread], Thread::Idle) {
                continue;
            }
            let now = self.now;
            let Some(core) = &mut self.processes[process].core else { break };
            let NextTask::Compute(task) = core.take(now, Slot(thread as u32)) else { break };
            let (job, offsets) = (task.job.kernel, task.offsets);
            self.last_task += 1;
            let id = self.last_task;
            let plan = &self.plan.jobs[job.index];
            let killer = plan.killers.range(offsets.start()..offsets.end()).next().copied();
            let numbers = killer.map_or(offsets.len(), |killer| killer - offsets.start() + 1);
            let nanos = u128::from(numbers) * u128::from(plan.cost) / 10 / u128::from(self.processes[process].speed);
            let nanos = (nanos as u64).max(1000);
            let span = Duration::from_nanos(self.random.within(nanos - nanos / 5, nanos + nanos / 5));
            self.processes[process].threads[thread] = Thread::Computing { task: id, job, offsets };
            let event = match killer {
                Some(_) => Event::TaskCrashes { process, thread, task: id },
                None => Event::TaskDone { process, thread, task: id },
            };
            self.plan_in(span, event);
            any = true;
        }
        any
    }

    pub(super) fn on_told(&mut self, session: SessionId, message: FromCoordinator<LeasedJob>) {
        let process = self.network.process(session);
        let attempt = self.attempt(process, session).filter(|_| self.network.tells(session));
        let Some(attempt) = attempt else {
            self.tally.count("messages lost");
            return;
        };
        self.processes[process].witness.on_told(&message);
        let now = self.now;
        let resumed = match &message {
            FromCoordinator::Welcome(welcome) => welcome.resumed.len(),
            _ => 0,
        };
        if let FromCoordinator::ReturnChunks { lease, chunks } = &message {
            note!(self, "process {process} is asked for {chunks} of {lease}");
        }
        let is_welcome = matches!(message, FromCoordinator::Welcome(_));
        self.processes[process].resumes = is_welcome;
        if let FromCoordinator::Job { job: Ok(job), .. } = &message
            && self.plan.jobs[job.kernel.index].has_program
        {
            self.fetch_program(process, attempt, Arc::clone(job));
        }
        self.call(process, |core| core.handle_message(now, attempt, message));
        self.processes[process].resumes = false;
        if is_welcome {
            self.network.get(session).is_welcome = true;
            let kept = self.processes[process].core.as_ref().map_or(0, Worker::waiting_blocks);
            self.tally.add("blocks kept over the end of a session", kept as u64);
            if resumed > 0 && !self.faults.is_calm {
                self.fault_after_resuming(process, session);
            }
        }
    }

    /// The program of a job is on its way. Some cannot be had, now and here.
    fn fetch_program(&mut self, process: ProcessId, attempt: Attempt, job: Arc<Job<LeasedJob>>) {
        let is_there = self.faults.is_calm || !self.random.one_in(12);
        let is_slow = self.random.one_in(4);
        let span = self.random.millis(1, if is_slow { 5000 } else { 200 });
        if let Some(core) = &mut self.processes[process].core {
            core.handle_preparing(Arc::clone(&job));
        }
        self.plan_in(span, Event::Prepared { process, attempt, job, is_there });
    }

    /// What was fetched in a session that is over is of no use.
    pub(super) fn on_prepared(
        &mut self,
        process: ProcessId,
        attempt: Attempt,
        job: &Arc<Job<LeasedJob>>,
        is_there: bool,
    ) {
        if self.processes[process].session.is_none_or(|(_, present)| present != attempt) {
            self.tally.count("programs that came too late");
            return;
        }
        self.tally.count(if is_there { "programs fetched" } else { "programs that could not be had" });
        if !is_there {
            self.promises.no_program.insert(job.id);
        }
        let (now, outcome) = (self.now, if is_there { Ok(()) } else { Err(NO_PROGRAM.to_owned()) });
        self.call(process, |core| core.handle_prepared(now, job, outcome));
    }

    /// The attempt of a core that a session is, if it is the present one.
    fn attempt(&self, process: ProcessId, session: SessionId) -> Option<Attempt> {
        let (present, attempt) = self.processes[process].session?;
        (present == session).then_some(attempt)
    }

    pub(super) fn on_receipted(&mut self, session: SessionId, stream: u32) {
        let process = self.network.process(session);
        let attempt = self.attempt(process, session).filter(|_| self.network.receipts(session, stream));
        let Some(attempt) = attempt else {
            self.tally.count("messages lost");
            return;
        };
        let (now, sent) = (self.now, self.processes[process].on_the_way.pop_front());
        let settled = self.call(process, |core| core.handle_receipt(now, attempt));
        let is_settled = sent.is_some_and(|sent| !self.processes[process].blocks.contains(&sent));
        if settled != Some(Ok(())) || !is_settled {
            self.break_promise(format!("process {process} has a receipt for {sent:?} and does not settle that"));
        }
        self.send_blocks(process);
        self.drive(process);
    }

    pub(super) fn on_process_wakes(&mut self, process: ProcessId) {
        if self.processes[process].wakes_at.is_some_and(|at| at <= self.now) {
            self.processes[process].wakes_at = None;
        }
        let now = self.now;
        self.call(process, |core| core.handle_timeout(now));
    }

    pub(super) fn on_worker_notices(&mut self, session: SessionId) {
        let process = self.network.process(session);
        let Some(attempt) = self.attempt(process, session) else { return };
        note!(self, "process {process} sees that session {session} is over");
        self.close_worker_end(session, InFlight::Arrives);
        self.processes[process].session = None;
        let (now, random) = (self.now, self.random.next());
        self.call(process, |core| core.handle_lost(now, attempt, Loss::Broken, random));
    }

    fn is_at(&self, process: ProcessId, thread: usize, task: TaskId) -> Option<(LeasedJob, OffsetRun)> {
        match self.processes[process].threads.get(thread)? {
            Thread::Computing { task: present, job, offsets } if *present == task => Some((*job, *offsets)),
            _ => None,
        }
    }

    pub(super) fn on_task_crashes(&mut self, process: ProcessId, thread: usize, task: TaskId) {
        let Some((job, offsets)) = self.is_at(process, thread, task) else { return };
        note!(self, "job {} crashes process {process} within {offsets}", job.id);
        self.tally.count("crashes of workers by a chunk");
        self.crash(process);
    }

    /// The process is gone, and so are its connections; what it had sent may be lost with it.
    pub(super) fn crash(&mut self, process: ProcessId) {
        let in_flight = if self.random.one_in(2) { InFlight::Lost } else { InFlight::Arrives };
        if let Some(session) = self.processes[process].clear() {
            self.close_worker_end(session, in_flight);
        }
        let restart = self.random.millis(20, 1500);
        self.plan_in(restart, Event::Start { process });
    }

    pub(super) fn on_task_done(&mut self, process: ProcessId, thread: usize, task: TaskId) {
        let Some((job, offsets)) = self.is_at(process, thread, task) else { return };
        let products = self.evaluate(job, offsets);
        self.tally.add("numbers computed", offsets.len());
        let computed = &mut self.computed[job.index];
        let before: u64 = computed.intersection(offsets).map(|run| run.len()).sum();
        computed.insert(offsets);
        self.tally.add("numbers computed again", before);
        self.processes[process].threads[thread] = Thread::Delivering(products);
        self.drive(process);
    }

    /// Blocks of the chunks around those that fail.
    fn evaluate(&mut self, job: LeasedJob, offsets: OffsetRun) -> VecDeque<Product> {
        let plan = &mut self.plan.jobs[job.index];
        let mut products = VecDeque::new();
        let mut start = offsets.start();
        for (&offset, times) in plan.failing.range_mut(offsets.start()..offsets.end()) {
            if *times == 0 {
                continue;
            }
            if *times != ALWAYS {
                *times -= 1;
            }
            let chunk = plan.chunks.chunk_at(offset);
            let failed = plan.chunks.offsets(one(chunk));
            products.extend(OffsetRun::new(start, failed.start()).map(Product::Block));
            let number = plan.chunks.range().at(offset).unwrap_or_default();
            products.push_back(Product::Failed { chunk, number });
            start = failed.end().min(offsets.end());
        }
        products.extend(OffsetRun::new(start, offsets.end()).map(Product::Block));
        let blocks = |product| match product {
            Product::Block(offsets) => job.blocks(offsets).into_iter().map(Product::Block).collect(),
            Product::Failed { .. } => vec![product],
        };
        let cut: VecDeque<Product> = products.iter().copied().flat_map(blocks).collect();
        if cut.len() > products.len() {
            self.tally.count("tasks with blocks cut by their rows");
        }
        cut
    }

    /// The worker is told to stop.
    pub(super) fn leave(&mut self, process: ProcessId) {
        note!(self, "process {process} is told to stop");
        let now = self.now;
        self.call(process, |core| core.handle_stop(now));
    }

    /// The worker has ended. It comes back or not, but at last all are there.
    fn go(&mut self, process: ProcessId, outcome: Outcome) {
        note!(self, "process {process} is gone: {outcome:?}");
        self.tally.count("workers that left");
        if outcome == Outcome::Lost {
            self.break_promise(format!("process {process} gave up"));
        }
        if let Some(session) = self.processes[process].clear() {
            self.close_worker_end(session, InFlight::Arrives);
        }
        if self.faults.is_calm || self.random.one_in(2) {
            let restart = self.random.millis(100, 3000);
            self.plan_in(restart, Event::Start { process });
        }
    }
}
