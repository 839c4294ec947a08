//! Room on the disk for the ledger alone. Without it, no job could be forgotten once the disk is full.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::ledger::error::LedgerError;

/// More than the log grows by when a job is forgotten.
const BYTES: usize = 256 << 10;

/// A file that is deleted when the ledger needs its room.
#[derive(Debug)]
pub(super) struct Reserve(PathBuf);

impl Reserve {
    pub(super) fn new(folder: &Path) -> Self {
        Self(folder.join("reserve"))
    }

    /// Does what writes to the ledger. If there is no room for it, and there is a reserve, that is spent and it is
    /// tried once more.
    pub(super) fn spend_if_full<T>(&self, mut write: impl FnMut() -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        match write() {
            Err(LedgerError::Full { .. }) if self.spend().is_ok() => write(),
            written => written,
        }
    }

    /// Makes the reserve, if there is room for it.
    pub(super) fn keep(&self) {
        let is_whole = fs::metadata(&self.0).is_ok_and(|meta| meta.len() == BYTES as u64);
        if !is_whole && self.make().is_err() {
            // Half of it is of no use and takes room.
            let _ = fs::remove_file(&self.0);
        }
    }

    /// Written zeros take room on the disk; a file whose length is only set does not.
    fn make(&self) -> io::Result<()> {
        let mut file = File::create(&self.0)?;
        file.write_all(&[0; BYTES])?;
        file.sync_all()
    }

    /// Frees the room.
    fn spend(&self) -> io::Result<()> {
        fs::remove_file(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_until_it_is_spent_and_again_when_it_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = || fs::read(folder.path().join("reserve")).map(|bytes| bytes.len()).unwrap_or_default();
        let reserve = Reserve::new(folder.path());
        reserve.keep();
        assert_eq!(bytes(), BYTES);
        reserve.spend().unwrap();
        assert_eq!(bytes(), 0);
        reserve.keep();
        assert_eq!(bytes(), BYTES);
    }
}
