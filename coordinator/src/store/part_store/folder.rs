//! Parts in a folder.
//!
//! A part is written to a file with another name, synced and renamed. Parts of the same job that begin at the same
//! offset have the same path, one after the other.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    ops::Range,
    path::{Path as FilePath, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use object_store::{ObjectStoreExt, WriteMultipart, local::LocalFileSystem, path::Path};
use swath_model::JobId;
use tokio::runtime::Handle;
use tracing::{debug, warn};

use super::{
    Answer, DeletedPart, PartStore, PartWriter, ReadAhead,
    objects::Objects,
    path::{JOBS, job_of, part},
    pending_deletes::PendingDeletes,
};
use crate::store::{error::StoreError, object_store_error::ObjectStoreError, place::Place};

/// A part is written in pieces of so many bytes.
const PIECE: usize = 8 << 20;
/// So many pieces may be on their way to the disk at once.
const PIECES_UNDER_WAY: usize = 2;

/// A folder with parts.
#[derive(Debug)]
pub(in crate::store) struct Folder {
    objects: Objects,
    place: Place,
    /// From the root on.
    root: PathBuf,
    deletes: Arc<Deletes>,
    /// Held for as long as the coordinator lives.
    _lock: Option<File>,
}

/// Deletes that failed. They are tried again while no part is being renamed: a part may have got the path meanwhile.
#[derive(Debug, Default)]
struct Deletes {
    pending: PendingDeletes,
    turn: tokio::sync::Mutex<()>,
}

impl Folder {
    /// Opens a folder, and makes it if it is not there. `lock` is kept until the end.
    pub(in crate::store) fn open(place: &Place, root: &FilePath, lock: Option<File>) -> Result<Self, StoreError> {
        let failed = |reason: String| StoreError::Folder { folder: root.display().to_string(), reason };
        fs::create_dir_all(root).map_err(|error| failed(error.to_string()))?;
        let store = LocalFileSystem::new_with_prefix(root)
            .map_err(|error| failed(error.to_string()))?
            .with_fsync(true)
            .with_automatic_cleanup(true);
        let objects = Objects::new(Arc::new(store), ObjectStoreError::of_folder);
        let root = fs::canonicalize(root).map_err(|error| failed(error.to_string()))?;
        Ok(Self { objects, place: place.clone(), root, deletes: Arc::default(), _lock: lock })
    }

    async fn delete_one(&self, part: DeletedPart) -> u64 {
        match self.objects.delete([part.path.as_str()]).await {
            Ok(()) => part.bytes,
            Err(error) => {
                warn!(%error, "cannot delete a part now; it is tried again");
                self.deletes.pending.add(part);
                0
            }
        }
    }

    async fn delete_all(&self, parts: Vec<DeletedPart>) -> u64 {
        let mut freed = 0;
        for part in parts {
            freed += self.delete_one(part).await;
        }
        freed
    }
}

impl PartStore for Folder {
    fn place(&self) -> &Place {
        &self.place
    }

    fn location(&self, path: &str) -> String {
        self.root.join(path).display().to_string()
    }

    /// Short: the error of a folder has the whole path.
    fn name_in_errors(&self, path: &str) -> String {
        path.to_owned()
    }

    fn unusable(&self, reason: ObjectStoreError) -> StoreError {
        StoreError::Folder { folder: self.location(""), reason: reason.to_string() }
    }

    fn part_path(&self, job: JobId, first: u64) -> String {
        part(job, &format!("{first:020}"))
    }

    fn create<'a>(&'a self, path: &'a str, _size_hint: usize) -> Answer<'a, Box<dyn PartWriter>> {
        async move {
            let upload = self.objects.inner().put_multipart(&Path::from(path)).await;
            let upload = upload.map_err(|error| ObjectStoreError::of_folder(&error))?;
            let writer: Box<dyn PartWriter> = Box::new(FolderWriter {
                upload: WriteMultipart::new_with_chunk_size(upload, PIECE),
                runtime: Handle::current(),
                objects: self.objects.clone(),
                path: path.to_owned(),
                deletes: Arc::clone(&self.deletes),
            });
            Ok(writer)
        }
        .boxed()
    }

    fn read<'a>(&'a self, path: &'a str, bytes: Range<u64>) -> Answer<'a, Bytes> {
        self.objects.read(path, bytes).boxed()
    }

    fn size<'a>(&'a self, path: &'a str) -> Answer<'a, u64> {
        self.objects.size(path).boxed()
    }

    /// The system reads ahead.
    fn read_ahead(&self) -> ReadAhead {
        ReadAhead::NONE
    }

    fn delete(&self, parts: Vec<DeletedPart>) -> BoxFuture<'_, u64> {
        self.delete_all(parts).boxed()
    }

    fn delete_job(&self, _job: JobId, parts: Vec<DeletedPart>) -> BoxFuture<'_, u64> {
        self.delete_all(parts).boxed()
    }

    fn retry_deletes(&self) -> BoxFuture<'_, u64> {
        async {
            let mut freed = self.deletes.pending.take_replaced_bytes();
            let _turn = self.deletes.turn.lock().await;
            for delete in self.deletes.pending.all() {
                match self.objects.delete([delete.0.as_str()]).await {
                    Ok(()) => freed += self.deletes.pending.done(&[delete]),
                    Err(error) => debug!(%error, "cannot delete a part yet"),
                }
            }
            freed
        }
        .boxed()
    }

    /// Reads the folder itself: the crate `object_store` hides unfinished files.
    fn list(&self) -> Answer<'_, BTreeMap<String, u64>> {
        let files = files(&self.root).map_err(of_io);
        async { files }.boxed()
    }

    fn sweep(&self, paths: Vec<String>) -> Answer<'_, ()> {
        let swept = paths.iter().try_for_each(|path| fs::remove_file(self.root.join(path)));
        let swept = swept.map_err(of_io);
        async { swept }.boxed()
    }

    fn get<'a>(&'a self, path: &'a str) -> Answer<'a, Bytes> {
        self.objects.get(path).boxed()
    }

    fn put_new<'a>(&'a self, path: &'a str, contents: Vec<u8>) -> Answer<'a, ()> {
        self.objects.put_new(path, contents).boxed()
    }

    fn put<'a>(&'a self, path: &'a str, contents: Vec<u8>) -> Answer<'a, ()> {
        self.objects.put(path, contents).boxed()
    }
}

/// Writes a file with bounded memory.
struct FolderWriter {
    upload: WriteMultipart,
    runtime: Handle,
    objects: Objects,
    path: String,
    deletes: Arc<Deletes>,
}

impl Write for FolderWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.runtime
            .block_on(self.upload.wait_for_capacity(PIECES_UNDER_WAY))
            .map_err(|error| io::Error::other(ObjectStoreError::of_folder(&error)))?;
        let _runtime = self.runtime.enter();
        self.upload.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl PartWriter for FolderWriter {
    fn finish(self: Box<Self>) -> Answer<'static, u64> {
        async move {
            let Self { upload, objects, path, deletes, .. } = *self;
            let _turn = deletes.turn.lock().await;
            upload.finish().await.map_err(|error| ObjectStoreError::of_folder(&error))?;
            deletes.pending.replaced(&path);
            objects.size(&path).await
        }
        .boxed()
    }
}

/// The files of parts, finished or not, with their sizes.
fn files(root: &FilePath) -> io::Result<BTreeMap<String, u64>> {
    let mut found = BTreeMap::new();
    let jobs = match fs::read_dir(root.join(JOBS)) {
        Ok(jobs) => jobs,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(error),
    };
    for job in jobs {
        let job = job?;
        if !job.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(job.path())? {
            let file = file?;
            let path = format!("{JOBS}/{}/{}", job.file_name().to_string_lossy(), file.file_name().to_string_lossy());
            if job_of(&path).is_some() {
                found.insert(path, file.metadata()?.len());
            }
        }
    }
    Ok(found)
}

fn of_io(error: io::Error) -> ObjectStoreError {
    ObjectStoreError::of_folder(&object_store::Error::Generic { store: "folder", source: error.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(root: &FilePath) -> Folder {
        Folder::open(&Place::Data, root, None).unwrap()
    }

    async fn write(folder: &Folder, path: &str, contents: &'static [u8]) {
        let mut writer = folder.create(path, contents.len()).await.unwrap();
        let writer = tokio::task::spawn_blocking(move || {
            writer.write_all(contents).unwrap();
            writer
        });
        assert_eq!(writer.await.unwrap().finish().await.unwrap(), contents.len() as u64);
    }

    #[tokio::test]
    async fn a_part_that_replaces_one_whose_delete_failed_stays() {
        let root = tempfile::tempdir().unwrap();
        let folder = open(root.path());
        let path = folder.part_path(JobId(1), 0);
        // A folder with a file in it, where the part should be, cannot be deleted as a file.
        let obstacle = root.path().join(&path);
        fs::create_dir_all(&obstacle).unwrap();
        fs::write(obstacle.join("file"), b"in the way").unwrap();
        assert_eq!(folder.delete(vec![DeletedPart { path: path.clone(), bytes: 9 }]).await, 0);
        assert_eq!(folder.retry_deletes().await, 0, "it is still there");
        fs::remove_dir_all(&obstacle).unwrap();
        write(&folder, &path, b"new").await;
        assert_eq!(folder.retry_deletes().await, 9, "the bytes of the old part are free");
        assert_eq!(folder.get(&path).await.unwrap(), &b"new"[..]);
        assert_eq!(folder.delete(vec![DeletedPart { path: path.clone(), bytes: 3 }]).await, 3);
        assert!(!root.path().join(&path).exists());
    }

    #[tokio::test]
    async fn a_delete_that_failed_is_tried_again() {
        let root = tempfile::tempdir().unwrap();
        let folder = open(root.path());
        let path = folder.part_path(JobId(1), 0);
        let obstacle = root.path().join(&path);
        fs::create_dir_all(&obstacle).unwrap();
        fs::write(obstacle.join("file"), b"in the way").unwrap();
        assert_eq!(folder.delete(vec![DeletedPart { path: path.clone(), bytes: 9 }]).await, 0);
        fs::remove_dir_all(&obstacle).unwrap();
        fs::write(&obstacle, b"old").unwrap();
        assert_eq!((folder.retry_deletes().await, folder.retry_deletes().await), (9, 0));
        assert!(!obstacle.exists());
    }

    #[tokio::test]
    async fn unfinished_parts_are_listed_and_swept_and_other_files_left() {
        let root = tempfile::tempdir().unwrap();
        let folder = open(root.path());
        assert!(folder.list().await.unwrap().is_empty());
        let path = folder.part_path(JobId(1), 0);
        let mut unfinished = folder.create(&path, 9).await.unwrap();
        unfinished = tokio::task::spawn_blocking(move || {
            unfinished.write_all(b"part").unwrap();
            unfinished
        })
        .await
        .unwrap();
        fs::write(root.path().join("jobs/1/notes"), b"mine").unwrap();
        let listed = folder.list().await.unwrap();
        assert_eq!(listed.len(), 1, "{listed:?}");
        assert!(!listed.contains_key(&path), "a part is not seen before it is whole");
        folder.sweep(listed.into_keys().collect()).await.unwrap();
        drop(unfinished);
        assert!(folder.list().await.unwrap().is_empty() && root.path().join("jobs/1/notes").exists());
    }
}
