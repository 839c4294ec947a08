//! Disks that fill, and what is left on them.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::Path,
};

use crate::{Process, until};

/// Makes a file larger until nothing more fits on its disk; returns the bytes that did.
pub fn fill(file: &Path) -> usize {
    let mut file = File::options().create(true).append(true).open(file).expect("a file to fill the disk with");
    let mut written = 0;
    loop {
        match file.write(&[0; 4096]) {
            Ok(more) => written += more,
            Err(error) if error.kind() == ErrorKind::StorageFull => return written,
            Err(error) => panic!("the disk cannot be filled: {error}"),
        }
    }
}

/// Fills the disk of a coordinator to its last byte, also with what parts give back that could not be written.
pub fn fill_up(coordinator: &Process<'_>, folder: &Path, filler: &Path) {
    until("the disk is full", || {
        fill(filler);
        // A file that was deleted takes its room until it is closed.
        let files = fs::read_dir(coordinator.proc("fd")).expect("a process that runs");
        let mut open = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
        let is_writing = open.any(|path| path.to_string_lossy().contains("/part-"));
        (!is_writing && unfinished_parts(folder).is_empty() && fill(filler) == 0).then_some(())
    });
}

/// Whether this reason for a pause is a full disk: as the system says it of a part, or SQLite of its row.
pub fn blames_full_disk(reason: &str) -> bool {
    reason.contains("No space left") || reason.contains("disk is full")
}

/// The names of parts in this folder that are being written, or were when their coordinator was killed.
pub fn unfinished_parts(folder: &Path) -> Vec<String> {
    // Before the first part there is no folder.
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    // The object store writes `part-….parquet` as `part-….parquet#1`.
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).filter(|name| name.contains('#')).collect()
}
