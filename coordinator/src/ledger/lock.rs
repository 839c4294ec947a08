//! One coordinator at a time on one ledger, by whatever paths its folder and files are reached.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::Path,
};

use super::error::LedgerError;

/// The types of network file systems (NFS, SMB and CIFS) that turn a lock on a whole file into a lock on a range of
/// bytes. That would conflict with the locks of SQLite.
const BYTE_RANGE_LOCKS: [u64; 3] = [0x6969, 0xFE53_4D42, 0xFF53_4D42];

/// Locks that are held until this is dropped. They belong to files, not to paths: a folder that is reached by another
/// path, through a link or a mount, is locked, too.
#[derive(Debug)]
pub(super) struct Locks {
    files: Vec<File>,
}

impl Locks {
    /// Locks a folder.
    pub(super) fn of_folder(folder: &Path) -> Result<Self, LedgerError> {
        let failed = |error| unusable(folder, &error);
        let file = File::create(folder.join("lock")).map_err(failed)?;
        lock(&file, folder)?;
        Ok(Self { files: vec![file] })
    }

    /// Locks the file of the ledger, and makes it if it is not there. This must outlive all connections to the file:
    /// closing any descriptor of it drops all locks that SQLite holds on it in this process.
    pub(super) fn add_ledger(&mut self, path: &Path, folder: &Path) -> Result<(), LedgerError> {
        let failed = |error| unusable(folder, &error);
        let linked = |reason| Err(LedgerError::Linked { folder: name(folder), reason });
        if fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink()) {
            return linked("is a symbolic link");
        }
        // Never truncated; SQLite takes an empty file for a new ledger.
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        if !rustix::fs::fstatfs(&file).is_ok_and(|system| BYTE_RANGE_LOCKS.contains(&(system.f_type as u64))) {
            lock(&file, folder)?;
        }
        // SQLite finds the log of a file by its path: changes that are still in the log of one path are missing by the
        // other.
        if file.metadata().map_err(failed)?.nlink() > 1 {
            return linked("has more than one name (hard links)");
        }
        self.files.push(file);
        Ok(())
    }
}

/// Locks the folder of all parts in a data folder, and makes it if it is not there. Two data folders with one folder of
/// parts, through a link, would sweep each other's parts. `None` if there are no parts and the disk is full.
pub(crate) fn lock_parts(folder: &Path) -> Result<Option<File>, LedgerError> {
    let failed = |error| unusable(folder, &error);
    let parts = folder.join("jobs");
    match fs::create_dir_all(&parts) {
        Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            return Ok(None);
        }
        made => made.map_err(failed)?,
    }
    let file = File::open(&parts).map_err(failed)?;
    lock(&file, folder)?;
    Ok(Some(file))
}

fn lock(file: &File, folder: &Path) -> Result<(), LedgerError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(LedgerError::InUse { folder: name(folder) }),
        Err(TryLockError::Error(error)) => Err(unusable(folder, &error)),
    }
}

fn unusable(folder: &Path, error: &io::Error) -> LedgerError {
    LedgerError::Folder { folder: name(folder), reason: error.to_string() }
}

fn name(folder: &Path) -> String {
    folder.display().to_string()
}
