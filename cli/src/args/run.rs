//! The arguments of `swath run`.

use clap::{ArgMatches, Args as Arguments, parser::ValueSource};

use super::{
    connect::{ClientArgs, CoordinatorArgs},
    job::{JobArgs, ResultArgs},
    values::whole,
};

const THIS_MACHINE: &str = "Local workers (if no coordinator is named)";

#[derive(Debug, Arguments)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) job: JobArgs,
    #[command(flatten)]
    pub(crate) results: ResultArgs,
    /// If one is named, it and its workers are used instead of local ones.
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    /// Worker processes to start.
    #[arg(long, short, env = "SWATH_WORKERS", default_value_t = 1, help_heading = THIS_MACHINE, value_parser = whole::<u32>(1..=1024))]
    pub(crate) workers: u32,
    /// Threads of each worker [default: the cores of this machine, divided among the workers].
    #[arg(long, short, env = "SWATH_THREADS", help_heading = THIS_MACHINE, value_parser = whole::<u32>(1..=65536))]
    pub(crate) threads: Option<u32>,
}

impl Run {
    /// Decides between a named coordinator and local workers where both are asked for. A flag overrides a variable of
    /// the environment. Two flags contradict each other.
    pub(super) fn settle(&mut self, matches: &ArgMatches) -> Result<(), &'static str> {
        let is_flag = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
        if !self.client.coordinator.is_named() || !(is_flag("workers") || is_flag("threads")) {
            return Ok(());
        }
        if is_flag("coordinator") || is_flag("access") {
            return Err(
                "--workers and --threads start local workers, but a named coordinator has its own: give one or the other",
            );
        }
        self.client.coordinator = CoordinatorArgs { coordinator: None, access: None };
        Ok(())
    }
}
