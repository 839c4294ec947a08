//! `swath submit` and `swath job …`.

use std::time::Instant;

use anyhow::Result;
use swath_client::{Client, ClientError, Job, JobState};
use swath_console::{print, say};

use super::{
    connect::{self, Attached},
    job_spec,
    results::{self, Destination, Saved},
    signals::StopSignals,
};
use crate::{
    args::{JobCommand, OutputMode, Submit},
    exit::Ending,
    progress::Progress,
    show,
};

pub(super) async fn submit(args: Submit, mode: OutputMode) -> Result<()> {
    let mut spec = job_spec(args.job)?;
    spec.retain = args.retain;
    let client = connect::user(&args.client).await?;
    // Before there is a job, so that no Ctrl-C comes too early to be answered with a hint.
    let mut signals = StopSignals::listen()?;
    let job = tokio::select! {
        job = client.submit(spec) => job?,
        () = signals.received() => return Err(results::interrupted_submit().into()),
    };
    if args.wait {
        if mode == OutputMode::Text {
            say!("job {} submitted", job.id);
        }
        return wait(&client, job.id, signals, mode).await;
    }
    match mode {
        OutputMode::Json => show::job(&job, None, None, mode),
        OutputMode::Text => Ok(print(format!("{}\n", job.id))?),
    }
}

pub(super) async fn execute(command: JobCommand, mode: OutputMode) -> Result<()> {
    let client = match &command {
        JobCommand::List(client) => client,
        JobCommand::Results { job, .. } | JobCommand::Cancel { job, .. } => &job.client,
        JobCommand::Show(job) | JobCommand::Wait(job) | JobCommand::Forget(job) => &job.client,
    };
    let client = connect::user(client).await?;
    match command {
        JobCommand::List(_) => show::jobs(&client.jobs().await?, mode),
        JobCommand::Show(job) => show_whole(&client, &client.job(job.id).await?, mode).await,
        JobCommand::Wait(job) => wait(&client, job.id, StopSignals::listen()?, mode).await,
        JobCommand::Cancel { job, drop_results } => show_if_json(&client.cancel(job.id, drop_results).await?, mode),
        JobCommand::Forget(job) => {
            client.forget(job.id).await?;
            show::forgotten(job.id, mode)
        }
        JobCommand::Results { job, partial, results } => {
            let begun = Instant::now();
            let destination = Destination::parse(&results, mode)?;
            let job = client.job(job.id).await?;
            results::check_readable(&job, partial)?;
            let mut signals = StopSignals::listen()?;
            destination.check_missing(&job, partial)?;
            let saved = async {
                let target = destination.open().await?;
                results::save(&client, &job, results::Way { target, destination: &destination, partial }).await
            };
            let summary = tokio::select! {
                saved = saved => saved?,
                () = signals.received() => {
                    return Err(Ending::Interrupted("interrupted; the results are still there".to_owned()).into());
                }
            };
            // It may have been forgotten meanwhile.
            let job = client.job(job.id).await.unwrap_or(job);
            let failures =
                if job.hole_chunks > 0 { client.holes(job.id).await.unwrap_or_default() } else { Vec::new() };
            Saved { destination: &destination, summary, took: begun.elapsed() }.conclude(&job, &failures, mode)
        }
    }
}

/// Waits until the job has ended. Ctrl-C only stops the waiting.
async fn wait(client: &Client, id: u64, mut signals: StopSignals, mode: OutputMode) -> Result<()> {
    let job = tokio::select! {
        job = watch(client, id) => job.map_err(|error| Attached { job: id, verb: "wait" }.explain(error))?,
        () = signals.received() => {
            return Err(Ending::Interrupted(format!(
                "job {id} goes on; `swath job wait {id}` waits again, `swath job cancel {id}` stops it"
            ))
            .into());
        }
    };
    show_whole(client, &job, mode).await?;
    match job.state {
        JobState::Failed(failure) => Err(Ending::JobFailed(format!("job {id} failed: {failure}")).into()),
        JobState::Cancelled => Err(Ending::JobCancelled(format!("job {id} was cancelled")).into()),
        JobState::Done | JobState::Running if job.hole_numbers > 0 => {
            let failed = show::failed_numbers(job.hole_numbers, job.range.count());
            Err(Ending::JobFailed(format!("job {id} is done, but {failed}")).into())
        }
        JobState::Done | JobState::Running => Ok(()),
    }
}

async fn watch(client: &Client, id: u64) -> Result<Job, ClientError> {
    let progress = Progress::new();
    let client = connect::attached(client, Attached { job: id, verb: "wait" }, progress.teller());
    tokio::select! {
        job = client.wait(id, |job| progress.update(job)) => job,
        never = progress.say_reasons(id) => match never {},
    }
}

/// Prints a job with its failed chunks.
async fn show_whole(client: &Client, job: &Job, mode: OutputMode) -> Result<()> {
    let failures = if job.hole_chunks > 0 { client.holes(job.id).await? } else { Vec::new() };
    show::job(job, Some(&failures), None, mode)
}

fn show_if_json(job: &Job, mode: OutputMode) -> Result<()> {
    if mode == OutputMode::Json { show::job(job, None, None, mode) } else { Ok(()) }
}
