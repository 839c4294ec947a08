//! Workers that only speak: sessions as a coordinator sees them, thousands in one process. Each takes the time for a
//! lease that it claims to have worked, and answers with correct blocks.

use std::{
    collections::{BTreeMap, VecDeque},
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use swath_block::{BlockEncoder, MAX_ROWS, PAGE_ROWS};
use swath_kernel::{Kernel, ValueType, Values};
use swath_model::{ChunkRun, Chunks, Range};
use swath_proto::{
    PROTOCOL_VERSION,
    v1::{self, block_receipt::Outcome, coordinator_message, worker_message::Kind, workers_client::WorkersClient},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until},
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{
    Streaming,
    transport::{Channel, Endpoint},
};

/// What a session takes for one lease, and claims for each chunk of it.
pub(crate) const LEASE: Duration = Duration::from_secs(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(5);

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
    fn count_lease(&self) {
        self.leases.fetch_add(1, Ordering::Relaxed);
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
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
pub(crate) struct Crew {
    pub(crate) tally: Arc<Tally>,
    sever: watch::Sender<()>,
    _sessions: JoinSet<()>,
}

impl Crew {
    /// Starts so many sessions, which join by themselves. `kernel` is what their job computes, as int64.
    pub(crate) fn start(coordinator: &str, sessions: usize, kernel: &Arc<dyn Kernel>) -> Self {
        let (tally, (sever, severed)) = (Arc::new(Tally::default()), watch::channel(()));
        let mut tasks = JoinSet::new();
        for index in 0..sessions {
            let worker = Worker {
                coordinator: format!("http://{coordinator}"),
                name: format!("light-{index}"),
                kernel: Arc::clone(kernel),
                tally: Arc::clone(&tally),
            };
            tasks.spawn(worker.live(severed.clone()));
        }
        Self { tally, sever, _sessions: tasks }
    }

    /// Cuts all connections at once; the sessions try to come back as workers do.
    pub(crate) fn sever(&self) {
        let _ = self.sever.send(());
    }
}

struct Worker {
    coordinator: String,
    name: String,
    kernel: Arc<dyn Kernel>,
    tally: Arc<Tally>,
}

impl Worker {
    async fn live(self, mut severed: watch::Receiver<()>) {
        let mut pause = FIRST_PAUSE;
        loop {
            let begun = Instant::now();
            tokio::select! {
                _ = self.session() => {}
                changed = severed.changed() => if changed.is_err() { return },
            }
            if begun.elapsed() > LAST_PAUSE {
                pause = FIRST_PAUSE;
            }
            // Longer by a random part, as workers do it.
            let random = RandomState::new().hash_one(&self.name) as f64 / u64::MAX as f64;
            sleep(pause.mul_f64(1.0 + random / 2.0)).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    async fn session(&self) -> Result<()> {
        let endpoint = Endpoint::from_shared(self.coordinator.clone())?.connect_timeout(CONNECT_TIMEOUT);
        let (control, upload) = (endpoint.connect().await?, endpoint.connect().await?);
        let (say, said) = mpsc::unbounded_channel();
        say.send(message(Kind::Hello(self.hello())))?;
        let mut inbound = WorkersClient::new(control).join(UnboundedReceiverStream::new(said)).await?.into_inner();
        let welcome = match inbound.message().await?.and_then(|message| message.kind) {
            Some(coordinator_message::Kind::Welcome(welcome)) => welcome,
            _ => anyhow::bail!("no welcome"),
        };
        let _joined = Joined::count(&self.tally);
        let (blocks, uploaded) = mpsc::unbounded_channel();
        let session = Session { worker: self, say, blocks, leases: VecDeque::new(), jobs: BTreeMap::new(), due: None };
        tokio::select! {
            ended = session.drive(inbound, Duration::from_millis(welcome.heartbeat_interval_ms)) => ended,
            ended = self.upload(upload, uploaded) => ended,
        }
    }

    async fn upload(&self, channel: Channel, blocks: mpsc::UnboundedReceiver<v1::UploadBlock>) -> Result<()> {
        let stream = UnboundedReceiverStream::new(blocks);
        let mut receipts = WorkersClient::new(channel).upload(stream).await?.into_inner();
        while let Some(receipt) = receipts.message().await? {
            match receipt.outcome() {
                Outcome::Accepted => self.tally.count_lease(),
                _ => drop(self.tally.dropped.fetch_add(1, Ordering::Relaxed)),
            }
        }
        Ok(())
    }

    fn hello(&self) -> v1::Hello {
        v1::Hello {
            protocol_version: PROTOCOL_VERSION,
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            name: self.name.clone(),
            host: "light".to_owned(),
            process_id: std::process::id(),
            threads: 1,
            offers: Vec::new(),
            former: None,
        }
    }
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

struct Session<'a> {
    worker: &'a Worker,
    say: mpsc::UnboundedSender<v1::WorkerMessage>,
    blocks: mpsc::UnboundedSender<v1::UploadBlock>,
    /// The first is the one in work.
    leases: VecDeque<v1::Lease>,
    /// The jobs that the coordinator described, by their ids.
    jobs: BTreeMap<u64, v1::JobSpec>,
    /// When the lease in work is computed.
    due: Option<Instant>,
}

impl Session<'_> {
    async fn drive(mut self, mut inbound: Streaming<v1::CoordinatorMessage>, heartbeat: Duration) -> Result<()> {
        let mut beats = interval(heartbeat.max(Duration::from_millis(1)));
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = 0;
        loop {
            let due = self.due.unwrap_or_else(|| Instant::now() + LEASE);
            tokio::select! {
                message = inbound.message() => {
                    heard += 1;
                    match message?.and_then(|message| message.kind) {
                        Some(coordinator_message::Kind::Lease(lease)) => self.leases.push_back(lease),
                        Some(coordinator_message::Kind::ReturnChunks(asked)) => self.give_back(&asked)?,
                        Some(coordinator_message::Kind::StopLease(stop)) => self.stop(&stop),
                        Some(coordinator_message::Kind::DescribeJob(job)) => {
                            self.jobs.insert(job.job_id, job.spec.context("a job without a specification")?);
                        }
                        Some(coordinator_message::Kind::JobEnded(job)) => drop(self.jobs.remove(&job.job_id)),
                        Some(coordinator_message::Kind::Welcome(_)) => {}
                        Some(coordinator_message::Kind::ShutDown(_)) | None => return Ok(()),
                    }
                }
                () = sleep_until(due), if self.due.is_some() => self.deliver()?,
                _ = beats.tick() => self.say.send(message(Kind::Heartbeat(v1::Heartbeat { received: heard })))?,
            }
            self.due = match self.leases.is_empty() {
                true => None,
                false => Some(self.due.unwrap_or_else(|| Instant::now() + LEASE)),
            };
        }
    }

    /// Sends the block of the lease in work.
    fn deliver(&mut self) -> Result<()> {
        self.due = None;
        let Some(lease) = self.leases.pop_front() else { return Ok(()) };
        let job = self.jobs.get(&lease.job_id).context("a lease of a job that was not described")?;
        let (block, chunks) = encode(&*self.worker.kernel, job, &lease)?;
        self.blocks.send(block)?;
        let busy = LEASE.as_nanos() as u64 * chunks;
        self.say.send(message(Kind::LeaseComputed(v1::LeaseComputed { lease: lease.id, busy_nanos: busy })))?;
        Ok(())
    }

    fn stop(&mut self, stop: &v1::StopLease) {
        if let Some(position) = self.leases.iter().position(|lease| lease.id == stop.lease) {
            self.leases.remove(position);
            self.due = self.due.filter(|_| position > 0);
        }
    }

    /// What was asked for is the tail of a lease: given back unless the lease is in work.
    fn give_back(&mut self, asked_back: &v1::ReturnChunks) -> Result<()> {
        let position = self.leases.iter().position(|lease| lease.id == asked_back.lease);
        let mut returned = None;
        if let Some(position @ 1..) = position
            && let (Some(held), Some(asked)) = (&mut self.leases[position].chunks, asked_back.chunks)
        {
            returned = Some(asked);
            held.count = asked.start.saturating_sub(held.start);
            if held.count == 0 {
                self.leases.remove(position);
            }
        }
        let returned = v1::ChunksReturned { lease: asked_back.lease, chunks: returned };
        Ok(self.say.send(message(Kind::ChunksReturned(returned)))?)
    }
}

fn message(kind: Kind) -> v1::WorkerMessage {
    v1::WorkerMessage { kind: Some(kind) }
}

/// The block of a whole lease, and its chunks.
fn encode(kernel: &dyn Kernel, job: &v1::JobSpec, lease: &v1::Lease) -> Result<(v1::UploadBlock, u64)> {
    let run = lease.chunks.context("a lease without chunks")?;
    let chunks = Chunks::new(Range::new(job.first, job.last)?, job.chunk_size)?;
    let numbers = chunks.numbers(ChunkRun::new(run.start, run.start + run.count).context("an empty lease")?);
    ensure!(numbers.count() <= MAX_ROWS as u64, "the lease does not fit a block");
    let mut encoder = BlockEncoder::new(ValueType::Int64, numbers.first());
    let mut values = Values::with_capacity(ValueType::Int64, PAGE_ROWS);
    let mut first = numbers.first();
    while first <= numbers.last() {
        let last = numbers.last().min(first + PAGE_ROWS as i64 - 1);
        values.clear();
        kernel.evaluate(first..=last, &mut values)?;
        encoder.push(&values)?;
        first = last + 1;
    }
    let (parquet, digest) = encoder.finish_with_digest()?;
    let block = v1::UploadBlock {
        lease: lease.id,
        job_id: lease.job_id,
        first: numbers.first(),
        numbers: numbers.count() as u32,
        parquet,
        fingerprint: lease.fingerprint.clone(),
        digest: digest.whole(),
    };
    Ok((block, run.count))
}
