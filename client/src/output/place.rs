//! What a path leads to.

use std::{
    fs::{self, Metadata},
    io::{self, ErrorKind},
    os::{
        fd::RawFd,
        unix::{ffi::OsStrExt, fs::FileTypeExt},
    },
    path::{Component, Path, PathBuf},
};

use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};

/// As many links as Linux follows.
const MAX_LINKS: usize = 40;

/// What a path leads to, after all links.
#[derive(Debug)]
pub(super) enum Place {
    /// An open descriptor of this process, as `/dev/stdout`, `/dev/fd/3` and `/proc/self/fd/3` are.
    Descriptor(RawFd),
    /// A device or a named pipe: written in place, never replaced.
    Device(PathBuf),
    /// A regular file that is to be replaced, or none yet in a folder that is there.
    File {
        /// In a folder without links.
        path: PathBuf,
        /// The file that is there.
        replaced: Option<Metadata>,
    },
}

impl Place {
    /// Follows all links, a dangling one too. An error if nothing can be written there.
    pub(super) fn find(path: &Path) -> io::Result<Self> {
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            let (folder, name) = split(&path)?;
            if let Some(owner) = Owner::of(&folder)
                && let Some(descriptor) = name.to_str().and_then(|name| name.parse().ok())
            {
                return owner.descriptor(descriptor, &path);
            }
            let here = folder.join(&name);
            match fs::symlink_metadata(&here) {
                Ok(meta) if meta.is_symlink() => path = folder.join(fs::read_link(&here)?),
                Ok(meta) => return Self::existing(here, meta),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Ok(Self::File { path: here, replaced: None });
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("it is a link in a circle of links"))
    }

    fn existing(path: PathBuf, meta: Metadata) -> io::Result<Self> {
        let kind = meta.file_type();
        if kind.is_dir() {
            return Err(is_a_folder());
        }
        if kind.is_socket() {
            let message =
                "it is a socket, which cannot be opened by its path; pipe the results into what connects to it";
            return Err(io::Error::new(ErrorKind::InvalidInput, message));
        }
        if !kind.is_file() {
            return Ok(Self::Device(path));
        }
        if is_mounted(&path) {
            let message = "it is a mount of its own, which no whole file can replace; name a file in a folder";
            return Err(io::Error::new(ErrorKind::ResourceBusy, message));
        }
        // A file that may not be written must not be replaced either.
        drop(fs::File::options().append(true).open(&path)?);
        Ok(Self::File { path, replaced: Some(meta) })
    }
}

/// Whose descriptors are in a folder.
enum Owner {
    ThisProcess,
    AnotherProcess,
}

impl Owner {
    /// `None` if it is not a folder of descriptors: `/proc/PID/fd` or `/proc/PID/task/TID/fd`. The folder has no links.
    fn of(folder: &Path) -> Option<Self> {
        let names: Option<Vec<_>> = folder
            .strip_prefix("/proc")
            .ok()?
            .components()
            .map(|component| match component {
                Component::Normal(name) => name.to_str(),
                _ => None,
            })
            .collect();
        let (["fd"] | ["task", _, "fd"]) = names.as_deref()?.get(1..)? else { return None };
        let this = fs::canonicalize("/proc/self").ok()?;
        Some(if folder.starts_with(this) { Self::ThisProcess } else { Self::AnotherProcess })
    }

    fn descriptor(self, number: RawFd, path: &Path) -> io::Result<Place> {
        match self {
            Self::ThisProcess => Ok(Place::Descriptor(number)),
            Self::AnotherProcess if fs::metadata(path)?.is_file() => {
                let message = "it is an open file of another process; name the file itself";
                Err(io::Error::new(ErrorKind::InvalidInput, message))
            }
            Self::AnotherProcess => Ok(Place::Device(path.to_owned())),
        }
    }
}

/// The folder of a path, without links, and the name in it.
fn split(path: &Path) -> io::Result<(PathBuf, std::ffi::OsString)> {
    if path.as_os_str().is_empty() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "the name is empty"));
    }
    let name = match path.file_name() {
        Some(name) if !path.as_os_str().as_bytes().ends_with(b"/") => name.to_owned(),
        _ => return Err(is_a_folder()),
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let found = fs::canonicalize(folder).and_then(|folder| Ok((fs::metadata(&folder)?, folder)));
    match found {
        Ok((meta, folder)) if meta.is_dir() => Ok((folder, name)),
        Ok(_) => Err(io::Error::new(ErrorKind::NotADirectory, format!("{} is not a folder", folder.display()))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(io::Error::new(ErrorKind::NotFound, format!("there is no folder {}", folder.display())))
        }
        Err(error) => Err(error),
    }
}

fn is_a_folder() -> io::Error {
    io::Error::new(ErrorKind::IsADirectory, "it is a folder")
}

/// Whether a file is the root of a mount, as files are that a container gets one by one.
fn is_mounted(path: &Path) -> bool {
    statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS)
        .is_ok_and(|stat| stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}
