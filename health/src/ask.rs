//! Asking a process how it is.

use tonic::{Code, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::Service;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
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

/// Asks the process that this channel leads to; true if it is well. The address is for errors.
pub async fn ask(channel: Channel, address: &str, service: Service) -> Result<bool, AskError> {
    let request = HealthCheckRequest { service: service.to_string() };
    match HealthClient::new(channel).check(request).await {
        Ok(response) => Ok(response.get_ref().status() == ServingStatus::Serving),
        Err(status) if matches!(status.code(), Code::NotFound | Code::Unimplemented) => {
            Err(AskError::Other(address.to_owned()))
        }
        Err(status) => Err(AskError::Silent { address: address.to_owned(), reason: status.message().to_owned() }),
    }
}
