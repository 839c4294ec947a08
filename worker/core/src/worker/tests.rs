use swath_model::{BlockBounds, ChunkSet, Chunks, Fingerprint, JobId, Range, Run};

use super::*;

mod leases;
mod preparing;
mod resuming;
mod script;
mod sessions;

const S1: SessionId = SessionId(1);
const MAX_ROWS: u64 = 1 << 20;

/// Of chunks or of offsets, as it is needed.
fn run<R: Run>(start: u64, end: u64) -> R {
    R::new(start, end).unwrap()
}

fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

fn lease_id(sequence: u64) -> LeaseId {
    LeaseId { incarnation: Incarnation(1), sequence }
}

/// Job 1 over the numbers 1 to `last`.
fn job(last: i64, chunk_size: u64) -> Arc<Job<()>> {
    job_in_pieces(last, chunk_size, MAX_ROWS)
}

/// The same, with blocks of at most so many numbers.
fn job_in_pieces(last: i64, chunk_size: u64, piece: u64) -> Arc<Job<()>> {
    let chunks = Chunks::new(Range::new(1, last).unwrap(), chunk_size).unwrap();
    let bounds = BlockBounds { piece, most: piece };
    Arc::new(Job { id: JobId(1), fingerprint: Fingerprint([7; 16]), chunks, bounds, kernel: () })
}

/// A worker with a shell that does what it is told and takes notes.
struct Bench {
    worker: Worker<()>,
    session: SessionId,
    said: Vec<ToCoordinator>,
    stopped: Vec<Slot>,
    dropped: Vec<BlockId>,
    ended: Option<Outcome>,
    tasks: BTreeMap<Slot, Task<()>>,
}

impl Bench {
    fn new(slots: u32) -> Self {
        Self::with(Config { slots, ..Config::default() })
    }

    fn with(config: Config) -> Self {
        let mut bench = Self {
            worker: Worker::new(at(0), config),
            session: S1,
            said: Vec::new(),
            stopped: Vec::new(),
            dropped: Vec::new(),
            ended: None,
            tasks: BTreeMap::new(),
        };
        bench.effects();
        bench
    }

    /// In a session, where job 1 is described.
    fn joined(slots: u32, job: &Arc<Job<()>>) -> Self {
        let mut bench = Self::new(slots);
        bench.join(Vec::new());
        bench.describe(job);
        bench
    }

    fn join(&mut self, resumed: Vec<ResumedLease>) {
        self.worker.handle_connected(self.session);
        self.welcome(resumed);
    }

    fn welcome(&mut self, resumed: Vec<ResumedLease>) {
        let (worker, incarnation) = (WorkerId(self.session.0), Incarnation(self.session.0));
        let welcome = Welcome { worker, incarnation, heartbeat: Duration::from_secs(1), resumed };
        self.told(FromCoordinator::Welcome(welcome));
    }

    fn describe(&mut self, job: &Arc<Job<()>>) {
        self.told(FromCoordinator::Job { id: job.id, job: Ok(Arc::clone(job)) });
    }

    fn told(&mut self, message: FromCoordinator<()>) {
        self.worker.handle_message(at(0), self.session, message);
        self.effects();
    }

    fn lease(&mut self, sequence: u64, chunks: ChunkRun) {
        let fingerprint = Some(Fingerprint([7; 16]));
        self.told(FromCoordinator::Lease(Lease { id: lease_id(sequence), job: JobId(1), fingerprint, chunks }));
    }

    fn effects(&mut self) {
        while let Some(effect) = self.worker.poll_effect() {
            match effect {
                Effect::Connect(session) => self.session = session,
                Effect::Send(session, message) => {
                    assert_eq!(session, self.session);
                    self.said.push(message);
                }
                Effect::StopSlot(slot) => self.stopped.push(slot),
                Effect::DropBlock(block) => self.dropped.push(block),
                Effect::End(outcome) => self.ended = Some(outcome),
                Effect::UploadReady(_) | Effect::WakeSlots | Effect::Waiting => {}
            }
        }
        self.worker.check_invariants();
    }

    fn take(&mut self, slot: u32) -> Option<OffsetRun> {
        let taken = self.worker.take(at(1), Slot(slot));
        self.effects();
        let NextTask::Compute(task) = taken else { return None };
        let offsets = task.offsets;
        self.tasks.insert(Slot(slot), task);
        Some(offsets)
    }

    /// The task of a slot is computed, and its block waits.
    fn compute(&mut self, slot: u32) -> Option<BlockId> {
        let task = self.tasks.remove(&Slot(slot)).unwrap();
        let block = self.worker.handle_block(Slot(slot), task.offsets);
        self.finish(slot);
        block
    }

    fn finish(&mut self, slot: u32) {
        self.worker.finish(at(2), Slot(slot), "it was given up");
        self.effects();
    }

    /// What a session sends without waiting: the lease and the offsets of each block.
    fn upload(&mut self) -> Vec<(LeaseId, OffsetRun)> {
        let uploads: Vec<_> = std::iter::from_fn(|| self.worker.poll_upload(self.session)).collect();
        self.effects();
        uploads.into_iter().map(|upload| (upload.lease, upload.offsets)).collect()
    }

    fn receipt(&mut self) -> Result<(), UnexpectedReceipt> {
        let settled = self.worker.handle_receipt(at(3), self.session);
        self.effects();
        settled
    }

    /// The task of a slot is computed, and its block acknowledged.
    fn deliver(&mut self, slot: u32) {
        self.compute(slot);
        for _ in self.upload() {
            self.receipt().unwrap();
        }
    }

    fn take_all(&mut self) -> Vec<OffsetRun> {
        let mut all = Vec::new();
        while let Some(taken) = self.take(0) {
            all.push(taken);
            self.deliver(0);
        }
        all
    }

    /// The session breaks, and another one begins to connect.
    fn lose(&mut self) {
        self.worker.handle_lost(at(10), self.session, Loss::Broken, 0);
        self.effects();
        if let Some(due) = self.worker.poll_timeout() {
            self.worker.handle_timeout(due);
            self.effects();
        }
    }

    /// Says Hello; what is in flight of each lease.
    fn offers(&mut self) -> Vec<ResumeOffer> {
        self.said.clear();
        self.worker.handle_connected(self.session);
        self.effects();
        match self.said.pop() {
            Some(ToCoordinator::Hello { offers, .. }) => offers,
            other => panic!("{other:?}"),
        }
    }

    fn holds_nothing(&self) -> bool {
        self.worker.leases.is_empty()
    }

    fn computed(&self) -> Vec<LeaseId> {
        let computed = |message: &ToCoordinator| match message {
            ToCoordinator::LeaseComputed { lease, .. } => Some(*lease),
            _ => None,
        };
        self.said.iter().filter_map(computed).collect()
    }

    fn returned(&mut self) -> Vec<(LeaseId, Option<ChunkRun>)> {
        let returned = |message: ToCoordinator| match message {
            ToCoordinator::ChunksReturned { lease, chunks } => Some((lease, chunks)),
            _ => None,
        };
        std::mem::take(&mut self.said).into_iter().filter_map(returned).collect()
    }
}

fn resumed(sequence: u64, chunks: impl IntoIterator<Item = ChunkRun>) -> ResumedLease {
    ResumedLease {
        lease: lease_id(sequence),
        next: lease_id(sequence + 100),
        chunks: chunks.into_iter().collect::<ChunkSet>(),
        again: OffsetSet::new(),
    }
}
