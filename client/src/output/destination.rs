//! Where output goes: a file that appears when it is whole, or standard output.

use std::{
    fmt,
    fs::{self, File, Permissions},
    io::{self, BufWriter, IsTerminal, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

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
        *self == Self::Stdout && io::stdout().is_terminal()
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
    Stdout(BufWriter<io::Stdout>),
}

/// A file that does not have its name yet. It is removed when this is dropped, whoever still writes to it.
pub(super) struct Unfinished {
    file: TempPath,
    path: PathBuf,
}

impl Unfinished {
    /// Makes the file appear under its name.
    pub(super) fn publish(self) -> io::Result<()> {
        self.file.persist(self.path).map_err(|error| error.error)
    }
}

impl Destination {
    /// Opens a target. What is new, or replaces a file, is unfinished until it is published.
    pub(super) fn open(target: Target) -> io::Result<(Self, Option<Unfinished>)> {
        let path = match target {
            Target::Stdout => return Ok((Self::Stdout(BufWriter::with_capacity(BUFFER, io::stdout())), None)),
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
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        fs::metadata(folder)?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let file = tempfile::Builder::new()
            .prefix(&format!(".{name}."))
            .suffix(".unfinished")
            // As any new file: what the user's mask leaves of it.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)
            // The name of the unfinished file would only puzzle.
            .map_err(|error| io::Error::from(error.kind()))?;
        let (file, unfinished) = file.into_parts();
        Ok((Self::File(BufWriter::with_capacity(BUFFER, file)), Some(Unfinished { file: unfinished, path })))
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
