//! The port that answers.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpListener, task::JoinHandle};
use tonic::transport::Server;
use tonic_health::pb::health_server::HealthServer;
use tracing::{info, warn};

use crate::{answers::Answers, connections, vitals::Vitals};

/// A request is the name of a service.
const REQUEST_BYTES: usize = 1024;
const STREAMS: u32 = 16;
const KEEPALIVE: Duration = Duration::from_secs(20);
/// Connections are closed after this, so that idle ones make room for others.
const CONNECTION_AGE: Duration = Duration::from_secs(60);

/// The port cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot answer health checks on {address}: {error}")]
pub struct HealthError {
    address: SocketAddr,
    error: io::Error,
}

/// An open port that answers health checks until it is dropped.
#[derive(Debug)]
pub struct HealthPort {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl HealthPort {
    /// Opens the port and answers from now on; port 0 takes a free one.
    pub async fn open(listen: SocketAddr, vitals: Arc<impl Vitals>) -> Result<Self, HealthError> {
        let failed = |error| HealthError { address: listen, error };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let service = HealthServer::new(Answers(vitals)).max_decoding_message_size(REQUEST_BYTES);
        let serving = Server::builder()
            .max_concurrent_streams(STREAMS)
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE))
            .max_connection_age(CONNECTION_AGE)
            // Also closes connections that are silent or that watch.
            .max_connection_age_grace(KEEPALIVE)
            .add_service(service)
            .serve_with_incoming(connections::accept(listener));
        let serving = tokio::spawn(async move {
            if let Err(error) = serving.await {
                warn!(%error, "health checks are no longer answered");
            }
        });
        info!(%address, "answering health checks");
        Ok(Self { address, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for HealthPort {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
