//! What each command does.

mod access;
mod connect;
mod coordinator;
mod health;
mod job;
mod launch;
mod listen;
mod local;
mod results;
mod run;
mod signals;
mod worker;

use anyhow::Result;
use clap::CommandFactory;
use swath_client::JobSpec;
use swath_console::print;

use crate::{
    args::{Args, Command, CoordinatorCommand, JobArgs, OutputMode, WorkerCommand},
    ending::Ending,
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

/// The job that the arguments describe.
fn job_spec(args: JobArgs) -> Result<JobSpec> {
    if args.chunk_size == Some(0) {
        return Err(
            Ending::Usage("a chunk size of 0 is not possible: a chunk has at least one number".to_owned()).into()
        );
    }
    let mut spec = JobSpec::new(args.kernel, args.range);
    spec.chunk_size = args.chunk_size;
    spec.max_retries = args.max_retries;
    spec.crash_limit = args.crash_limit;
    spec.keep_going = args.keep_going;
    spec.parameters = args.parameters.into_iter().collect();
    Ok(spec)
}
