//! The object store under the parts: a folder, or a bucket.

use std::{
    collections::BTreeMap,
    env, fmt, fs, io,
    ops::Range,
    path::{Path as FilePath, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{
    BackoffConfig, ClientConfigKey, ObjectStore, ObjectStoreExt, PutMode, PutPayload, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    local::LocalFileSystem,
    path::Path,
    prefix::PrefixStore,
};
use swath_model::JobId;
use tokio::time::Duration;

use super::{
    Place, StoreError,
    trouble::{Kind, Trouble},
};

/// A request is not tried again after this; whoever asked tries again later, and says meanwhile what is wrong.
const RETRY: Duration = Duration::from_secs(10);
const RETRIES: usize = 3;

/// How long one request may take, unless AWS_TIMEOUT says it: a part of 64 MiB at 9 Mbit/s.
const TIMEOUT: &str = "60s";

/// All objects of the store, by their paths within it.
pub(super) struct Objects {
    store: Arc<dyn ObjectStore>,
    place: Place,
    /// The folder, if it is one.
    folder: Option<PathBuf>,
    server: Option<Server>,
}

/// Who holds a bucket.
struct Server {
    endpoint: String,
    credentials: &'static str,
}

impl Objects {
    /// Opens the store; nothing is asked of it yet.
    pub(super) fn open(place: &Place, data: &FilePath) -> Result<Self, StoreError> {
        let folder = match place {
            Place::Data => data,
            Place::Folder(folder) => folder,
            Place::Bucket { bucket, prefix } => return Self::open_bucket(place, bucket, prefix),
        };
        let failed = |reason: String| StoreError::Folder { folder: folder.display().to_string(), reason };
        fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
        let store = LocalFileSystem::new_with_prefix(folder)
            .map_err(|error| failed(error.to_string()))?
            .with_fsync(true)
            .with_automatic_cleanup(true);
        let folder = fs::canonicalize(folder).map_err(|error| failed(error.to_string()))?;
        Ok(Self { store: Arc::new(store), place: place.clone(), folder: Some(folder), server: None })
    }

    fn open_bucket(place: &Place, bucket: &str, prefix: &str) -> Result<Self, StoreError> {
        // One provider of cryptography for the process; an error says that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY, backoff: BackoffConfig::default() };
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry);
        if env::var_os("AWS_TIMEOUT").is_none() {
            builder = builder.with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), TIMEOUT);
        }
        let value = |key| builder.get_config_value(&key).filter(|value| !value.is_empty());
        let region = value(AmazonS3ConfigKey::Region).unwrap_or_else(|| "us-east-1".to_owned());
        let endpoint = value(AmazonS3ConfigKey::S3Endpoint)
            .or_else(|| value(AmazonS3ConfigKey::Endpoint))
            .unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
        let credentials = [
            (AmazonS3ConfigKey::AccessKeyId, "the credentials in the AWS_* variables"),
            (AmazonS3ConfigKey::WebIdentityTokenFile, "the web identity in AWS_WEB_IDENTITY_TOKEN_FILE"),
            (AmazonS3ConfigKey::ContainerCredentialsRelativeUri, "the credentials of the container"),
            (AmazonS3ConfigKey::ContainerCredentialsFullUri, "the credentials of the container"),
        ];
        let given = credentials.into_iter().find(|(key, _)| value(*key).is_some());
        let credentials =
            given.map_or("the credentials of this machine (AWS_ACCESS_KEY_ID is not set)", |(_, name)| name);
        let is_plain = endpoint.starts_with("http://");
        if is_plain && value(AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp)).as_deref() != Some("true") {
            return Err(StoreError::Plain { endpoint });
        }
        if is_plain {
            // Without TLS nothing is checked with them, and a small container may have none.
            builder = builder.with_config(AmazonS3ConfigKey::Client(ClientConfigKey::NoSystemCertificates), "true");
        }
        let store = builder
            .build()
            .map_err(|error| StoreError::Settings { place: place.to_string(), reason: Trouble::of_server(&error) })?;
        let store: Arc<dyn ObjectStore> = match prefix {
            "" => Arc::new(store),
            prefix => Arc::new(PrefixStore::new(store, prefix)),
        };
        let server = Some(Server { endpoint, credentials });
        Ok(Self { store, place: place.clone(), folder: None, server })
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Whether it is reached over a network: requests take their time, and one that failed may have done its work.
    pub(super) fn is_remote(&self) -> bool {
        self.server.is_some()
    }

    /// A path for people and for other programs.
    pub(super) fn name(&self, path: &str) -> String {
        match &self.folder {
            Some(folder) => folder.join(path).display().to_string(),
            None => format!("{}/{path}", self.place),
        }
    }

    /// The same for an error about a part, which in a folder says the whole path itself.
    pub(super) fn part_name(&self, path: &str) -> String {
        if self.is_remote() { self.name(path) } else { path.to_owned() }
    }

    /// What went wrong at the start, in a sentence of its own for each kind.
    pub(super) fn refusal(&self, reason: Trouble) -> StoreError {
        let place = self.place.to_string();
        match (&self.server, reason.kind()) {
            (None, _) => StoreError::Folder { folder: self.name(""), reason: reason.to_string() },
            (Some(server), Kind::NoBucket) => StoreError::NoBucket { place, endpoint: server.endpoint.clone() },
            (Some(server), Kind::Denied) => {
                StoreError::Denied { place, endpoint: server.endpoint.clone(), credentials: server.credentials, reason }
            }
            (Some(server), _) => StoreError::Unreachable {
                place,
                endpoint: server.endpoint.clone(),
                credentials: server.credentials,
                reason,
            },
        }
    }

    fn trouble(&self, error: &object_store::Error) -> Trouble {
        if self.is_remote() { Trouble::of_server(error) } else { Trouble::of_folder(error) }
    }

    /// The store itself, for a folder: files are written through it bit by bit.
    pub(super) fn folder_store(&self) -> Option<&dyn ObjectStore> {
        self.folder.is_some().then_some(self.store.as_ref())
    }

    /// Writes an object whole.
    pub(super) async fn put(&self, path: &Path, payload: impl Into<PutPayload>) -> Result<(), Trouble> {
        self.store.put(path, payload.into()).await.map(drop).map_err(|error| self.trouble(&error))
    }

    /// Writes an object that is not there yet.
    pub(super) async fn create(&self, path: &Path, payload: impl Into<PutPayload>) -> Result<(), Trouble> {
        let created = self.store.put_opts(path, payload.into(), PutMode::Create.into()).await;
        created.map(drop).map_err(|error| self.trouble(&error))
    }

    pub(super) async fn get(&self, path: &Path) -> Result<Bytes, Trouble> {
        let got = async { self.store.get(path).await?.bytes().await };
        got.await.map_err(|error| self.trouble(&error))
    }

    pub(super) async fn get_range(&self, path: &Path, range: Range<u64>) -> Result<Bytes, Trouble> {
        let length = range.end.saturating_sub(range.start);
        let got = self.store.get_range(path, range).await.map_err(|error| self.trouble(&error))?;
        if got.len() as u64 == length {
            return Ok(got);
        }
        let short = io::Error::new(io::ErrorKind::UnexpectedEof, format!("{} of {length} bytes came", got.len()));
        Err(self.trouble(&object_store::Error::Generic { store: "objects", source: short.into() }))
    }

    pub(super) async fn size(&self, path: &Path) -> Result<u64, Trouble> {
        self.store.head(path).await.map(|meta| meta.size).map_err(|error| self.trouble(&error))
    }

    /// Deletes objects; it is no error if they are gone already.
    pub(super) async fn delete(&self, paths: Vec<Path>) -> Result<(), Trouble> {
        let mut deleted = self.store.delete_stream(stream::iter(paths.into_iter().map(Ok)).boxed());
        let mut done = Ok(());
        while let Some(one) = deleted.next().await {
            match one {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => done = Err(self.trouble(&error)),
            }
        }
        done
    }

    /// The parts that are there, with their sizes: those of a job, or all.
    ///
    /// In a folder also what was never finished; see [`Self::sweep`].
    pub(super) async fn parts(&self, job: Option<JobId>) -> Result<BTreeMap<String, u64>, Trouble> {
        if let (Some(folder), None) = (&self.folder, job) {
            return files(folder).map_err(|error| Trouble::of_folder(&error));
        }
        let prefix = job.map_or_else(|| "jobs".to_owned(), |job| format!("jobs/{job}"));
        let listed = self.store.list(Some(&Path::from(prefix)));
        let listed = listed.map_ok(|meta| (meta.location.to_string(), meta.size)).try_collect();
        let mut listed: BTreeMap<String, u64> = listed.await.map_err(|error| self.trouble(&error))?;
        listed.retain(|path, _| job_of(path).is_some());
        Ok(listed)
    }

    /// Deletes what [`Self::parts`] found and nobody names.
    pub(super) async fn sweep(&self, paths: Vec<String>) -> Result<(), Trouble> {
        let Some(folder) = &self.folder else {
            return self.delete(paths.into_iter().map(Path::from).collect()).await;
        };
        let swept = paths.iter().try_for_each(|path| fs::remove_file(folder.join(path)));
        swept.map_err(|error| Trouble::of_folder(&generic(error)))
    }
}

/// Never what it is made of, which holds credentials.
impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").field("place", &self.place).finish_non_exhaustive()
    }
}

/// The job of a part, by its path: only what the store names so itself.
pub(super) fn job_of(path: &str) -> Option<JobId> {
    let (job, name) = path.strip_prefix("jobs/")?.split_once('/')?;
    (name.starts_with("part-") && !name.contains('/')).then(|| job.parse().ok().map(JobId))?
}

/// Whether there are parts of a job with a higher id.
pub(super) fn has_newer(parts: &BTreeMap<String, u64>, last: u64) -> bool {
    parts.keys().any(|path| job_of(path).is_some_and(|job| job.0 > last))
}

/// Files of parts, also those that were never finished, which the object store itself hides.
fn files(folder: &FilePath) -> Result<BTreeMap<String, u64>, object_store::Error> {
    let mut found = BTreeMap::new();
    let jobs = match fs::read_dir(folder.join("jobs")) {
        Ok(jobs) => jobs,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(generic(error)),
    };
    for job in jobs {
        let job = job.map_err(generic)?;
        if !job.file_type().map_err(generic)?.is_dir() {
            continue;
        }
        for file in fs::read_dir(job.path()).map_err(generic)? {
            let file = file.map_err(generic)?;
            let path = format!("jobs/{}/{}", job.file_name().to_string_lossy(), file.file_name().to_string_lossy());
            if job_of(&path).is_some() {
                found.insert(path, file.metadata().map_err(generic)?.len());
            }
        }
    }
    Ok(found)
}

fn generic(error: io::Error) -> object_store::Error {
    object_store::Error::Generic { store: "folder", source: error.into() }
}
