//! A certificate authority, which makes access files.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    net::IpAddr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde::{Deserialize, Serialize};

use crate::{
    access::{AccessFile, AccessSource},
    address::{Address, AddressError},
    certificate::{COORDINATOR_NAME, Certificate},
    exposure::{self, Exposure},
    role::Role,
};

/// The shortest validity of the authority's own certificate. It outlives all certificates that it signs, which are
/// worthless without it.
const AUTHORITY_VALID: Duration = Duration::from_secs(20 * 365 * 24 * 3600);

/// How much longer it is valid than the first certificates, so that it can sign others as valid for a while.
const MARGIN: Duration = Duration::from_secs(30 * 24 * 3600);

/// Certificates are valid from some time ago, because clocks differ.
const SKEW: Duration = Duration::from_secs(3600);

const AUTHORITY_FILE: &str = "authority.toml";

/// Why an authority could not be made or did not make an access file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// The folder already has an authority, or an access file of one, which would become worthless.
    #[error(
        "{} already exists: `swath access issue` makes more access files and renews them; for a new authority, choose another folder",
        .0.display()
    )]
    Exists(PathBuf),
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        error: io::Error,
    },
    /// Not an authority.
    #[error("{} is not an authority: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The mistake.
        reason: String,
    },
    /// Others may change it.
    #[error("{0}")]
    Exposed(String),
    /// Not an address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A certificate would be valid for longer than its authority.
    #[error(
        "the authority expires on {expires}, and its certificates cannot be valid for longer: shorten --valid, or make a \
             new authority in another folder"
    )]
    Outlived {
        /// When the authority expires.
        expires: String,
    },
    /// A certificate cannot be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(String),
}

/// The content of the authority's own file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthorityFile {
    /// Where the coordinator is, the address that is used first.
    addresses: Vec<String>,
    certificate: String,
    key: String,
}

/// A certificate authority that both sides trust.
pub struct Authority {
    file: AuthorityFile,
    issuer: Issuer<'static, KeyPair>,
    expires: SystemTime,
    /// A warning if others may read its key.
    exposure: Option<String>,
}

/// What an access file is for.
#[derive(Debug, Clone)]
pub struct NewAccess {
    /// What its holder may do.
    pub role: Role,
    /// Whom its certificate names; for people.
    pub name: String,
    /// How long the certificate is valid.
    pub valid: Duration,
}

impl Authority {
    /// Makes an authority in a folder, and access files of all roles beside it, for a coordinator that is reached at
    /// these addresses. Nothing is replaced. Returns the files, the authority's first.
    pub fn create(folder: &Path, addresses: &[Address], valid: Duration) -> Result<Vec<PathBuf>, AuthorityError> {
        let addresses = addresses.iter().map(Address::to_string).collect();
        let path = folder.join(AUTHORITY_FILE);
        let of_roles = Role::ALL.map(|role| folder.join(format!("{role}.toml")));
        if let Some(there) = [&path].into_iter().chain(&of_roles).find(|path| path.exists()) {
            return Err(AuthorityError::Exists(there.clone()));
        }
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| AuthorityError::File { path: folder.to_owned(), error })?;

        let key = KeyPair::generate().map_err(certificate)?;
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        name(&mut parameters, "Swath authority");
        validity(&mut parameters, AUTHORITY_VALID.max(valid.saturating_add(MARGIN)));
        let own = parameters.self_signed(&key).map_err(certificate)?;
        let file = AuthorityFile { addresses, certificate: own.pem(), key: key.serialize_pem() };
        let expires = expiry(own.der()).map_err(certificate)?;
        let authority = Self { file, issuer: Issuer::new(parameters, key), expires, exposure: None };

        let text = toml::to_string(&authority.file).map_err(certificate)?;
        write_secret(&path, &format!("# Makes access files: keep it apart from all machines that use them.\n{text}"))?;
        let mut files = vec![path];
        for (role, path) in Role::ALL.into_iter().zip(of_roles) {
            authority.issue(&NewAccess { role, name: format!("swath {role}"), valid }, &path)?;
            files.push(path);
        }
        Ok(files)
    }

    /// The authority in this folder.
    pub fn open(folder: &Path) -> Result<Self, AuthorityError> {
        let path = folder.join(AUTHORITY_FILE);
        let malformed = |reason: String| AuthorityError::Malformed { path: path.clone(), reason };
        let failed = |error| AuthorityError::File { path: path.clone(), error };
        let exposure = exposure::of(&path).map_err(failed)?;
        if let Some(exposure @ Exposure::Writable { .. }) = exposure {
            return Err(AuthorityError::Exposed(exposure.to_string()));
        }
        let text = fs::read_to_string(&path).map_err(failed)?;
        let file: AuthorityFile = toml::from_str(&text).map_err(|error| malformed(error.message().to_owned()))?;
        let key = KeyPair::from_pem(&file.key).map_err(|error| malformed(error.to_string()))?;
        let issuer = Issuer::from_ca_cert_pem(&file.certificate, key).map_err(|error| malformed(error.to_string()))?;
        let own = CertificateDer::from_pem_slice(file.certificate.as_bytes());
        let own = own.map_err(|error| malformed(error.to_string()))?;
        let expires = expiry(&own).map_err(malformed)?;
        Ok(Self { file, issuer, expires, exposure: exposure.map(|exposure| exposure.to_string()) })
    }

    /// A sentence if others may read the authority's key.
    pub fn exposure(&self) -> Option<&str> {
        self.exposure.as_deref()
    }

    /// Makes an access file, readable by its owner alone. It may replace one, all at once, to renew it.
    pub fn issue(&self, new: &NewAccess, path: &Path) -> Result<AccessSource, AuthorityError> {
        if SystemTime::now().checked_add(new.valid).is_none_or(|end| end > self.expires) {
            return Err(AuthorityError::Outlived {
                expires: humantime::format_rfc3339_seconds(self.expires).to_string(),
            });
        }
        let key = KeyPair::generate().map_err(certificate)?;
        let mut parameters = CertificateParams::default();
        name(&mut parameters, &new.name);
        validity(&mut parameters, new.valid);
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let uri = new.role.uri().try_into().map_err(certificate)?;
        parameters.subject_alt_names = vec![SanType::URI(uri)];
        if new.role == Role::Coordinator {
            parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            parameters.subject_alt_names.extend(self.hosts()?);
        } else {
            parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        }
        let own = parameters.signed_by(&key, &self.issuer).map_err(certificate)?;
        let file = AccessFile {
            role: new.role.name().to_owned(),
            address: self.file.addresses.first().cloned().unwrap_or_default(),
            authority: self.file.certificate.clone(),
            certificate: own.pem(),
            key: key.serialize_pem(),
        };
        write_secret(path, &toml::to_string(&file).map_err(certificate)?)?;
        Ok(AccessSource::new(path))
    }

    /// The names and addresses in the certificate of the coordinator: the name that Swath checks, and all addresses,
    /// because Arrow Flight clients check the host that they connect to.
    fn hosts(&self) -> Result<Vec<SanType>, AuthorityError> {
        let mut hosts = [COORDINATOR_NAME, "localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        for address in &self.file.addresses {
            let host = address.parse::<Address>()?.host().to_owned();
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        let to_name = |host: &str| match host.parse::<IpAddr>() {
            Ok(address) => Ok(SanType::IpAddress(address)),
            Err(_) => Ok(SanType::DnsName(host.try_into().map_err(certificate)?)),
        };
        hosts.iter().map(|host| to_name(host)).collect()
    }
}

fn name(parameters: &mut CertificateParams, name: &str) {
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(DnType::OrganizationName, "Swath");
    parameters.distinguished_name.push(DnType::CommonName, name);
}

fn expiry(own: &CertificateDer<'_>) -> Result<SystemTime, String> {
    Certificate::parse(own).map(|certificate| certificate.expires)
}

fn validity(parameters: &mut CertificateParams, valid: Duration) {
    let now = SystemTime::now();
    parameters.not_before = (now - SKEW).into();
    parameters.not_after = (now + valid).into();
}

/// Writes a file that is its owner's alone from its first byte on, and appears whole.
fn write_secret(path: &Path, text: &str) -> Result<(), AuthorityError> {
    let failed = |error| AuthorityError::File { path: path.to_owned(), error };
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}", std::process::id()));
    let unfinished = PathBuf::from(unfinished);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&unfinished, path))
        .and_then(|()| sync_folder_of(path));
    written.map_err(|error| {
        let _ = fs::remove_file(&unfinished);
        failed(error)
    })
}

/// Sees to it that a name in a folder is on the disk.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // It may be one that may be written but not read.
    let Ok(folder) = fs::File::open(folder) else { return Ok(()) };
    match folder.sync_all() {
        // Some file systems have nothing to sync there.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        synced => synced,
    }
}

fn certificate(error: impl std::fmt::Display) -> AuthorityError {
    AuthorityError::Certificate(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Access;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn create(addresses: &[&str]) -> (tempfile::TempDir, Result<Vec<PathBuf>, AuthorityError>) {
        let folder = tempfile::tempdir().unwrap();
        let made = Authority::create(folder.path(), &parse(addresses), 30 * DAY);
        (folder, made)
    }

    fn parse(addresses: &[&str]) -> Vec<Address> {
        addresses.iter().map(|address| address.parse().unwrap()).collect()
    }

    fn load(folder: &Path, file: &str) -> Access {
        AccessSource::new(folder.join(file)).load().unwrap()
    }

    #[test]
    fn each_role_has_a_file_that_says_all() {
        let (folder, made) = create(&["example.org:7171", "[fd00::1]:7171"]);
        assert_eq!(made.unwrap().len(), 5);
        for role in Role::ALL {
            let access = load(folder.path(), &format!("{role}.toml"));
            assert_eq!(access.roles(), [role]);
            assert_eq!(access.address(), Some("example.org:7171"));
            assert_eq!(access.warning(), None);
            let left = access.expires().duration_since(SystemTime::now()).unwrap();
            assert!(left <= 30 * DAY && left > 29 * DAY, "{left:?}");
        }
    }

    #[test]
    fn nothing_is_replaced_also_where_the_authority_was_taken_away() {
        let (folder, made) = create(&["localhost:7171"]);
        made.unwrap();
        fs::remove_file(folder.path().join("authority.toml")).unwrap();
        let before = fs::read(folder.path().join("worker.toml")).unwrap();
        let again = Authority::create(folder.path(), &parse(&["localhost:7171"]), DAY);
        assert!(matches!(again, Err(AuthorityError::Exists(_))));
        assert_eq!(fs::read(folder.path().join("worker.toml")).unwrap(), before);
        assert!(!folder.path().join("authority.toml").exists());
    }

    #[test]
    fn an_access_file_is_renewed_in_place_by_the_same_authority() {
        let (folder, made) = create(&["localhost:7171"]);
        made.unwrap();
        let before = load(folder.path(), "worker.toml");
        let new = NewAccess { role: Role::Worker, name: "worker 7".to_owned(), valid: 60 * DAY };
        Authority::open(folder.path()).unwrap().issue(&new, &folder.path().join("worker.toml")).unwrap();
        let after = load(folder.path(), "worker.toml");
        assert!(after != before);
        assert_eq!(after.subject(), "worker 7");
        assert!(after.expires() > before.expires());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5, "nothing unfinished is left");
    }

    #[test]
    fn no_certificate_outlives_its_authority() {
        let folder = tempfile::tempdir().unwrap();
        let years = |years: u32| years * 365 * DAY;
        let addresses: [Address; 1] = ["localhost:7171".parse().unwrap()];
        Authority::create(&folder.path().join("long"), &addresses, years(100)).unwrap();
        Authority::create(&folder.path().join("short"), &addresses, DAY).unwrap();
        for (authority, valid, possible) in
            [("long", 100, true), ("long", 101, false), ("short", 19, true), ("short", 21, false)]
        {
            let new = NewAccess { role: Role::Client, name: "client".to_owned(), valid: years(valid) };
            let authority = Authority::open(&folder.path().join(authority)).unwrap();
            match authority.issue(&new, &folder.path().join("client.toml")) {
                Ok(access) => assert!(possible && access.load().unwrap().expires() <= authority.expires),
                Err(error) => {
                    let said = error.to_string();
                    assert!(
                        !possible && said.starts_with("the authority expires on 2") && said.contains("--valid"),
                        "{said}"
                    );
                }
            }
        }
        let beyond = NewAccess { role: Role::Client, name: "client".to_owned(), valid: Duration::MAX };
        let authority = Authority::open(&folder.path().join("long")).unwrap();
        assert!(authority.issue(&beyond, &folder.path().join("client.toml")).is_err());
    }

    #[test]
    fn files_that_are_damaged_are_refused_without_showing_a_secret() {
        let (folder, made) = create(&["localhost:7171"]);
        made.unwrap();
        let good = fs::read_to_string(folder.path().join("client.toml")).unwrap();
        let (_, key) = good.split_once("-----BEGIN PRIVATE KEY-----\n").unwrap();
        let secret = key.lines().next().unwrap();
        let other = fs::read_to_string(folder.path().join("worker.toml")).unwrap();
        let key_of = |text: &str| text.split_once("key = ").unwrap().1.to_owned();
        let path = folder.path().join("damaged.toml");
        for (damaged, reason) in [
            (good.replace("key = ", "kex = "), "unknown field"),
            (good.replace(secret, "!!!!"), "its key: the PEM is not base64"),
            (good.replace("BEGIN CERTIFICATE", "BEGIN SOMETHING"), "authority"),
            (good.replace("-----END PRIVATE KEY-----", ""), "its key: the PEM has no end"),
            (good.replace(&key_of(&good), &key_of(&other)), "cannot be used"),
            (good[..good.len() / 2].to_owned(), "is not an access file"),
            (String::new(), "missing field"),
            ("x".repeat(2 << 20), "an access file has at most"),
        ] {
            fs::write(&path, &damaged).unwrap();
            let refused = AccessSource::new(&path).load().err().unwrap().to_string();
            assert!(refused.contains(reason), "{reason}: {refused}");
            assert!(!refused.contains(secret), "{refused}");
        }
    }
}
