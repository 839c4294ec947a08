//! The side of workers and clients: connections to a coordinator.

use std::{error::Error, fmt, io, sync::Arc, time::Duration};

use hyper_util::rt::TokioIo;
use rustls::{CertificateError, pki_types::ServerName};
use swath_proto::{CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

use crate::{AccessError, AccessSource, COORDINATOR_NAME, Role};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A silent connection is asked for a sign of life after this, and given up after as long again.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Why the coordinator was not reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// Not an address.
    #[error("`{0}` is not an address: it should be like host:port")]
    Address(String),
    /// The access file is of no use.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Nobody answers there.
    #[error("no coordinator answers at {address}: {reason}")]
    Unreachable {
        /// Where.
        address: String,
        /// What the system said.
        reason: String,
    },
    /// Somebody answers who is not trusted.
    #[error("what answers at {address} cannot be trusted: {reason}")]
    Untrusted {
        /// Where.
        address: String,
        /// A sentence.
        reason: String,
    },
}

impl DialError {
    /// Trying again is of no use.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Address(_) | Self::Access(_) | Self::Untrusted { .. } => true,
            Self::Unreachable { .. } => false,
        }
    }
}

/// Where a coordinator is and how to reach it. Each connection reads the access file anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialer {
    address: String,
    access: Option<AccessSource>,
}

impl Dialer {
    /// Without TLS, at `host:port`.
    pub fn plain(address: &str) -> Result<Self, DialError> {
        Self { address: address.to_owned(), access: None }.checked()
    }

    /// With TLS, as the holder of one of these roles; at another address than the access says if there is one.
    pub fn with_access(source: AccessSource, roles: &[Role], address: Option<&str>) -> Result<Self, DialError> {
        let access = source.load_for(roles)?;
        let address = address.or(access.address());
        let address = address.ok_or_else(|| AccessError::NoAddress { path: source.path().to_owned() })?.to_owned();
        Self { address, access: Some(source) }.checked()
    }

    fn checked(self) -> Result<Self, DialError> {
        self.endpoint()?;
        Ok(self)
    }

    /// Where the coordinator is, as `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// How access is had, if there is TLS.
    pub fn access(&self) -> Option<&AccessSource> {
        self.access.as_ref()
    }

    /// Connects; the channel connects again by itself when the connection breaks.
    pub async fn connect(&self) -> Result<Channel, DialError> {
        let endpoint = self.endpoint()?;
        let connected = match &self.access {
            None => endpoint.connect().await,
            Some(source) => {
                // A file that is of no use is an error of its own, not one of the connection.
                source.load()?;
                let (address, source) = (self.address.clone(), source.clone());
                let connect = move |_: Uri| {
                    let (address, source) = (address.clone(), source.clone());
                    async move { dial(&address, &source).await.map(TokioIo::new) }
                };
                endpoint.connect_with_connector(service_fn(connect)).await
            }
        };
        connected.map_err(|error| self.failed(&error))
    }

    fn endpoint(&self) -> Result<Endpoint, DialError> {
        let not_an_address = || DialError::Address(self.address.clone());
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).map_err(|_| not_an_address())?;
        let uri = endpoint.uri();
        let is_all = uri.authority().is_some_and(|authority| authority.as_str() == self.address);
        if uri.host().is_none_or(str::is_empty) || uri.port().is_none() || !is_all || self.address.contains('@') {
            return Err(not_an_address());
        }
        Ok(endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES))
    }

    fn failed(&self, error: &(dyn Error + 'static)) -> DialError {
        let address = self.address.clone();
        let mut cause = error;
        loop {
            if let Some(NotTrusted(reason)) = cause.downcast_ref() {
                return DialError::Untrusted { address, reason: reason.clone() };
            }
            // The innermost error: "Connection refused" rather than "transport error".
            let Some(inner) = cause.source() else {
                return DialError::Unreachable { address, reason: cause.to_string() };
            };
            cause = inner;
        }
    }
}

/// One connection with TLS.
async fn dial(address: &str, source: &AccessSource) -> Result<TlsStream<TcpStream>, Box<dyn Error + Send + Sync>> {
    let config = source.load()?.client_config()?;
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from(COORDINATOR_NAME)?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    connected.map_err(|error| match distrust(&error) {
        Some(reason) => NotTrusted(reason).into(),
        None => error.into(),
    })
}

/// The sentence, if the handshake failed because of who answers.
fn distrust(error: &io::Error) -> Option<String> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(match error {
        rustls::Error::InvalidCertificate(reason) => match reason {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "its certificate is not from an authority that the access file names".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("its certificate is not a coordinator's: it lacks the name {COORDINATOR_NAME}")
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired, or the clock of this machine is wrong".to_owned()
            }
            reason => format!("its certificate is not accepted: {reason}"),
        },
        rustls::Error::InvalidMessage(_) => "it does not speak TLS, so it needs no access file".to_owned(),
        rustls::Error::AlertReceived(alert) => format!("it broke off the handshake: {alert:?}"),
        error => error.to_string(),
    })
}

/// Carries the reason through the errors of the transport.
#[derive(Debug)]
struct NotTrusted(String);

impl fmt::Display for NotTrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for NotTrusted {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        for address in ["localhost:7171", "10.0.0.1:1", "[::1]:7171"] {
            assert_eq!(Dialer::plain(address).unwrap().address(), address);
        }
        for address in [
            "",
            "localhost",
            ":7171",
            "localhost:70000",
            "http://localhost:7171",
            "a b:1",
            "host:1/x",
            "host:1#x",
            "ada@host:1",
        ] {
            assert!(matches!(Dialer::plain(address), Err(DialError::Address(_))), "{address}");
        }
    }
}
