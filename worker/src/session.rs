//! A session with the coordinator, from joining to leaving.

use std::{future::Future, io, pin::pin, time::Duration};

use swath_proto::{
    PROTOCOL_VERSION,
    v1::{self, coordinator_message, worker_message::Kind, workers_client::WorkersClient},
};
use swath_transport::{DialError, Dialer};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, Streaming, transport::Channel};
use tracing::{debug, info, warn};

use crate::{
    WorkerConfig, convert,
    queue::{GivenBack, News},
    work::Work,
};

/// Why a session ended that should not have.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The coordinator was not reached.
    #[error(transparent)]
    Dial(#[from] DialError),
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
    /// Joining again is of no use. Whoever was in a session once has access that is good: it may be about to be renewed, on
    /// either side.
    pub(crate) fn is_final(&self, was_in_session: bool) -> bool {
        match self {
            Self::Dial(error) => error.is_final() && !was_in_session,
            Self::Refused(_) | Self::Threads(_) | Self::Health(_) => true,
            Self::Broken(_) => false,
        }
    }
}

impl From<Status> for SessionError {
    fn from(status: Status) -> Self {
        if let Some(error) = DialError::find_in(&status) {
            return Self::Dial(error);
        }
        match status.code() {
            Code::FailedPrecondition
            | Code::InvalidArgument
            | Code::Unimplemented
            | Code::Unauthenticated
            | Code::PermissionDenied => Self::Refused(status.message().to_owned()),
            _ => Self::Broken(status.message().to_owned()),
        }
    }
}

/// Two connections, so that a full upload never delays a heartbeat.
pub(crate) struct Channels {
    control: Channel,
    upload: Channel,
}

impl Channels {
    pub(crate) async fn open(coordinator: &Dialer) -> Result<Self, DialError> {
        Ok(Self { control: coordinator.connect().await?, upload: coordinator.connect().await? })
    }
}

const LONGEST_GRACE: Duration = Duration::from_secs(365 * 24 * 3600);

/// How a session ended that went well.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The coordinator needs no worker any more.
    Farewell,
    /// The worker was told to stop.
    Stopped,
}

/// Joins and works until the session ends. What is in hand then stays so for the next session. `former` is who this
/// process was in the session before, and becomes who it is in this one.
pub(crate) async fn run(
    config: &WorkerConfig,
    work: &Work,
    former: &mut Option<v1::FormerWorker>,
    channels: Channels,
    stop: &CancellationToken,
) -> Result<Ended, SessionError> {
    let (line, outbound) = mpsc::unbounded_channel();
    let offered = work.queue.offer();
    let offers = offered.len();
    // Nobody else speaks before the coordinator knows who this is.
    let _ = line.send(convert::say(Kind::Hello(v1::Hello {
        former: *former,
        in_hand: convert::work_in_hand(offered),
        ..hello(config)
    })));
    let joining = join(channels.control, outbound);
    let (inbound, welcome) = tokio::select! {
        joined = joining => joined?,
        () = stop.cancelled() => return Ok(Ended::Stopped),
    };
    *former = Some(v1::FormerWorker { incarnation: welcome.incarnation, worker_id: welcome.worker_id });
    let (worker, resumed) = (welcome.worker_id, welcome.resumed.len());
    info!(worker, name = config.name, threads = config.threads, "joined");
    if offers > 0 {
        info!(leases = offers, resumed, "work in hand was offered");
    }

    let session = Session { work };
    let heartbeat = Duration::from_millis(welcome.heartbeat_interval_ms.max(1));
    work.outbox.connect(line);
    config.joined.send_replace(Some(worker));
    session.resume(welcome.resumed);
    let ended = session.drive(inbound, work.uploader.carry(channels.upload), heartbeat, config.grace, stop).await;
    config.joined.send_replace(None);
    work.outbox.disconnect();
    ended
}

/// Opens the control stream; returns when the coordinator has answered with Welcome.
async fn join(
    control: Channel,
    outbound: mpsc::UnboundedReceiver<v1::WorkerMessage>,
) -> Result<(Streaming<v1::CoordinatorMessage>, v1::Welcome), SessionError> {
    let mut client = WorkersClient::new(control);
    let mut inbound = client.join(UnboundedReceiverStream::new(outbound)).await?.into_inner();
    match inbound.message().await?.and_then(|message| message.kind) {
        Some(coordinator_message::Kind::Welcome(welcome)) => Ok((inbound, welcome)),
        _ => Err(SessionError::Broken("it did not answer with Welcome".to_owned())),
    }
}

fn hello(config: &WorkerConfig) -> v1::Hello {
    v1::Hello {
        protocol_version: PROTOCOL_VERSION,
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        name: config.name.clone(),
        host: host_name(),
        process_id: std::process::id(),
        threads: config.threads,
        in_hand: Vec::new(),
        former: None,
    }
}

/// The name of this machine.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

struct Session<'work> {
    work: &'work Work,
}

impl Session<'_> {
    /// Goes on with what the coordinator still wants of what was in hand.
    fn resume(&self, resumed: Vec<v1::ResumedLease>) {
        for news in self.work.queue.resume(convert::resumed(resumed)) {
            self.work.outbox.say(match news {
                News::Returned(lease, chunks) => convert::chunks_returned(lease, Some(chunks)),
                News::Computed(computed) => convert::lease_computed(&computed),
            });
        }
    }

    async fn drive(
        &self,
        mut inbound: Streaming<v1::CoordinatorMessage>,
        upload: impl Future<Output = Result<(), Status>>,
        heartbeat: Duration,
        grace: Duration,
        stop: &CancellationToken,
    ) -> Result<Ended, SessionError> {
        // Further away than any clock reaches would overflow it.
        let grace = grace.min(LONGEST_GRACE);
        let mut upload = pin!(upload);
        let mut heartbeats = interval(heartbeat);
        heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // While it leaves: looks often whether all is delivered.
        let mut looks = interval(Duration::from_millis(5));
        let mut leaving: Option<(Ended, Instant)> = None;
        let mut heard = 0;
        loop {
            tokio::select! {
                message = inbound.message() => match message {
                    Err(_) if leaving.is_some() => return Ok(leaving.map_or(Ended::Stopped, |(ended, _)| ended)),
                    Err(status) => return Err(status.into()),
                    Ok(Some(message)) => {
                        heard += 1;
                        if self.handle_message(message) && leaving.is_none() {
                            self.give_all_back();
                            leaving = Some((Ended::Farewell, Instant::now() + grace));
                        }
                    }
                    // The coordinator closes the session of a worker that is leaving.
                    Ok(None) => return leaving.map_or(
                        Err(SessionError::Broken("the coordinator closed it".to_owned())),
                        |(ended, _)| Ok(ended),
                    ),
                },
                uploaded = &mut upload => {
                    if let Some((ended, _)) = leaving {
                        return Ok(ended);
                    }
                    uploaded?;
                    return Err(SessionError::Broken("the coordinator ended the upload".to_owned()));
                }
                _ = heartbeats.tick() => self.work.outbox.say(convert::say(Kind::Heartbeat(v1::Heartbeat { heard }))),
                () = stop.cancelled(), if leaving.is_none() => {
                    info!("leaving: finishing the work in flight");
                    self.work.outbox.say(convert::say(Kind::Leaving(v1::Leaving {})));
                    self.give_all_back();
                    leaving = Some((Ended::Stopped, Instant::now() + grace));
                }
                _ = looks.tick(), if leaving.is_some() => {
                    if self.work.queue.is_empty() {
                        return Ok(leaving.map_or(Ended::Stopped, |(ended, _)| ended));
                    }
                }
                () = until(leaving.as_ref().map(|(_, deadline)| *deadline)) => {
                    info!("the work in flight took longer than the grace period; other workers will compute it");
                    return Ok(leaving.map_or(Ended::Stopped, |(ended, _)| ended));
                }
            }
        }
    }

    /// True for a farewell.
    fn handle_message(&self, message: v1::CoordinatorMessage) -> bool {
        match message.kind {
            Some(coordinator_message::Kind::Lease(message)) => self.take_lease(message),
            Some(coordinator_message::Kind::Revoke(revoke)) => {
                let (Some(lease), Some(chunks)) =
                    (convert::lease_id(revoke.lease), revoke.chunks.and_then(convert::run))
                else {
                    return false;
                };
                if revoke.stop {
                    debug!(%lease, "the lease has ended");
                    self.work.queue.stop(lease);
                    return false;
                }
                let back = self.work.queue.give_back(lease, chunks);
                let given = back.chunks.map(tracing::field::display);
                debug!(%lease, asked = %chunks, given, "chunks were asked back");
                self.work.outbox.say(convert::chunks_returned(lease, back.chunks));
                self.say_computed(&back);
            }
            Some(coordinator_message::Kind::Farewell(_)) => return true,
            Some(coordinator_message::Kind::Welcome(_)) | None => {}
        }
        false
    }

    fn take_lease(&self, message: v1::Lease) {
        let (id, chunks) = (convert::lease_id(message.id), message.chunks.and_then(convert::run));
        match convert::lease(message) {
            Ok(lease) => self.work.queue.push(lease),
            Err(reason) => {
                warn!(reason, "a lease cannot be computed here");
                if let (Some(id), Some(chunks)) = (id, chunks) {
                    self.work.outbox.say(convert::chunk_failed(id, chunks.start(), 0, reason));
                    self.work.outbox.say(convert::chunks_returned(id, Some(chunks)));
                }
            }
        }
    }

    fn give_all_back(&self) {
        for (lease, back) in self.work.queue.give_all_back() {
            self.work.outbox.say(convert::chunks_returned(lease, back.chunks));
            self.say_computed(&back);
        }
    }

    fn say_computed(&self, back: &GivenBack) {
        if let Some(computed) = &back.computed {
            self.work.outbox.say(convert::lease_computed(computed));
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
