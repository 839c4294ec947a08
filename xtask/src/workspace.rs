//! Where the workspace is, and how a step of a command is run in it.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// The workspace that `cargo xtask` was called in; both paths are absolute.
pub(crate) struct Workspace {
    /// The directory of the workspace's Cargo.toml.
    pub(crate) root: PathBuf,
    /// Cargo's target directory: `CARGO_TARGET_DIR`, or `target` below the root.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Finds the workspace from the environment that `cargo run` sets; fails outside of it.
    pub(crate) fn locate() -> Result<Self> {
        // Read when it runs: a target directory shared by two clones may hold the other one's build of this program.
        let manifest = env::var_os("CARGO_MANIFEST_DIR").context("not started by cargo: call it as `cargo xtask`")?;
        let root = Path::new(&manifest).parent().context("the directory of xtask has no parent")?.to_path_buf();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(dir) if !dir.is_empty() => std::path::absolute(dir).context("failed to resolve CARGO_TARGET_DIR")?,
            _ => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// The cargo that runs this program, to be run at the root with the given arguments, separated by blanks.
    pub(crate) fn cargo(&self, arguments: &str) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target).args(arguments.split_whitespace());
        command
    }

    /// Makes sure that `cargo SUBCOMMAND` works: otherwise builds its package, `cargo-SUBCOMMAND`, from source.
    pub(crate) fn install_if_missing(&self, subcommand: &str, options: &str) -> Result<()> {
        if succeeds(self.cargo(subcommand).arg("--version")) {
            return Ok(());
        }
        let mut install = self.cargo(&format!("install cargo-{subcommand} --locked {options}"));
        // Its dependencies are not the project's, so they stay out of the project's target directory.
        run(&format!("cargo-{subcommand} is missing"), install.env_remove("CARGO_TARGET_DIR"))
    }
}

/// Announces a step in one line on stderr and runs its command; fails with one line if the command does.
pub(crate) fn run(step: &str, command: &mut Command) -> Result<()> {
    let line = command_line(command);
    eprintln!("xtask: {step}: {line}");
    let status = command.status().with_context(|| format!("{step}: failed to start `{line}`"))?;
    if !status.success() {
        bail!("{step}: `{line}` failed ({status})");
    }
    Ok(())
}

/// Whether the command can be started and exits with 0; its output is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The command as one would type it, its program without the directory.
fn command_line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
