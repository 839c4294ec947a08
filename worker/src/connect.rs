//! The two connections to the coordinator.

use std::time::Duration;

use swath_proto::{CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES};
use tonic::transport::{Channel, Endpoint};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Why the coordinator was not reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Not an address.
    #[error("`{address}` is not an address: it should be like host:port")]
    Address {
        /// What was given.
        address: String,
    },
    /// Nobody answers.
    #[error("no coordinator answers at {address}: {reason}")]
    Unreachable {
        /// Where.
        address: String,
        /// What the system said.
        reason: String,
    },
}

impl ConnectError {
    /// Trying again is of no use.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Address { .. })
    }
}

/// Two connections, so that a full upload never delays a heartbeat.
pub(crate) struct Channels {
    pub(crate) control: Channel,
    pub(crate) upload: Channel,
}

impl Channels {
    pub(crate) async fn open(address: &str) -> Result<Self, ConnectError> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .ok()
            .filter(|endpoint| endpoint.uri().port().is_some())
            .ok_or_else(|| ConnectError::Address { address: address.to_owned() })?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
        let unreachable = |error: tonic::transport::Error| ConnectError::Unreachable {
            address: address.to_owned(),
            reason: root_cause(&error),
        };
        let control = endpoint.connect().await.map_err(unreachable)?;
        let upload = endpoint.connect().await.map_err(unreachable)?;
        Ok(Self { control, upload })
    }
}

/// The innermost error: "Connection refused" rather than "transport error".
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
