//! What a process of a worker has beside the real core: threads, room for blocks, a connection. And a witness, who sees
//! to it that the core keeps its word.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use swath_model::{ChunkRun, ChunkSet, Instant, JobId, LeaseId, OffsetRun};
use swath_worker_core::{BlockId, Config, FromCoordinator, Job, SessionId as Attempt, ToCoordinator, Upload, Worker};

use crate::{
    event::{LeasedJob, SessionId, TaskId},
    plan::{Machine, Plan, fingerprint},
};

#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) slots: u32,
    /// In percent.
    pub(crate) speed: u64,
    /// How often it was started: its process id.
    pub(crate) starts: u32,
    /// Until when it does nothing, although it is there.
    pub(crate) stopped_until: Option<Instant>,
    /// The worker, while it runs.
    pub(crate) core: Option<Worker<LeasedJob>>,
    /// Its connection, and which attempt of the core that is.
    pub(crate) session: Option<(SessionId, Attempt)>,
    pub(crate) threads: Vec<Thread>,
    /// The blocks that take room.
    pub(crate) blocks: BTreeSet<BlockId>,
    /// Those on their way in this session, in order.
    pub(crate) on_the_way: VecDeque<BlockId>,
    /// Those that were on their way once.
    pub(crate) sent: BTreeSet<BlockId>,
    /// For when the next wake-up is planned.
    pub(crate) wakes_at: Option<Instant>,
    /// It is being told what goes on of its work.
    pub(crate) resumes: bool,
    pub(crate) witness: Witness,
    config: Config,
}

/// What a thread is at.
#[derive(Debug)]
pub(crate) enum Thread {
    Idle,
    Computing {
        task: TaskId,
        job: LeasedJob,
        offsets: OffsetRun,
    },
    /// What came of its task and waits for room.
    Delivering(VecDeque<Product>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Product {
    Block(OffsetRun),
    Failed { chunk: u64, number: i64 },
}

impl Process {
    pub(crate) fn new(machine: &Machine, plan: &Plan) -> Self {
        let config = Config {
            slots: machine.threads,
            blocks_per_slot: plan.blocks_per_slot,
            max_offers: plan.max_offers,
            grace: plan.grace,
            ..Config::default()
        };
        Process {
            slots: machine.threads,
            speed: machine.speed,
            starts: 0,
            stopped_until: None,
            core: None,
            session: None,
            threads: Vec::new(),
            blocks: BTreeSet::new(),
            on_the_way: VecDeque::new(),
            sent: BTreeSet::new(),
            wakes_at: None,
            resumes: false,
            witness: Witness::default(),
            config,
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.core.is_some()
    }

    pub(crate) fn start(&mut self, now: Instant) {
        self.starts += 1;
        self.core = Some(Worker::new(now, self.config.clone()));
        self.threads = (0..self.slots).map(|_| Thread::Idle).collect();
    }

    /// It is gone, with all that it had. Returns its connection.
    pub(crate) fn clear(&mut self) -> Option<SessionId> {
        self.core = None;
        self.stopped_until = None;
        self.threads.clear();
        self.blocks.clear();
        self.on_the_way.clear();
        self.sent.clear();
        self.wakes_at = None;
        self.witness = Witness::default();
        self.session.take().map(|(session, _)| session)
    }
}

/// What a core was told, and may say after that.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    /// What each lease holds as far as the core knows.
    held: BTreeMap<LeaseId, (LeasedJob, ChunkSet)>,
    jobs: BTreeMap<JobId, LeasedJob>,
    /// What was offered last.
    offered: BTreeMap<LeaseId, LeasedJob>,
}

impl Witness {
    /// The core is about to be told this.
    pub(crate) fn on_told(&mut self, message: &FromCoordinator<LeasedJob>) {
        match message {
            FromCoordinator::Welcome(welcome) => {
                self.jobs.clear();
                let offered = std::mem::take(&mut self.offered);
                self.held = welcome
                    .resumed
                    .iter()
                    .filter_map(|resumed| Some((resumed.next, (*offered.get(&resumed.lease)?, resumed.chunks.clone()))))
                    .collect();
            }
            FromCoordinator::Job { id, job: Ok(job) } => drop(self.jobs.insert(*id, job.kernel)),
            FromCoordinator::JobEnded { id } => drop(self.jobs.remove(id)),
            FromCoordinator::Lease(lease) => {
                let job =
                    self.jobs.get(&lease.job).filter(|job| Some(fingerprint(job.fingerprint)) == lease.fingerprint);
                if let Some(&job) = job.filter(|job| lease.chunks.end() <= job.chunks.count()) {
                    self.held.insert(lease.id, (job, lease.chunks.into()));
                }
            }
            FromCoordinator::StopLease { lease } => drop(self.held.remove(lease)),
            FromCoordinator::Job { .. }
            | FromCoordinator::ReturnChunks { .. }
            | FromCoordinator::ShutDown
            | FromCoordinator::Unknown => {}
        }
    }

    /// The core says this. An error is a promise that it breaks.
    pub(crate) fn on_said(&mut self, message: &ToCoordinator) -> Result<(), String> {
        match message {
            ToCoordinator::Hello { offers, .. } => {
                for offer in offers {
                    let Some((job, chunks)) = self.held.get(&offer.lease) else {
                        return Err(format!("it offers {}, which it does not hold", offer.lease));
                    };
                    if offer.fingerprint != Some(fingerprint(job.fingerprint)) {
                        return Err(format!("it offers {} as another job", offer.lease));
                    }
                    let all: ChunkSet = offer.offsets.iter().map(|run| job.chunks.touched(run)).collect();
                    if let Some(run) = all.iter().find(|run| !chunks.contains_run(*run)) {
                        return Err(format!("it offers {run} of {}, which are not its own", offer.lease));
                    }
                    self.offered.insert(offer.lease, *job);
                }
            }
            ToCoordinator::LeaseComputed { lease, .. } if !self.held.contains_key(lease) => {
                return Err(format!("it has computed {lease}, which it does not hold"));
            }
            ToCoordinator::ChunksReturned { lease, chunks: Some(chunks) } => self.give_up(*lease, *chunks),
            ToCoordinator::ChunkFailed { lease, chunk, .. } => self.give_up(*lease, ChunkRun::one(*chunk)),
            ToCoordinator::LeaseComputed { .. }
            | ToCoordinator::ChunksReturned { .. }
            | ToCoordinator::Heartbeat { .. }
            | ToCoordinator::Leaving => {}
        }
        Ok(())
    }

    /// The core sends this block. An error is a promise that it breaks.
    pub(crate) fn on_upload(&self, upload: &Upload<LeasedJob>) -> Result<(), String> {
        let (lease, offsets) = (upload.lease, upload.offsets);
        let Some((job, chunks)) = self.held.get(&lease) else {
            return Err(format!("it sends {offsets} under {lease}, which it does not hold"));
        };
        if *job != upload.job.kernel {
            return Err(format!("it sends {offsets} of another job under {lease}"));
        }
        if !chunks.contains_run(job.chunks.touched(offsets)) {
            return Err(format!("it sends {offsets} under {lease}, which holds {chunks:?} only"));
        }
        Ok(())
    }

    fn give_up(&mut self, lease: LeaseId, chunks: ChunkRun) {
        if let Some((_, held)) = self.held.get_mut(&lease) {
            held.remove(chunks);
        }
    }
}

/// A job as a core knows it.
pub(crate) fn job(leased: LeasedJob) -> Job<LeasedJob> {
    let (chunks, bounds) = (leased.chunks, leased.bounds());
    Job { id: leased.id, fingerprint: fingerprint(leased.fingerprint), chunks, bounds, kernel: leased }
}
