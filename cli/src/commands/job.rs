//! `swath submit` and `swath job …`.

use std::time::Instant;

use anyhow::Result;
use swath_client::{Client, ClientError, FailedChunk, Job, JobState, OnCancel, Wanted, output::Target};

use super::{
    connect,
    job_request::job_request,
    results::{self, Destination, Saved, Way},
    signals::StopSignals,
};
use crate::{
    args::{JobCommand, Submit},
    ending::{Attached, Ending},
    output::{Output, failed_numbers},
    progress::Progress,
};

pub(super) async fn submit(args: Submit, output: &dyn Output) -> Result<()> {
    let begun = Instant::now();
    let how = &args.results.how;
    let file = args.results.file.as_deref();
    let destination = file.map(|file| Destination::parse(file, how, output)).transpose()?;
    let mut planned = job_request(args.job)?;
    planned.request.keep_for = args.retain;
    // Before the submit, so that each Ctrl-C is answered with a hint.
    let mut signals = StopSignals::listen()?;
    let target = match &destination {
        None => None,
        Some(destination) => {
            destination.check_keep_going(planned.request.keep_going)?;
            // An unusable target is found before there is a job.
            let interrupted = || Ending::Interrupted("interrupted; no job was submitted".to_owned());
            let target = tokio::select! {
                target = destination.open() => target?,
                () = signals.received() => return Err(interrupted().into()),
            };
            destination.check(&target, &planned.request)?;
            Some(target)
        }
    };
    let client = connect::user(&args.client).await?;
    let job = tokio::select! {
        job = planned.submit(&client) => job?,
        () = signals.received() => return Err(results::interrupted_submit().into()),
    };
    match (&destination, target) {
        (Some(destination), Some(target)) => {
            output.job_awaited(&job);
            let way = Way { target, destination, range: job.range, wanted: Wanted::All };
            download(&client, &job, way, Shell { begun, signals, output }).await
        }
        _ if args.wait => {
            output.job_awaited(&job);
            wait(&client, job.id, signals, output).await
        }
        _ => output.job_submitted(&job),
    }
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
        JobCommand::Results { job, partial, part, results } => {
            let begun = Instant::now();
            let destination = Destination::parse(&results.file, &results.how, output)?;
            let wanted = if partial { Wanted::Existing } else { Wanted::All };
            let job = client.job(job.id).await?;
            // Before anything is opened or written.
            job.check_readable(wanted)?;
            let range = job.part(part.first, part.last)?;
            let mut signals = StopSignals::listen()?;
            if range == job.range {
                destination.check_missing(&job, wanted)?;
            }
            let saved = async {
                let target = destination.open().await?;
                results::save(&client, &job, Way { target, destination: &destination, range, wanted }).await
            };
            let summary = tokio::select! {
                saved = saved => saved?,
                () = signals.received() => {
                    return Err(Ending::Interrupted("interrupted; the results are still there".to_owned()).into());
                }
            };
            // It may have been forgotten meanwhile.
            let job = client.job(job.id).await.unwrap_or(job);
            let failed = failed_chunks(&client, &job).await;
            Saved { destination: &destination, summary, took: begun.elapsed() }.conclude(&job, &failed, output)
        }
    }
}

/// What a command that waits has around it.
struct Shell<'a> {
    begun: Instant,
    signals: StopSignals,
    output: &'a dyn Output,
}

/// Writes the results of a job that was just submitted, and waits for its end. Ctrl-C only stops that.
async fn download(client: &Client, job: &Job, way: Way<'_>, shell: Shell<'_>) -> Result<()> {
    let Shell { begun, mut signals, output } = shell;
    let destination = way.destination;
    let finished = async {
        let summary = results::save(client, job, way).await?;
        // The last results may come before they are durable.
        anyhow::Ok((summary, client.wait(job.id, |_| {}).await?))
    };
    let (summary, ended) = tokio::select! {
        finished = finished => finished?,
        () = signals.received() => return Err(job_continues(job.id, &destination.target).into()),
    };
    let failed = failed_chunks(client, &ended).await;
    Saved { destination, summary, took: begun.elapsed() }.conclude(&ended, &failed, output)
}

/// How Ctrl-C ends the waiting for the results of a job that was submitted.
fn job_continues(id: u64, target: &Target) -> Ending {
    let file = match target {
        Target::File(file) => format!(" -o {}", file.display()),
        Target::Stdout => String::new(),
    };
    Ending::Interrupted(format!(
        "job {id} continues; `swath job results {id}{file}` writes its results, `swath job cancel {id}` cancels it"
    ))
}

async fn failed_chunks(client: &Client, job: &Job) -> Vec<FailedChunk> {
    if job.failed_chunks > 0 { client.failed_chunks(job.id).await.unwrap_or_default() } else { Vec::new() }
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
