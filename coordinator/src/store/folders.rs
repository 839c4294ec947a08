//! The folders of a store: made at the start, and refused if they can never hold a part.

use std::{fs, io, path::Path};

use bytesize::ByteSize;
use rustix::fs::{Access, StatVfs, access, statvfs};

use super::{
    config::{LedgerPlace, StoreConfig},
    error::StoreError,
    place::Place,
};

/// The smallest part: a footer and a few numbers, on a disk that allocates pages.
const SMALLEST_PART: u64 = 4 << 10;

/// The largest block, about: 1,048,576 numbers of 16 bytes that cannot be compressed. A part has at least one block.
const LARGEST_BLOCK: u64 = 17 << 20;

/// The ledger, its log and its reserve, before there is any job.
const LEDGER: u64 = 1 << 20;

/// Makes the folders, and refuses those that can never hold a part; a disk may be full now. From then on the data
/// folder has one path, without links.
pub(super) fn prepare(config: &mut StoreConfig) -> Result<(), StoreError> {
    if let Some(limit) = config.max_disk
        && limit < SMALLEST_PART
    {
        return Err(StoreError::LimitTooSmall { limit, part: size(SMALLEST_PART), most: size(LARGEST_BLOCK) });
    }
    let age = if config.folder.join("ledger.sqlite").exists() { Age::Used } else { Age::New };
    config.folder = make(&config.folder)?;
    let mut room = config.max_disk.unwrap_or(u64::MAX);
    match (&config.place, config.ledger) {
        (Place::Data, LedgerPlace::Folder) => room = room.min(check(&config.folder, LEDGER + SMALLEST_PART, age)?),
        (Place::Folder(folder), _) => {
            check(&config.folder, LEDGER, age)?;
            room = room.min(check(&make(folder)?, SMALLEST_PART, age)?);
        }
        (Place::Bucket { .. }, LedgerPlace::Folder) => drop(check(&config.folder, LEDGER, age)?),
        (Place::Data | Place::Bucket { .. }, LedgerPlace::Memory) => {}
    }
    if room < LARGEST_BLOCK {
        tracing::warn!(
            room = size(room),
            needed = size(LARGEST_BLOCK),
            "there is so little room for results that a job may pause until others are forgotten, or for ever: one part can \
             need more than there is"
        );
    }
    Ok(())
}

/// Whether a data folder has been used before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    New,
    Used,
}

/// Makes a folder and returns its path from the root on, without links.
fn make(folder: &Path) -> Result<std::path::PathBuf, StoreError> {
    let failed = |error| unusable(folder, &error);
    fs::create_dir_all(folder).map_err(failed)?;
    fs::canonicalize(folder).map_err(failed)
}

/// Refuses a folder that cannot be written to, or whose disk is too small, or a new one whose disk is full. Returns the
/// size of the disk.
fn check(folder: &Path, needed: u64, age: Age) -> Result<u64, StoreError> {
    for folder in [folder.to_owned(), folder.join("jobs")] {
        if folder.exists() {
            access(&folder, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| unusable(&folder, &error.into()))?;
        }
    }
    // Nothing to compare if the system does not tell the size.
    let Ok(disk) = statvfs(folder) else { return Ok(u64::MAX) };
    let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
    let too_small =
        |what: String| StoreError::TooSmall { folder: folder.display().to_string(), what, needed: size(needed) };
    if disk.f_blocks == 0 {
        return Ok(u64::MAX);
    }
    if bytes(disk.f_blocks) < needed {
        return Err(too_small(format!("has {} in all", size(bytes(disk.f_blocks)))));
    }
    if age == Age::New && bytes(disk.f_bavail) < needed {
        return Err(too_small(format!("has {} left", size(bytes(disk.f_bavail)))));
    }
    if age == Age::New && has_no_inode(&disk) {
        return Err(too_small("has no inode left".to_owned()));
    }
    Ok(bytes(disk.f_blocks))
}

/// Some file systems do not count inodes.
fn has_no_inode(disk: &StatVfs) -> bool {
    disk.f_files > 0 && disk.f_favail == 0
}

/// The error for a folder. Where inodes are missing, the system says that there is no space.
fn unusable(folder: &Path, error: &io::Error) -> StoreError {
    let at = folder.ancestors().find(|folder| folder.exists());
    let is_inode = error.kind() == io::ErrorKind::StorageFull
        && at.and_then(|at| statvfs(at).ok()).is_some_and(|disk| has_no_inode(&disk));
    let reason = if is_inode { "no inode is left on its disk".to_owned() } else { error.to_string() };
    StoreError::Folder { folder: folder.display().to_string(), reason }
}

fn size(bytes: u64) -> String {
    ByteSize(bytes).to_string()
}
