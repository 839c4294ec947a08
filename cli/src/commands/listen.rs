//! Addresses to listen on.

use std::net::SocketAddr;

use anyhow::Result;
use swath_client::Address;

use crate::ending::Ending;

/// The socket address of this address.
pub(super) async fn resolve(address: &Address) -> Result<SocketAddr> {
    let resolved = address.resolve_to_listen().await;
    resolved.map_err(|error| Ending::Usage(format!("cannot listen on {address}: {error}")).into())
}

/// The same where there may be none.
pub(super) async fn at(address: Option<&Address>) -> Result<Option<SocketAddr>> {
    match address {
        Some(address) => resolve(address).await.map(Some),
        None => Ok(None),
    }
}
