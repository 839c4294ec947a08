//! `cargo xtask fuzz`: inputs that nobody thought of, for everything that parses what a stranger wrote.
//!
//! The engine is libFuzzer, by the crate `libfuzzer-sys`. It learns from the code which inputs lead to new places, for
//! which the compiler adds counters. That takes neither nightly Rust nor a build of everything: the flags are those of
//! stable rustc, and `RUSTC_WORKSPACE_WRAPPER` applies them to the crates of this workspace alone, whose instrumented
//! builds lie beside the others in the same target directory. The wrapper is this very program.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::workspace::{Workspace, run};

/// Tells this program that cargo calls it in place of rustc.
const INSTRUMENT: &str = "SWATH_XTASK_INSTRUMENT";

/// Counters at each edge, and calls at comparisons, as libFuzzer wants them.
const FLAGS: [&str; 7] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions=on",
    "-Ccodegen-units=1",
];

/// Longer inputs lead nowhere that these do not.
const MOST_BYTES: usize = 8192;

/// Throw inputs that nobody thought of at everything that parses what a stranger wrote
///
/// Each target runs for as long as asked, from its corpus in fuzz/corpus on. What leads to new places is kept in
/// target/fuzz. An input that breaks a promise ends the run: it is shown, and written to fuzz/corpus, where an ordinary
/// test (`cargo nextest run --package swath-fuzz`) shows the failure again until it is mended. Stable Rust and a C++
/// compiler are enough.
#[derive(Args)]
pub(crate) struct Fuzz {
    /// Only these targets, which are the folders in fuzz/corpus
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// How long each target runs
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// Afterwards add the inputs that lead to new places to the corpus, as few as do
    #[arg(long)]
    keep: bool,
}

impl Fuzz {
    pub(crate) fn run(self, workspace: &Workspace) -> Result<()> {
        let corpora = workspace.root.join("fuzz/corpus");
        let known = names_in(&corpora)?;
        if let Some(unknown) = self.targets.iter().find(|target| !known.contains(target)) {
            bail!("there is no fuzz target `{unknown}`; the targets are {}", known.join(", "));
        }
        let build = "build --release --workspace --bin swath-fuzz --features swath-fuzz/libfuzzer";
        let this = env::current_exe().context("failed to find this program")?;
        run("build", workspace.cargo(build).env("RUSTC_WORKSPACE_WRAPPER", this).env(INSTRUMENT, "1"))?;
        let targets = if self.targets.is_empty() { &known } else { &self.targets };
        for target in targets {
            let found = workspace.target.join("fuzz").join(target);
            fs::create_dir_all(&found).with_context(|| format!("failed to make {}", found.display()))?;
            let corpus = corpora.join(target);
            run(target, self.engine(workspace, target).args([&found, &corpus]).arg(prefix(&corpus)))?;
            if self.keep {
                run(target, engine(workspace, target).arg("-set_cover_merge=1").args([&corpus, &found]))?;
            }
        }
        Ok(())
    }

    fn engine(&self, workspace: &Workspace, target: &str) -> Command {
        let mut engine = engine(workspace, target);
        engine.env("SWATH_FUZZ_SEEDS", workspace.target.join("fuzz").join(target));
        engine.arg(format!("-max_total_time={}", (self.minutes * 60.0).ceil()));
        // A refusal takes microseconds; what takes seconds is a way to hold a coordinator up.
        engine.args([
            "-timeout=10",
            "-rss_limit_mb=2048",
            "-malloc_limit_mb=256",
            "-print_final_stats=1",
            "-verbosity=0",
        ]);
        engine
    }
}

fn engine(workspace: &Workspace, target: &str) -> Command {
    let mut engine = Command::new(workspace.target.join("release/swath-fuzz"));
    engine.env("SWATH_FUZZ_TARGET", target).arg(format!("-max_len={MOST_BYTES}"));
    engine
}

/// Where an input that breaks a promise is written to.
fn prefix(corpus: &Path) -> OsString {
    let mut prefix = OsString::from("-artifact_prefix=");
    prefix.push(corpus);
    prefix.push("/");
    prefix
}

fn names_in(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("failed to read {}", folder.display()))?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// Runs rustc in its own place, if cargo calls this program for that: with counters for a library of this workspace, as
/// it is for anything else. What is linked without the engine, build scripts above all, has nobody to count for.
pub(crate) fn compile_instrumented() -> Option<ExitCode> {
    env::var_os(INSTRUMENT)?;
    let mut arguments = env::args_os().skip(1);
    let mut rustc = Command::new(PathBuf::from(arguments.next()?));
    let arguments: Vec<_> = arguments.collect();
    rustc.args(&arguments);
    if is_library(&arguments) {
        rustc.args(FLAGS);
    }
    let status = rustc.status();
    Some(if status.is_ok_and(|status| status.success()) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn is_library(arguments: &[OsString]) -> bool {
    let kind = arguments.iter().zip(arguments.iter().skip(1)).find(|(name, _)| *name == "--crate-type");
    kind.is_some_and(|(_, kind)| kind == OsStr::new("lib"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_libraries_are_counted_in() {
        let arguments = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert!(is_library(&arguments("--crate-name swath_block --crate-type lib --emit=link")));
        assert!(!is_library(&arguments("--crate-name build_script_build --crate-type bin --emit=link")));
        assert!(!is_library(&arguments("-vV")));
    }
}
