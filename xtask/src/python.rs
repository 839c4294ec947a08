//! The Python environment in which the end-to-end tests read results with other people's programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::debian;
use crate::workspace::{Workspace, run, succeeds};

/// What the environment holds, and therefore what it is compared with.
const REQUIREMENTS: &str = "tests/python/requirements.txt";

/// Exits with 0 if this Python can make the environment. Debian packs `ensurepip` apart from `venv`; the oldest
/// version is that of the requirements.
const PROBE: &str = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))";

/// Makes the virtual environment `target/python`, or takes the one that is there if it was made from the same
/// requirements; returns the path of its Python.
pub(crate) fn environment(workspace: &Workspace) -> Result<PathBuf> {
    let requirements = workspace.root.join(REQUIREMENTS);
    let wanted = fs::read(&requirements).with_context(|| format!("failed to read {REQUIREMENTS}"))?;
    let directory = workspace.target.join("python");
    let python = directory.join("bin/python");
    // A copy of the requirements, written when all of them are installed.
    let stamp = directory.join("requirements.txt");

    if fs::read(&stamp).is_ok_and(|made_from| made_from == wanted) && succeeds(Command::new(&python).arg("--version")) {
        eprintln!("xtask: Python environment: {} is up to date", directory.display());
        return Ok(python);
    }
    let interpreter = interpreter()?;
    run("Python environment", Command::new(interpreter).args(["-m", "venv", "--clear"]).arg(&directory))?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(&requirements);
    run("Python packages", &mut pip)?;
    fs::write(&stamp, wanted).with_context(|| format!("failed to write {}", stamp.display()))?;
    Ok(python)
}

/// A Python that can make virtual environments: one that is there, or else Debian's, installed now.
fn interpreter() -> Result<&'static str> {
    if let Some(found) = find_interpreter() {
        return Ok(found);
    }
    if Path::new("/etc/debian_version").exists() {
        debian::install("Python 3 or its venv module is missing", "python3 python3-venv")?;
    }
    find_interpreter().context(
        "the tests need Python 3.11 or newer with its venv module: install both (Debian 12 or newer: \
         `apt-get install python3 python3-venv`)",
    )
}

fn find_interpreter() -> Option<&'static str> {
    // The second is Debian's, which a Python without venv earlier in PATH may hide.
    ["python3", "/usr/bin/python3"].into_iter().find(|python| succeeds(Command::new(python).args(["-c", PROBE])))
}
