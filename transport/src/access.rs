//! Access files: all that is needed to reach a coordinator, in one file.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
    version::TLS13,
};
use serde::{Deserialize, Serialize};

use crate::{
    certificate::{COORDINATOR_NAME, Certificate},
    exposure::{self, Exposure},
    judged_later::JudgedLater,
    role::Role,
};

/// The protocol that both sides agree on in the handshake: HTTP/2.
const ALPN: &[u8] = b"h2";

/// How Kubernetes and cert-manager name them: the authority, the certificate, its key.
const PEM_FILES: [&str; 3] = ["ca.crt", "tls.crt", "tls.key"];

/// Larger files are not read.
const MAX_BYTES: u64 = 1 << 20;

/// Certificates that expire sooner are worth a warning.
const EXPIRES_SOON: Duration = Duration::from_secs(14 * 24 * 3600);

/// Why an access file cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// It cannot be read.
    #[error("cannot read the access file {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        error: Arc<io::Error>,
    },
    /// Others may change it.
    #[error("{0}")]
    Exposed(String),
    /// It is a folder without a file for the role.
    #[error(
        "the folder {} has no access file for this command: it needs {expected}, or ca.crt, tls.crt and tls.key",
        path.display()
    )]
    NoFile {
        /// The folder.
        path: PathBuf,
        /// The files that would do.
        expected: String,
    },
    /// It is a folder with files of several roles.
    #[error("{} is a folder: name one of its access files, such as {}", path.display(), path.join("client.toml").display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// Its content is wrong.
    #[error("{} is not an access file: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The mistake.
        reason: String,
    },
    /// It is for another role.
    #[error("{} is for the role {found}, but this needs the role {needed}", path.display())]
    WrongRole {
        /// The file.
        path: PathBuf,
        /// The roles it is for.
        found: String,
        /// The roles that would do.
        needed: String,
    },
    /// The address of the coordinator is not known: a folder of certificates does not have it.
    #[error("{} does not name the coordinator: name it with --coordinator HOST:PORT", path.display())]
    NoAddress {
        /// The folder.
        path: PathBuf,
    },
}

/// The content of an access file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccessFile {
    pub(crate) role: String,
    pub(crate) address: String,
    /// PEM: the certificates of the authorities that are trusted.
    pub(crate) authority: String,
    /// PEM: the holder's certificate, and those between it and the authority.
    pub(crate) certificate: String,
    /// PEM: the certificate's key.
    pub(crate) key: String,
}

/// Where access is read from: an access file, a folder of them as `swath access create` makes it, or a folder with
/// `ca.crt`, `tls.crt` and `tls.key`, which is how Kubernetes and cert-manager lay them down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessSource {
    path: PathBuf,
}

impl AccessSource {
    /// The file or folder at this path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The file or folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Of a folder as `swath access create` makes it, the file of the first of these roles that is there. Everything
    /// else stays as it is.
    pub fn of_role(&self, needed: &[Role]) -> Result<Self, AccessError> {
        if !self.path.is_dir() || self.has_pem_files() {
            return Ok(self.clone());
        }
        let files = needed.iter().map(|role| self.path.join(format!("{role}.toml")));
        if let Some(file) = files.into_iter().find(|file| file.exists()) {
            return Ok(Self::new(file));
        }
        let names: Vec<_> = needed.iter().map(|role| format!("{role}.toml")).collect();
        Err(AccessError::NoFile { path: self.path.clone(), expected: names.join(" or ") })
    }

    /// A warning if others may read the key.
    pub fn exposure(&self) -> Option<String> {
        let file = if self.path.is_dir() { self.path.join("tls.key") } else { self.path.clone() };
        Some(exposure::of(&file).ok()??.to_string())
    }

    /// Reads it as it is now.
    pub fn load(&self) -> Result<Access, AccessError> {
        if self.path.is_dir() {
            if !self.has_pem_files() && Role::ALL.iter().any(|role| self.path.join(format!("{role}.toml")).exists()) {
                return Err(AccessError::Folder { path: self.path.clone() });
            }
            let [authority, certificate, key] = PEM_FILES.map(|name| read(&self.path.join(name)));
            Access::parse(None, [authority?, certificate?, key?]).map_err(|reason| self.malformed(reason))
        } else {
            Access::from_toml(&read(&self.path)?).map_err(|reason| self.malformed(reason))
        }
    }

    fn has_pem_files(&self) -> bool {
        PEM_FILES.iter().any(|name| self.path.join(name).exists())
    }

    /// The same, for one of these roles only.
    pub fn load_for(&self, needed: &[Role]) -> Result<Access, AccessError> {
        let access = self.load()?;
        if access.roles().iter().any(|role| needed.contains(role)) {
            return Ok(access);
        }
        let (found, needed) = (Role::list(access.roles(), "and"), Role::list(needed, "or"));
        Err(AccessError::WrongRole { path: self.path.clone(), found, needed })
    }

    fn malformed(&self, reason: String) -> AccessError {
        AccessError::Malformed { path: self.path.clone(), reason }
    }
}

/// Reads a file, unless others may change it.
fn read(path: &Path) -> Result<String, AccessError> {
    let failed = |error| AccessError::Read { path: path.to_owned(), error: Arc::new(error) };
    let length = fs::metadata(path).map_err(failed)?.len();
    if length > MAX_BYTES {
        return Err(failed(io::Error::other(format!(
            "it has {length} bytes, and an access file has at most {MAX_BYTES}"
        ))));
    }
    if let Some(exposure @ Exposure::Writable { .. }) = exposure::of(path).map_err(failed)? {
        return Err(AccessError::Exposed(exposure.to_string()));
    }
    fs::read_to_string(path).map_err(failed)
}

/// Access as it was read: an identity, and the authority to trust. It holds a secret and is never printed.
#[derive(Clone)]
pub struct Access {
    address: Option<String>,
    roots: Arc<RootCertStore>,
    chain: Vec<CertificateDer<'static>>,
    key: Arc<PrivateKeyDer<'static>>,
    certificate: Certificate,
    /// To see whether anything changed.
    texts: [String; 3],
}

impl PartialEq for Access {
    fn eq(&self, other: &Self) -> bool {
        self.texts == other.texts && self.address == other.address
    }
}

impl Access {
    /// Reads the text of an access file. An error says what is wrong, without any of its content.
    pub(crate) fn from_toml(text: &str) -> Result<Self, String> {
        // All that the parser of TOML says would quote the file, and so its key.
        let file: AccessFile = toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())?;
        Self::parse(Some(file.address), [file.authority, file.certificate, file.key])
    }

    fn parse(address: Option<String>, texts: [String; 3]) -> Result<Self, String> {
        let [authority, certificate, key] = &texts;
        let mut roots = RootCertStore::empty();
        for root in certificates("authority", authority)? {
            roots.add(root).map_err(|error| format!("its authority cannot be used: {error}"))?;
        }
        let chain = certificates("certificate", certificate)?;
        let first = chain.first().ok_or("it has no certificate")?;
        let certificate = Certificate::parse(first).map_err(|error| format!("its certificate is damaged: {error}"))?;
        if certificate.roles.is_empty() {
            let uris = Role::ALL.map(Role::uri).join(", ");
            return Err(format!(
                "its certificate has no role; a role is a URI among the alternative names of the subject: {uris}"
            ));
        }
        // The errors of keys say what kind of thing was found, and nothing of what it was.
        let key =
            PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| format!("its key: {}", kind(&error)))?;
        let access = Self { address, roots: Arc::new(roots), chain, key: Arc::new(key), certificate, texts };
        // Also finds a key that does not belong to the certificate.
        access.client_config().map_err(|error| format!("its certificate and key cannot be used: {error}"))?;
        Ok(access)
    }

    /// The address of the coordinator, as `host:port`, if the access has it.
    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// What its holder may do.
    pub fn roles(&self) -> &[Role] {
        &self.certificate.roles
    }

    /// Whom the certificate names.
    pub fn subject(&self) -> &str {
        &self.certificate.subject
    }

    /// When the certificate expires.
    pub fn expires(&self) -> SystemTime {
        self.certificate.expires
    }

    /// A warning if the certificate has expired or will soon, or if clients will not accept it as that of a
    /// coordinator.
    pub fn warning(&self) -> Option<String> {
        let at = humantime::format_rfc3339_seconds(self.expires());
        let subject = self.subject();
        match self.expires().duration_since(SystemTime::now()) {
            Err(_) => return Some(format!("the certificate of {subject} expired at {at}")),
            Ok(left) if left < EXPIRES_SOON => {
                return Some(format!("the certificate of {subject} expires in {}, at {at}", in_words(left)));
            }
            Ok(_) => {}
        }
        let is_coordinator = self.roles().contains(&Role::Coordinator);
        (is_coordinator && !self.certificate.hosts.iter().any(|host| host == COORDINATOR_NAME)).then(|| {
            format!("the certificate of {subject} lacks the name {COORDINATOR_NAME}, so workers and clients will not trust it")
        })
    }

    /// How to dial with this access.
    pub(crate) fn client_config(&self) -> Result<ClientConfig, rustls::Error> {
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(Arc::clone(&self.roots))
            .with_client_auth_cert(self.chain.clone(), self.key.clone_key())?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(config)
    }

    /// How to be dialled, and who judges those who dial.
    pub(crate) fn server_config(&self) -> Result<(ServerConfig, Arc<dyn ClientCertVerifier>), String> {
        let judge = WebPkiClientVerifier::builder_with_provider(Arc::clone(&self.roots), provider())
            .build()
            .map_err(|error| error.to_string())?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| error.to_string())?
            .with_client_cert_verifier(Arc::new(JudgedLater(Arc::clone(&judge))))
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .map_err(|error| error.to_string())?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        // Everybody shows a certificate in every handshake.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok((config, judge))
    }
}

/// The cryptography of all connections.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: std::sync::LazyLock<Arc<CryptoProvider>> =
        std::sync::LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));
    Arc::clone(&PROVIDER)
}

fn certificates(what: &str, text: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let certificates = certificates.map_err(|error| format!("its {what}: {}", kind(&error)))?;
    if certificates.is_empty() { Err(format!("its {what} has no certificate in PEM")) } else { Ok(certificates) }
}

/// What is wrong with PEM, without any of its content.
fn kind(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::NoItemsFound => "there is none in PEM",
        pem::Error::MissingSectionEnd { .. } => "the PEM has no end",
        pem::Error::Base64Decode(_) => "the PEM is not base64",
        _ => "the PEM is damaged",
    }
}

/// A time that is left, in the largest unit of which there are two or more.
fn in_words(left: Duration) -> String {
    let seconds = left.as_secs();
    let units = [("days", 24 * 3600), ("hours", 3600), ("minutes", 60)];
    match units.into_iter().find(|(_, length)| seconds >= 2 * length) {
        Some((unit, length)) => format!("{} {unit}", seconds / length),
        None => format!("{seconds} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::Authority;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let addresses = ["h:1".parse().unwrap()];
        Authority::create(folder.path(), &addresses, Duration::from_secs(3600)).unwrap();
        folder
    }

    #[test]
    fn what_is_left_is_never_nothing() {
        for (seconds, words) in [
            (20, "20 seconds"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (3600, "60 minutes"),
            (7200, "2 hours"),
            (24 * 3600, "24 hours"),
            (6 * 24 * 3600 + 5, "6 days"),
        ] {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
    }

    #[test]
    fn of_a_folder_the_file_of_the_role_is_taken() {
        let folder = folder();
        let source = AccessSource::new(folder.path());
        for (needed, file) in [
            (&[Role::Client, Role::Admin][..], "client.toml"),
            (&[Role::Admin], "admin.toml"),
            (&[Role::Worker], "worker.toml"),
            (&[Role::Coordinator], "coordinator.toml"),
        ] {
            assert_eq!(source.of_role(needed).unwrap().path(), folder.path().join(file));
        }
        fs::remove_file(folder.path().join("client.toml")).unwrap();
        let found = source.of_role(&[Role::Client, Role::Admin]).unwrap();
        assert_eq!(found.path(), folder.path().join("admin.toml"));
        fs::remove_file(folder.path().join("worker.toml")).unwrap();
        let refused = source.of_role(&[Role::Worker]).unwrap_err().to_string();
        assert!(refused.contains("it needs worker.toml, or ca.crt"), "{refused}");
        assert!(matches!(source.load(), Err(AccessError::Folder { .. })));
        // A file is what it is.
        let file = AccessSource::new(folder.path().join("admin.toml"));
        assert_eq!(file.of_role(&[Role::Worker]).unwrap(), file);
    }

    #[test]
    fn a_file_that_others_may_change_is_not_used() {
        let folder = folder();
        let path = folder.path().join("client.toml");
        let source = AccessSource::new(&path);
        let allow = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        source.load().unwrap();
        assert_eq!(source.exposure(), None);
        allow(0o644);
        source.load().unwrap();
        assert!(source.exposure().unwrap().contains("mode 0644"));
        allow(0o666);
        assert!(matches!(source.load(), Err(AccessError::Exposed(_))));
    }
}
