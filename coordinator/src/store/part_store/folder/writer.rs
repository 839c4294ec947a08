//! Files that are written under another name, synced and renamed.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use crate::store::object_store_error::ObjectStoreError;

/// A file is written in pieces of so many bytes.
const PIECE: usize = 1 << 20;

/// A file that is not there yet. It has another name until it is finished; if it is dropped before, nothing is left.
#[derive(Debug)]
pub(super) struct UnfinishedFile {
    file: BufWriter<File>,
    name: UnfinishedName,
    path: PathBuf,
}

/// The name of an unfinished file, which is deleted with it.
#[derive(Debug)]
struct UnfinishedName(PathBuf);

impl UnfinishedFile {
    /// Begins a file that will have this path. Its folder is made if it is not there.
    pub(super) fn create(path: &Path) -> Result<Self, ObjectStoreError> {
        let folder = path.parent().unwrap_or(path);
        make(folder).map_err(|error| ObjectStoreError::of_file("create the folder", folder, &error))?;
        // Another one may be left from a write that hangs, or from an earlier coordinator.
        for count in 1_u64.. {
            let name = unfinished(path, count);
            match File::options().write(true).create_new(true).open(&name) {
                Ok(file) => {
                    let (file, name) = (BufWriter::with_capacity(PIECE, file), UnfinishedName(name));
                    return Ok(Self { file, name, path: path.to_owned() });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(ObjectStoreError::of_file("create", &name, &error)),
            }
        }
        let error = io::Error::from(io::ErrorKind::AlreadyExists);
        Err(ObjectStoreError::of_file("create", path, &error))
    }

    /// Makes the file durable under its path. Returns its size in bytes.
    pub(super) fn finish(self) -> Result<u64, ObjectStoreError> {
        let Self { file, name, path } = self;
        let failed = |error: io::Error| ObjectStoreError::of_file("write", &name.0, &error);
        let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        drop(file);
        fs::rename(&name.0, &path)
            .map_err(|error| ObjectStoreError::of_file("rename a finished file to", &path, &error))?;
        std::mem::forget(name);
        let folder = path.parent().unwrap_or(&path);
        sync(folder).map_err(|error| ObjectStoreError::of_file("sync the folder", folder, &error))?;
        Ok(bytes)
    }
}

impl Write for UnfinishedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let failed = |error| io::Error::other(ObjectStoreError::of_file("write", &self.name.0, &error));
        self.file.write(bytes).map_err(failed)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for UnfinishedName {
    fn drop(&mut self) {
        // Otherwise the next start sweeps it.
        let _ = fs::remove_file(&self.0);
    }
}

/// The name of a file with this path while it is written.
fn unfinished(path: &Path, count: u64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!("#{count}"));
    name.into()
}

/// Whether this is the name of a file that is not finished.
pub(super) fn is_unfinished(name: &str) -> bool {
    name.contains('#')
}

/// Makes a folder, durably.
fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let Some(parent) = folder.parent() else { return fs::create_dir(folder) };
    make(parent)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.and_then(|()| sync(parent)),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_get_its_name_says_why_and_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("jobs/1/part-0.parquet");
        fs::create_dir_all(&path).unwrap();
        for _ in 0..3 {
            let mut file = UnfinishedFile::create(&path).unwrap();
            file.write_all(b"part").unwrap();
            let reason = file.finish().unwrap_err().to_string();
            assert!(reason.contains("cannot rename a finished file to"), "{reason}");
            assert!(reason.contains("part-0.parquet: Is a directory"), "{reason}");
        }
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "only what was in the way");
        fs::remove_dir(&path).unwrap();
        let mut file = UnfinishedFile::create(&path).unwrap();
        file.write_all(b"part").unwrap();
        assert_eq!((file.finish().unwrap(), fs::read(&path).unwrap()), (4, b"part".to_vec()));
    }

    #[test]
    fn a_file_that_is_not_finished_is_gone_and_takes_no_name_from_another() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("part-0.parquet");
        let (one, two) = (UnfinishedFile::create(&path).unwrap(), UnfinishedFile::create(&path).unwrap());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
        drop((one, two));
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
