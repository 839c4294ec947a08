//! What a certificate says.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use x509_parser::{extensions::GeneralName, parse_x509_certificate};

use crate::role::Role;

/// The name in the certificate of every coordinator. Workers and clients check for it instead of the host name, so a
/// coordinator can be reached under any address: through a tunnel, a forwarded port, a load balancer.
pub const COORDINATOR_NAME: &str = "coordinator.swath";

/// Of whom a certificate names, no more is kept.
const SUBJECT_CHARACTERS: usize = 100;

/// What matters of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// Whom it names; for people.
    pub(crate) subject: String,
    pub(crate) roles: Vec<Role>,
    /// The names of hosts among its alternative names.
    pub(crate) hosts: Vec<String>,
    pub(crate) expires: SystemTime,
}

impl Certificate {
    /// Reads the parts that matter; says what is wrong with it otherwise. Its signature is not looked at.
    pub(crate) fn parse(der: &CertificateDer<'_>) -> Result<Self, String> {
        let (_, certificate) = parse_x509_certificate(der).map_err(|error| error.to_string())?;
        let names = certificate.subject_alternative_name().map_err(|error| error.to_string())?;
        let (mut roles, mut hosts) = (Vec::new(), Vec::new());
        for name in names.iter().flat_map(|names| &names.value.general_names) {
            match name {
                GeneralName::URI(uri) => roles.extend(Role::from_uri(uri)),
                GeneralName::DNSName(host) => hosts.push((*host).to_owned()),
                _ => {}
            }
        }
        let seconds = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or(0);
        let expires = UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).ok_or("it expires beyond all time")?;
        let common_name = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
        let subject = common_name.map_or_else(|| certificate.subject().to_string(), str::to_owned);
        // It is printed and logged, and a peer chooses it.
        let subject = subject.chars().take(SUBJECT_CHARACTERS).collect();
        Ok(Self { subject, roles, hosts, expires })
    }
}
