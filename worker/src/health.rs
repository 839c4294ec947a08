//! What a worker says of its health, on a port of its own.

use std::{net::SocketAddr, sync::Arc};

use swath_health::{HealthError, HealthPort, Vitals};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Answers from now on, if there is a port to do so.
pub(crate) async fn open(
    listen: Option<SocketAddr>,
    joined: watch::Receiver<Option<u64>>,
    stop: &CancellationToken,
) -> Result<Option<HealthPort>, HealthError> {
    let Some(listen) = listen else { return Ok(None) };
    let vitals = WorkerVitals { joined, stop: stop.clone() };
    HealthPort::open(listen, Arc::new(vitals)).await.map(Some)
}

struct WorkerVitals {
    /// The worker's number while a session holds.
    joined: watch::Receiver<Option<u64>>,
    stop: CancellationToken,
}

impl Vitals for WorkerVitals {
    /// A worker that has lost its coordinator looks for it by itself: starting it again would only lose its work.
    async fn is_alive(&self) -> bool {
        true
    }

    async fn is_ready(&self) -> bool {
        self.joined.borrow().is_some() && !self.stop.is_cancelled()
    }
}
