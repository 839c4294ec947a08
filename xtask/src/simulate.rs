//! `cargo xtask simulate`: whole clusters in which everything goes wrong, one for each seed.

use std::ffi::OsString;

use anyhow::Result;
use clap::Args;

use crate::workspace::{Workspace, run};

/// Simulate whole clusters in which everything goes wrong, one for each seed
///
/// Workers and coordinators crash, hang and come back, connections are cut, disks are full, kernels fail. For example:
/// `cargo xtask simulate 100000 --from 1`, or `cargo xtask simulate --seed 42` to see all that happens with a seed
/// that failed. `cargo xtask simulate -- --help` shows all arguments.
#[derive(Args)]
pub(crate) struct Simulate {
    /// Arguments for the simulator
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    arguments: Vec<OsString>,
}

impl Simulate {
    pub(crate) fn run(self, workspace: &Workspace) -> Result<()> {
        let simulator = "run --release --quiet --package swath-simulation --";
        run("simulation", workspace.cargo(simulator).args(self.arguments))
    }
}
