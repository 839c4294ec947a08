//! Waiting for a coordinator that is started again.

use std::time::{Duration, Instant};

use crate::ClientError;

/// How long a client waits for a coordinator that went away.
const PATIENCE: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// Pauses between attempts, until it runs out.
pub(crate) struct Patience {
    since: Instant,
    pause: Duration,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self { since: Instant::now(), pause: FIRST_PAUSE }
    }

    /// Waits before the next attempt; gives the error back if another attempt is of no use.
    pub(crate) async fn wait_after(&mut self, error: ClientError) -> Result<(), ClientError> {
        let may_pass = match &error {
            ClientError::Broken(_) => true,
            ClientError::Dial(error) => !error.is_final(),
            _ => false,
        };
        if !may_pass || self.since.elapsed() + self.pause > PATIENCE {
            return Err(error);
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LAST_PAUSE);
        Ok(())
    }
}
