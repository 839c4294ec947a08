//! What each command does.

mod access;
mod connect;
mod coordinator;
mod health;
mod job;
mod job_request;
mod launch;
mod listen;
mod local;
mod results;
mod run;
mod signals;
mod worker;

use anyhow::Result;
use clap::CommandFactory;
use swath_console::print;

use crate::{
    args::{Args, Command, CoordinatorCommand, OutputMode, WorkerCommand},
    output::{Json, Output, Text},
};

/// Executes the command that was given.
pub(crate) async fn execute(args: Args) -> Result<()> {
    let output: &'static dyn Output = match args.output {
        OutputMode::Text => &Text,
        OutputMode::Json => &Json,
    };
    signals::survive_file_size_limit()?;
    match args.command {
        Command::Run(run) => run::run(run, output).await,
        Command::Coordinator(CoordinatorCommand::Start(start)) => coordinator::start(start, output).await,
        Command::Worker(WorkerCommand::Start(start)) => worker::start(start, output).await,
        Command::Worker(WorkerCommand::List(client)) => worker::list(&client, output).await,
        Command::Worker(WorkerCommand::Drain { id, client }) => worker::drain(id, &client, output).await,
        Command::Launch(launch) => launch::execute(*launch, output).await,
        Command::Submit(submit) => job::submit(submit, output).await,
        Command::Job(command) => job::execute(command, output).await,
        Command::Access(command) => access::execute(command, output),
        Command::Health(args) => health::ask(&args, output).await,
        Command::Kernels => output.kernels(swath_kernel::catalogue()),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "swath", &mut script);
            Ok(print(script)?)
        }
    }
}
