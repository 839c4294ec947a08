//! `cargo xtask check`: everything that can be judged without running the program.

use anyhow::Result;
use clap::Args;

use crate::{
    tidy::Tidy,
    workspace::{Workspace, run},
};

/// Check the house style, the formatting, clippy's lints, the documentation and the dependencies
///
/// Runs `cargo xtask tidy`, rustfmt, clippy, rustdoc and cargo-deny over the whole workspace and stops at the first
/// complaint; a warning is one. Needs rustfmt and clippy (components of rustup). Installs cargo-deny if it is missing,
/// which needs the network and takes a few minutes, once.
#[derive(Args)]
pub(crate) struct Check {
    /// Also look for known security advisories in the dependencies; downloads the advisory database
    #[arg(long)]
    advisories: bool,
}

impl Check {
    pub(crate) fn run(self, workspace: &Workspace) -> Result<()> {
        let clippy = "clippy --release --workspace --all-targets -- --deny warnings";
        let doc = "doc --release --workspace --no-deps";

        Tidy::default().run(workspace)?;
        run("formatting", &mut workspace.cargo("fmt --all --check"))?;
        run("clippy", &mut workspace.cargo(clippy))?;
        run("documentation", workspace.cargo(doc).env("RUSTDOCFLAGS", "--deny warnings"))?;

        workspace.install_if_missing("deny", "--version 0.20.2")?;
        let mut deny = workspace.cargo("deny check bans licenses sources");
        if self.advisories {
            deny.arg("advisories");
        }
        run("dependencies", &mut deny)
    }
}
