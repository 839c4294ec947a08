//! How services talk to the driver.

use std::{sync::Arc, time::Duration};

use swath_model::{ChunkRun, Chunks, Fingerprint, Incarnation, JobId, LeaseId, ResumedLease, WorkerId};
use swath_scheduler::Event;
use tokio::sync::{mpsc, oneshot, watch};

use super::ToWorker;
use crate::{
    job::{Holes, Introduction, JobStatus, NewJob, Past, Token, WorkerStatus},
    ledger::Sender,
    store::Accepted,
};

/// Why a command was refused; the sentence is for people.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    Precondition(String),
    #[error("{0}")]
    Exhausted(String),
    /// It names something that another job has.
    #[error("{0}")]
    Taken(String),
    #[error("{0}")]
    Internal(String),
    #[error("the coordinator is shutting down")]
    ShuttingDown,
}

/// Where an answer goes that may take its time. Whoever asked may have gone away: what was asked for is done all the same.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, Refusal>>;

/// Everything that can be asked of the driver.
#[derive(Debug)]
pub(crate) enum Request {
    Submit {
        job: NewJob,
        token: Option<Token>,
        reply: Answer<JobStatus>,
    },
    Job {
        id: JobId,
        reply: oneshot::Sender<Result<JobStatus, Refusal>>,
    },
    Jobs {
        reply: oneshot::Sender<Vec<JobStatus>>,
    },
    Watch {
        id: JobId,
        reply: oneshot::Sender<Result<watch::Receiver<JobStatus>, Refusal>>,
    },
    Holes {
        id: JobId,
        reply: oneshot::Sender<Result<(Holes, Chunks), Refusal>>,
    },
    Cancel {
        id: JobId,
        drop_results: bool,
        reply: Answer<JobStatus>,
    },
    Forget {
        id: JobId,
        reply: Answer<()>,
    },
    Workers {
        reply: oneshot::Sender<Vec<WorkerStatus>>,
    },
    Drain {
        worker: WorkerId,
        reply: oneshot::Sender<Result<(), Refusal>>,
    },
    Join {
        introduction: Introduction,
        past: Past,
        outbox: mpsc::Sender<ToWorker>,
        reply: oneshot::Sender<Result<Joined, Refusal>>,
    },
    Said {
        worker: WorkerId,
        event: Event,
    },
    /// A worker has heard so many messages.
    Heard {
        worker: WorkerId,
        messages: u64,
    },
    Left {
        worker: WorkerId,
    },
    Fence {
        claim: Claim,
        reply: oneshot::Sender<Option<Arc<Sender>>>,
    },
    Accepted(AcceptedBlock),
    Refused(RefusedBlock),
    /// Are you there?
    Ping {
        reply: oneshot::Sender<()>,
    },
}

/// A session that was opened.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) worker: WorkerId,
    /// How often the worker should be heard.
    pub(crate) heartbeat: Duration,
    pub(crate) resumed: Vec<ResumedLease>,
    pub(crate) incarnation: Incarnation,
}

/// What is said of a block that comes: under which lease, and what of which job it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    pub(crate) lease: LeaseId,
    pub(crate) job: JobId,
    pub(crate) fingerprint: Option<Fingerprint>,
    /// The chunks that it touches; `None` if it cannot be a block of this job.
    pub(crate) chunks: Option<ChunkRun>,
}

/// What became of a block of `numbers` numbers that came while its lease was held.
#[derive(Debug)]
pub(crate) struct AcceptedBlock {
    pub(crate) job: JobId,
    pub(crate) worker: WorkerId,
    pub(crate) lease: LeaseId,
    /// The chunks that it touches.
    pub(crate) chunks: ChunkRun,
    pub(crate) numbers: u64,
    pub(crate) accepted: Accepted,
}

/// A block that came while its lease was held, and cannot be taken.
#[derive(Debug)]
pub(crate) struct RefusedBlock {
    pub(crate) job: JobId,
    pub(crate) worker: WorkerId,
    pub(crate) lease: LeaseId,
    /// The chunks that it should have been of.
    pub(crate) chunks: ChunkRun,
    /// Its first number.
    pub(crate) number: i64,
    /// A sentence that says what is wrong with it.
    pub(crate) reason: String,
}

/// A line to the driver.
#[derive(Debug, Clone)]
pub(crate) struct DriverHandle {
    requests: mpsc::Sender<Request>,
}

impl DriverHandle {
    pub(crate) fn new(requests: mpsc::Sender<Request>) -> Self {
        Self { requests }
    }

    /// Stores a job and starts it; the answer comes when it is in the ledger.
    pub(crate) async fn submit(&self, job: NewJob, token: Option<Token>) -> Result<JobStatus, Refusal> {
        self.ask(|reply| Request::Submit { job, token, reply }).await?
    }

    pub(crate) async fn job(&self, id: JobId) -> Result<JobStatus, Refusal> {
        self.ask(|reply| Request::Job { id, reply }).await?
    }

    pub(crate) async fn jobs(&self) -> Result<Vec<JobStatus>, Refusal> {
        self.ask(|reply| Request::Jobs { reply }).await
    }

    pub(crate) async fn watch(&self, id: JobId) -> Result<watch::Receiver<JobStatus>, Refusal> {
        self.ask(|reply| Request::Watch { id, reply }).await?
    }

    /// The chunks of a job that were given up.
    pub(crate) async fn holes(&self, id: JobId) -> Result<(Holes, Chunks), Refusal> {
        self.ask(|reply| Request::Holes { id, reply }).await?
    }

    /// Ends a job; the answer comes when that is in the ledger.
    pub(crate) async fn cancel(&self, id: JobId, drop_results: bool) -> Result<JobStatus, Refusal> {
        self.ask(|reply| Request::Cancel { id, drop_results, reply }).await?
    }

    /// Drops a job that has ended; the answer comes when it is gone from the ledger and its files were deleted.
    pub(crate) async fn forget(&self, id: JobId) -> Result<(), Refusal> {
        self.ask(|reply| Request::Forget { id, reply }).await?
    }

    pub(crate) async fn workers(&self) -> Result<Vec<WorkerStatus>, Refusal> {
        self.ask(|reply| Request::Workers { reply }).await
    }

    pub(crate) async fn drain(&self, worker: WorkerId) -> Result<(), Refusal> {
        self.ask(|reply| Request::Drain { worker, reply }).await?
    }

    /// Opens a session, in which work in hand of an earlier one may go on.
    pub(crate) async fn join(
        &self,
        introduction: Introduction,
        past: Past,
        outbox: mpsc::Sender<ToWorker>,
    ) -> Result<Joined, Refusal> {
        self.ask(|reply| Request::Join { introduction, past, outbox, reply }).await?
    }

    /// Passes on what a worker said.
    pub(crate) async fn said(&self, worker: WorkerId, event: Event) {
        self.tell(Request::Said { worker, event }).await;
    }

    /// A worker has heard so many messages of its session.
    pub(crate) async fn heard(&self, worker: WorkerId, messages: u64) {
        self.tell(Request::Heard { worker, messages }).await;
    }

    /// The session of a worker is over.
    pub(crate) async fn left(&self, worker: WorkerId) {
        self.tell(Request::Left { worker }).await;
    }

    /// The worker that holds what is claimed, if it is still held.
    pub(crate) async fn fence(&self, claim: Claim) -> Result<Option<Arc<Sender>>, Refusal> {
        self.ask(|reply| Request::Fence { claim, reply }).await
    }

    /// Whether the driver still takes its turns.
    pub(crate) async fn answers(&self) -> bool {
        self.ask(|reply| Request::Ping { reply }).await.is_ok()
    }

    /// Room for one message: what is said with it reaches the driver even if the caller goes away meanwhile.
    pub(crate) async fn reserve(&self) -> Result<mpsc::Permit<'_, Request>, Refusal> {
        self.requests.reserve().await.map_err(|_| Refusal::ShuttingDown)
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(request(reply)).await.map_err(|_| Refusal::ShuttingDown)?;
        answer.await.map_err(|_| Refusal::ShuttingDown)
    }

    async fn tell(&self, request: Request) {
        // A driver that is gone has nothing left to keep.
        let _ = self.requests.send(request).await;
    }
}
