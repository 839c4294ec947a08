//! A session with the coordinator: its connections, and what comes in on them.

use std::{convert::Infallible, io, pin::pin, sync::Arc};

use swath_evaluation::{Awaited, Evaluation};
use swath_proto::{
    upload_key,
    v1::{self, workers_client::WorkersClient},
};
use swath_transport::{DialError, Dialer};
use swath_worker_core::{FromCoordinator, Loss, SessionId, Welcome};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_stream::{StreamExt, wrappers::UnboundedReceiverStream};
use tonic::{Code, Status, Streaming, transport::Channel};
use tracing::{debug, info, warn};

use crate::{ArtifactCache, WorkerConfig, artifacts, compute::Job, convert, upload, work::Work};

/// Why a session ended that should not have.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The coordinator was not reached.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The coordinator speaks another version of the protocol.
    #[error("the coordinator refused this worker: {0}")]
    OtherVersion(String),
    /// The coordinator does not take this worker.
    #[error("the coordinator refused this worker: {0}")]
    Refused(String),
    /// The connection broke.
    #[error("the connection to the coordinator broke: {0}")]
    Broken(String),
    /// The threads cannot be started.
    #[error("cannot start the threads that compute: {0}")]
    Threads(#[from] io::Error),
    /// The port for the health cannot be had.
    #[error(transparent)]
    Health(#[from] swath_health::HealthError),
}

impl SessionError {
    /// What it means for the worker.
    pub fn loss(&self) -> Loss {
        match self {
            Self::Dial(error) if error.is_final() => Loss::Denied,
            Self::Dial(_) => Loss::Unreachable,
            Self::OtherVersion(_) | Self::Refused(_) | Self::Threads(_) | Self::Health(_) => Loss::Refused,
            Self::Broken(_) => Loss::Broken,
        }
    }
}

impl From<Status> for SessionError {
    fn from(status: Status) -> Self {
        if let Some(error) = DialError::find_in(&status) {
            return Self::Dial(error);
        }
        match status.code() {
            // The protocol uses this code here for no other error.
            Code::FailedPrecondition => Self::OtherVersion(status.message().to_owned()),
            Code::InvalidArgument | Code::Unimplemented | Code::Unauthenticated | Code::PermissionDenied => {
                Self::Refused(status.message().to_owned())
            }
            _ => Self::Broken(status.message().to_owned()),
        }
    }
}

/// Two connections, so that a full upload never delays a heartbeat.
struct Channels {
    control: Channel,
    upload: Channel,
}

impl Channels {
    async fn open(coordinator: &Dialer) -> Result<Self, DialError> {
        Ok(Self { control: coordinator.connect().await?, upload: coordinator.connect().await? })
    }
}

/// Connects, joins and handles the messages of the coordinator until the session breaks.
pub(crate) async fn run(config: &WorkerConfig, work: &Work, session: SessionId) -> Result<Infallible, SessionError> {
    let Channels { control, upload } = Channels::open(&config.coordinator).await?;
    let (line, outbound) = mpsc::unbounded_channel();
    work.connected(session, line);
    let Joined { mut inbound, welcome, offers, upload_key } = join(control.clone(), outbound).await?;
    let (worker, resumed) = (welcome.worker, welcome.resumed.len());
    info!(%worker, name = config.name, threads = config.threads, "joined");
    if offers > 0 {
        info!(leases = offers, resumed, "work in flight was offered");
    }
    let dropped = work.with(|core, now| {
        let before = core.waiting_blocks();
        core.handle_message(now, session, FromCoordinator::Welcome(welcome));
        before - core.waiting_blocks()
    });
    if dropped > 0 {
        info!(blocks = dropped, "blocks of former sessions are not wanted any more");
    }
    config.joined.send_replace(Some(worker.0));
    let programs = Programs { cache: Arc::new(config.cache.clone()), channel: control };
    // What is being fetched ends with the session.
    let mut fetching = JoinSet::new();
    let mut upload = pin!(upload::carry(work, session, &upload_key, upload));
    loop {
        tokio::select! {
            message = inbound.message() => match message? {
                Some(message) => {
                    if let Some(job) = handle_message(work, session, message) {
                        fetching.spawn(programs.clone().prepare(work.clone(), job));
                    }
                }
                None => return Err(SessionError::Broken("the coordinator closed it".to_owned())),
            },
            Some(_) = fetching.join_next() => {}
            uploaded = &mut upload => {
                uploaded?;
                return Err(SessionError::Broken("the coordinator ended the upload".to_owned()));
            }
        }
    }
}

/// What a session begins with.
struct Joined {
    inbound: Streaming<v1::CoordinatorMessage>,
    welcome: Welcome,
    /// How many leases were offered.
    offers: usize,
    upload_key: String,
}

/// Opens the control stream; returns when the coordinator has answered with Welcome.
async fn join(
    control: Channel,
    mut outbound: mpsc::UnboundedReceiver<v1::WorkerMessage>,
) -> Result<Joined, SessionError> {
    // Hello is the first message.
    let hello = outbound.recv().await.ok_or_else(|| SessionError::Broken("nothing was said".to_owned()))?;
    let offers = match &hello.kind {
        Some(v1::worker_message::Kind::Hello(hello)) => hello.offers.len(),
        _ => 0,
    };
    let said = tokio_stream::once(hello).chain(UnboundedReceiverStream::new(outbound));
    let mut inbound = WorkersClient::new(control).join(said).await?.into_inner();
    let message = inbound.message().await?;
    let upload_key = message.as_ref().map(upload_key).unwrap_or_default();
    match message.and_then(convert::from_coordinator) {
        Some(FromCoordinator::Welcome(welcome)) => Ok(Joined { inbound, welcome, offers, upload_key }),
        _ => Err(SessionError::Broken("it did not answer with Welcome".to_owned())),
    }
}

/// Passes a message on. Returns a job whose program must be fetched first.
fn handle_message(work: &Work, session: SessionId, message: v1::CoordinatorMessage) -> Option<Arc<Job>> {
    // One that cannot be read was received all the same: the coordinator counts what this worker has received.
    let message = convert::from_coordinator(message).unwrap_or(FromCoordinator::Unknown);
    log(&message);
    let awaiting = match &message {
        FromCoordinator::Job { job: Ok(job), .. } if job.kernel.awaited().is_some() => Some(Arc::clone(job)),
        _ => None,
    };
    work.with(|core, now| {
        awaiting.clone().into_iter().for_each(|job| core.handle_preparing(job));
        core.handle_message(now, session, message);
    });
    awaiting
}

/// Where programs come from.
#[derive(Clone)]
struct Programs {
    cache: Arc<ArtifactCache>,
    channel: Channel,
}

impl Programs {
    /// Fetches the program of a job and makes it ready.
    async fn prepare(self, work: Work, job: Arc<Job>) {
        let outcome = match job.kernel.awaited() {
            Some(awaited) => self.fill(awaited.clone()).await,
            None => Ok(()),
        };
        if let Err(reason) = &outcome {
            warn!(job = %job.id, reason, "a job cannot be computed here");
        }
        work.with(|core, now| core.handle_prepared(now, &job, outcome));
    }

    async fn fill(self, awaited: Awaited) -> Result<(), String> {
        let bytes = artifacts::fetch(self.cache, awaited.program().artifact, self.channel).await?;
        let filled = tokio::task::spawn_blocking(move || awaited.fill(&bytes)).await;
        filled.map_err(|_| "its program made the worker panic; the log says where".to_owned())?
    }
}

fn log(message: &FromCoordinator<Evaluation>) {
    match message {
        FromCoordinator::Job { id, job: Err(reason) } => warn!(%id, reason, "a job cannot be computed here"),
        FromCoordinator::Unknown => debug!("the coordinator sent a message that this worker does not know"),
        FromCoordinator::StopLease { lease } => debug!(%lease, "the lease has ended"),
        FromCoordinator::ReturnChunks { lease, chunks } => debug!(%lease, %chunks, "chunks are asked back"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_by_its_status() {
        for (status, loss, is_expected) in [
            (
                Status::failed_precondition("x"),
                Loss::Refused,
                (|error| matches!(error, SessionError::OtherVersion(_))) as fn(&SessionError) -> bool,
            ),
            (Status::invalid_argument("x"), Loss::Refused, |error| matches!(error, SessionError::Refused(_))),
            (Status::permission_denied("x"), Loss::Refused, |error| matches!(error, SessionError::Refused(_))),
            (Status::unavailable("x"), Loss::Broken, |error| matches!(error, SessionError::Broken(_))),
        ] {
            let error = SessionError::from(status);
            assert!(error.loss() == loss && is_expected(&error), "{error:?}");
        }
    }
}
