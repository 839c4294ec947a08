//! The command line: nouns and verbs, the same words everywhere.

mod access;
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

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, error::ErrorKind};
use clap_complete::Shell;

use values::log_filter;

pub(crate) use access::AccessCommand;
pub(crate) use connect::ClientArgs;
pub(crate) use coordinator::{CoordinatorCommand, CoordinatorStart};
pub(crate) use health::Health;
pub(crate) use job::{FormatArgs, JobArgs, JobCommand, ProgramArgs, Submit};
pub(crate) use launch::{HostArgs, Launch, LaunchCommand, LaunchSelection, LaunchStart, LaunchStop};
pub(crate) use run::Run;
pub(crate) use worker::{OnCoordinatorLost, WorkerCommand, WorkerStart};

/// The heading of the options that every command takes.
const EVERYWHERE: &str = "Everywhere";

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 the command, the job or some numbers of the job failed, 2 bad usage,
3 cannot reach the coordinator, 4 the job was cancelled, 130 Ctrl-C.";

/// Evaluate a function at every integer of a range, on all cores of all your machines.
#[derive(Debug, Parser)]
#[command(name = "swath", version, after_help = EXIT_CODES, propagate_version = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// How to print answers; results have --format. With json, a coordinator or worker prints one object when it has
    /// started.
    #[arg(long, global = true, env = "SWATH_OUTPUT", default_value = "text", help_heading = EVERYWHERE)]
    pub(crate) output: OutputMode,
    /// What to log on standard error: error, warn, info, debug, or a filter such as `swath_coordinator=debug`.
    #[arg(long, global = true, env = "SWATH_LOG", help_heading = EVERYWHERE, value_name = "FILTER", value_parser = log_filter)]
    pub(crate) log: Option<String>,
}

impl Args {
    /// Parses the command line and the environment. The error may also be the help that was asked for.
    pub(crate) fn from_command_line() -> Result<Self, clap::Error> {
        Self::parse_words(std::env::args_os().collect())
    }

    fn parse_words(words: Vec<OsString>) -> Result<Self, clap::Error> {
        let matches = command_line::matches(words, &|| Self::command())?;
        let mut args = Self::from_arg_matches(&matches)?;
        let settled = match (&mut args.command, matches.subcommand()) {
            (Command::Run(run), Some((_, matches))) => run.settle(matches),
            (Command::Submit(submit), Some((_, matches))) => submit.settle(matches),
            _ => Ok(()),
        };
        settled.map_err(|reason| Self::command().error(ErrorKind::ArgumentConflict, reason))?;
        Ok(args)
    }

    /// Warnings about environment variables that begin with `SWATH_` and are unknown.
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
    /// Compute a range and write its results, in one command.
    ///
    /// It starts a coordinator and workers of its own on this machine, and stops them at the end. If a coordinator is
    /// named with --coordinator or --access, or with SWATH_COORDINATOR or SWATH_ACCESS, it uses that one and its
    /// workers instead.
    Run(Run),
    /// Start a coordinator, which owns jobs and results.
    #[command(subcommand)]
    Coordinator(CoordinatorCommand),
    /// Start, list and drain workers, which compute.
    #[command(subcommand)]
    Worker(WorkerCommand),
    /// Start workers on other hosts over ssh; `stop` stops them, `status` lists them.
    Launch(Box<Launch>),
    /// Submit a job to a coordinator.
    Submit(Submit),
    /// Show, wait for, read and end the jobs of a coordinator.
    #[command(subcommand)]
    Job(JobCommand),
    /// Make and show access files, which say who may do what with a coordinator that uses TLS.
    #[command(subcommand)]
    Access(AccessCommand),
    /// Check the health of a coordinator or worker: exit code 0 if it is healthy, 1 if not, 3 if nothing answers.
    Health(Health),
    /// List the kernels: the functions that can be computed.
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
