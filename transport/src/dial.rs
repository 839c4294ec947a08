//! The side of workers and clients: connections to a coordinator.

use std::{
    error::Error,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hyper_util::rt::TokioIo;
use rustls::{CertificateError, pki_types::ServerName};
use swath_proto::{CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::oneshot,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

use crate::{
    access::{AccessError, AccessSource},
    address::{Address, Security},
    certificate::COORDINATOR_NAME,
    connect,
    error::DialError,
    greeting::{Beginning, Greeted, Greeting},
    role::Role,
};

/// How long connecting may take, and again how long the first answer may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// A silent connection is probed after this, and closed if no answer comes for as long again.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// A connection with TLS or without.
type Socket = Pin<Box<dyn Duplex>>;

trait Duplex: AsyncRead + AsyncWrite + Send {}

impl<S: AsyncRead + AsyncWrite + Send> Duplex for S {}

/// Where a coordinator is and how to reach it. Each new connection reads the access file again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialer {
    address: Address,
    access: Option<AccessSource>,
}

impl Dialer {
    /// Without TLS.
    pub fn plain(address: Address) -> Result<Self, DialError> {
        Self { address, access: None }.checked()
    }

    /// With TLS, in one of these roles. `address` replaces the address in the access file.
    pub fn with_access(source: &AccessSource, roles: &[Role], address: Option<Address>) -> Result<Self, DialError> {
        let source = source.of_role(roles)?;
        let access = source.load_for(roles)?;
        let address = match (address, access.address()) {
            (Some(address), _) => address,
            (None, Some(address)) => address.parse()?,
            (None, None) => return Err(AccessError::NoAddress { path: source.path().to_owned() }.into()),
        };
        Self { address, access: Some(source) }.checked()
    }

    fn checked(self) -> Result<Self, DialError> {
        check_scheme(&self.address, if self.access.is_some() { Security::Tls } else { Security::Plain })?;
        Ok(self)
    }

    /// Where the coordinator is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The access file, if there is TLS.
    pub fn access(&self) -> Option<&AccessSource> {
        self.access.as_ref()
    }

    /// Connects, and returns when a server of HTTP/2 has answered; the channel connects again by itself when the
    /// connection breaks.
    pub async fn connect(&self) -> Result<Channel, DialError> {
        if let Some(source) = &self.access {
            // An unusable access file is an error of its own, not one of the connection.
            source.load()?;
        }
        let (tell, told) = oneshot::channel();
        // Only the first connection is waited for.
        let tell = Arc::new(Mutex::new(Some(tell)));
        let dialer = self.clone();
        let connect = move |_: Uri| {
            let (dialer, tell) = (dialer.clone(), tell.lock().unwrap_or_else(PoisonError::into_inner).take());
            async move { dialer.dial(tell).await }
        };
        let channel =
            self.endpoint()?.connect_with_connector(service_fn(connect)).await.map_err(|error| self.failed(&error))?;
        match told.await {
            Ok(greeting) => greeting.map(|()| channel),
            Err(_) => Err(self.unreachable("the connection was closed at once".to_owned())),
        }
    }

    fn endpoint(&self) -> Result<Endpoint, DialError> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address.authority()));
        Ok(endpoint
            .map_err(|error| self.unreachable(error.to_string()))?
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES))
    }

    /// One connection, with TLS if there is an access file.
    async fn dial(&self, tell: Option<oneshot::Sender<Greeting>>) -> Result<TokioIo<Greeted<Socket>>, DialError> {
        let stream = connect::connect(&self.address, CONNECT_TIMEOUT).await;
        let stream = stream.and_then(|stream| stream.set_nodelay(true).map(|()| stream));
        let stream = stream.map_err(|error| self.unreachable(error.to_string()))?;
        let socket: Socket = match &self.access {
            None => Box::pin(stream),
            Some(source) => Box::pin(self.shake_hands(stream, source).await?),
        };
        let greeted = Greeted::new(socket, self.address.clone(), Beginning::Http2, CONNECT_TIMEOUT);
        Ok(TokioIo::new(greeted.and_tell(tell)))
    }

    async fn shake_hands(
        &self,
        stream: TcpStream,
        source: &AccessSource,
    ) -> Result<TlsStream<Greeted<TcpStream>>, DialError> {
        let config = source.load()?.client_config().map_err(|error| self.untrusted(error.to_string()))?;
        let name = ServerName::try_from(COORDINATOR_NAME).map_err(|error| self.untrusted(error.to_string()))?;
        let stream = Greeted::new(stream, self.address.clone(), Beginning::Tls, CONNECT_TIMEOUT);
        let shaken =
            tokio::time::timeout(HANDSHAKE_TIMEOUT, TlsConnector::from(Arc::new(config)).connect(name, stream));
        match shaken.await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(match distrust(&error) {
                Some(reason) => self.untrusted(reason),
                None => self.failed(&error),
            }),
            Err(_) => Err(DialError::Silent { address: self.address.to_string(), limit: HANDSHAKE_TIMEOUT }),
        }
    }

    fn failed(&self, error: &(dyn Error + 'static)) -> DialError {
        if let Some(error) = DialError::find(error) {
            return error.clone();
        }
        // The innermost error: "Connection refused" rather than "transport error".
        let mut cause = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        self.unreachable(cause.to_string())
    }

    fn unreachable(&self, reason: String) -> DialError {
        DialError::Unreachable { address: self.address.to_string(), reason }
    }

    fn untrusted(&self, reason: String) -> DialError {
        DialError::Untrusted { address: self.address.to_string(), reason }
    }
}

/// An error if the scheme of an address says otherwise than how it will be reached.
pub fn check_scheme(address: &Address, security: Security) -> Result<(), DialError> {
    let (scheme, advice) = match (address.security(), security) {
        (Some(Security::Tls), Security::Plain) => {
            ("TLS", "add --access FILE, or write http, grpc or no scheme to connect without TLS")
        }
        (Some(Security::Plain), Security::Tls) => {
            ("no TLS", "write https, grpcs or no scheme, because an access file requires TLS")
        }
        _ => return Ok(()),
    };
    Err(DialError::Scheme { address: address.to_string(), scheme, advice })
}

/// Why the certificate of the peer was refused, if that ended the handshake.
fn distrust(error: &io::Error) -> Option<String> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(match error {
        rustls::Error::InvalidCertificate(reason) => match reason {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "its certificate is not signed by an authority of the access file".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("its certificate is not a coordinator's: it lacks the name {COORDINATOR_NAME}")
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired, or the clock of this machine is wrong".to_owned()
            }
            reason => format!("its certificate is not accepted: {reason}"),
        },
        rustls::Error::InvalidMessage(_) => "it does not speak TLS".to_owned(),
        rustls::Error::AlertReceived(alert) => format!("it aborted the handshake: {alert:?}"),
        error => error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_have_to_fit() {
        let plain = |text: &str| Dialer::plain(text.parse().unwrap());
        for text in ["h:1", "http://h:1", "grpc://h"] {
            plain(text).unwrap();
        }
        for text in ["https://h:1", "grpcs://h"] {
            let refused = plain(text).unwrap_err();
            assert!(matches!(refused, DialError::Scheme { .. }), "{refused}");
            assert!(refused.is_final() && refused.to_string().contains("--access"), "{refused}");
        }
    }
}
