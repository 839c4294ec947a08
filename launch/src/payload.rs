//! What is copied to hosts.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use twox_hash::XxHash64;

/// A program for hosts that have none.
#[derive(Debug, Clone)]
pub struct Program {
    pub(crate) name: String,
    pub(crate) bytes: Arc<[u8]>,
    /// What it runs on, as `uname -sm` says it.
    pub(crate) system: String,
}

impl Program {
    /// Reads the program that this process is. Its name there has the version and a hash of its content, so the same
    /// is not copied twice, and another never takes the place of one that runs.
    pub fn of_this_process(version: &str) -> io::Result<Self> {
        // The file may have been replaced since; what runs is what is copied.
        let bytes = fs::read("/proc/self/exe").or_else(|_| fs::read(std::env::current_exe()?))?;
        let uname = rustix::system::uname();
        let system = format!("{} {}", uname.sysname().to_string_lossy(), uname.machine().to_string_lossy());
        let name = format!("swath-{version}-{:016x}", XxHash64::oneshot(0, &bytes));
        Ok(Self { name, bytes: bytes.into(), system })
    }
}

/// What lets workers into a coordinator. Its content is in no command line and no message.
#[derive(Clone)]
pub struct AccessFile {
    pub(crate) bytes: Arc<[u8]>,
    path: PathBuf,
}

/// No access file is as large.
const LARGEST_ACCESS_FILE: u64 = 1 << 20;

impl AccessFile {
    /// Reads it.
    pub fn read(path: &Path) -> io::Result<Self> {
        let length = fs::metadata(path)?.len();
        if length == 0 || length > LARGEST_ACCESS_FILE {
            return Err(io::Error::other(format!("it has {length} bytes, which is no access file")));
        }
        Ok(Self { bytes: fs::read(path)?.into(), path: path.to_owned() })
    }
}

/// Nothing secret.
impl std::fmt::Debug for AccessFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessFile").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The name of an access file on hosts: the same for each coordinator, so that a newer one takes the place of the
/// older.
pub(crate) fn access_name(coordinator: &str) -> String {
    format!("worker-{:016x}.toml", XxHash64::oneshot(0, coordinator.as_bytes()))
}
