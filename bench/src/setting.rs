//! Where everything is, and how large the work is.

use std::{
    env, fs,
    num::NonZero,
    path::{Path, PathBuf},
    thread,
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

/// `--quick` divides the work by this.
const QUICK_DIVISOR: u64 = 100;

pub(crate) struct Setting {
    /// The program.
    pub(crate) swath: PathBuf,
    /// The Python that has the peers; `None` leaves them out.
    pub(crate) python: Option<PathBuf>,
    /// The scripts of the peers.
    pub(crate) scripts: PathBuf,
    pub(crate) is_quick: bool,
    /// On the disk that is measured; goes with everything in it.
    scratch: TempDir,
}

impl Setting {
    /// `folder` is on the disk that is measured.
    pub(crate) fn new(folder: &Path, python: Option<PathBuf>, is_quick: bool) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let scratch = tempfile::Builder::new().prefix("scratch-").tempdir_in(folder)?;
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
        Ok(Self { swath: swath()?, python, scripts, is_quick, scratch })
    }

    /// So many numbers, or fewer where it must be quick.
    pub(crate) fn numbers(&self, full: u64) -> u64 {
        if self.is_quick { full / QUICK_DIVISOR } else { full }
    }

    /// A value for the full suite, another where it must be quick.
    pub(crate) fn either<T>(&self, full: T, quick: T) -> T {
        if self.is_quick { quick } else { full }
    }

    /// A new folder that goes when it is dropped.
    pub(crate) fn folder(&self) -> Result<TempDir> {
        Ok(tempfile::tempdir_in(self.scratch.path())?)
    }

    /// A program that was built with this one.
    pub(crate) fn sibling(&self, name: &str) -> Result<PathBuf> {
        sibling(name)
    }

    pub(crate) fn has_peers(&self) -> bool {
        self.python.is_some()
    }
}

/// `SWATH_BIN`, or what was built with this program.
fn swath() -> Result<PathBuf> {
    match env::var_os("SWATH_BIN") {
        Some(path) => Ok(path.into()),
        None => sibling("swath"),
    }
}

fn sibling(name: &str) -> Result<PathBuf> {
    let this = env::current_exe().context("cannot find this program")?;
    let path = this.with_file_name(name);
    if !path.exists() {
        bail!("{} is missing: build it first, as `cargo xtask bench` does", path.display());
    }
    Ok(path)
}

/// Whether a program of this name is on the path.
pub(crate) fn is_on_path(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// Cores that this process may use.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}
