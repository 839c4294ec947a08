//! The side of the coordinator: TLS for incoming connections, and the judgement of their certificates.

use std::{
    fmt, io,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant, SystemTime},
};

use rustls::{
    CertificateError,
    pki_types::{CertificateDer, UnixTime},
    server::danger::ClientCertVerifier,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tracing::{info, warn};

use crate::{
    access::{Access, AccessError, AccessSource},
    certificate::Certificate,
    role::Role,
};

/// How long a handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How often the access file is checked for changes.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// How often the log warns that a certificate is about to expire.
const WARN: Duration = Duration::from_secs(24 * 3600);

/// The identity of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// Unknown, because there is no TLS.
    Anybody,
    /// The holder of a trusted certificate.
    Holder {
        /// The name in the certificate.
        subject: String,
        /// Its roles.
        roles: Vec<Role>,
        /// When the certificate expires.
        expires: SystemTime,
    },
    /// A peer without a trusted certificate.
    Stranger {
        /// What is wrong with its certificate, as a part of a sentence.
        reason: String,
    },
}

/// Accepts connections with TLS, with the current content of the access file.
pub struct Acceptor {
    source: AccessSource,
    current: RwLock<Arc<Current>>,
}

/// A handshake that was successful.
pub type Handshake<S> = (TlsStream<S>, Peer);

struct Current {
    access: Access,
    tls: TlsAcceptor,
    judge: Arc<dyn ClientCertVerifier>,
}

impl Acceptor {
    /// Reads a coordinator's access.
    pub fn open(source: &AccessSource) -> Result<Self, AccessError> {
        let source = source.of_role(&[Role::Coordinator])?;
        let current = RwLock::new(Arc::new(Current::load(&source)?));
        Ok(Self { source, current })
    }

    /// Carries out the handshake with a peer.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<Handshake<S>> {
        let current = self.current();
        let stream = timeout(HANDSHAKE_TIMEOUT, current.tls.accept(stream)).await??;
        let peer = judge(stream.get_ref().1.peer_certificates().unwrap_or_default(), current.judge.as_ref());
        Ok((stream, peer))
    }

    /// Reads the access file again whenever it changes, and warns before the certificate expires. Open connections stay
    /// open. Never returns.
    pub async fn keep_fresh(&self) {
        let mut polls = interval(POLL_INTERVAL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_error = None;
        let mut warned: Option<Instant> = None;
        loop {
            polls.tick().await;
            match self.refresh() {
                Ok(renewed) => {
                    last_error = None;
                    if let Some(renewed) = renewed {
                        warned = None;
                        let expires = humantime::format_rfc3339_seconds(renewed.access.expires());
                        info!(%expires, "the certificate was renewed");
                    }
                }
                Err(error) => {
                    let error = error.to_string();
                    if last_error.as_ref() != Some(&error) {
                        warn!(error, "the changed access file cannot be used; the previous one stays in use");
                        last_error = Some(error);
                    }
                }
            }
            if warned.is_none_or(|at| at.elapsed() > WARN) {
                let warnings = [self.current().access.warning(), self.source.exposure()];
                for warning in warnings.into_iter().flatten() {
                    warn!("{warning}");
                    warned = Some(Instant::now());
                }
            }
        }
    }

    /// Reads the access file; returns its content if it has changed.
    fn refresh(&self) -> Result<Option<Arc<Current>>, AccessError> {
        if self.source.load()? == self.current().access {
            return Ok(None);
        }
        let renewed = Arc::new(Current::load(&self.source)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&renewed);
        Ok(Some(renewed))
    }

    fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Current {
    fn load(source: &AccessSource) -> Result<Self, AccessError> {
        let access = source.load_for(&[Role::Coordinator])?;
        let unusable = |reason| AccessError::Malformed { path: source.path().to_owned(), reason };
        let (config, judge) = access.server_config().map_err(unusable)?;
        Ok(Self { access, tls: TlsAcceptor::from(Arc::new(config)), judge })
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("source", &self.source).finish_non_exhaustive()
    }
}

/// Judges the certificates of a peer.
fn judge(chain: &[CertificateDer<'_>], judge: &dyn ClientCertVerifier) -> Peer {
    let stranger = |reason: String| Peer::Stranger { reason };
    let Some((certificate, intermediates)) = chain.split_first() else {
        return stranger("no certificate was shown".to_owned());
    };
    let parsed = match Certificate::parse(certificate) {
        Ok(parsed) => parsed,
        Err(reason) => return stranger(format!("the certificate is damaged: {reason}")),
    };
    if let Err(error) = judge.verify_client_cert(certificate, intermediates, UnixTime::now()) {
        return stranger(describe(&error, &parsed));
    }
    Peer::Holder { subject: parsed.subject, roles: parsed.roles, expires: parsed.expires }
}

fn describe(error: &rustls::Error, certificate: &Certificate) -> String {
    let subject = &certificate.subject;
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            let at = humantime::format_rfc3339_seconds(certificate.expires);
            format!("the certificate of {subject} expired at {at}")
        }
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            format!("the certificate of {subject} is not signed by an authority that this coordinator trusts")
        }
        error => format!("the certificate of {subject} is not accepted: {error}"),
    }
}
