//! `swath.v1.Workers`: sessions and uploads.

use std::{pin::Pin, sync::Arc};

use futures::{Stream, StreamExt, stream};
use swath_coordinator_core::{Accepted, AcceptedBlock, Claim, RefusedBlock, ToWorker};
use swath_model::{ChunkRun, Fingerprint, WorkerId};
use swath_proto::{
    codec,
    v1::{self, block_receipt::Outcome, workers_server::Workers},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::arrival;
use crate::{
    convert,
    driver::{DriverHandle, Request as DriverRequest},
    intake::{Arrivals, UploadKey, UploadKeys},
    ledger::Sender,
    store::{JobResults, Store},
};

/// Messages that may wait for a worker. If more would wait, the worker is not alive.
const OUTBOX: usize = 1024;

#[derive(Clone)]
pub(crate) struct WorkersService {
    pub(crate) driver: DriverHandle,
    pub(crate) store: Arc<Store>,
    pub(crate) keys: UploadKeys,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl Workers for WorkersService {
    type JoinStream = Answers<v1::CoordinatorMessage>;

    async fn join(&self, request: Request<Streaming<v1::WorkerMessage>>) -> Result<Response<Self::JoinStream>, Status> {
        let address = request.remote_addr().map_or_else(String::new, |address| address.to_string());
        let mut inbound = request.into_inner();
        let join = convert::join(inbound.message().await?, address)?;
        let key = self.keys.draw()?;
        let (outbox, messages) = mpsc::channel(OUTBOX);
        let weak_outbox = outbox.downgrade();
        let joined = self.driver.join(join, outbox).await?;
        key.open(joined.worker, weak_outbox);
        let welcome = convert::welcome(&joined, key.text());
        tokio::spawn(hear(self.driver.clone(), joined.worker, key, inbound));
        let rest = ReceiverStream::new(messages).map(|message: ToWorker| Ok(convert::to_worker(&message)));
        Ok(Response::new(Box::pin(stream::once(async { Ok(welcome) }).chain(rest))))
    }

    type UploadStream = Answers<v1::BlockReceipt>;

    async fn upload(
        &self,
        request: Request<Streaming<v1::UploadBlock>>,
    ) -> Result<Response<Self::UploadStream>, Status> {
        let (_, extensions, blocks) = request.into_parts();
        let arrivals = extensions.get::<Arrivals>().cloned();
        let arrivals = arrivals.ok_or_else(|| Status::internal("an upload came in by another way"))?;
        let receipts = stream::try_unfold((self.clone(), blocks), move |(service, mut blocks)| {
            let arrivals = arrivals.clone();
            async move {
                let Some(block) = blocks.message().await? else { return Ok(None) };
                let outcome = service.take(block, &arrivals).await?;
                Ok(Some((v1::BlockReceipt { outcome: outcome.into() }, (service, blocks))))
            }
        });
        Ok(Response::new(Box::pin(receipts)))
    }

    async fn list(&self, _: Request<v1::ListWorkersRequest>) -> Result<Response<v1::ListWorkersResponse>, Status> {
        let workers = self.driver.workers().await?;
        Ok(Response::new(v1::ListWorkersResponse {
            workers: workers.iter().map(codec::worker_status_to_proto).collect(),
        }))
    }

    async fn drain(
        &self,
        request: Request<v1::DrainWorkerRequest>,
    ) -> Result<Response<v1::DrainWorkerResponse>, Status> {
        self.driver.drain(WorkerId(request.into_inner().id)).await?;
        Ok(Response::new(v1::DrainWorkerResponse {}))
    }
}

/// Passes on the messages of a worker until its stream ends. Its key is good until then.
async fn hear(driver: DriverHandle, worker: WorkerId, _key: UploadKey, mut inbound: Streaming<v1::WorkerMessage>) {
    while let Ok(Some(message)) = inbound.message().await {
        match message.kind {
            // A worker that drains itself; it is known, so this cannot be refused.
            Some(v1::worker_message::Kind::Leaving(_)) => {
                let _ = driver.drain(worker).await;
                continue;
            }
            Some(v1::worker_message::Kind::Heartbeat(heartbeat)) => {
                driver.heartbeat(worker, heartbeat.received).await;
                continue;
            }
            _ => {}
        }
        match convert::worker_event(worker, message) {
            Ok(Some(event)) => driver.said(event).await,
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%worker, error = error.message(), "the worker sent an invalid message");
                break;
            }
        }
    }
    driver.left(worker).await;
}

impl WorkersService {
    /// Takes one block in, which has had its room since before it came. First the driver is asked whether this worker
    /// should send it (the *fence*); before that, none of its bytes is parsed. Then the block is checked. Then the
    /// driver is asked again, because the lease may have ended meanwhile.
    async fn take(&self, mut upload: v1::UploadBlock, arrivals: &Arrivals) -> Result<Outcome, Status> {
        let room = arrivals.next_room().ok_or_else(|| Status::internal("a block came in without room"))?;
        let lease = convert::lease_id(upload.lease)?;
        let job = convert::job_id(upload.job_id);
        let fingerprint = Fingerprint::from_slice(&upload.fingerprint);
        let Some(results) = self.store.job(job) else { return Ok(Outcome::NotHeld) };
        let placed = place(&results, &upload);
        let chunks = placed.as_ref().ok().map(|&(_, chunks)| chunks);
        let claim = Claim { lease, job, fingerprint, chunks };
        let worker = arrivals.worker();
        if self.fence(claim, worker).await?.is_none() {
            return Ok(Outcome::NotHeld);
        }
        let (offset, chunks) = placed?;
        let block = arrival::check(&mut upload, &results).await;
        let Some(sender) = self.fence(claim, worker).await? else { return Ok(Outcome::NotHeld) };
        let block = match block {
            Ok(block) => block,
            Err(reason) => {
                let number = upload.first;
                let refused = RefusedBlock { job, worker, lease, chunks, number, reason };
                self.driver.reserve().await?.send(DriverRequest::Refused(refused));
                return Ok(Outcome::Refused);
            }
        };
        // From here on nothing waits, so the driver is told of every block that the store holds.
        let line = self.driver.reserve().await?;
        let accepted = self.store.accept(&results, offset, block, sender, room);
        let outcome = match accepted {
            Accepted::Held { .. } => Outcome::Accepted,
            Accepted::Duplicate { .. } | Accepted::Overlapping { .. } => Outcome::Duplicate,
            Accepted::Gone => Outcome::NotHeld,
        };
        let numbers = upload.numbers;
        line.send(DriverRequest::Accepted(AcceptedBlock { job, worker, lease, chunks, numbers, accepted }));
        Ok(outcome)
    }

    /// The sender of what is claimed, if it is held, and by this worker.
    async fn fence(&self, claim: Claim, worker: WorkerId) -> Result<Option<Arc<Sender>>, Status> {
        let holder = self.driver.fence(claim).await?;
        Ok(holder.filter(|holder| holder.worker == worker.0))
    }
}

/// Where the block lies: its first offset and its chunks.
fn place(results: &JobResults, upload: &v1::UploadBlock) -> Result<(u64, ChunkRun), Status> {
    let misplaced = || {
        let (first, numbers, id) = (upload.first, upload.numbers, upload.job_id);
        Status::invalid_argument(format!(
            "a block of {numbers} numbers from {first} on is neither whole chunks nor a piece of a chunk of job {id}"
        ))
    };
    let offset = results.chunks().range().offset_of(upload.first).ok_or_else(misplaced)?;
    let chunks = results.chunks_of_block(offset, upload.numbers).ok_or_else(misplaced)?;
    Ok((offset, chunks))
}
