//! What a store needs to hold anything at all, and whether there is so much where it is to be.

use std::{fs, io, path::Path};

use bytesize::ByteSize;
use rustix::fs::{Access, StatVfs, access, statvfs};

use super::{Place, StoreConfig, StoreError};

/// A part takes at least this: the footer and a few numbers, on a disk that gives out pages.
const SMALLEST_PART: u64 = 4 << 10;

/// A part has at least one block, which takes at most about this: 1,048,576 numbers of 16 bytes that nothing shortens.
const LARGEST_BLOCK: u64 = 17 << 20;

/// What the ledger, its log and its reserve take before there is any job.
const LEDGER: u64 = 1 << 20;

impl StoreConfig {
    /// Makes the folders and refuses what cannot ever hold a part; a disk that is only full now is no reason. From then on
    /// the data folder has one name, in which no part is a link.
    pub(super) fn settle(&mut self) -> Result<(), StoreError> {
        if let Some(limit) = self.max_disk
            && limit < SMALLEST_PART
        {
            return Err(StoreError::LimitTooSmall { limit, part: size(SMALLEST_PART), most: size(LARGEST_BLOCK) });
        }
        let is_new = !self.folder.join("ledger.sqlite").exists();
        self.folder = make(&self.folder)?;
        let mut room = self.max_disk.unwrap_or(u64::MAX);
        match &self.place {
            Place::Data if self.durable => room = room.min(check(&self.folder, LEDGER + SMALLEST_PART, is_new)?),
            Place::Folder(folder) => {
                check(&self.folder, LEDGER, is_new)?;
                room = room.min(check(&make(folder)?, SMALLEST_PART, is_new)?);
            }
            Place::Bucket { .. } if self.durable => drop(check(&self.folder, LEDGER, is_new)?),
            Place::Data | Place::Bucket { .. } => {}
        }
        if room < LARGEST_BLOCK {
            tracing::warn!(
                room = size(room),
                needed = size(LARGEST_BLOCK),
                "results have so little room that a job may pause until others are forgotten, or for ever: \
                 a part needs up to what is needed here"
            );
        }
        Ok(())
    }
}

/// Makes a folder and returns its one name from the root on.
fn make(folder: &Path) -> Result<std::path::PathBuf, StoreError> {
    let failed = |error| unusable(folder, &error);
    fs::create_dir_all(folder).map_err(failed)?;
    fs::canonicalize(folder).map_err(failed)
}

/// Refuses a folder that cannot be written to or whose disk is too small, and a new one also if the disk is full; returns
/// the size of the disk.
fn check(folder: &Path, needed: u64, is_new: bool) -> Result<u64, StoreError> {
    for folder in [folder.to_owned(), folder.join("jobs")] {
        if folder.exists() {
            access(&folder, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| unusable(&folder, &error.into()))?;
        }
    }
    // A system that does not say how much there is has nothing to be compared.
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
    if is_new && bytes(disk.f_bavail) < needed {
        return Err(too_small(format!("has {} left", size(bytes(disk.f_bavail)))));
    }
    if is_new && has_no_inode(&disk) {
        return Err(too_small("has no inode left".to_owned()));
    }
    Ok(bytes(disk.f_blocks))
}

/// Some systems count no inodes.
fn has_no_inode(disk: &StatVfs) -> bool {
    disk.f_files > 0 && disk.f_favail == 0
}

/// An error of a folder in a sentence. Of a lack of inodes the system says that there is no space.
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
