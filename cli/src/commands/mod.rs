//! What each command does.

pub(crate) mod access;
pub(crate) mod connect;
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
use swath_console::print;

use crate::{
    args::{Args, Command, CoordinatorCommand, JobArgs, WorkerCommand},
    exit::Ending,
    show,
};
use swath_client::JobSpec;

/// Executes the command that was given.
pub(crate) async fn execute(args: Args) -> Result<()> {
    let mode = args.output;
    signals::survive_file_size_limit()?;
    match args.command {
        Command::Run(run) => run::run(run, mode).await,
        Command::Coordinator(CoordinatorCommand::Start(start)) => coordinator::start(start, mode).await,
        Command::Worker(WorkerCommand::Start(start)) => worker::start(start, mode).await,
        Command::Worker(WorkerCommand::List(client)) => worker::list(&client, mode).await,
        Command::Worker(WorkerCommand::Drain { id, client }) => worker::drain(id, &client, mode).await,
        Command::Launch(launch) => launch::execute(*launch, mode).await,
        Command::Submit(submit) => job::submit(submit, mode).await,
        Command::Job(command) => job::execute(command, mode).await,
        Command::Access(command) => access::execute(command, mode),
        Command::Health(args) => health::ask(&args, mode).await,
        Command::Kernels => show::kernels(mode),
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
            Ending::Usage("a chunk size of 0 is not possible; a chunk has at least one number".to_owned()).into()
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
