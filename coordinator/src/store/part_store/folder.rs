//! Parts in a folder.
//!
//! A part is written to a file with another name, synced and renamed. Parts of the same job that begin at the same
//! offset have the same path, one after the other.

mod writer;

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
use object_store::local::LocalFileSystem;
use swath_model::JobId;
use tracing::{debug, warn};

use self::writer::{UnfinishedFile, is_unfinished};
use super::{
    Answer, DeletedPart, PartStore, PartWriter, ReadAhead,
    objects::Objects,
    path::{JOBS, job_of, part},
    pending_deletes::PendingDeletes,
};
use crate::store::{error::StoreError, object_store_error::ObjectStoreError, place::Place};

/// The system reads ahead by itself. But each request opens the file, and small blocks are not worth that.
const READ_AHEAD: ReadAhead = ReadAhead { request_bytes: 256 << 10, requests: 1 };

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
            .map_err(|error| failed(ObjectStoreError::of_folder(&error).to_string()))?
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
        let (file, path, deletes) = (self.root.join(path), path.to_owned(), Arc::clone(&self.deletes));
        async move {
            let file = may_wait(move || UnfinishedFile::create(&file)).await?;
            let writer: Box<dyn PartWriter> = Box::new(FolderWriter { file, path, deletes });
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

    fn read_ahead(&self) -> ReadAhead {
        READ_AHEAD
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
        let files = files(&self.root);
        let files = files.map_err(|error| ObjectStoreError::of_file("read the folder", &self.root.join(JOBS), &error));
        async { files }.boxed()
    }

    fn sweep(&self, paths: Vec<String>) -> Answer<'_, ()> {
        let mut swept = Ok(());
        for path in paths.iter().map(|path| self.root.join(path)) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    swept = Err(ObjectStoreError::of_file("delete", &path, &error));
                }
                _ => {}
            }
        }
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
    file: UnfinishedFile,
    path: String,
    deletes: Arc<Deletes>,
}

impl Write for FolderWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl PartWriter for FolderWriter {
    fn finish(self: Box<Self>) -> Answer<'static, u64> {
        async move {
            let Self { file, path, deletes } = *self;
            let _turn = deletes.turn.lock().await;
            let bytes = may_wait(|| file.finish()).await?;
            deletes.pending.replaced(&path);
            Ok(bytes)
        }
        .boxed()
    }
}

/// Does what may wait for the disk on a thread for that.
async fn may_wait<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ObjectStoreError> + Send + 'static,
) -> Result<T, ObjectStoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(ObjectStoreError::interrupted()))
}

/// Deletes the parts in a data folder that are not finished. No ledger knows them, and it may need their room before it
/// can be opened. Returns how many there were. What cannot be deleted stays for the [sweep](PartStore::sweep).
pub(in crate::store) fn delete_unfinished(root: &FilePath) -> usize {
    let files = files(root).unwrap_or_default();
    let unfinished = files.keys().filter(|path| is_unfinished(path));
    unfinished.filter(|path| fs::remove_file(root.join(path)).is_ok()).count()
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
            // A folder with the name of a part is none, and is in the way of that part.
            if !file.file_type()?.is_file() {
                continue;
            }
            let path = format!("{JOBS}/{}/{}", job.file_name().to_string_lossy(), file.file_name().to_string_lossy());
            if job_of(&path).is_some() {
                found.insert(path, file.metadata()?.len());
            }
        }
    }
    Ok(found)
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
