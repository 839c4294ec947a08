//! The worker of Swath: one process that computes leases with all its threads.
//!
//! A session has two connections to the coordinator: one for control (`session`) and one for blocks (`upload`).
//! Between them lies the `queue` of leases, from which plain threads (`pool`) take one block's worth of numbers
//! at a time, compute and encode them, and hand the block to the upload. No thread that computes ever waits for the
//! network, but for room in the upload's bounded memory.

mod compute;
mod connect;
mod convert;
mod pool;
mod queue;
mod session;
mod upload;

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use connect::ConnectError;
pub use session::SessionError;

use crate::session::Ended;

/// Pauses between attempts to reach the coordinator: they double from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// How a worker runs.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// The coordinator, as `host:port`.
    pub coordinator: String,
    /// The name that people see; need not be unique.
    pub name: String,
    /// Threads that compute; at least 1.
    pub threads: u32,
    /// Bytes of blocks that may wait for the upload.
    pub upload_bytes: usize,
    /// How long to try to reach the coordinator, at the start and after it was lost.
    pub patience: Duration,
    /// How long what is being computed may take when the worker is told to stop.
    pub grace: Duration,
}

/// Works for the coordinator until `stop`, until the coordinator bids farewell, or until it cannot be reached.
pub async fn run(config: WorkerConfig, stop: CancellationToken) -> Result<(), SessionError> {
    loop {
        let channels = tokio::select! {
            channels = reach(&config) => channels?,
            () = stop.cancelled() => return Ok(()),
        };
        match session::run(&config, channels, &stop).await {
            Ok(Ended::Farewell) => {
                info!("the coordinator bade farewell");
                return Ok(());
            }
            Ok(Ended::Stopped) => return Ok(()),
            Err(error) if error.is_final() => return Err(error),
            Err(error) => warn!(%error, "the session broke; joining again"),
        }
    }
}

/// Connects, with growing pauses between attempts.
async fn reach(config: &WorkerConfig) -> Result<connect::Channels, ConnectError> {
    let started = tokio::time::Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match connect::Channels::open(&config.coordinator).await {
            Ok(channels) => return Ok(channels),
            Err(error) => error,
        };
        if error.is_final() || started.elapsed() + pause > config.patience {
            return Err(error);
        }
        if pause == FIRST_PAUSE {
            info!(coordinator = config.coordinator, "waiting for the coordinator");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
}
