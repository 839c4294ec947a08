//! How services talk to the driver.

use std::sync::Arc;

use swath_coordinator_core::{
    AcceptedBlock, AfterCancel, Claim, Join, Joined, Refusal, RefusedBlock, Submit, ToWorker,
};
use swath_model::{Chunks, FailedChunks, JobId, JobStatus, WorkerId, WorkerStatus};
use swath_scheduler::Event;
use tokio::sync::{mpsc, oneshot, watch};

use crate::ledger::Sender;

/// Where an answer goes. Whoever asked may have gone away: what was asked for is done all the same.
type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// Everything that can be asked of the driver.
#[derive(Debug)]
pub(crate) enum Request {
    Submit {
        submit: Submit,
        reply: Reply<JobStatus>,
    },
    Cancel {
        id: JobId,
        after: AfterCancel,
        reply: Reply<JobStatus>,
    },
    Forget {
        id: JobId,
        reply: Reply<()>,
    },
    Job {
        id: JobId,
        reply: Reply<JobStatus>,
    },
    Jobs {
        reply: oneshot::Sender<Vec<JobStatus>>,
    },
    Watch {
        id: JobId,
        reply: Reply<watch::Receiver<JobStatus>>,
    },
    FailedChunks {
        id: JobId,
        reply: Reply<(FailedChunks, Chunks)>,
    },
    Workers {
        reply: oneshot::Sender<Vec<WorkerStatus>>,
    },
    Drain {
        worker: WorkerId,
        reply: Reply<()>,
    },
    Join {
        join: Join,
        outbox: mpsc::Sender<ToWorker>,
        reply: Reply<Joined>,
    },
    /// A heartbeat of a worker that has received so many messages.
    Heartbeat {
        worker: WorkerId,
        received: u64,
    },
    /// A message of a worker about its leases.
    Said {
        event: Event,
    },
    /// The connection of a worker is gone.
    Left {
        worker: WorkerId,
    },
    Fence {
        claim: Claim,
        reply: oneshot::Sender<Option<Arc<Sender>>>,
    },
    Accepted(AcceptedBlock),
    Refused(RefusedBlock),
    /// Answered at once, if the loop runs.
    Ping {
        reply: oneshot::Sender<()>,
    },
}

/// The driver does not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub(crate) struct Refused(#[from] pub(crate) Refusal);

/// Sends requests to the driver. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct DriverHandle {
    requests: mpsc::Sender<Request>,
}

impl DriverHandle {
    pub(crate) fn new(requests: mpsc::Sender<Request>) -> Self {
        Self { requests }
    }

    /// Stores a job and starts it; the answer comes when it is in the ledger.
    pub(crate) async fn submit(&self, submit: Submit) -> Result<JobStatus, Refused> {
        Ok(self.ask(|reply| Request::Submit { submit, reply }).await??)
    }

    /// Cancels a job; the answer comes when that is in the ledger.
    pub(crate) async fn cancel(&self, id: JobId, after: AfterCancel) -> Result<JobStatus, Refused> {
        Ok(self.ask(|reply| Request::Cancel { id, after, reply }).await??)
    }

    /// Forgets a job that has ended; the answer comes when it is gone from the ledger and its files were deleted.
    pub(crate) async fn forget(&self, id: JobId) -> Result<(), Refused> {
        Ok(self.ask(|reply| Request::Forget { id, reply }).await??)
    }

    pub(crate) async fn job(&self, id: JobId) -> Result<JobStatus, Refused> {
        Ok(self.ask(|reply| Request::Job { id, reply }).await??)
    }

    pub(crate) async fn jobs(&self) -> Result<Vec<JobStatus>, Refused> {
        self.ask(|reply| Request::Jobs { reply }).await
    }

    /// How a job stands now, and each time that it changes.
    pub(crate) async fn watch(&self, id: JobId) -> Result<watch::Receiver<JobStatus>, Refused> {
        Ok(self.ask(|reply| Request::Watch { id, reply }).await??)
    }

    /// The failed chunks of a job.
    pub(crate) async fn failed_chunks(&self, id: JobId) -> Result<(FailedChunks, Chunks), Refused> {
        Ok(self.ask(|reply| Request::FailedChunks { id, reply }).await??)
    }

    pub(crate) async fn workers(&self) -> Result<Vec<WorkerStatus>, Refused> {
        self.ask(|reply| Request::Workers { reply }).await
    }

    pub(crate) async fn drain(&self, worker: WorkerId) -> Result<(), Refused> {
        Ok(self.ask(|reply| Request::Drain { worker, reply }).await??)
    }

    /// Opens a session, in which work in flight of an earlier one may continue.
    pub(crate) async fn join(&self, join: Join, outbox: mpsc::Sender<ToWorker>) -> Result<Joined, Refused> {
        Ok(self.ask(|reply| Request::Join { join, outbox, reply }).await??)
    }

    /// Passes on a heartbeat of a worker that has received so many messages.
    pub(crate) async fn heartbeat(&self, worker: WorkerId, received: u64) {
        self.tell(Request::Heartbeat { worker, received }).await;
    }

    /// Passes on a message of a worker about its leases.
    pub(crate) async fn said(&self, event: Event) {
        self.tell(Request::Said { event }).await;
    }

    /// The connection of a worker is gone.
    pub(crate) async fn left(&self, worker: WorkerId) {
        self.tell(Request::Left { worker }).await;
    }

    /// The worker that holds what is claimed, if it is still held.
    pub(crate) async fn fence(&self, claim: Claim) -> Result<Option<Arc<Sender>>, Refused> {
        self.ask(|reply| Request::Fence { claim, reply }).await
    }

    /// Whether the driver still takes its turns.
    pub(crate) async fn answers(&self) -> bool {
        self.ask(|reply| Request::Ping { reply }).await.is_ok()
    }

    /// A place in the queue for one request: a request sent with it reaches the driver even if the caller goes away
    /// meanwhile.
    pub(crate) async fn reserve(&self) -> Result<mpsc::Permit<'_, Request>, Refused> {
        self.requests.reserve().await.map_err(|_| Refused(Refusal::ShuttingDown))
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, Refused> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(request(reply)).await.map_err(|_| Refused(Refusal::ShuttingDown))?;
        answer.await.map_err(|_| Refused(Refusal::ShuttingDown))
    }

    async fn tell(&self, request: Request) {
        // A driver that has ended needs no more messages.
        let _ = self.requests.send(request).await;
    }
}
