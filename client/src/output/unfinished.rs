//! A file that gets its name when it is whole.

use std::{
    fs::{self, File, Metadata, Permissions},
    io::{self, ErrorKind},
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, PermissionsExt, fchown},
    },
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};
use tempfile::TempPath;

/// The links by which a process reaches its open files.
const OPEN_FILES: &str = "/proc/self/fd";
/// Of the name that a file will have, so much is in the name that it has before, which must not become too long.
const SHOWN_BYTES: usize = 64;

/// A file that does not have its name yet.
pub(super) struct Unfinished {
    file: File,
    nameless: Nameless,
    path: PathBuf,
    /// To be synced; `None` where it may be written but not read.
    folder: Option<File>,
}

enum Nameless {
    /// It has no name at all: the system frees it when the process ends, even if it is killed.
    None,
    /// It has another name, where the file system has no files without; it is removed when this is dropped.
    Other(TempPath),
}

impl Unfinished {
    /// Makes a file in the folder of the path. It has the rights of the file that it will replace, or else those of any
    /// new file: what the user's mask leaves of them.
    pub(super) fn create(path: PathBuf, replaced: Option<&Metadata>) -> io::Result<(File, Self)> {
        let (file, nameless) = match nameless_in(folder_of(&path)) {
            Some(file) => (file, Nameless::None),
            None => {
                let (file, name) = named(&path)?.into_parts();
                (file, Nameless::Other(name))
            }
        };
        if let Some(replaced) = replaced {
            keep_rights(&file, replaced)?;
        }
        let folder = File::open(folder_of(&path)).ok();
        Ok((file.try_clone()?, Self { file, nameless, path, folder }))
    }

    /// Makes the file appear under its name: first its data are on the disk, then it has its name, then that is, too.
    pub(super) fn publish(self) -> io::Result<()> {
        self.file.sync_all()?;
        match self.nameless {
            Nameless::Other(other) => other.persist(&self.path).map_err(|error| error.error)?,
            Nameless::None => name(&self.file, &self.path)?,
        }
        match self.folder.map_or(Ok(()), |folder| folder.sync_all()) {
            // Some file systems have nothing to sync there.
            Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
            synced => synced,
        }
    }
}

/// Names a file that has no name, also where another has this one.
fn name(file: &File, path: &Path) -> io::Result<()> {
    match link(file, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        linked => return linked,
    }
    // No link replaces a file that is there; a rename does.
    let other = named(path)?.into_temp_path();
    fs::remove_file(&other)?;
    link(file, &other)?;
    other.persist(path).map_err(|error| error.error)
}

/// A file without a name, where the system and the file system have such files and can name them later.
fn nameless_in(folder: &Path) -> Option<File> {
    let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
    if !Path::new(OPEN_FILES).exists() {
        return None;
    }
    open(folder, flags, Mode::from(0o666)).ok().map(File::from)
}

fn link(file: &File, name: &Path) -> io::Result<()> {
    let itself = format!("{OPEN_FILES}/{}", file.as_raw_fd());
    Ok(linkat(CWD, itself, CWD, name, AtFlags::SYMLINK_FOLLOW)?)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A file beside the path, with a name like it.
fn named(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let shown = &name[..name.floor_char_boundary(SHOWN_BYTES)];
    tempfile::Builder::new()
        .prefix(&format!(".{shown}."))
        .suffix(".unfinished")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder_of(path))
        // The name of the unfinished file would only puzzle.
        .map_err(|error| io::Error::from(error.kind()))
}

/// Gives a file the owner and the mode of another, as far as the system lets us.
fn keep_rights(file: &File, other: &Metadata) -> io::Result<()> {
    let mine = file.metadata()?;
    let mut mode = other.mode() & 0o777;
    if (mine.uid(), mine.gid()) != (other.uid(), other.gid())
        && fchown(file, Some(other.uid()), Some(other.gid())).is_err()
        && fchown(file, None, Some(other.gid())).is_err()
    {
        // What its group may do is not for another group.
        mode &= !0o070 | (mode & 0o007) << 3;
    }
    file.set_permissions(Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Either way of making a file.
    fn unfinished(path: &Path, with_name: bool) -> (File, Unfinished) {
        let (file, mut unfinished) = Unfinished::create(path.to_owned(), None).unwrap();
        if !with_name {
            return (file, unfinished);
        }
        let (file, name) = named(path).unwrap().into_parts();
        unfinished.file = file.try_clone().unwrap();
        unfinished.nameless = Nameless::Other(name);
        (file, unfinished)
    }

    #[test]
    fn a_file_appears_when_it_is_published_and_replaces_what_is_there() {
        // The longest name that there is.
        for name in ["squares.txt".to_owned(), format!("{}.txt", "é".repeat(125))] {
            for with_name in [false, true] {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join(&name);
                for text in ["1", "4"] {
                    let (mut file, unfinished) = unfinished(&path, with_name);
                    file.write_all(text.as_bytes()).unwrap();
                    assert!(fs::read_to_string(&path).unwrap_or_default() != text);
                    unfinished.publish().unwrap();
                    assert_eq!(fs::read_to_string(&path).unwrap(), text);
                    assert_eq!(names(folder.path()), [name.as_str()]);
                }
                let (_file, unfinished) = unfinished(&path, with_name);
                drop(unfinished);
                assert_eq!(names(folder.path()), [name.as_str()]);
                assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o600, 0o600);
            }
        }
    }
}
