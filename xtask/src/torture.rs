//! `cargo xtask torture`: the real program while everything goes wrong, for as long as one likes.

use anyhow::Result;
use clap::Args;

use crate::workspace::{Workspace, run};

/// Make everything go wrong with real processes for a while, and print figures
///
/// Workers and coordinators are killed and stopped, connections cut, disks filled, while jobs run; every result is
/// compared. Prints how often each fault struck, how long it took to recover, and how much was computed twice. Fails if
/// any result is wrong. Fills disks in mount namespaces of its own, so it needs root or user namespaces.
#[derive(Args)]
pub(crate) struct Torture {
    /// How long; at least 20 workers and 10 coordinators are killed, however long that takes
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
}

impl Torture {
    pub(crate) fn run(self, workspace: &Workspace) -> Result<()> {
        run("build", &mut workspace.cargo("build --release --package swath-cli --package swath-tests"))?;
        let torture = format!("run --release --quiet --package swath-tests --bin torture -- {}", self.minutes);
        run("torture", workspace.cargo(&torture).env("SWATH_BIN", workspace.target.join("release/swath")))
    }
}
