//! Parts in a bucket of S3, or of a server with the same protocol.
//!
//! A part is put with one request, so nothing in a bucket is ever unfinished. A request that was given up can still be
//! carried out later. So no path is used twice, and what such a request may have written is deleted until it can no
//! longer come.

use std::{
    collections::BTreeMap,
    env,
    io::{self, Write},
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use object_store::{
    BackoffConfig, ClientConfigKey, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    prefix::PrefixStore,
};
use swath_model::{Incarnation, JobId};
use tracing::{debug, warn};

use super::{
    Answer, DeletedPart, PartStore, PartWriter, ReadAhead,
    objects::Objects,
    path::{JOBS, folder_of, part},
    pending_deletes::{PendingDelete, PendingDeletes},
};
use crate::store::{
    error::StoreError,
    object_store_error::{ObjectStoreError, ObjectStoreErrorKind},
    place::Place,
};

/// A request is not sent again after this. Whoever asked shows the error, and tries again later.
const RETRY: Duration = Duration::from_secs(10);
const RETRIES: usize = 3;

/// How long one request may take, unless AWS_TIMEOUT says it: a part of 64 MiB at 9 Mbit/s.
const TIMEOUT: &str = "60s";

/// A request takes its time whatever its size, so readers ask for several blocks at once, and for the next ones early.
const READ_AHEAD: ReadAhead = ReadAhead { request_bytes: 4 << 20, requests: 4 };

/// A bucket with parts.
#[derive(Debug)]
pub(in crate::store) struct Bucket {
    objects: Objects,
    place: Place,
    endpoint: String,
    /// What kind of credentials there are.
    credentials: &'static str,
    /// With the next number of the sequence it makes a path that no other part has or had.
    incarnation: Incarnation,
    sequence: AtomicU64,
    pending: Arc<PendingDeletes>,
}

impl Bucket {
    /// Opens a bucket, with the credentials and settings of the AWS_* variables; nothing is asked of the server yet.
    pub(in crate::store) fn open(
        place: &Place,
        bucket: &str,
        prefix: &str,
        incarnation: Incarnation,
    ) -> Result<Self, StoreError> {
        // One provider of cryptography for the process; an error means that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY, backoff: BackoffConfig::default() };
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry);
        if env::var_os("AWS_TIMEOUT").is_none() {
            builder = builder.with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), TIMEOUT);
        }
        let endpoint = endpoint(&builder);
        let credentials = credentials(&builder);
        if endpoint.starts_with("http://") {
            let allow_http = value(&builder, AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp));
            if allow_http.as_deref() != Some("true") {
                return Err(StoreError::Plain { endpoint });
            }
            // Without TLS they are not needed, and a small container may have none.
            builder = builder.with_config(AmazonS3ConfigKey::Client(ClientConfigKey::NoSystemCertificates), "true");
        }
        let store = builder.build().map_err(|error| StoreError::Settings {
            place: place.to_string(),
            reason: ObjectStoreError::of_server(&error),
        })?;
        let store: Arc<dyn ObjectStore> = match prefix {
            "" => Arc::new(store),
            prefix => Arc::new(PrefixStore::new(store, prefix)),
        };
        Ok(Self { endpoint, credentials, ..Self::on(store, place, incarnation) })
    }

    /// A bucket that this store holds.
    pub(super) fn on(store: Arc<dyn ObjectStore>, place: &Place, incarnation: Incarnation) -> Self {
        Self {
            objects: Objects::new(store, ObjectStoreError::of_server),
            place: place.clone(),
            endpoint: String::new(),
            credentials: "",
            incarnation,
            sequence: AtomicU64::new(0),
            pending: Arc::default(),
        }
    }

    async fn try_delete(&self, deletes: &[(String, PendingDelete)]) -> Result<u64, ObjectStoreError> {
        self.objects.delete(deletes.iter().map(|(path, _)| path.as_str())).await?;
        Ok(self.pending.done(deletes))
    }
}

fn value(builder: &AmazonS3Builder, key: AmazonS3ConfigKey) -> Option<String> {
    builder.get_config_value(&key).filter(|value| !value.is_empty())
}

fn endpoint(builder: &AmazonS3Builder) -> String {
    let region = value(builder, AmazonS3ConfigKey::Region).unwrap_or_else(|| "us-east-1".to_owned());
    value(builder, AmazonS3ConfigKey::S3Endpoint)
        .or_else(|| value(builder, AmazonS3ConfigKey::Endpoint))
        .unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"))
}

/// What kind of credentials there are, for people.
fn credentials(builder: &AmazonS3Builder) -> &'static str {
    let kinds = [
        (AmazonS3ConfigKey::AccessKeyId, "the credentials in the AWS_* variables"),
        (AmazonS3ConfigKey::WebIdentityTokenFile, "the web identity in AWS_WEB_IDENTITY_TOKEN_FILE"),
        (AmazonS3ConfigKey::ContainerCredentialsRelativeUri, "the credentials of the container"),
        (AmazonS3ConfigKey::ContainerCredentialsFullUri, "the credentials of the container"),
    ];
    let given = kinds.into_iter().find(|(key, _)| value(builder, *key).is_some());
    given.map_or("the credentials of this machine (AWS_ACCESS_KEY_ID is not set)", |(_, name)| name)
}

impl PartStore for Bucket {
    fn place(&self) -> &Place {
        &self.place
    }

    fn location(&self, path: &str) -> String {
        format!("{}/{path}", self.place)
    }

    fn name_in_errors(&self, path: &str) -> String {
        self.location(path)
    }

    fn unusable(&self, reason: ObjectStoreError) -> StoreError {
        let (place, endpoint, credentials) = (self.place.to_string(), self.endpoint.clone(), self.credentials);
        match reason.kind() {
            ObjectStoreErrorKind::NoBucket => StoreError::NoBucket { place, endpoint },
            ObjectStoreErrorKind::Denied => StoreError::Denied { place, endpoint, credentials, reason },
            _ => StoreError::Unreachable { place, endpoint, credentials, reason },
        }
    }

    fn part_path(&self, job: JobId, first: u64) -> String {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        part(job, &format!("{first:020}-{:016x}-{sequence}", self.incarnation.0))
    }

    fn create<'a>(&'a self, path: &'a str, size_hint: usize) -> Answer<'a, Box<dyn PartWriter>> {
        let writer: Box<dyn PartWriter> = Box::new(BucketWriter {
            contents: Vec::with_capacity(size_hint),
            objects: self.objects.clone(),
            path: path.to_owned(),
            pending: Arc::clone(&self.pending),
        });
        async { Ok(writer) }.boxed()
    }

    fn read<'a>(&'a self, path: &'a str, bytes: Range<u64>) -> Answer<'a, Bytes> {
        self.objects.read(path, bytes).boxed()
    }

    fn size<'a>(&'a self, path: &'a str) -> Answer<'a, u64> {
        self.objects.size(path).boxed()
    }

    fn read_ahead(&self) -> ReadAhead {
        READ_AHEAD
    }

    fn delete(&self, parts: Vec<DeletedPart>) -> BoxFuture<'_, u64> {
        async move {
            match self.objects.delete(parts.iter().map(|part| part.path.as_str())).await {
                Ok(()) => parts.iter().map(|part| part.bytes).sum(),
                Err(error) => {
                    debug!(%error, objects = parts.len(), "cannot delete objects now; it is tried again");
                    parts.into_iter().for_each(|part| self.pending.add(part));
                    0
                }
            }
        }
        .boxed()
    }

    fn delete_job(&self, job: JobId, parts: Vec<DeletedPart>) -> BoxFuture<'_, u64> {
        async move {
            if let Ok(others) = self.objects.parts(&folder_of(job)).await {
                others.into_keys().for_each(|path| self.pending.add(DeletedPart { path, bytes: 0 }));
            }
            parts.into_iter().for_each(|part| self.pending.add(part));
            let deletes = self.pending.of_job(job);
            self.try_delete(&deletes).await.unwrap_or_else(|error| {
                warn!(%job, %error, objects = deletes.len(), "cannot delete the results of a job now; it is tried again");
                0
            })
        }
        .boxed()
    }

    fn retry_deletes(&self) -> BoxFuture<'_, u64> {
        async {
            let deletes = self.pending.all();
            if deletes.is_empty() {
                return 0;
            }
            self.try_delete(&deletes).await.unwrap_or_else(|error| {
                debug!(%error, objects = deletes.len(), "cannot delete objects yet");
                0
            })
        }
        .boxed()
    }

    fn list(&self) -> Answer<'_, BTreeMap<String, u64>> {
        self.objects.parts(JOBS).boxed()
    }

    fn sweep(&self, paths: Vec<String>) -> Answer<'_, ()> {
        async move { self.objects.delete(paths.iter().map(String::as_str)).await }.boxed()
    }

    fn get<'a>(&'a self, path: &'a str) -> Answer<'a, Bytes> {
        self.objects.get(path).boxed()
    }

    /// Not every server supports puts with a condition; there the object is written in any case.
    fn put_new<'a>(&'a self, path: &'a str, contents: Vec<u8>) -> Answer<'a, ()> {
        async move {
            match self.objects.put_new(path, contents.clone()).await {
                Err(error) if error.kind() == ObjectStoreErrorKind::Unsupported => {
                    self.objects.put(path, contents).await
                }
                put => put,
            }
        }
        .boxed()
    }

    fn put<'a>(&'a self, path: &'a str, contents: Vec<u8>) -> Answer<'a, ()> {
        self.objects.put(path, contents).boxed()
    }
}

/// Collects a part in memory, for one request.
struct BucketWriter {
    contents: Vec<u8>,
    objects: Objects,
    path: String,
    pending: Arc<PendingDeletes>,
}

impl Write for BucketWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.contents.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl PartWriter for BucketWriter {
    fn finish(self: Box<Self>) -> Answer<'static, u64> {
        async move {
            let Self { contents, objects, path, pending } = *self;
            let bytes = contents.len() as u64;
            let put = objects.put(&path, contents).await;
            if put.is_err() {
                // It may have been written all the same, or be written yet.
                pending.add_uncertain(path);
            }
            put.map(|()| bytes)
        }
        .boxed()
    }
}
