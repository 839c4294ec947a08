//! The Python environment in which the end-to-end tests read results with other people's programs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    debian::{self, Unpacked},
    workspace::{Workspace, run, succeeds},
};

/// What the environment holds, and therefore what it is compared with.
const REQUIREMENTS: &str = "tests/python/requirements.txt";

/// Exits with 0 if this Python is new enough for the requirements.
const IS_NEW_ENOUGH: &str = "import sys, venv; sys.exit(sys.version_info < (3, 11))";

/// Exits with 0 if it can put pip into an environment: Debian packs `ensurepip` apart.
const HAS_PIP: &str = "import ensurepip; ensurepip.version()";

/// Makes the virtual environment `target/python`, or takes the one that is there if it was made from the same
/// requirements; returns the path of its Python.
pub(crate) fn environment(workspace: &Workspace) -> Result<PathBuf> {
    let wanted =
        fs::read(workspace.root.join(REQUIREMENTS)).with_context(|| format!("failed to read {REQUIREMENTS}"))?;
    let directory = workspace.target.join("python");
    let python = directory.join("bin/python");
    // A copy of the requirements, written when all of them are installed.
    let stamp = directory.join("requirements.txt");

    if fs::read(&stamp).is_ok_and(|made_from| made_from == wanted) && succeeds(Command::new(&python).arg("--version")) {
        eprintln!("xtask: Python environment: {} is up to date", directory.display());
        return Ok(python);
    }
    make(workspace, &directory, REQUIREMENTS)?;
    fs::write(&stamp, wanted).with_context(|| format!("failed to write {}", stamp.display()))?;
    Ok(python)
}

/// Makes a virtual environment with all of the requirements, which are a path in the workspace.
pub(crate) fn make(workspace: &Workspace, directory: &Path, requirements: &str) -> Result<()> {
    let interpreter = interpreter()?;
    let python = directory.join("bin/python");
    let mut venv = Command::new(interpreter);
    venv.args(["-m", "venv", "--clear"]).arg(directory);
    if runs(interpreter, HAS_PIP) {
        run("Python environment", &mut venv)?;
    } else {
        run("Python environment", venv.arg("--without-pip"))?;
        let mut pip = Command::new(&python);
        // A wheel can be imported as it is.
        pip.env("PYTHONPATH", pip_wheel(workspace)?).args(["-m", "pip", "install", "--quiet", "pip"]);
        run("pip", &mut pip)?;
    }
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", requirements]);
    run("Python packages", pip.current_dir(&workspace.root))
}

/// Debian's wheel of pip: the one that is installed, or else one that is unpacked below the target directory.
fn pip_wheel(workspace: &Workspace) -> Result<PathBuf> {
    const FOLDER: &str = "/usr/share/python-wheels";
    let find = |folder: &Path| {
        let mut files = fs::read_dir(folder).into_iter().flatten().flatten();
        files.find(|file| file.file_name().to_string_lossy().starts_with("pip-")).map(|file| file.path())
    };
    let unpacked = Unpacked::of(workspace);
    let there = || find(Path::new(FOLDER)).or_else(|| find(&unpacked.path(FOLDER)));
    if there().is_none() {
        unpacked.unpack("this Python has no pip for its environments", "python3-pip-whl")?;
    }
    there().context("Debian's python3-pip-whl has no wheel of pip")
}

/// A Python that is new enough: one that is there, or else Debian's, installed now.
fn interpreter() -> Result<&'static str> {
    if let Some(found) = find_interpreter() {
        return Ok(found);
    }
    if Path::new("/etc/debian_version").exists() {
        debian::install("Python 3.11 or newer is missing", "python3 python3-venv")?;
    }
    find_interpreter().context(
        "the tests need Python 3.11 or newer with its venv module: install both (Debian 12 or newer: \
         `apt-get install python3 python3-venv`)",
    )
}

fn find_interpreter() -> Option<&'static str> {
    // The second is Debian's, which an older Python earlier in PATH may hide. One that has pip is better.
    let found = || ["python3", "/usr/bin/python3"].into_iter().filter(|python| runs(python, IS_NEW_ENOUGH));
    found().find(|python| runs(python, HAS_PIP)).or_else(|| found().next())
}

fn runs(python: &str, code: &str) -> bool {
    succeeds(Command::new(python).args(["-c", code]))
}
