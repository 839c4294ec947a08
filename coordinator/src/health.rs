//! What a coordinator says of its health, on a port of its own.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use swath_health::{HealthError, HealthPort, Vitals};
use tokio_util::sync::CancellationToken;

use crate::driver::DriverHandle;

/// The port, if there is one, and what it asks.
pub(crate) struct Health {
    serving: Arc<Serving>,
    _port: Option<HealthPort>,
}

impl Health {
    /// Answers from now on: alive, and not ready before [`Self::begin`].
    pub(crate) async fn open(listen: Option<SocketAddr>) -> Result<Self, HealthError> {
        let serving = Arc::<Serving>::default();
        let port = match listen {
            Some(listen) => Some(HealthPort::open(listen, Arc::clone(&serving)).await?),
            None => None,
        };
        Ok(Self { serving, _port: port })
    }

    /// The coordinator serves, until `stop`.
    pub(crate) fn begin(&self, driver: DriverHandle, stop: CancellationToken) {
        let _ = self.serving.0.set((driver, stop));
    }
}

/// The driver from when it runs, and how to know that it was told to end.
#[derive(Default)]
struct Serving(OnceLock<(DriverHandle, CancellationToken)>);

impl Vitals for Serving {
    async fn is_alive(&self) -> bool {
        match self.0.get() {
            // A socket that accepts says nothing of the loop behind it.
            Some((driver, stop)) => driver.answers().await || stop.is_cancelled(),
            // Large results take their time to be looked through.
            None => true,
        }
    }

    fn is_ready(&self) -> bool {
        self.0.get().is_some_and(|(_, stop)| !stop.is_cancelled())
    }
}

#[cfg(test)]
mod tests {
    use tokio::{sync::mpsc, time::Duration};

    use super::*;
    use crate::driver::Request;

    #[tokio::test]
    async fn alive_is_the_loop_and_not_the_socket() {
        let health = Health::open(None).await.unwrap();
        assert!(health.serving.is_alive().await && !health.serving.is_ready());
        let (requests, mut inbox) = mpsc::channel(1);
        let stop = CancellationToken::new();
        health.begin(DriverHandle::new(requests), stop.clone());
        assert!(health.serving.is_ready());

        // A driver that does not take its turns, one that does, and one that is gone.
        let silent = tokio::time::timeout(Duration::from_millis(50), health.serving.is_alive()).await;
        assert!(silent.is_err());
        let Some(Request::Ping { reply }) = inbox.recv().await else { panic!("the question") };
        drop(reply);
        let (alive, ()) = tokio::join!(health.serving.is_alive(), async {
            let Some(Request::Ping { reply }) = inbox.recv().await else { panic!("the question") };
            reply.send(()).unwrap();
        });
        assert!(alive);
        drop(inbox);
        assert!(!health.serving.is_alive().await);
        stop.cancel();
        assert!(health.serving.is_alive().await && !health.serving.is_ready());
    }
}
