//! `cargo xtask test`: every test of the workspace.

use std::ffi::OsString;

use anyhow::Result;
use clap::Args;

use crate::{
    python, system,
    workspace::{Workspace, run},
};

/// Run all tests: unit, property, documentation and end to end
///
/// Builds the program first, because the end-to-end tests start it (SWATH_BIN), and a Python environment in
/// target/python, because some of them read results with pyarrow, DuckDB and Polars (SWATH_PYTHON). Installs
/// cargo-nextest if it is missing, for this user. On Debian, programs that tests need and that are missing (kubectl,
/// systemd-analyze, ip, ssh, sshd) are unpacked in target/debian: nothing is installed or upgraded on the machine, and
/// no service is enabled. Only where there is no Python 3.11 at all, Debian's is installed, as root or with sudo. All
/// of it needs the network, once. The tests of workers on other hosts need root, for network namespaces; the image and
/// the compose file are tried where a Docker engine runs. What is not tested is said.
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
        let path = system::prepare(workspace)?;

        run("build", &mut workspace.cargo("build --release --workspace --all-targets"))?;
        // Nextest leaves these out. They go first, so that its summary of all other tests is the last thing printed.
        run("documentation tests", &mut workspace.cargo("test --release --doc --workspace"))?;
        run(
            "tests",
            workspace
                .cargo("nextest run --cargo-profile release --workspace")
                .args(self.nextest)
                .env("SWATH_BIN", workspace.target.join("release/swath"))
                .env("SWATH_PYTHON", python)
                .env("PATH", path),
        )
    }
}
