//! The command line: nouns and verbs, the same words everywhere.

mod command_line;
mod connect;
mod coordinator;
mod environment;
mod health;
mod job;
mod launch;
mod run;
mod values;
mod worker;

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::{commands::access::AccessCommand, exit};
use values::log_filter;

pub(crate) use connect::{ClientArgs, CoordinatorArgs};
pub(crate) use coordinator::{CoordinatorCommand, CoordinatorStart};
pub(crate) use health::Health;
pub(crate) use job::{JobArgs, JobCommand, ResultArgs, Submit};
pub(crate) use launch::{HostArgs, Launch, LaunchCommand, LaunchSelection, LaunchStart, LaunchStop};
pub(crate) use run::Run;
pub(crate) use values::{duration, tls_address};
pub(crate) use worker::{OnCoordinatorLost, WorkerCommand, WorkerStart};

/// Where a coordinator listens and is looked for unless told otherwise.
const DEFAULT_ADDRESS: &str = "127.0.0.1:7171";

/// The heading of what every command takes.
const EVERYWHERE: &str = "Everywhere";

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 the job, some of its numbers or the command failed, 2 bad usage,
3 cannot reach the coordinator, 4 the job was cancelled, 130 Ctrl-C.";

/// Evaluate a function at every integer of a range, on all cores of all your machines.
#[derive(Debug, Parser)]
#[command(name = "swath", version, after_help = EXIT_CODES, propagate_version = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// How to print what is not a result. With json, a coordinator or worker prints one object when it has started.
    #[arg(long, global = true, env = "SWATH_OUTPUT", default_value = "text", help_heading = EVERYWHERE)]
    pub(crate) output: OutputMode,
    /// What to log on standard error: error, warn, info, debug, or a filter such as `swath_coordinator=debug`.
    #[arg(long, global = true, env = "SWATH_LOG", help_heading = EVERYWHERE, value_name = "FILTER", value_parser = log_filter)]
    pub(crate) log: Option<String>,
}

impl Args {
    /// Parses the command line and the environment; ends the process where they cannot be meant.
    pub(crate) fn from_command_line() -> Self {
        Self::parse_words(std::env::args_os().collect()).unwrap_or_else(|error| exit::misused(&error))
    }

    fn parse_words(words: Vec<OsString>) -> Result<Self, clap::Error> {
        let matches = command_line::matches(words, &|| Self::command())?;
        let mut args = Self::from_arg_matches(&matches)?;
        if let (Command::Run(run), Some(("run", matches))) = (&mut args.command, matches.subcommand()) {
            run.settle(matches)?;
        }
        Ok(args)
    }

    /// Sentences about variables of the environment that look like the program's own, and are none.
    pub(crate) fn unknown_variables() -> Vec<String> {
        environment::unknown(&Self::command(), std::env::vars_os().map(|(name, _)| name))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputMode {
    /// For people.
    Text,
    /// For programs; field names are stable.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compute a range here and now: starts what it needs, leaves nothing behind.
    ///
    /// It starts a coordinator and workers of its own on this machine, unless a coordinator is named with --coordinator or
    /// --access, or with their variables SWATH_COORDINATOR or SWATH_ACCESS: then that one and its workers are used.
    Run(Run),
    /// The coordinator, which owns jobs and results.
    #[command(subcommand)]
    Coordinator(CoordinatorCommand),
    /// Workers, which compute.
    #[command(subcommand)]
    Worker(WorkerCommand),
    /// Start workers on other hosts over ssh; `stop` ends them, `status` lists them.
    Launch(Box<Launch>),
    /// Give a coordinator a job.
    Submit(Submit),
    /// Jobs of a coordinator.
    #[command(subcommand)]
    Job(JobCommand),
    /// Access files: who may do what with a coordinator that uses TLS.
    #[command(subcommand)]
    Access(AccessCommand),
    /// Ask a coordinator or a worker how it is: exits with 0 if it is well, 1 if it is not, 3 if nobody answers.
    Health(Health),
    /// What can be computed.
    Kernels,
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Args;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_flag_has_an_environment_variable() {
        fn check(command: &clap::Command) {
            for argument in command.get_arguments() {
                let name = argument.get_id().as_str();
                if argument.get_long().is_some() && !["help", "version"].contains(&name) {
                    let variable = argument.get_env().map(|name| name.to_string_lossy().into_owned());
                    assert!(
                        variable.is_some_and(|variable| variable.starts_with("SWATH_")),
                        "{} --{name} has no environment variable",
                        command.get_name()
                    );
                }
            }
            command.get_subcommands().for_each(check);
        }
        check(&Args::command());
    }
}
