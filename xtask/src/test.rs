//! `cargo xtask test`: every test of the workspace.

use std::ffi::OsString;

use anyhow::Result;
use clap::Args;

use crate::workspace::{Workspace, run};
use crate::{python, system};

/// Run all tests: unit, property, documentation and end to end
///
/// Builds the program first, because the end-to-end tests start it (SWATH_BIN), and a Python environment in
/// target/python, because some of them read results with pyarrow, DuckDB and Polars (SWATH_PYTHON). Installs
/// cargo-nextest if it is missing, and on Debian Python 3 with its venv module (as root or with sudo); as root also kubectl
/// and systemd, which judge the files of deploy/, and an ssh server, which some tests start on hosts in network namespaces.
/// All of it needs the network, once. The image and the compose file are tried where a Docker engine runs.
#[derive(Args)]
pub(crate) struct Test {
    /// Arguments for `cargo nextest run`, for example `-- --no-fail-fast`, or a part of a test's name
    #[arg(last = true, value_name = "NEXTEST ARGUMENTS")]
    nextest: Vec<OsString>,
}

impl Test {
    pub(crate) fn run(self, workspace: &Workspace) -> Result<()> {
        workspace.install_if_missing("nextest", "--version 0.9.143")?;
        let python = python::environment(workspace)?;
        system::prepare();

        run("build", &mut workspace.cargo("build --release --workspace --all-targets"))?;
        // Nextest leaves these out. They go first, so that its summary of all other tests is the last thing printed.
        run("documentation tests", &mut workspace.cargo("test --release --doc --workspace"))?;
        run(
            "tests",
            workspace
                .cargo("nextest run --cargo-profile release --workspace")
                .args(self.nextest)
                .env("SWATH_BIN", workspace.target.join("release/swath"))
                .env("SWATH_PYTHON", python),
        )
    }
}
