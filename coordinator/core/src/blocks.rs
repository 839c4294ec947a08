//! Blocks that arrive: the fence before they are accepted, and what the scheduler is told afterwards.

use swath_model::{ChunkRun, Fingerprint, JobId, LeaseId, ResultMode, WorkerId};
use swath_scheduler::Event;

use crate::{Accepted, Core, Notice, Now, Results, job::Phase};

/// What a block that arrives claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Under which lease it was computed.
    pub lease: LeaseId,
    /// Of which job.
    pub job: JobId,
    /// What that job computes; `None` if it is not given in a form that can be one.
    pub fingerprint: Option<Fingerprint>,
    /// The chunks that it touches; `None` if it cannot be a block of this job.
    pub chunks: Option<ChunkRun>,
}

/// What became of a block that passed the fence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedBlock {
    /// Its job.
    pub job: JobId,
    /// Who sent it.
    pub worker: WorkerId,
    /// Its lease.
    pub lease: LeaseId,
    /// The chunks that it touches.
    pub chunks: ChunkRun,
    /// How many numbers it has.
    pub numbers: u64,
    /// What the index decided.
    pub accepted: Accepted,
}

/// A block that passed the fence and is damaged, or is not what it claims to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedBlock {
    /// Its job.
    pub job: JobId,
    /// Who sent it.
    pub worker: WorkerId,
    /// Its lease.
    pub lease: LeaseId,
    /// The chunks that it should have been of.
    pub chunks: ChunkRun,
    /// Its first number.
    pub number: i64,
    /// What is wrong with it.
    pub reason: String,
}

impl<R: Results> Core<R> {
    /// The worker that holds what is claimed, in a live session. If it holds only some of the chunks, or computed
    /// another job, it will not send these chunks again: they wait for another lease.
    pub fn fence(&mut self, now: Now, claim: &Claim) -> Option<WorkerId> {
        self.begin(now);
        let &Claim { lease, job, fingerprint, chunks } = claim;
        let worker = self.scheduler.holder(lease).filter(|_| self.scheduler.leased_job(lease) == Some(job))?;
        let is_same_job = Some(self.jobs.get(&job)?.fingerprint) == fingerprint;
        self.sessions.get(&worker)?;
        let Some(chunks) = chunks else { return Some(worker) };
        if is_same_job && self.scheduler.holds(lease, chunks) {
            return Some(worker);
        }
        self.tell_scheduler(Event::ChunksReturned { worker, lease, chunks: Some(chunks) });
        self.settle();
        None
    }

    /// A block passed the fence, and the index decided on it.
    pub fn handle_accepted(&mut self, now: Now, block: AcceptedBlock) {
        self.begin(now);
        let AcceptedBlock { job, worker, lease, .. } = block;
        match block.accepted {
            Accepted::Held { chunks } => {
                self.count_share(job, worker, block.numbers, chunks.map_or(0, ChunkRun::len));
                self.on_received(job, chunks);
            }
            Accepted::Duplicate { chunks } => self.on_received(job, chunks),
            Accepted::Overlapping { chunks } => {
                for chunks in chunks {
                    self.on_received(job, Some(chunks));
                }
                self.tell_scheduler(Event::ChunksReturned { worker, lease, chunks: Some(block.chunks) });
            }
            Accepted::Gone => {}
        }
        self.settle();
    }

    /// A block that cannot be accepted is a failure of its worker at the first of its chunks, so it is not tried for
    /// ever; the others wait again.
    pub fn handle_refused(&mut self, now: Now, block: RefusedBlock) {
        self.begin(now);
        let RefusedBlock { job, worker, lease, chunks, number, reason } = block;
        let name = self.sessions.get(&worker).map_or(String::new(), |session| session.name().to_owned());
        let failure = format!("worker {worker} ({name}) sent a block that cannot be taken: {reason}");
        self.log(Notice::BlockRefused { job, worker, name, number, reason });
        let chunk = chunks.start();
        self.tell_scheduler(Event::ChunkFailed { worker, lease, chunk, number, reason: failure });
        self.tell_scheduler(Event::ChunksReturned { worker, lease, chunks: Some(chunks) });
        self.settle();
    }

    /// The index holds these chunks whole.
    fn on_received(&mut self, job: JobId, chunks: Option<ChunkRun>) {
        let (Some(chunks), Some(record)) = (chunks, self.jobs.get(&job)) else { return };
        let is_committed = record.spec.result_mode == ResultMode::Delivered;
        self.tell_scheduler(Event::ChunksReceived { job, chunks });
        if is_committed {
            self.tell_scheduler(Event::ChunksCommitted { job, chunks });
        }
    }

    fn count_share(&mut self, id: JobId, worker: WorkerId, numbers: u64, chunks: u64) {
        let session = self.sessions.get_mut(&worker);
        let name = session.map(|session| {
            session.count(numbers, chunks);
            session.name().to_owned()
        });
        // What arrives after the end of a job is not part of it.
        let Some(job) = self.jobs.get_mut(&id).filter(|job| matches!(job.phase, Phase::Running)) else { return };
        let share = job.shares.entry(worker).or_default();
        if let Some(name) = name {
            share.worker = name;
        }
        share.numbers += numbers;
        share.chunks += chunks;
        if job.spec.result_mode == ResultMode::Stored {
            self.unsaved_shares.insert(id);
        }
        self.mark_changed(id);
    }
}
