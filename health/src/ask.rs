//! Sending a health check.

use tonic::{Code, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::vitals::Service;

/// Why a health check failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// Nothing answers, or not in time.
    #[error("no health check answers at {address}: {reason}")]
    Silent {
        /// The address.
        address: String,
        /// The error of the system or of the peer.
        reason: String,
    },
    /// The peer has no health checks.
    #[error("{0} does not answer health checks: use the address of --health-listen")]
    Other(String),
}

/// Sends a health check over this channel; true if the process is healthy. The address is for error messages.
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
