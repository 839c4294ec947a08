//! Developer commands of Swath: `cargo xtask COMMAND`. A fresh machine needs Rust and nothing else; what a command
//! needs beyond that it fetches into the target directory, or says how to install.
//!
//! A new command is one file with a `clap::Args` type that has `run(self, &Workspace)`, and two lines here.

mod bench;
mod check;
mod debian;
mod fuzz;
mod python;
mod simulate;
mod system;
mod test;
mod tidy;
mod torture;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

use crate::workspace::Workspace;

/// Developer commands of Swath
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
enum Command {
    Bench(bench::Bench),
    Check(check::Check),
    Fuzz(fuzz::Fuzz),
    Simulate(simulate::Simulate),
    Test(test::Test),
    Tidy(tidy::Tidy),
    Torture(torture::Torture),
}

fn main() -> ExitCode {
    if let Some(status) = fuzz::compile_instrumented() {
        return status;
    }
    let command = Command::parse();
    let outcome = Workspace::locate().and_then(|workspace| match command {
        Command::Bench(bench) => bench.run(&workspace),
        Command::Check(check) => check.run(&workspace),
        Command::Fuzz(fuzz) => fuzz.run(&workspace),
        Command::Simulate(simulate) => simulate.run(&workspace),
        Command::Test(test) => test.run(&workspace),
        Command::Tidy(tidy) => tidy.run(&workspace),
        Command::Torture(torture) => torture.run(&workspace),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
