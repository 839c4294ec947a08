//! `cargo xtask bench`: Swath side by side with other systems.

use std::{ffi::OsString, fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};
use clap::Args;

use crate::{
    python,
    workspace::{Workspace, run, succeeds},
};

/// The peers that come from PyPI.
const REQUIREMENTS: &str = "bench/python/requirements.txt";

/// Measure Swath and its peers in turn, on this machine and in the same run
///
/// Builds the program and the benchmarks, makes a Python environment with the peers in target/bench-python (which takes
/// the network and some gigabytes, once), runs every line and writes docs/performance.md and docs/performance.svg. With
/// --quick, or for single lines, these go to target/bench instead; raw figures always do. Spark needs Java; the
/// command-line client of HyperQueue is used if `hq` is on the path. A full run takes about half an hour, and needs a
/// machine that does nothing else. `cargo xtask bench -- --help` shows all arguments.
#[derive(Args)]
pub(crate) struct Bench {
    /// Only this line; may be given several times
    #[arg(long = "line", value_name = "NAME")]
    lines: Vec<String>,
    /// Turns of each contender
    #[arg(long)]
    repeats: Option<u16>,
    /// A hundredth of the work, to try the suite
    #[arg(long)]
    quick: bool,
    /// Swath and the limits of the machine alone
    #[arg(long)]
    without_peers: bool,
    /// More arguments for the suite
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<OsString>,
}

impl Bench {
    pub(crate) fn run(self, workspace: &Workspace) -> Result<()> {
        run("build", &mut workspace.cargo("build --release --package swath-cli --package swath-bench"))?;
        let work = workspace.target.join("bench");
        let is_whole = !self.quick && self.lines.is_empty() && !self.without_peers;
        let output = if is_whole { workspace.root.join("docs") } else { work.clone() };

        let mut suite = Command::new(workspace.target.join("release/swath-bench"));
        suite.arg("suite").arg("--output").arg(output).arg("--work").arg(work);
        if !self.without_peers {
            suite.arg("--python").arg(environment(workspace)?);
        }
        if self.quick {
            suite.arg("--quick");
        }
        suite.args(self.lines.iter().flat_map(|line| ["--line", line]));
        suite.args(self.repeats.iter().flat_map(|repeats| ["--repeats".to_owned(), repeats.to_string()]));
        run("benchmarks", suite.args(self.arguments).env("SWATH_BIN", workspace.target.join("release/swath")))
    }
}

/// Makes the virtual environment `target/bench-python`, or takes the one that is there if it was made from the same
/// requirements; returns the path of its Python.
fn environment(workspace: &Workspace) -> Result<PathBuf> {
    let wanted =
        fs::read(workspace.root.join(REQUIREMENTS)).with_context(|| format!("failed to read {REQUIREMENTS}"))?;
    let directory = workspace.target.join("bench-python");
    let python = directory.join("bin/python");
    // A copy of the requirements, written when all of them are installed.
    let stamp = directory.join("requirements.txt");
    if fs::read(&stamp).is_ok_and(|made_from| made_from == wanted) && succeeds(Command::new(&python).arg("--version")) {
        eprintln!("xtask: Python environment: {} is up to date", directory.display());
        return Ok(python);
    }
    python::make(workspace, &directory, REQUIREMENTS)?;
    fs::write(&stamp, wanted).with_context(|| format!("failed to write {}", stamp.display()))?;
    Ok(python)
}
