//! The worker of Swath: one process that computes leases with all its threads.
//!
//! A session has two connections to the coordinator: one for control (`session`) and one for blocks (`upload`).
//! Between them lies the `queue` of leases, from which plain threads (`pool`) take one block's worth of numbers
//! at a time, compute and encode them, and hand the block to the upload. No thread that computes ever waits for the
//! network, but for room in the upload's bounded memory.
//!
//! Sessions come and go; the `work` stays. When a connection breaks, the threads go on, and the next session offers the
//! coordinator what is in hand.

#![warn(clippy::indexing_slicing)]

mod compute;
mod convert;
mod health;
mod outbox;
mod pool;
mod queue;
mod session;
mod upload;
mod work;

use std::{
    hash::{BuildHasher, RandomState},
    net::SocketAddr,
    time::{Duration, Instant},
};

use swath_proto::v1;
use swath_transport::Dialer;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use session::{SessionError, host_name};

use crate::{
    session::{Channels, Ended},
    work::Work,
};

/// Pauses between attempts to reach the coordinator: they double from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// After a session of this length, pauses begin small again.
const SOUND_SESSION: Duration = Duration::from_secs(5);

/// How a worker runs.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// The coordinator, and how to reach it.
    pub coordinator: Dialer,
    /// The name that people see; need not be unique.
    pub name: String,
    /// Threads that compute; at least 1.
    pub threads: u32,
    /// Bytes of blocks that may wait for the upload.
    pub upload_bytes: usize,
    /// Whether to look for the coordinator again after it was lost.
    pub wait_for_coordinator: bool,
    /// How long to try to reach the coordinator, at the start and after it was lost.
    pub patience: Duration,
    /// How long what is being computed may take when the worker is told to stop.
    pub grace: Duration,
    /// Told the number of the worker, as the coordinator counts, while a session holds.
    pub joined: watch::Sender<Option<u64>>,
    /// Where to answer for its health, in plain text.
    pub health_listen: Option<SocketAddr>,
}

/// Works for the coordinator until `stop`, until the coordinator bids farewell, or until it cannot be reached.
pub async fn run(config: WorkerConfig, stop: CancellationToken) -> Result<(), SessionError> {
    let work = Work::start(config.threads, config.upload_bytes)?;
    let _health = health::open(config.health_listen, config.joined.subscribe(), &stop).await?;
    let ended = drive_sessions(&config, &work, &stop).await;
    work.end().await;
    ended
}

async fn drive_sessions(config: &WorkerConfig, work: &Work, stop: &CancellationToken) -> Result<(), SessionError> {
    let mut trouble = Trouble::new(config.patience);
    let mut former = None;
    loop {
        let begun = Instant::now();
        let before = former;
        let error = match attempt(config, work, &mut former, stop).await {
            Ok(Ended::Farewell) => {
                info!("the coordinator told this worker to stop");
                return Ok(());
            }
            Ok(Ended::Stopped) => return Ok(()),
            Err(error) if error.is_final(former.is_some()) => return Err(error),
            Err(error @ SessionError::Broken(_)) if !config.wait_for_coordinator => return Err(error),
            Err(error) => error,
        };
        if former != before {
            trouble.joined(begun.elapsed());
        }
        let Some(pause) = trouble.next_pause() else { return Err(error) };
        if trouble.is_new() {
            let patience = humantime::format_duration(config.patience);
            warn!(%error, %patience, "waiting for the coordinator");
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return Ok(()),
        }
    }
}

/// One session, from connecting to its end.
async fn attempt(
    config: &WorkerConfig,
    work: &Work,
    former: &mut Option<v1::FormerWorker>,
    stop: &CancellationToken,
) -> Result<Ended, SessionError> {
    let channels = tokio::select! {
        channels = Channels::open(&config.coordinator) => channels?,
        () = stop.cancelled() => return Ok(Ended::Stopped),
    };
    session::run(config, work, former, channels, stop).await
}

/// A time in which no session holds.
struct Trouble {
    since: Instant,
    patience: Duration,
    pause: Duration,
}

impl Trouble {
    fn new(patience: Duration) -> Self {
        Self { since: Instant::now(), patience, pause: FIRST_PAUSE / 2 }
    }

    /// There was a session of this length.
    fn joined(&mut self, session: Duration) {
        self.since = Instant::now();
        if session > SOUND_SESSION {
            self.pause = FIRST_PAUSE / 2;
        }
    }

    /// How long to wait before the next attempt: twice the last pause, and up to half as much more, so that workers that
    /// lost their coordinator together do not come back together. `None` when patience has run out.
    fn next_pause(&mut self) -> Option<Duration> {
        self.pause = (self.pause * 2).min(LAST_PAUSE);
        let random = RandomState::new().hash_one(self.pause) as f64 / u64::MAX as f64;
        let pause = self.pause.mul_f64(1.0 + random / 2.0);
        (self.since.elapsed() + pause <= self.patience).then_some(pause)
    }

    /// Whether this is the first pause.
    fn is_new(&self) -> bool {
        self.pause == FIRST_PAUSE
    }
}
