//! `swath-bench`: Swath side by side with other systems, on the same machine, in the same run.
//!
//! `cargo xtask bench` builds everything, makes the Python environment of the peers, and runs the suite. A *line* is
//! one kind of work; its *contenders* are Swath, its peers, and the limits of the machine. Contenders take turns, so
//! that what disturbs the machine hits all alike, and each turn is made from nothing: nothing of one runs while another
//! is measured. Every result is verified.

mod client;
mod light;
mod lines;
mod link;
mod machine;
mod measure;
mod outcome;
mod peer;
mod picture;
mod process;
mod raw;
mod report;
mod sampling;
mod setting;
mod statistics;
mod suite;
mod throttle;
mod verify;

use std::process::ExitCode;

use clap::Parser;

/// Swath side by side with other systems.
#[derive(Parser)]
#[command(name = "swath-bench")]
enum Command {
    Suite(suite::Suite),
    Collect(client::Collect),
}

fn main() -> ExitCode {
    let outcome = match Command::parse() {
        Command::Suite(suite) => suite.run(),
        Command::Collect(collect) => collect.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("swath-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
