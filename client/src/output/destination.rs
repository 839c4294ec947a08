//! Where output goes: a file that appears when it is whole, or standard output.

use std::{
    fmt,
    fs::{self, File, Permissions},
    io::{self, BufWriter, Write},
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};
use swath_console::{Stdout, stdout_is_terminal};
use tempfile::TempPath;

const BUFFER: usize = 1 << 20;

/// What the user named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A file.
    File(PathBuf),
    /// Standard output.
    Stdout,
}

impl Target {
    pub(super) fn is_terminal(&self) -> bool {
        *self == Self::Stdout && stdout_is_terminal()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Stdout => f.write_str("standard output"),
        }
    }
}

/// Bytes on their way to a target.
pub(super) enum Destination {
    File(BufWriter<File>),
    Stdout(BufWriter<Stdout>),
}

/// A file that does not have its name yet.
pub(super) struct Unfinished {
    file: Nameless,
    path: PathBuf,
}

enum Nameless {
    /// It has no name at all: the system frees it when the process ends, even if it is killed.
    None(File),
    /// It has another name, where the file system has no files without; it is removed when this is dropped.
    Other(TempPath),
}

impl Unfinished {
    /// Makes a file in the folder of the path, with the rights of any new file: what the user's mask leaves of them.
    fn create(path: PathBuf) -> io::Result<(File, Self)> {
        if let Some(file) = nameless_in(folder_of(&path)) {
            let nameless = Nameless::None(file.try_clone()?);
            return Ok((file, Self { file: nameless, path }));
        }
        let file = named(&path)?;
        let (file, name) = file.into_parts();
        Ok((file, Self { file: Nameless::Other(name), path }))
    }

    /// Makes the file appear under its name.
    pub(super) fn publish(self) -> io::Result<()> {
        let other = match self.file {
            Nameless::Other(other) => other,
            Nameless::None(file) => {
                match give_name(&file, &self.path) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    named => return named,
                }
                // No link replaces a file that is there; a rename does.
                let other = named(&self.path)?.into_temp_path();
                fs::remove_file(&other)?;
                give_name(&file, &other)?;
                other
            }
        };
        other.persist(self.path).map_err(|error| error.error)
    }
}

/// The links by which a process reaches its open files.
const OPEN_FILES: &str = "/proc/self/fd";

/// A file without a name, where the system and the file system have such files and can name them later.
fn nameless_in(folder: &Path) -> Option<File> {
    let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
    if !Path::new(OPEN_FILES).exists() {
        return None;
    }
    open(folder, flags, Mode::from(0o666)).ok().map(File::from)
}

fn give_name(file: &File, name: &Path) -> io::Result<()> {
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
    tempfile::Builder::new()
        .prefix(&format!(".{name}."))
        .suffix(".unfinished")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder_of(path))
        // The name of the unfinished file would only puzzle.
        .map_err(|error| io::Error::from(error.kind()))
}

impl Destination {
    /// Opens a target. What is new, or replaces a file, is unfinished until it is published.
    pub(super) fn open(target: Target) -> io::Result<(Self, Option<Unfinished>)> {
        let path = match target {
            Target::Stdout => return Ok((Self::Stdout(BufWriter::with_capacity(BUFFER, Stdout::open()?)), None)),
            Target::File(path) => path,
        };
        // Writing through a link replaces what it points at, not the link.
        let path = fs::canonicalize(&path).unwrap_or(path);
        match fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")),
            Ok(meta) if !meta.is_file() => {
                // A device or a pipe that is there already.
                return Ok((Self::File(BufWriter::with_capacity(BUFFER, File::create(path)?)), None));
            }
            // A file that may not be written must not be replaced either.
            Ok(_) => drop(File::options().append(true).open(&path)?),
            Err(_) => {}
        }
        fs::metadata(folder_of(&path))?;
        let (file, unfinished) = Unfinished::create(path)?;
        Ok((Self::File(BufWriter::with_capacity(BUFFER, file)), Some(unfinished)))
    }
}

impl Write for Destination {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Stdout(stdout) => stdout.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Stdout(stdout) => stdout.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Either way of making a file.
    fn unfinished(path: &Path, with_name: bool) -> (File, Unfinished) {
        let path = path.to_owned();
        if with_name {
            let (file, name) = named(&path).unwrap().into_parts();
            return (file, Unfinished { file: Nameless::Other(name), path });
        }
        Unfinished::create(path).unwrap()
    }

    #[test]
    fn a_file_appears_when_it_is_published_and_replaces_what_is_there() {
        for with_name in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("squares.txt");
            for text in ["1", "4"] {
                let (mut file, unfinished) = unfinished(&path, with_name);
                file.write_all(text.as_bytes()).unwrap();
                assert!(fs::read_to_string(&path).unwrap_or_default() != text);
                unfinished.publish().unwrap();
                assert_eq!(fs::read_to_string(&path).unwrap(), text);
                assert_eq!(names(folder.path()), ["squares.txt"]);
            }
            let (_file, unfinished) = unfinished(&path, with_name);
            drop(unfinished);
            assert_eq!(names(folder.path()), ["squares.txt"]);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o600, 0o600);
        }
    }
}
