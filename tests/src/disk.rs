//! Disks that fill, and what is left on them.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::Path,
};

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
