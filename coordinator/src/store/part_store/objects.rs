//! What a folder and a bucket have in common: objects by path, through the crate `object_store`.

use std::{collections::BTreeMap, fmt, io, ops::Range, sync::Arc};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload, path::Path};

use super::path::job_of;
use crate::store::object_store_error::ObjectStoreError;

/// All objects of a store.
#[derive(Clone)]
pub(super) struct Objects {
    store: Arc<dyn ObjectStore>,
    /// Makes a sentence without secrets of an error.
    describe: fn(&object_store::Error) -> ObjectStoreError,
}

impl Objects {
    pub(super) fn new(store: Arc<dyn ObjectStore>, describe: fn(&object_store::Error) -> ObjectStoreError) -> Self {
        Self { store, describe }
    }

    /// Writes an object whole.
    pub(super) async fn put(&self, path: &str, contents: Vec<u8>) -> Result<(), ObjectStoreError> {
        let put = self.store.put(&Path::from(path), PutPayload::from(contents)).await;
        put.map(drop).map_err(|error| (self.describe)(&error))
    }

    /// Writes an object that is not there yet.
    pub(super) async fn put_new(&self, path: &str, contents: Vec<u8>) -> Result<(), ObjectStoreError> {
        let put = self.store.put_opts(&Path::from(path), PutPayload::from(contents), PutMode::Create.into()).await;
        put.map(drop).map_err(|error| (self.describe)(&error))
    }

    pub(super) async fn get(&self, path: &str) -> Result<Bytes, ObjectStoreError> {
        let got = async { self.store.get(&Path::from(path)).await?.bytes().await };
        got.await.map_err(|error| (self.describe)(&error))
    }

    pub(super) async fn read(&self, path: &str, range: Range<u64>) -> Result<Bytes, ObjectStoreError> {
        let length = range.end.saturating_sub(range.start);
        let got = self.store.get_range(&Path::from(path), range).await.map_err(|error| (self.describe)(&error))?;
        if got.len() as u64 == length {
            return Ok(got);
        }
        let short = io::Error::new(io::ErrorKind::UnexpectedEof, format!("only {} of {length} bytes came", got.len()));
        Err((self.describe)(&object_store::Error::Generic { store: "objects", source: short.into() }))
    }

    pub(super) async fn size(&self, path: &str) -> Result<u64, ObjectStoreError> {
        let meta = self.store.head(&Path::from(path)).await;
        meta.map(|meta| meta.size).map_err(|error| (self.describe)(&error))
    }

    /// Deletes objects. It is no error if they are gone already.
    pub(super) async fn delete(&self, paths: impl IntoIterator<Item = &str>) -> Result<(), ObjectStoreError> {
        let paths: Vec<_> = paths.into_iter().map(|path| Ok(Path::from(path))).collect();
        let mut deleted = self.store.delete_stream(stream::iter(paths).boxed());
        let mut done = Ok(());
        while let Some(one) = deleted.next().await {
            match one {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => done = Err((self.describe)(&error)),
            }
        }
        done
    }

    /// The parts under this folder, with their sizes.
    pub(super) async fn parts(&self, folder: &str) -> Result<BTreeMap<String, u64>, ObjectStoreError> {
        let listed = self.store.list(Some(&Path::from(folder)));
        let listed = listed.map_ok(|meta| (meta.location.to_string(), meta.size)).try_collect();
        let mut listed: BTreeMap<String, u64> = listed.await.map_err(|error| (self.describe)(&error))?;
        listed.retain(|path, _| job_of(path).is_some());
        Ok(listed)
    }
}

/// Never what it is made of, which holds credentials.
impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").finish_non_exhaustive()
    }
}
