//! What workers do when something happens to them.

use std::collections::VecDeque;
use std::time::Duration;

use swath_model::{ChunkSet, LeaseId, OffsetRun};

use crate::cluster::{Cluster, note};
use crate::event::{Block, Event, LeasedJob, ProcessId, Said, SessionId, Token, Told};
use crate::plan::{ALWAYS, one};
use crate::process::{GivenBack, Hand, Process, Product};

impl Cluster {
    pub(crate) fn start(&mut self, process: ProcessId) {
        let running = &mut self.processes[process].is_running;
        if std::mem::replace(running, true) {
            return;
        }
        note!(self, "process {process} starts");
        self.connect(process);
    }

    pub(crate) fn connect(&mut self, process: ProcessId) {
        if !self.processes[process].is_running || self.processes[process].session.is_some() {
            return;
        }
        if !self.coordinator.is_up {
            let backoff = self.random.millis(50, 1000);
            self.plan_in(backoff, Event::Connect { process });
            return;
        }
        let session = self.network.open(process, self.coordinator.incarnation);
        note!(self, "process {process} opens session {session}");
        self.processes[process].session = Some(session);
        let Process { threads, former, .. } = self.processes[process];
        let former = former.filter(|_| self.plan.names_former);
        let hello = Said::Hello { threads, former, in_hand: self.processes[process].in_hand() };
        if !self.is_calm && self.random.one_in(30) {
            self.tally.count("workers that joined twice");
            self.say(session, hello.clone());
        }
        self.say(session, hello);
        if self.plan.resends {
            // What the session before left without a receipt, under leases that may still be held.
            let kept = self.processes[process].kept.clone();
            self.processes[process].on_the_way.extend(kept.into_iter().map(|block| Block { again: true, ..block }));
        }
        self.send_again(process, session);
    }

    fn send_again(&mut self, process: ProcessId, session: SessionId) {
        for block in self.processes[process].on_the_way.clone() {
            self.tally.count("blocks sent again");
            self.upload(session, Block { again: true, ..block });
        }
    }

    pub(crate) fn on_told(&mut self, session: SessionId, message: &Told) {
        let process = self.network.process(session);
        if self.processes[process].session != Some(session) || !self.network.tells(session) {
            self.tally.count("messages lost");
            return;
        }
        match *message {
            Told::Welcome { ref granted } => self.on_welcome(process, session, granted),
            Told::Lease { lease, job, chunks } => {
                note!(self, "process {process} has lease {lease} of job {}: {chunks}", job.index);
                self.processes[process].push(lease, job, chunks);
            }
            Told::Revoke { lease, stop: true, .. } => self.processes[process].stop(lease),
            Told::Revoke { lease, chunks, stop: false } => {
                let back = self.processes[process].give_back(self.now, lease, chunks);
                note!(self, "process {process} is asked for {chunks} of {lease}: {:?}", back.chunks);
                self.say_given_back(session, lease, &back);
            }
            Told::Farewell => self.leave(process),
        }
        self.feed(process);
    }

    fn on_welcome(
        &mut self,
        process: ProcessId,
        session: SessionId,
        granted: &[(LeaseId, Option<(LeaseId, ChunkSet)>)],
    ) {
        for (old, granted) in granted {
            note!(self, "process {process} goes on with {old}: {granted:?}");
            let resumed = self.processes[process].resume(self.now, *old, granted.as_ref());
            let Some((lease, _)) = *granted else { continue };
            for chunks in resumed.back {
                self.tally.count("chunks given back that were resumed");
                self.say(session, Said::Returned { lease, chunks: Some(chunks) });
            }
            if let Some(busy) = resumed.computed {
                self.say(session, Said::Computed { lease, busy });
            }
        }
        if !std::mem::replace(&mut self.processes[process].is_welcome, true) {
            self.on_heartbeat_due(session);
        }
        self.send_products(process);
        if !self.is_calm && granted.iter().any(|(_, granted)| granted.is_some()) {
            self.trouble_after_resuming(process, session);
        }
    }

    fn say_given_back(&mut self, session: SessionId, lease: LeaseId, back: &GivenBack) {
        self.say(session, Said::Returned { lease, chunks: back.chunks });
        if let Some(busy) = back.computed {
            self.say(session, Said::Computed { lease, busy });
        }
    }

    /// Threads that have nothing in hand take a task.
    fn feed(&mut self, process: ProcessId) {
        for thread in 0..self.processes[process].hands.len() {
            if self.processes[process].hands[thread].is_some() {
                continue;
            }
            let Some((lease, job, offsets)) = self.processes[process].take(self.now) else { break };
            self.last_token += 1;
            let token = self.last_token;
            let plan = &self.plan.jobs[job.index];
            let is_same = plan.fingerprint == job.fingerprint;
            let killer = plan.killers.range(offsets.start()..offsets.end()).next().copied().filter(|_| is_same);
            let numbers = killer.map_or(offsets.len(), |killer| killer - offsets.start() + 1);
            let nanos = u128::from(numbers) * u128::from(plan.cost) / 10 / u128::from(self.processes[process].speed);
            let nanos = (nanos as u64).max(1000);
            let span = Duration::from_nanos(self.random.within(nanos - nanos / 5, nanos + nanos / 5));
            self.processes[process].hands[thread] = Some(Hand { token, lease, job, offsets, products: None });
            let event = match killer {
                Some(_) => Event::TaskCrashes { process, thread, token },
                None => Event::TaskDone { process, thread, token },
            };
            self.plan_in(span, event);
        }
        self.leave_if_done(process);
    }

    fn hand(&mut self, process: ProcessId, thread: usize, token: Token) -> Option<&mut Hand> {
        self.processes[process].hands[thread].as_mut().filter(|hand| hand.token == token)
    }

    pub(crate) fn on_task_crashes(&mut self, process: ProcessId, thread: usize, token: Token) {
        let Some(hand) = self.hand(process, thread, token) else { return };
        let (job, offsets) = (hand.job, hand.offsets);
        note!(self, "job {} crashes process {process} within {offsets}", job.index);
        self.tally.count("crashes of workers by a chunk");
        self.crash(process);
    }

    /// The process is gone, and so are its connections; what it had sent may be lost with it.
    pub(crate) fn crash(&mut self, process: ProcessId) {
        let lost = self.random.one_in(2);
        self.processes[process].on_the_way.clear();
        self.end_process(process, lost);
        let restart = self.random.millis(20, 1500);
        self.plan_in(restart, Event::Start { process });
    }

    fn end_process(&mut self, process: ProcessId, lost: bool) {
        let gone = &mut self.processes[process];
        let session = gone.session;
        gone.is_running = false;
        gone.stopped_until = None;
        gone.clear();
        if let Some(session) = session {
            self.close_worker_end(session, lost);
        }
    }

    pub(crate) fn on_task_done(&mut self, process: ProcessId, thread: usize, token: Token) {
        let Some(hand) = self.hand(process, thread, token) else { return };
        let (job, offsets) = (hand.job, hand.offsets);
        let lease = hand.lease;
        let products = self.evaluate(job, offsets);
        let products = self.processes[process].cut_products(lease, products);
        self.tally.add("numbers computed", offsets.len());
        if job.fingerprint == self.plan.jobs[job.index].fingerprint {
            let computed = &mut self.ledger.jobs[job.index].computed;
            let before: u64 = computed.intersection(offsets).map(|run| run.len()).sum();
            computed.insert(offsets);
            self.tally.add("numbers computed again", before);
        }
        if let Some(hand) = self.hand(process, thread, token) {
            hand.products = Some(products);
        }
        self.send_products(process);
        self.feed(process);
    }

    /// Blocks of the chunks around those that fail. A job that is gone fails at none.
    fn evaluate(&mut self, job: LeasedJob, offsets: OffsetRun) -> VecDeque<Product> {
        let plan = &mut self.plan.jobs[job.index];
        if plan.fingerprint != job.fingerprint {
            return [Product::Block(offsets)].into();
        }
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
        products
    }

    /// Threads that have computed something send it as far as there is room.
    fn send_products(&mut self, process: ProcessId) {
        let Some(session) = self.processes[process].session.filter(|_| self.processes[process].is_welcome) else {
            return;
        };
        while self.processes[process].on_the_way.len() < self.plan.upload_room
            && let Some(block) = self.processes[process].kept.pop_front()
        {
            self.tally.count("blocks kept over the end of a session");
            self.processes[process].on_the_way.push_back(block);
            self.upload(session, block);
        }
        for thread in 0..self.processes[process].hands.len() {
            loop {
                let has_room = self.processes[process].on_the_way.len() < self.plan.upload_room;
                let Some(hand) = &mut self.processes[process].hands[thread] else { break };
                let Some(products) = &mut hand.products else { break };
                let (job, lease) = (hand.job, hand.lease);
                match products.front().copied() {
                    Some(Product::Failed { chunk, number }) => {
                        products.pop_front();
                        self.say(session, Said::Failed { lease, chunk, number });
                    }
                    Some(Product::Block(offsets)) => {
                        if !has_room {
                            break;
                        }
                        products.pop_front();
                        let block = Block { lease, job, offsets, again: false };
                        self.processes[process].on_the_way.push_back(block);
                        self.upload(session, block);
                    }
                    None => {
                        self.processes[process].hands[thread] = None;
                        if let Some(busy) = self.processes[process].finish(self.now, lease) {
                            note!(self, "process {process} has computed {lease}");
                            self.say(session, Said::Computed { lease, busy });
                        }
                    }
                }
            }
        }
    }

    pub(crate) fn on_receipted(&mut self, session: SessionId, stream: u32) {
        let process = self.network.process(session);
        if self.processes[process].session != Some(session) || !self.network.receipts(session, stream) {
            self.tally.count("messages lost");
            return;
        }
        self.processes[process].on_the_way.pop_front();
        self.send_products(process);
        self.feed(process);
    }

    pub(crate) fn on_heartbeat_due(&mut self, session: SessionId) {
        let process = self.network.process(session);
        if self.processes[process].session == Some(session) {
            self.say(session, Said::Heartbeat);
            self.plan_in(self.plan.config.lease_timeout / 4, Event::HeartbeatDue { session });
        }
    }

    pub(crate) fn on_worker_notices(&mut self, session: SessionId) {
        let process = self.network.process(session);
        if self.processes[process].session != Some(session) {
            return;
        }
        note!(self, "process {process} sees that session {session} is over");
        self.close_worker_end(session, false);
        if self.plan.keeps {
            self.processes[process].lose_session();
            self.feed(process);
        } else {
            let was_leaving = self.processes[process].is_leaving;
            self.processes[process].clear();
            self.processes[process].is_leaving = was_leaving;
            if !self.plan.resends {
                self.processes[process].on_the_way.clear();
            }
        }
        if self.processes[process].is_leaving {
            self.end_process(process, false);
            self.start_again_perhaps(process);
            return;
        }
        let backoff = self.random.millis(10, 500);
        self.plan_in(backoff, Event::Connect { process });
    }

    pub(crate) fn on_upload_noticed(&mut self, session: SessionId, stream: u32) {
        let process = self.network.process(session);
        if self.processes[process].session != Some(session) || self.network.get(session).stream != stream {
            return;
        }
        if self.plan.resends {
            note!(self, "process {process} opens another upload in session {session}");
            self.network.get(session).reopen_uploads();
            self.send_again(process, session);
        } else {
            self.on_worker_notices(session);
        }
    }

    /// The worker takes its leave: it finishes what it has in hand and gives back the rest.
    pub(crate) fn leave(&mut self, process: ProcessId) {
        let Some(session) = self.processes[process].session else { return };
        if std::mem::replace(&mut self.processes[process].is_leaving, true) {
            return;
        }
        note!(self, "process {process} is leaving");
        self.say(session, Said::Leaving);
        for (lease, back) in self.processes[process].give_all_back(self.now) {
            self.say_given_back(session, lease, &back);
        }
        let grace = self.random.millis(10, 5000);
        self.plan_in(grace, Event::GraceOver { process, session });
        self.leave_if_done(process);
    }

    fn leave_if_done(&mut self, process: ProcessId) {
        let leaving = &self.processes[process];
        if leaving.is_leaving && leaving.leases.is_empty() && leaving.on_the_way.is_empty() && leaving.kept.is_empty() {
            self.go(process);
        }
    }

    pub(crate) fn on_grace_over(&mut self, process: ProcessId, session: SessionId) {
        if self.processes[process].session == Some(session) {
            self.go(process);
        }
    }

    fn go(&mut self, process: ProcessId) {
        note!(self, "process {process} is gone");
        self.tally.count("workers that left");
        if let Some(session) = self.processes[process].session {
            self.say(session, Said::Farewell);
        }
        self.processes[process].on_the_way.clear();
        self.end_process(process, false);
        self.start_again_perhaps(process);
    }

    /// A worker that left comes back or not, but at last all are there.
    fn start_again_perhaps(&mut self, process: ProcessId) {
        if self.is_calm || self.random.one_in(2) {
            let restart = self.random.millis(100, 3000);
            self.plan_in(restart, Event::Start { process });
        }
    }
}
