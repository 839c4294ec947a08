//! Whether others may read or change a file that holds a key.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// The mode bits for reading and writing by others.
const GROUP_READS: u32 = 0o040;
const OTHERS_READ: u32 = 0o004;
const NOT_OWNER_WRITES: u32 = 0o022;

/// What others may do with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Exposure {
    #[error("{} can be read by others (mode {mode:04o}): `chmod 600 {}` makes it yours alone", path.display(), path.display())]
    Readable { path: PathBuf, mode: u32 },
    #[error(
        "{} can be changed by others (mode {mode:04o}), so it is not used: `chmod 600 {}` makes it yours alone",
        path.display(), path.display()
    )]
    Writable { path: PathBuf, mode: u32 },
}

/// What others may do with a file, if it is more than they should.
///
/// A group that may read is an exposure only if this user owns the file. This process can read a file of another user
/// just because of its group, which is how Kubernetes provides secrets.
pub(crate) fn of(path: &Path) -> io::Result<Option<Exposure>> {
    let meta = fs::metadata(path)?;
    let mode = meta.mode() & 0o7777;
    let is_own = meta.uid() == rustix::process::geteuid().as_raw();
    let path = path.to_owned();
    Ok(if mode & NOT_OWNER_WRITES != 0 {
        Some(Exposure::Writable { path, mode })
    } else if mode & OTHERS_READ != 0 || (is_own && mode & GROUP_READS != 0) {
        Some(Exposure::Readable { path, mode })
    } else {
        None
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_others_may_do_is_told_by_the_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("client.toml");
        fs::write(&path, "").unwrap();
        for (mode, expected) in [
            (0o600, None),
            (0o400, None),
            (0o640, Some("can be read by others (mode 0640)")),
            (0o604, Some("can be read by others (mode 0604)")),
            (0o620, Some("can be changed by others (mode 0620)")),
            (0o666, Some("can be changed by others (mode 0666)")),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let found = of(&path).unwrap().map(|exposure| exposure.to_string());
            match expected {
                None => assert_eq!(found, None, "{mode:o}"),
                Some(part) => assert!(found.is_some_and(|found| found.contains(part)), "{mode:o}"),
            }
        }
    }

    #[test]
    fn the_group_of_a_file_of_somebody_else_may_read_it() {
        // Only root can give a file away.
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tls.key");
        fs::write(&path, "").unwrap();
        std::os::unix::fs::chown(&path, Some(65532), Some(0)).unwrap();
        for (mode, is_exposed) in [(0o440, false), (0o444, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(of(&path).unwrap().is_some(), is_exposed, "{mode:o}");
        }
    }
}
