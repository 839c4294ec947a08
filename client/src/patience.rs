//! Reconnecting to a coordinator.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::error::ClientError;

/// How long a client tries to reconnect, by default.
pub(crate) const DEFAULT_PATIENCE: Duration = Duration::from_secs(60);

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// The coordinator cannot be reached, and the client tries again.
#[derive(Debug)]
pub struct Away<'error> {
    /// The address of the coordinator, as `host:port`.
    pub address: String,
    /// How long the client tries.
    pub patience: Duration,
    /// Why the attempt failed, or why the connection broke.
    pub error: &'error ClientError,
}

/// Called when the coordinator cannot be reached.
#[derive(Clone)]
pub(crate) struct Observer(pub(crate) Arc<dyn Fn(&Away<'_>) + Send + Sync>);

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

/// How long a client tries to reach its coordinator, and which observer it calls.
#[derive(Debug, Clone)]
pub(crate) struct Persistence {
    pub(crate) address: String,
    pub(crate) patience: Duration,
    pub(crate) observer: Option<Observer>,
}

/// Backoff between attempts, until patience runs out.
pub(crate) struct Pauses {
    persistence: Arc<Persistence>,
    /// When the first attempt failed.
    since: Option<Instant>,
    next: Duration,
}

impl Pauses {
    pub(crate) fn new(persistence: &Arc<Persistence>) -> Self {
        Self { persistence: Arc::clone(persistence), since: None, next: FIRST_PAUSE }
    }

    /// Waits before the next attempt; returns the error if another attempt is useless.
    pub(crate) async fn wait_after(&mut self, error: ClientError) -> Result<(), ClientError> {
        let Persistence { address, patience, observer } = &*self.persistence;
        let patience = *patience;
        if !error.is_temporary() || patience.is_zero() {
            return Err(error);
        }
        if self.since.is_none()
            && let Some(Observer(tell)) = observer
        {
            tell(&Away { address: address.clone(), patience, error: &error });
        }
        let left = patience.saturating_sub(self.since.get_or_insert_with(Instant::now).elapsed());
        if left.is_zero() {
            return Err(ClientError::GaveUp { patience, error: Box::new(error) });
        }
        // The last attempt is at the end of the patience.
        tokio::time::sleep(self.next.min(left)).await;
        self.next = (self.next * 2).min(LAST_PAUSE);
        Ok(())
    }
}
