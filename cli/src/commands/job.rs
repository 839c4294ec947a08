//! `swath submit` and `swath job …`.

use std::time::Instant;

use anyhow::Result;
use swath_client::{Client, ClientError, Job, JobState, OnCancel, Wanted};

use super::{
    connect,
    job_request::job_request,
    results::{self, Destination, Saved},
    signals::StopSignals,
};
use crate::{
    args::{JobCommand, Submit},
    ending::{Attached, Ending},
    output::{Output, failed_numbers},
    progress::Progress,
};

pub(super) async fn submit(args: Submit, output: &dyn Output) -> Result<()> {
    let mut spec = job_request(args.job)?;
    spec.keep_for = args.retain;
    let client = connect::user(&args.client).await?;
    // Before the submit, so that each Ctrl-C is answered with a hint.
    let mut signals = StopSignals::listen()?;
    let job = tokio::select! {
        job = client.submit(spec) => job?,
        () = signals.received() => return Err(results::interrupted_submit().into()),
    };
    if args.wait {
        output.job_awaited(&job);
        return wait(&client, job.id, signals, output).await;
    }
    output.job_submitted(&job)
}

pub(super) async fn execute(command: JobCommand, output: &dyn Output) -> Result<()> {
    let client = match &command {
        JobCommand::List(client) => client,
        JobCommand::Results { job, .. } | JobCommand::Cancel { job, .. } => &job.client,
        JobCommand::Show(job) | JobCommand::Wait(job) | JobCommand::Forget(job) => &job.client,
    };
    let client = connect::user(client).await?;
    match command {
        JobCommand::List(_) => output.jobs(&client.jobs().await?),
        JobCommand::Show(job) => show(&client, &client.job(job.id).await?, output).await,
        JobCommand::Wait(job) => wait(&client, job.id, StopSignals::listen()?, output).await,
        JobCommand::Cancel { job, drop_results } => {
            let results = if drop_results { OnCancel::DropResults } else { OnCancel::KeepResults };
            output.job_cancelled(&client.cancel(job.id, results).await?)
        }
        JobCommand::Forget(job) => {
            client.forget(job.id).await?;
            output.job_forgotten(job.id)
        }
        JobCommand::Results { job, partial, results } => {
            let begun = Instant::now();
            let destination = Destination::parse(&results, output)?;
            let wanted = if partial { Wanted::Existing } else { Wanted::All };
            let job = client.job(job.id).await?;
            // Before anything is opened or written.
            job.check_readable(wanted)?;
            let mut signals = StopSignals::listen()?;
            destination.check_missing(&job, wanted)?;
            let saved = async {
                let target = destination.open().await?;
                results::save(&client, &job, results::Way { target, destination: &destination, wanted }).await
            };
            let summary = tokio::select! {
                saved = saved => saved?,
                () = signals.received() => {
                    return Err(Ending::Interrupted("interrupted; the results are still there".to_owned()).into());
                }
            };
            // It may have been forgotten meanwhile.
            let job = client.job(job.id).await.unwrap_or(job);
            let failed =
                if job.failed_chunks > 0 { client.failed_chunks(job.id).await.unwrap_or_default() } else { Vec::new() };
            Saved { destination: &destination, summary, took: begun.elapsed() }.conclude(&job, &failed, output)
        }
    }
}

/// Waits until the job has ended. Ctrl-C only stops the waiting.
async fn wait(client: &Client, id: u64, mut signals: StopSignals, output: &dyn Output) -> Result<()> {
    let job = tokio::select! {
        job = watch(client, id) => job.map_err(|error| connect::explain(Attached { job: id, verb: "wait" }, error))?,
        () = signals.received() => {
            return Err(Ending::Interrupted(format!(
                "job {id} continues; `swath job wait {id}` waits again, `swath job cancel {id}` cancels it"
            ))
            .into());
        }
    };
    show(client, &job, output).await?;
    match job.state {
        JobState::Failed(failure) => Err(Ending::JobFailed(format!("job {id} failed: {failure}")).into()),
        JobState::Cancelled => Err(Ending::JobCancelled(format!("job {id} was cancelled")).into()),
        JobState::Done | JobState::Running if job.failed_numbers > 0 => {
            let failed = failed_numbers(job.failed_numbers, job.range.count());
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
async fn show(client: &Client, job: &Job, output: &dyn Output) -> Result<()> {
    let failed = if job.failed_chunks > 0 { client.failed_chunks(job.id).await? } else { Vec::new() };
    output.job(job, &failed)
}
