//! Workers that only pretend to compute: sessions as a coordinator sees them, thousands in one process. Each has the
//! real core of a worker, takes the time for a lease that it claims to have worked, and answers with correct blocks.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    convert::Infallible,
    future::Future,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use swath_evaluation::{Evaluation, Stop};
use swath_model::{Instant as CoreInstant, WorkerInfo, nanos};
use swath_proto::{
    MAX_MESSAGE_BYTES, MAX_OFFERED_RUNS, MAX_OFFERS, upload_key, upload_request,
    v1::{self, block_receipt::Outcome, workers_client::WorkersClient},
};
use swath_worker::{
    SessionError,
    compute::{Computer, Encoded, Product, Task},
    convert,
};
use swath_worker_core::{
    BlockId, Config, Effect, FromCoordinator, Loss, NextTask, SessionId, Slot, ToCoordinator, Worker,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{
    Status, Streaming,
    transport::{self, Channel, Endpoint},
};

/// What a session takes for one lease, and claims for each chunk of it.
pub(crate) const LEASE: Duration = Duration::from_secs(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// When there is nothing to wake up for.
const LATER: Duration = Duration::from_secs(3600);
/// The one slot of a session.
const SLOT: Slot = Slot(0);

thread_local! {
    static COMPUTER: RefCell<Computer> = RefCell::new(Computer::new());
}

/// What all sessions have come to.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) joined: AtomicUsize,
    pub(crate) leases: AtomicU64,
    /// Blocks that were not accepted.
    pub(crate) dropped: AtomicU64,
    /// When leases were accepted.
    accepted: Mutex<Vec<Instant>>,
}

impl Tally {
    fn count(&self, receipt: v1::BlockReceipt) {
        if receipt.outcome() == Outcome::Accepted {
            self.leases.fetch_add(1, Ordering::Relaxed);
            self.accepted.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
        } else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The longest time without an accepted lease between two points in time.
    pub(crate) fn longest_pause(&self, from: Instant, to: Instant) -> Duration {
        let mut times = self.accepted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        times.retain(|&time| from < time && time < to);
        times.sort_unstable();
        times.push(to);
        let mut before = from;
        let pauses = times.into_iter().map(|time| time - std::mem::replace(&mut before, time));
        pauses.max().unwrap_or_default()
    }
}

/// Many sessions with one coordinator; they end when it is dropped.
pub(crate) struct Sessions {
    pub(crate) tally: Arc<Tally>,
    sever: watch::Sender<()>,
    _tasks: JoinSet<()>,
}

impl Sessions {
    /// Starts so many, which join by themselves.
    pub(crate) fn start(coordinator: &str, count: usize) -> Result<Self> {
        let (tally, (sever, severed)) = (Arc::new(Tally::default()), watch::channel(()));
        let endpoint = Endpoint::from_shared(format!("http://{coordinator}"))?.connect_timeout(CONNECT_TIMEOUT);
        let mut tasks = JoinSet::new();
        for index in 0..count {
            tasks.spawn(Light::new(index, endpoint.clone(), Arc::clone(&tally), severed.clone()).live());
        }
        Ok(Self { tally, sever, _tasks: tasks })
    }

    /// Cuts all connections at once; the sessions come back as workers do.
    pub(crate) fn sever(&self) {
        let _ = self.sever.send(());
    }
}

/// One worker.
struct Light {
    core: Worker<Evaluation>,
    origin: Instant,
    info: WorkerInfo,
    endpoint: Endpoint,
    severed: watch::Receiver<()>,
    tally: Arc<Tally>,
    slot: SlotState,
    /// How long the last task took, as it says: with [`LEASE`] for each chunk its leases come to have one.
    claim: Duration,
    blocks: BTreeMap<BlockId, Encoded>,
    /// The attempt to connect that the core waits for.
    attempt: Option<SessionId>,
    line: Option<Line>,
    has_ended: bool,
}

/// What its slot is at.
enum SlotState {
    Idle,
    /// It pretends to compute a task, until then.
    Computing(Task, Instant),
    /// What it computed is not wanted any more.
    Stopped,
}

/// What goes out in the present session.
struct Line {
    messages: mpsc::UnboundedSender<v1::WorkerMessage>,
    blocks: mpsc::UnboundedSender<v1::UploadBlock>,
}

impl Light {
    fn new(index: usize, endpoint: Endpoint, tally: Arc<Tally>, severed: watch::Receiver<()>) -> Self {
        let config = Config {
            slots: 1,
            // A lease is one task.
            blocks_per_slot: 1,
            max_offers: MAX_OFFERS,
            max_offer_runs: MAX_OFFERED_RUNS,
            ..Config::default()
        };
        let info = WorkerInfo {
            name: format!("light-{index}"),
            host: "light".to_owned(),
            process_id: std::process::id(),
            threads: 1,
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        Self {
            core: Worker::new(CoreInstant::ZERO, config),
            origin: Instant::now(),
            info,
            endpoint,
            severed,
            tally,
            slot: SlotState::Idle,
            claim: LEASE,
            blocks: BTreeMap::new(),
            attempt: None,
            line: None,
            has_ended: false,
        }
    }

    async fn live(mut self) {
        self.carry_out();
        while !self.has_ended {
            let Some(session) = self.attempt.take() else {
                sleep_until(self.due()).await;
                self.on_due();
                continue;
            };
            let Err(loss) = self.session(session).await;
            self.line = None;
            let random = RandomState::new().hash_one(session.0);
            self.core.handle_lost(self.now(), session, loss, random);
            self.carry_out();
        }
    }

    async fn session(&mut self, session: SessionId) -> Result<Infallible, Loss> {
        self.severed.mark_unchanged();
        let (control, upload) = self.meanwhile(connect(self.endpoint.clone())).await?.map_err(|_| Loss::Unreachable)?;
        let (messages, outbound) = mpsc::unbounded_channel();
        let (blocks, uploads) = mpsc::unbounded_channel();
        self.line = Some(Line { messages, blocks });
        self.core.handle_connected(session);
        self.carry_out();
        let mut inbound = self.meanwhile(join(control, outbound)).await?.map_err(loss)?;
        let welcome = self.meanwhile(inbound.message()).await?;
        let key = welcome.as_ref().ok().and_then(|message| message.as_ref()).map(upload_key).unwrap_or_default();
        self.receive(session, welcome)?;
        if self.core.joined().is_none() {
            return Err(Loss::Broken);
        }
        let tally = Arc::clone(&self.tally);
        let _joined = Joined::count(&tally);
        let mut receipts = self.meanwhile(open_upload(upload, &key, uploads)).await?.map_err(loss)?;
        loop {
            let due = self.due();
            tokio::select! {
                message = inbound.message() => self.receive(session, message)?,
                receipt = receipts.message() => {
                    self.tally.count(receipt.map_err(loss)?.ok_or(Loss::Broken)?);
                    self.core.handle_receipt(self.now(), session).map_err(|_| Loss::Broken)?;
                    self.carry_out();
                }
                () = sleep_until(due) => self.on_due(),
                _ = self.severed.changed() => return Err(Loss::Broken),
            }
        }
    }

    /// Waits for something in a session; does meanwhile what is due.
    async fn meanwhile<T>(&mut self, awaited: impl Future<Output = T> + Send) -> Result<T, Loss> {
        // A session holds no room for what it did once.
        let mut awaited = Box::pin(awaited);
        loop {
            let due = self.due();
            tokio::select! {
                result = &mut awaited => return Ok(result),
                () = sleep_until(due) => self.on_due(),
                _ = self.severed.changed() => return Err(Loss::Broken),
            }
        }
    }

    fn receive(
        &mut self,
        session: SessionId,
        message: Result<Option<v1::CoordinatorMessage>, Status>,
    ) -> Result<(), Loss> {
        let message = message.map_err(loss)?.ok_or(Loss::Broken)?;
        let message = convert::from_coordinator(message).unwrap_or(FromCoordinator::Unknown);
        self.core.handle_message(self.now(), session, message);
        self.carry_out();
        Ok(())
    }

    fn now(&self) -> CoreInstant {
        CoreInstant::from_nanos(nanos(self.origin.elapsed()))
    }

    /// When there is something to do, though nothing comes in.
    fn due(&self) -> Instant {
        let timeout = self.core.poll_timeout().and_then(|at| self.origin.checked_add(at - CoreInstant::ZERO));
        let computed = match &self.slot {
            SlotState::Computing(_, due) => Some(*due),
            SlotState::Idle | SlotState::Stopped => None,
        };
        timeout.into_iter().chain(computed).min().unwrap_or_else(|| Instant::now() + LATER)
    }

    fn on_due(&mut self) {
        if let SlotState::Computing(_, due) = &self.slot
            && *due <= Instant::now()
            && let SlotState::Computing(task, _) = std::mem::replace(&mut self.slot, SlotState::Idle)
        {
            self.deliver(&task);
        }
        let now = self.now();
        if self.core.poll_timeout().is_some_and(|due| due <= now) {
            self.core.handle_timeout(now);
        }
        self.carry_out();
    }

    /// Hands over the results of a task, which take a fraction of the time that it claims for them.
    fn deliver(&mut self, task: &Task) {
        let mut products = Vec::new();
        let stop = Stop::default();
        COMPUTER.with_borrow_mut(|computer| computer.compute(task, &stop, |product| products.push(product)));
        for product in products {
            match product {
                Product::Block { offsets, block } => {
                    if let Some(id) = self.core.handle_block(SLOT, offsets) {
                        self.blocks.insert(id, block);
                    }
                }
                Product::Failed { chunk, number, reason } => self.core.handle_failed(SLOT, chunk, number, reason),
            }
            self.carry_out();
        }
        let chunks = task.job.chunks.touched(task.offsets).len();
        self.claim = LEASE.saturating_mul(u32::try_from(chunks).unwrap_or(u32::MAX));
        self.core.finish(self.now(), SLOT, "nothing came of it");
    }

    fn carry_out(&mut self) {
        loop {
            while let Some(effect) = self.core.poll_effect() {
                self.carry_out_one(effect);
            }
            match self.slot {
                SlotState::Stopped => {
                    self.slot = SlotState::Idle;
                    self.core.finish(self.now(), SLOT, "it was stopped");
                }
                SlotState::Idle => {
                    if let NextTask::Compute(task) = self.core.take(self.now(), SLOT) {
                        self.slot = SlotState::Computing(task, Instant::now() + LEASE);
                    }
                    return;
                }
                SlotState::Computing(..) => return,
            }
        }
    }

    fn carry_out_one(&mut self, effect: Effect) {
        match effect {
            Effect::Connect(session) => self.attempt = Some(session),
            Effect::Send(_, message) => self.send(message),
            Effect::UploadReady(session) => self.upload(session),
            Effect::StopSlot(_) => self.slot = SlotState::Stopped,
            Effect::DropBlock(block) => drop(self.blocks.remove(&block)),
            Effect::WakeSlots | Effect::Waiting => {}
            Effect::End(_) => self.has_ended = true,
        }
    }

    fn send(&self, message: ToCoordinator) {
        let message = match message {
            ToCoordinator::LeaseComputed { lease, .. } => ToCoordinator::LeaseComputed { lease, busy: self.claim },
            other => other,
        };
        if let Some(line) = &self.line {
            let _ = line.messages.send(convert::to_coordinator(message, &self.info));
        }
    }

    fn upload(&mut self, session: SessionId) {
        let Some(line) = &self.line else { return };
        while let Some(upload) = self.core.poll_upload(session) {
            if let Some(block) = self.blocks.get(&upload.block) {
                let _ = line.blocks.send(convert::upload_block(&upload, block.clone()));
            }
        }
    }
}

/// Two connections, as a worker has them.
async fn connect(endpoint: Endpoint) -> Result<(Channel, Channel), transport::Error> {
    Ok((endpoint.connect().await?, endpoint.connect().await?))
}

async fn join(
    control: Channel,
    outbound: mpsc::UnboundedReceiver<v1::WorkerMessage>,
) -> Result<Streaming<v1::CoordinatorMessage>, Status> {
    Ok(WorkersClient::new(control).join(UnboundedReceiverStream::new(outbound)).await?.into_inner())
}

async fn open_upload(
    upload: Channel,
    key: &str,
    blocks: mpsc::UnboundedReceiver<v1::UploadBlock>,
) -> Result<Streaming<v1::BlockReceipt>, Status> {
    let mut client = WorkersClient::new(upload).max_encoding_message_size(MAX_MESSAGE_BYTES);
    Ok(client.upload(upload_request(key, UnboundedReceiverStream::new(blocks))?).await?.into_inner())
}

/// What it means for the worker.
fn loss(status: Status) -> Loss {
    SessionError::from(status).loss()
}

/// Counts a session as joined until it is dropped.
struct Joined<'a>(&'a Tally);

impl<'a> Joined<'a> {
    fn count(tally: &'a Tally) -> Self {
        tally.joined.fetch_add(1, Ordering::Relaxed);
        Self(tally)
    }
}

impl Drop for Joined<'_> {
    fn drop(&mut self) {
        self.0.joined.fetch_sub(1, Ordering::Relaxed);
    }
}
