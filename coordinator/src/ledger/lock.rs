//! One coordinator on one ledger, whatever names its folder and its files have.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::Path,
};

use super::LedgerError;

/// What file systems are called over a network whose whole-file locks are locks of byte ranges, which would be in the way
/// of SQLite's own: NFS, SMB and CIFS.
const BYTE_RANGE_LOCKS: [u64; 3] = [0x6969, 0xFE53_4D42, 0xFF53_4D42];

/// Locks that are held for as long as they live. They belong to files, not to names: a folder that is reached through a
/// link, a mount or another way of writing its path is locked, too.
#[derive(Debug)]
pub(super) struct Locks {
    files: Vec<File>,
}

impl Locks {
    /// Locks a folder.
    pub(super) fn of_folder(folder: &Path) -> Result<Self, LedgerError> {
        let failed = |error| LedgerError::Folder { folder: name(folder), error };
        let file = File::create(folder.join("lock")).map_err(failed)?;
        lock(&file, folder)?;
        Ok(Self { files: vec![file] })
    }

    /// Locks the file of the ledger, which is made if it is not there. This must outlive all connections to it: closing
    /// any descriptor of a file drops the locks that SQLite has on it in this process.
    pub(super) fn add_ledger(&mut self, path: &Path, folder: &Path) -> Result<(), LedgerError> {
        let failed = |error| LedgerError::Folder { folder: name(folder), error };
        let linked = |reason| Err(LedgerError::Linked { folder: name(folder), reason });
        if fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink()) {
            return linked("is a symbolic link");
        }
        // Never truncated; SQLite takes an empty file for a new ledger.
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        if !rustix::fs::fstatfs(&file).is_ok_and(|system| BYTE_RANGE_LOCKS.contains(&(system.f_type as u64))) {
            lock(&file, folder)?;
        }
        // What was written under one name and is still in its log would not be seen under the other.
        if file.metadata().map_err(failed)?.nlink() > 1 {
            return linked("has more than one name (hard links)");
        }
        self.files.push(file);
        Ok(())
    }
}

/// Locks the folder of all parts, which is made if it is not there. In a data folder whose ledger is another's than that of
/// the parts, these would be swept. `None` if there are no parts and the disk is full.
pub(crate) fn lock_results(folder: &Path) -> Result<Option<File>, LedgerError> {
    let failed = |error| LedgerError::Folder { folder: name(folder), error };
    let results = folder.join("jobs");
    match fs::create_dir_all(&results) {
        Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            return Ok(None);
        }
        made => made.map_err(failed)?,
    }
    let file = File::open(&results).map_err(failed)?;
    lock(&file, folder)?;
    Ok(Some(file))
}

fn lock(file: &File, folder: &Path) -> Result<(), LedgerError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(LedgerError::InUse { folder: name(folder) }),
        Err(TryLockError::Error(error)) => Err(LedgerError::Folder { folder: name(folder), error }),
    }
}

fn name(folder: &Path) -> String {
    folder.display().to_string()
}
