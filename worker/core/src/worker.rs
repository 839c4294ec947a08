//! The worker as a state machine.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use swath_model::{
    ChunkRun, Incarnation, Instant, JobId, LeaseId, OffsetRun, OffsetSet, ResumeOffer, ResumedLease, WorkerId,
};

use crate::{
    AfterLoss, BlockId, Config, Effect, FromCoordinator, Job, Lease, Loss, NextTask, Outcome, SessionId, Slot, Task,
    ToCoordinator, UnexpectedReceipt, Upload, Welcome,
    backoff::Backoff,
    blocks::{Blocks, WaitingBlock},
    held::{Claim, HeldLease, LeaseKey},
    session::{Session, State},
    slot::SlotState,
};

/// The shortest time between the last message of a worker that leaves and the end of its connection, so that the
/// message is not lost with it.
const LAST_WORDS: Duration = Duration::from_millis(5);

/// The worker: the leases that it holds, what its slots compute, the blocks that wait, and its session.
///
/// # How to drive it
///
/// Time is told with each call, by a clock that does not go back. After each call, carry out all effects of
/// [`Worker::poll_effect`], in order, before the next call; and call [`Worker::handle_timeout`] at
/// [`Worker::poll_timeout`], which may be another time after each call. With several threads, all of this happens under
/// one lock.
///
/// **Slots.** A thread calls [`Worker::take`] for its slot. With a task it computes blocks in any order, tells of each
/// with [`Worker::handle_block`] or [`Worker::handle_failed`], and at the end calls [`Worker::finish`], always. On
/// [`Effect::StopSlot`] it should come to the end soon.
///
/// **Blocks.** The shell keeps the bytes of a block from `handle_block` until [`Effect::DropBlock`]. While a session
/// has room for a block, the shell calls [`Worker::poll_upload`] after [`Effect::UploadReady`] until it gives nothing.
/// For each block that was sent comes one [`Worker::handle_receipt`], in the same order.
///
/// **Programs.** What evaluates a job may have to be fetched first. Then the shell calls [`Worker::handle_preparing`]
/// before it passes the description of the job on, and [`Worker::handle_prepared`] at the end. Meanwhile leases of the
/// job are taken, but no slot computes them. They end with the session, because what was being fetched does, too.
///
/// **Sessions.** On [`Effect::Connect`] the shell connects and says so, or calls [`Worker::handle_lost`]; whatever else
/// breaks in this session is one `handle_lost`, too. All inputs carry the [`SessionId`]; those of another session are
/// ignored. Between sessions the slots go on. What is in flight then is offered to the next coordinator, goes on under
/// the leases that it grants, and is dropped otherwise.
///
/// **Promises.** A number of a lease is in flight until its block is acknowledged, its chunk failed, or it was given
/// back; and what is in flight is untaken, computed by a slot, or in a block that waits. A lease is known by its
/// object, not by its id: what belongs to one that has ended never touches another with the same id.
#[derive(Debug)]
pub struct Worker<K> {
    config: Config,
    state: State<K>,
    backoff: Backoff,
    /// Who this worker was in its last session.
    former: Option<(Incarnation, WorkerId)>,
    leases: VecDeque<HeldLease<K>>,
    /// Jobs whose leases wait, because the shell does not have yet what evaluates them.
    preparing: Vec<Arc<Job<K>>>,
    slots: Vec<SlotState>,
    blocks: Blocks,
    effects: VecDeque<Effect>,
    last_session: u64,
    last_lease: u64,
    last_block: u64,
}

impl<K> Worker<K> {
    /// A worker that connects at once.
    pub fn new(now: Instant, config: Config) -> Self {
        let slots = (0..config.slots.max(1)).map(|_| SlotState::Idle).collect();
        let mut worker = Self {
            config,
            state: State::Away { until: now },
            backoff: Backoff::new(now),
            former: None,
            leases: VecDeque::new(),
            preparing: Vec::new(),
            slots,
            blocks: Blocks::default(),
            effects: VecDeque::new(),
            last_session: 0,
            last_lease: 0,
            last_block: 0,
        };
        worker.connect(now);
        worker
    }

    // Outputs.

    /// The next thing for the shell to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When [`Worker::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Away { until } => Some(*until),
            State::Joined(session) => Some(session.next_heartbeat),
            State::Draining { session, until, .. } => Some(session.next_heartbeat.min(*until)),
            State::Joining { .. } | State::Over => None,
        }
    }

    /// The next block to send in this session.
    pub fn poll_upload(&mut self, session: SessionId) -> Option<Upload<K>> {
        if self.state.session()?.id != session {
            return None;
        }
        while let Some(block) = self.blocks.next() {
            if let Some(upload) = self.claim(block) {
                self.blocks.sent += 1;
                return Some(upload);
            }
            self.blocks.waiting.remove(self.blocks.sent);
            self.effects.push_back(Effect::DropBlock(block.id));
        }
        None
    }

    /// Who the worker is, while a session holds.
    pub fn joined(&self) -> Option<WorkerId> {
        self.state.session().map(|session| session.worker)
    }

    /// How many blocks wait for their upload or their receipt.
    pub fn waiting_blocks(&self) -> usize {
        self.blocks.waiting.len()
    }

    // Slots.

    /// The next task of a slot that is not computing.
    pub fn take(&mut self, now: Instant, slot: Slot) -> NextTask<K> {
        if matches!(self.state, State::Over) {
            return NextTask::Leave;
        }
        let Some(state @ SlotState::Idle) = self.slots.get_mut(slot.0 as usize) else { return NextTask::Wait };
        let is_preparing = |job: &Arc<Job<K>>| self.preparing.iter().any(|preparing| Arc::ptr_eq(preparing, job));
        for lease in self.leases.iter_mut().filter(|lease| !is_preparing(&lease.job)) {
            if let Some(offsets) = lease.take(now) {
                *state = SlotState::Computing { lease: lease.key, rest: offsets.into() };
                return NextTask::Compute(Task { job: Arc::clone(&lease.job), offsets });
            }
        }
        NextTask::Wait
    }

    /// A slot has computed a block of these offsets of its task. `None`: it is not wanted any more.
    pub fn handle_block(&mut self, slot: Slot, offsets: OffsetRun) -> Option<BlockId> {
        let SlotState::Computing { lease, rest } = self.slots.get_mut(slot.0 as usize)? else { return None };
        if !rest.contains_run(offsets) {
            return None;
        }
        rest.remove(offsets);
        let lease = *lease;
        self.leases.iter().find(|held| held.key == lease)?;
        self.last_block += 1;
        let id = BlockId(self.last_block);
        self.blocks.waiting.push_back(WaitingBlock { id, lease, offsets });
        if let Some(session) = self.state.session() {
            self.effects.push_back(Effect::UploadReady(session.id));
        }
        Some(id)
    }

    /// The kernel failed at a number of a slot's task. Its chunk will not be delivered.
    pub fn handle_failed(&mut self, slot: Slot, chunk: u64, number: i64, reason: String) {
        let Some(SlotState::Computing { lease, rest }) = self.slots.get_mut(slot.0 as usize) else { return };
        let Some(held) = self.leases.iter_mut().find(|held| held.key == *lease) else { return };
        rest.remove(held.chunks().offsets(ChunkRun::one(chunk)));
        held.fail(chunk);
        let lease = held.id;
        self.send(ToCoordinator::ChunkFailed { lease, chunk, number, reason });
        self.remove_settled();
    }

    /// A slot is done with its task. What it has not delivered of it, though it was not stopped, will not be delivered:
    /// its first chunk counts as failed, for `reason`, and the others are given back.
    pub fn finish(&mut self, now: Instant, slot: Slot, reason: &str) {
        let Some(state) = self.slots.get_mut(slot.0 as usize) else { return };
        let SlotState::Computing { lease, rest } = std::mem::take(state) else { return };
        let Some(held) = self.leases.iter_mut().find(|held| held.key == lease) else { return };
        let lost: OffsetSet = rest.iter().flat_map(|run| held.in_flight.intersection(run)).collect();
        let chunks = held.chunks();
        let mut lost_chunks = lost.iter().flat_map(|run| chunks.touched(run).iter()).collect::<Vec<u64>>();
        lost_chunks.dedup();
        let id = held.id;
        for &chunk in &lost_chunks {
            held.fail(chunk);
        }
        held.release_slot();
        let computed = held.report(now);
        for (index, chunk) in lost_chunks.into_iter().enumerate() {
            let number = chunks.numbers(ChunkRun::one(chunk)).first();
            self.send(match index {
                0 => ToCoordinator::ChunkFailed { lease: id, chunk, number, reason: reason.to_owned() },
                _ => ToCoordinator::ChunksReturned { lease: id, chunks: Some(ChunkRun::one(chunk)) },
            });
        }
        self.send_computed(id, computed);
        self.remove_settled();
        self.leave_if_delivered(now);
    }

    // Sessions.

    /// The connections of this session are there.
    pub fn handle_connected(&mut self, session: SessionId) {
        if !matches!(self.state, State::Joining { session: joining, .. } if joining == session) {
            return;
        }
        let (most, most_runs) = (self.config.max_offers, self.config.max_offer_runs);
        let offer = |held: &mut HeldLease<K>| ResumeOffer {
            lease: held.id,
            job: held.job.id,
            fingerprint: Some(held.job.fingerprint),
            offsets: held.offer(most_runs),
        };
        // A lease whose chunks have all failed has nothing in flight, though slots may still compute it.
        let in_flight = self.leases.iter_mut().filter(|held| !held.in_flight.is_empty());
        let offers = in_flight.take(most).map(offer).collect();
        self.effects.push_back(Effect::Send(session, ToCoordinator::Hello { former: self.former, offers }));
    }

    /// A message from the coordinator.
    pub fn handle_message(&mut self, now: Instant, session: SessionId, message: FromCoordinator<K>) {
        if self.state.session_id() != Some(session) {
            return;
        }
        let Some(session) = self.state.session_mut() else {
            if let FromCoordinator::Welcome(welcome) = message {
                self.on_welcome(now, welcome);
            }
            return;
        };
        session.received += 1;
        match message {
            FromCoordinator::Welcome(_) | FromCoordinator::Unknown => {}
            FromCoordinator::Job { id, job } => drop(session.jobs.insert(id, job)),
            FromCoordinator::JobEnded { id } => {
                session.jobs.remove(&id);
                self.on_job_ended(now, id);
            }
            FromCoordinator::Lease(lease) => self.on_lease(lease),
            FromCoordinator::ReturnChunks { lease, chunks } => self.on_return_chunks(now, lease, chunks),
            FromCoordinator::StopLease { lease } => self.on_stop_lease(now, lease),
            FromCoordinator::ShutDown => self.drain(now, Outcome::ShutDown),
        }
    }

    /// The coordinator has taken, or refused, the first block without a receipt.
    ///
    /// # Errors
    /// [`UnexpectedReceipt`]: no block was sent. The session is worth nothing then: tell [`Worker::handle_lost`].
    pub fn handle_receipt(&mut self, now: Instant, session: SessionId) -> Result<(), UnexpectedReceipt> {
        if self.state.session().is_none_or(|joined| joined.id != session) {
            return Ok(());
        }
        let block = self.blocks.settle_first().ok_or(UnexpectedReceipt)?;
        self.effects.push_back(Effect::DropBlock(block.id));
        if let Some(held) = self.leases.iter_mut().find(|held| held.key == block.lease) {
            held.in_flight.remove(block.offsets);
        }
        self.remove_settled();
        self.leave_if_delivered(now);
        Ok(())
    }

    /// There is no such session, or no more. `random` is any number, and decides how long the next pause is.
    pub fn handle_lost(&mut self, now: Instant, session: SessionId, loss: Loss, random: u64) {
        if self.state.session_id() != Some(session) {
            return;
        }
        match &self.state {
            State::Draining { outcome, .. } => {
                let outcome = *outcome;
                self.end(outcome);
                return;
            }
            State::Joined(session) => {
                let length = now - session.since;
                let preparing = std::mem::take(&mut self.preparing);
                self.leases.retain(|held| !preparing.iter().any(|job| Arc::ptr_eq(job, &held.job)));
                self.backoff.note_session(now, length, &self.config);
            }
            State::Joining { .. } | State::Away { .. } | State::Over => {}
        }
        let is_final = match loss {
            Loss::Refused => true,
            Loss::Denied => self.former.is_none(),
            Loss::Broken => self.config.after_loss == AfterLoss::End,
            Loss::Unreachable => false,
        };
        let pause = if is_final { None } else { self.backoff.next_pause(now, random, &self.config) };
        let Some(pause) = pause else {
            self.end(Outcome::Lost);
            return;
        };
        if self.backoff.has_just_begun(&self.config) {
            self.effects.push_back(Effect::Waiting);
        }
        self.state = State::Away { until: now + pause };
    }

    /// The worker is told to stop, on its own machine: it delivers what its slots compute, gives back the rest, and
    /// leaves.
    pub fn handle_stop(&mut self, now: Instant) {
        match self.state {
            State::Away { .. } | State::Joining { .. } => self.end(Outcome::Stopped),
            State::Joined(_) => {
                self.send(ToCoordinator::Leaving);
                self.drain(now, Outcome::Stopped);
            }
            State::Draining { .. } | State::Over => {}
        }
    }

    /// It is the time that [`Worker::poll_timeout`] named, or later.
    pub fn handle_timeout(&mut self, now: Instant) {
        match &self.state {
            State::Away { until } if *until <= now => {
                self.connect(now);
                return;
            }
            State::Draining { until, outcome, .. } if *until <= now => {
                let outcome = *outcome;
                self.end(outcome);
                return;
            }
            _ => {}
        }
        if let Some(session) = self.state.session_mut()
            && session.next_heartbeat <= now
        {
            session.next_heartbeat = now + session.heartbeat.max(Duration::from_millis(1));
            let received = session.received;
            self.send(ToCoordinator::Heartbeat { received });
        }
    }

    /// Ends at once, whatever is in flight.
    pub fn abort(&mut self) {
        self.end(Outcome::Stopped);
    }

    fn connect(&mut self, now: Instant) {
        self.last_session += 1;
        let session = SessionId(self.last_session);
        self.state = State::Joining { session, since: now };
        self.effects.push_back(Effect::Connect(session));
    }

    fn on_welcome(&mut self, now: Instant, welcome: Welcome) {
        let State::Joining { session: id, since } = self.state else { return };
        let Welcome { worker, incarnation, heartbeat, resumed } = welcome;
        self.former = Some((incarnation, worker));
        let jobs = BTreeMap::new();
        self.state = State::Joined(Session { id, worker, since, heartbeat, next_heartbeat: now, received: 0, jobs });
        self.resume(now, resumed);
        self.keep_wanted_blocks();
        self.effects.extend([Effect::WakeSlots, Effect::UploadReady(id)]);
    }

    /// Continues the offered work that the coordinator still wants, and drops the rest.
    fn resume(&mut self, now: Instant, mut resumed: Vec<ResumedLease>) {
        for mut held in std::mem::take(&mut self.leases) {
            // Each grant is for one lease.
            let granted = resumed.iter().position(|resumed| resumed.lease == held.id);
            let Some(granted) = granted.map(|index| resumed.swap_remove(index)) else {
                self.stop_slots(held.key);
                continue;
            };
            let news = held.resume(now, &granted);
            let lease = held.id;
            self.leases.push_back(held);
            for chunk in news.returned {
                self.send(ToCoordinator::ChunksReturned { lease, chunks: Some(ChunkRun::one(chunk)) });
            }
            self.send_computed(lease, news.computed);
        }
        // All of the work in these leases has failed since it was offered.
        for ResumedLease { next: lease, chunks, .. } in resumed {
            for chunks in chunks.iter() {
                self.send(ToCoordinator::ChunksReturned { lease, chunks: Some(chunks) });
            }
        }
        self.remove_settled();
    }

    /// Drops the blocks that the coordinator does not want any more.
    fn keep_wanted_blocks(&mut self) {
        self.blocks.sent = 0;
        for block in std::mem::take(&mut self.blocks.waiting) {
            if self.claim(block).is_some() {
                self.blocks.waiting.push_back(block);
            } else {
                self.effects.push_back(Effect::DropBlock(block.id));
            }
        }
    }

    /// The upload of a block, if all of it is wanted. If only some of it is, those numbers are computed again.
    fn claim(&mut self, block: WaitingBlock) -> Option<Upload<K>> {
        let held = self.leases.iter_mut().find(|held| held.key == block.lease)?;
        match held.claim(block.offsets) {
            Claim::Wanted(lease) => {
                Some(Upload { block: block.id, lease, job: Arc::clone(&held.job), offsets: block.offsets })
            }
            Claim::ComputeAgain => {
                self.effects.push_back(Effect::WakeSlots);
                None
            }
            Claim::Unwanted => None,
        }
    }

    fn on_lease(&mut self, lease: Lease) {
        let Lease { id, chunks, .. } = lease;
        match self.job_of(lease) {
            Ok(_) if matches!(self.state, State::Draining { .. }) => {
                self.send(ToCoordinator::ChunksReturned { lease: id, chunks: Some(chunks) });
            }
            Ok(job) => {
                self.last_lease += 1;
                let key = LeaseKey(self.last_lease);
                self.leases.push_back(HeldLease::new(key, id, job, chunks, &self.config));
                self.effects.push_back(Effect::WakeSlots);
            }
            Err(reason) => {
                let chunk = chunks.start();
                self.send(ToCoordinator::ChunkFailed { lease: id, chunk, number: 0, reason });
                self.send(ToCoordinator::ChunksReturned { lease: id, chunks: Some(chunks) });
            }
        }
    }

    /// The job of a lease, or why it cannot be computed here.
    fn job_of(&self, lease: Lease) -> Result<Arc<Job<K>>, String> {
        let id = lease.job;
        let known = self.state.session().and_then(|session| session.jobs.get(&id));
        let job = known.ok_or_else(|| format!("the lease is of job {id}, which this session has not described"))?;
        let job = job.as_ref().map_err(String::clone)?;
        if lease.fingerprint != Some(job.fingerprint) {
            return Err(format!("the lease does not fit job {id}: the fingerprint of that is {}", job.fingerprint));
        }
        if lease.chunks.end() > job.chunks.count() {
            let (chunks, count) = (lease.chunks, job.chunks.count());
            return Err(format!("the lease is of the chunks {chunks}, but job {id} has {count}"));
        }
        Ok(Arc::clone(job))
    }

    fn on_return_chunks(&mut self, now: Instant, lease: LeaseId, chunks: ChunkRun) {
        let held = self.leases.iter_mut().find(|held| held.id == lease);
        let returned = held.and_then(|held| {
            let returned = held.give_back(chunks.start())?;
            Some((returned, held.report(now)))
        });
        self.send(ToCoordinator::ChunksReturned { lease, chunks: returned.map(|(chunks, _)| chunks) });
        self.send_computed(lease, returned.and_then(|(_, computed)| computed));
        self.remove_settled();
        self.leave_if_delivered(now);
    }

    /// Slots may still compute chunks of it that have failed in other slots: the coordinator has forgotten their lease.
    fn on_job_ended(&mut self, now: Instant, job: JobId) {
        let leases: Vec<LeaseId> = self.leases.iter().filter(|held| held.job.id == job).map(|held| held.id).collect();
        for lease in leases {
            self.on_stop_lease(now, lease);
        }
    }

    fn on_stop_lease(&mut self, now: Instant, lease: LeaseId) {
        let Some(index) = self.leases.iter().position(|held| held.id == lease) else { return };
        if let Some(held) = self.leases.remove(index) {
            self.stop_slots(held.key);
        }
        self.leave_if_delivered(now);
    }

    /// Gives back all that was not begun, and leaves when the rest is delivered.
    fn drain(&mut self, now: Instant, outcome: Outcome) {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Joined(session) => {
                self.state = State::Draining { session, until: now + self.config.grace, outcome };
            }
            other => {
                self.state = other;
                return;
            }
        }
        for mut held in std::mem::take(&mut self.leases) {
            let lease = held.id;
            // A lease that went on may have gaps.
            while let Some(chunks) = held.give_back(0) {
                self.send(ToCoordinator::ChunksReturned { lease, chunks: Some(chunks) });
            }
            let computed = held.report(now);
            self.send_computed(lease, computed);
            self.leases.push_back(held);
        }
        self.remove_settled();
        self.leave_if_delivered(now);
    }

    /// A worker that leaves and has delivered everything ends soon.
    fn leave_if_delivered(&mut self, now: Instant) {
        if let State::Draining { until, .. } = &mut self.state
            && self.leases.is_empty()
        {
            *until = (*until).min(now + LAST_WORDS);
        }
    }

    fn end(&mut self, outcome: Outcome) {
        if matches!(self.state, State::Over) {
            return;
        }
        self.state = State::Over;
        self.effects.push_back(Effect::End(outcome));
        for held in std::mem::take(&mut self.leases) {
            self.stop_slots(held.key);
        }
        self.effects.extend(self.blocks.waiting.drain(..).map(|block| Effect::DropBlock(block.id)));
        self.blocks.sent = 0;
        self.effects.push_back(Effect::WakeSlots);
    }

    /// Stops the slots that compute some of this lease, which has ended.
    fn stop_slots(&mut self, key: LeaseKey) {
        for (index, state) in (0..).zip(&self.slots) {
            if matches!(state, SlotState::Computing { lease, .. } if *lease == key) {
                self.effects.push_back(Effect::StopSlot(Slot(index)));
            }
        }
    }

    /// Sends a message if there is a session. A message about a lease that is not sent because there is none is sent
    /// when the lease continues (`resume`), and is of no use otherwise.
    fn send(&mut self, message: ToCoordinator) {
        if let Some(session) = self.state.session() {
            self.effects.push_back(Effect::Send(session.id, message));
        }
    }

    fn send_computed(&mut self, lease: LeaseId, busy: Option<Duration>) {
        if let Some(busy) = busy {
            self.send(ToCoordinator::LeaseComputed { lease, busy });
        }
    }

    fn remove_settled(&mut self) {
        self.leases.retain(|held| !held.is_settled());
    }
}

mod invariants;
mod preparing;

#[cfg(test)]
mod tests;
