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

    async fn is_ready(&self) -> bool {
        match self.0.get() {
            // Without the loop nobody is served.
            Some((driver, stop)) => !stop.is_cancelled() && driver.answers().await,
            None => false,
        }
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
        assert!(health.serving.is_alive().await && !health.serving.is_ready().await);
        let (requests, mut inbox) = mpsc::channel(1);
        let stop = CancellationToken::new();
        health.begin(DriverHandle::new(requests), stop.clone());

        // A driver that does not take its turns, one that does, and one that is gone.
        let moment = Duration::from_millis(50);
        assert!(tokio::time::timeout(moment, health.serving.is_alive()).await.is_err());
        let Some(Request::Ping { reply }) = inbox.recv().await else { panic!("the question") };
        drop(reply);
        assert!(tokio::time::timeout(moment, health.serving.is_ready()).await.is_err());
        let Some(Request::Ping { reply }) = inbox.recv().await else { panic!("the question") };
        drop(reply);
        let both = async { (health.serving.is_alive().await, health.serving.is_ready().await) };
        let (both, ()) = tokio::join!(both, async {
            for _ in 0..2 {
                let Some(Request::Ping { reply }) = inbox.recv().await else { panic!("the question") };
                reply.send(()).unwrap();
            }
        });
        assert_eq!(both, (true, true));
        drop(inbox);
        assert!(!health.serving.is_alive().await && !health.serving.is_ready().await);
        stop.cancel();
        assert!(health.serving.is_alive().await && !health.serving.is_ready().await);
    }
}
