//! Asking a process how it is.

use std::time::Duration;

use tonic::{Code, transport::Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::Service;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// Not an address.
    #[error("`{0}` is not an address: it should be like host:port")]
    Address(String),
    /// Nobody answers, or not in time.
    #[error("no health check answers at {address}: {reason}")]
    Silent {
        /// Where.
        address: String,
        /// What the system or the other side said.
        reason: String,
    },
    /// Somebody answers who knows nothing of health.
    #[error("{0} answers no health checks: use the port of --health-listen")]
    Other(String),
}

/// Asks the process whose health port is at `host:port`; true if it is well.
pub async fn ask(address: &str, service: Service, patience: Duration) -> Result<bool, AskError> {
    let silent = |reason: String| AskError::Silent { address: address.to_owned(), reason };
    match tokio::time::timeout(patience, check(address, service)).await {
        Ok(answer) => answer,
        Err(_) => Err(silent(format!("no answer within {patience:?}"))),
    }
}

async fn check(address: &str, service: Service) -> Result<bool, AskError> {
    let silent = |reason: String| AskError::Silent { address: address.to_owned(), reason };
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .ok()
        .filter(|endpoint| endpoint.uri().port().is_some())
        .ok_or_else(|| AskError::Address(address.to_owned()))?;
    let channel = endpoint.connect().await.map_err(|error| silent(root_cause(&error)))?;
    let request = HealthCheckRequest { service: service.to_string() };
    match HealthClient::new(channel).check(request).await {
        Ok(response) => Ok(response.get_ref().status() == ServingStatus::Serving),
        Err(status) if matches!(status.code(), Code::NotFound | Code::Unimplemented) => {
            Err(AskError::Other(address.to_owned()))
        }
        Err(status) => Err(silent(status.message().to_owned())),
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
