//! `swath`: a distributed parallel-for, every role of it in one binary.

#![warn(clippy::indexing_slicing)]

mod args;
mod commands;
mod ending;
mod exit;
mod logs;
mod output;
mod progress;

use std::process::ExitCode;

use swath_console::say;

use self::args::Args;

/// Blocks of a megabyte come and go all the time; this allocator keeps their pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = Args::from_command_line().unwrap_or_else(|error| exit::misused(&error));
    logs::start(&args);
    for warning in Args::unknown_variables() {
        say!("swath: {warning}");
    }
    let result =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(anyhow::Error::from).and_then(
            |runtime| {
                let result = runtime.block_on(commands::execute(args));
                // A thread that is blocked by a pipe without a reader must not keep the process alive.
                runtime.shutdown_background();
                result
            },
        );
    let code = exit::code(result);
    swath_console::flush();
    code
}
