//! The side of the coordinator: TLS for those who dial, and what their certificates are worth.

use std::{
    fmt, io,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant, SystemTime},
};

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tracing::{info, warn};

use crate::{Access, AccessError, AccessSource, Role, certificate::Certificate};

/// Whoever dials and then says nothing is given up after this.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How often the access file is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// How often it is said that a certificate is about to expire.
const WARN: Duration = Duration::from_secs(24 * 3600);

/// Who is at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// Anybody: there is no TLS, so nobody is asked.
    Anybody,
    /// The holder of a certificate that is trusted.
    Holder {
        /// Whom the certificate names.
        subject: String,
        /// What they may do.
        roles: Vec<Role>,
        /// Until when.
        expires: SystemTime,
    },
    /// Somebody without such a certificate.
    Stranger {
        /// What is wrong with what they showed: a sentence without an end.
        reason: String,
    },
}

/// Accepts connections with TLS, with the access that its file holds at the time.
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

    /// Shakes hands with whoever dialled.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<Handshake<S>> {
        let current = self.current();
        let stream = timeout(HANDSHAKE_TIMEOUT, current.tls.accept(stream)).await??;
        let peer = judge(stream.get_ref().1.peer_certificates().unwrap_or_default(), current.judge.as_ref());
        Ok((stream, peer))
    }

    /// Reads the access again whenever it changes, and warns before the certificate expires. Connections that are open
    /// stay. Never ends.
    pub async fn keep_fresh(&self) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut trouble = None;
        let mut warned: Option<Instant> = None;
        loop {
            looks.tick().await;
            match self.refresh() {
                Ok(is_new) => {
                    trouble = None;
                    if is_new {
                        warned = None;
                        let expires = humantime::format_rfc3339_seconds(self.current().access.expires());
                        info!(%expires, "the certificate was renewed");
                    }
                }
                Err(error) => {
                    let error = error.to_string();
                    if trouble.as_ref() != Some(&error) {
                        warn!(error, "the access file changed and cannot be used; the one before stays in use");
                        trouble = Some(error);
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

    /// Whether there was something new.
    fn refresh(&self) -> Result<bool, AccessError> {
        let current = self.current();
        if self.source.load()? == current.access {
            return Ok(false);
        }
        let fresh = Arc::new(Current::load(&self.source)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(true)
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

/// What certificates are worth.
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
            format!("the certificate of {subject} is not from an authority that this coordinator trusts")
        }
        error => format!("the certificate of {subject} is not accepted: {error}"),
    }
}

/// Has a peer prove that it has the key of its certificate, if it shows one, and leaves the judgement to [`judge`].
#[derive(Debug)]
pub(crate) struct JudgedLater(pub(crate) Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for JudgedLater {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
