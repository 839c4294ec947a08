//! `swath`: a distributed parallel-for, every role of it in one binary.

mod args;
mod commands;
mod exit;
mod progress;
mod show;

use std::{env, process::ExitCode};

use args::{Args, Command};
use tracing_subscriber::EnvFilter;

/// Blocks of a megabyte come and go all the time; this allocator keeps their pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = Args::from_command_line();
    start_logs(&args);
    let result =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(anyhow::Error::from).and_then(
            |runtime| {
                let result = runtime.block_on(commands::execute(args));
                // A thread that still writes to a pipe that nobody reads must not keep the process.
                runtime.shutdown_background();
                result
            },
        );
    let code = exit::code(result);
    swath_console::flush();
    code
}

fn start_logs(args: &Args) {
    let level = match &args.command {
        // The object store tells of each attempt; what comes of them is told by the coordinator.
        Command::Coordinator(_) | Command::Worker(_) => "info,object_store=warn",
        _ => "warn",
    };
    let filter = args.log.as_deref().unwrap_or(level);
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(swath_console::stderr)
        .with_ansi(colours_are_wanted())
        .with_target(false)
        .init();
}

/// See <https://no-color.org>.
fn colours_are_wanted() -> bool {
    swath_console::stderr_is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
