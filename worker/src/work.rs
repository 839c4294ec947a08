//! What goes on from session to session: the core, and the bytes of the blocks that wait.
//!
//! One lock holds all of it. Whoever calls the core carries out its effects at once, under the same lock; none of them
//! waits. What takes time, connecting, is handed to the task that drives the sessions.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant as Clock,
};

use swath_evaluation::{Evaluation, Stop};
use swath_model::{Instant, OffsetRun, WorkerInfo, nanos};
use swath_proto::v1;
use swath_worker_core::{BlockId, Config, Effect, NextTask, Outcome, SessionId, Slot, ToCoordinator, Worker};
use tokio::{
    runtime::Handle,
    sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc},
};
use tracing::debug;

use crate::{
    WorkerConfig,
    compute::{Encoded, Task},
    convert,
};

/// Room in the upload's memory is counted in units of so many bytes.
const UNIT: usize = 1 << 10;

pub(crate) type Core = Worker<Evaluation>;

/// The work of this process.
#[derive(Clone)]
pub(crate) struct Work(Arc<Shared>);

struct Shared {
    info: WorkerInfo,
    origin: Clock,
    state: Mutex<State>,
    /// Threads without a task wait here.
    tasks: Condvar,
    /// By slot: it should stop.
    stops: Vec<Stop>,
    /// There are orders, or the next timeout is another one.
    driver: Notify,
    room: Arc<Semaphore>,
    units: u32,
    runtime: Handle,
}

struct State {
    core: Core,
    blocks: HashMap<BlockId, Kept>,
    orders: VecDeque<Order>,
    session: Line,
    timeout: Option<Instant>,
}

/// What the task that drives the sessions is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Connect(SessionId),
    SayWaiting,
    End(Outcome),
}

/// A block that waits for its receipt, and the room that it takes until then.
struct Kept {
    block: Encoded,
    _room: OwnedSemaphorePermit,
}

/// The way to the coordinator in the present session.
#[derive(Clone)]
struct Line {
    session: SessionId,
    messages: Option<mpsc::UnboundedSender<v1::WorkerMessage>>,
    /// There may be blocks to send.
    uploads: Arc<Notify>,
}

/// What a session sends next.
pub(crate) enum NextUpload {
    Block(v1::UploadBlock),
    Wait(Arc<Notify>),
    Over,
}

impl Work {
    /// A worker that connects as soon as its orders are carried out.
    pub(crate) fn new(config: &WorkerConfig, core: Config) -> Self {
        let units = u32::try_from(config.upload_bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).max(1);
        let stops = (0..core.slots).map(|_| Stop::default()).collect();
        let line = Line { session: SessionId(0), messages: None, uploads: Arc::default() };
        let state = State {
            core: Core::new(Instant::ZERO, core),
            blocks: HashMap::new(),
            orders: VecDeque::new(),
            session: line,
            timeout: None,
        };
        let work = Self(Arc::new(Shared {
            info: config.info(),
            origin: Clock::now(),
            state: Mutex::new(state),
            tasks: Condvar::new(),
            stops,
            driver: Notify::new(),
            room: Arc::new(Semaphore::new(units as usize)),
            units,
            runtime: Handle::current(),
        }));
        work.with(|_, _| ());
        work
    }

    /// Calls the core, and carries out what it decides.
    pub(crate) fn with<T>(&self, call: impl FnOnce(&mut Core, Instant) -> T) -> T {
        let mut state = self.lock();
        let result = call(&mut state.core, self.now());
        self.carry_out(&mut state);
        result
    }

    /// The next task of a thread; waits for one. `None` when the worker has ended.
    pub(crate) fn take(&self, slot: Slot) -> Option<Task> {
        let mut state = self.lock();
        loop {
            match state.core.take(self.now(), slot) {
                NextTask::Compute(task) => {
                    self.stop_of(slot).clear();
                    return Some(task);
                }
                NextTask::Wait => state = self.0.tasks.wait(state).unwrap_or_else(PoisonError::into_inner),
                NextTask::Leave => return None,
            }
        }
    }

    /// Whether a thread should stop what it computes.
    pub(crate) fn stop_of(&self, slot: Slot) -> Stop {
        self.0.stops.get(slot.0 as usize).cloned().unwrap_or_default()
    }

    /// A thread has computed a block; waits for room. When the worker has ended, or nobody wants it, the block is
    /// dropped.
    pub(crate) fn deliver(&self, slot: Slot, offsets: OffsetRun, block: Encoded) {
        let shared = &*self.0;
        let units = u32::try_from(block.parquet.len().div_ceil(UNIT)).unwrap_or(u32::MAX).min(shared.units);
        let Ok(room) = shared.runtime.block_on(Arc::clone(&shared.room).acquire_many_owned(units)) else { return };
        let mut state = self.lock();
        if let Some(id) = state.core.handle_block(slot, offsets) {
            state.blocks.insert(id, Kept { block, _room: room });
        }
        self.carry_out(&mut state);
    }

    pub(crate) fn fail(&self, slot: Slot, chunk: u64, number: i64, reason: String) {
        self.with(|core, _| core.handle_failed(slot, chunk, number, reason));
    }

    pub(crate) fn finish(&self, slot: Slot, reason: &str) {
        self.with(|core, now| core.finish(now, slot, reason));
    }

    /// The connections of a session are there; its messages go to `messages`.
    pub(crate) fn connected(&self, session: SessionId, messages: mpsc::UnboundedSender<v1::WorkerMessage>) {
        let mut state = self.lock();
        if state.session.session == session {
            state.session.messages = Some(messages);
        }
        state.core.handle_connected(session);
        self.carry_out(&mut state);
    }

    /// The next block of a session.
    pub(crate) fn next_upload(&self, session: SessionId) -> NextUpload {
        let mut state = self.lock();
        if state.session.session != session {
            return NextUpload::Over;
        }
        let upload = state.core.poll_upload(session);
        self.carry_out(&mut state);
        let block = upload.and_then(|upload| {
            let kept = state.blocks.get(&upload.block)?;
            Some(convert::upload_block(&upload, kept.block.clone()))
        });
        match block {
            Some(block) => NextUpload::Block(block),
            None => NextUpload::Wait(Arc::clone(&state.session.uploads)),
        }
    }

    /// Waits until there may be orders, or the timeout may be another one.
    pub(crate) async fn changed(&self) {
        self.0.driver.notified().await;
    }

    pub(crate) fn next_order(&self) -> Option<Order> {
        self.lock().orders.pop_front()
    }

    /// When the core wants to be woken.
    pub(crate) fn timeout(&self) -> Option<Clock> {
        let at = self.lock().core.poll_timeout()?;
        // What no clock reaches is never.
        self.0.origin.checked_add(at - Instant::ZERO)
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(nanos(self.0.origin.elapsed()))
    }

    fn carry_out(&self, state: &mut State) {
        let shared = &*self.0;
        while let Some(effect) = state.core.poll_effect() {
            match effect {
                Effect::Connect(session) => {
                    let former = std::mem::replace(
                        &mut state.session,
                        Line { session, messages: None, uploads: Arc::default() },
                    );
                    // A stream of the session before, if it still waits, sees that it is over.
                    former.uploads.notify_one();
                    self.order(state, Order::Connect(session));
                }
                Effect::Send(session, message) => self.send(state, session, message),
                Effect::UploadReady(_) => state.session.uploads.notify_one(),
                Effect::WakeSlots => shared.tasks.notify_all(),
                Effect::StopSlot(slot) => self.stop_of(slot).set(),
                Effect::DropBlock(block) => drop(state.blocks.remove(&block)),
                Effect::Waiting => self.order(state, Order::SayWaiting),
                Effect::End(outcome) => {
                    // Threads that wait for room go on, and leave.
                    shared.room.close();
                    self.order(state, Order::End(outcome));
                }
            }
        }
        let timeout = state.core.poll_timeout();
        if timeout != state.timeout {
            state.timeout = timeout;
            shared.driver.notify_one();
        }
    }

    fn order(&self, state: &mut State, order: Order) {
        state.orders.push_back(order);
        self.0.driver.notify_one();
    }

    fn send(&self, state: &State, session: SessionId, message: ToCoordinator) {
        if let ToCoordinator::ChunksReturned { lease, chunks } = &message {
            debug!(%lease, chunks = chunks.map(tracing::field::display), "chunks are given back");
        }
        if let Some(line) = state.session.messages.as_ref().filter(|_| state.session.session == session) {
            let _ = line.send(convert::to_coordinator(message, &self.0.info));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
