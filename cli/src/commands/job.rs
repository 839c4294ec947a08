//! `swath submit` and `swath job …`.

use std::time::Instant;

use anyhow::Result;
use swath_client::{Client, ClientError, Job, JobState};
use swath_console::{print, say};

use super::{
    job_spec,
    results::{self, Destination},
    signals::StopSignals,
};
use crate::{
    args::{JobCommand, OutputMode, Submit},
    exit::Ending,
    progress, show,
};

pub(super) async fn submit(args: Submit, mode: OutputMode) -> Result<()> {
    let mut spec = job_spec(args.job)?;
    spec.retain = args.retain;
    let client = Client::dial(&args.coordinator.user_dialer()?).await?;
    // Before there is a job, so that no Ctrl-C comes too early to be answered with a hint.
    let signals = StopSignals::listen()?;
    let job = client.submit(spec).await?;
    if args.wait {
        if mode == OutputMode::Text {
            say!("job {} submitted", job.id);
        }
        return wait(&client, job.id, signals, mode).await;
    }
    match mode {
        OutputMode::Json => show::job(&job, &[], mode),
        OutputMode::Text => Ok(print(format!("{}\n", job.id))?),
    }
}

pub(super) async fn execute(command: JobCommand, mode: OutputMode) -> Result<()> {
    let coordinator = match &command {
        JobCommand::List(coordinator) => coordinator,
        JobCommand::Results { job, .. } | JobCommand::Cancel { job, .. } => &job.coordinator,
        JobCommand::Show(job) | JobCommand::Wait(job) | JobCommand::Forget(job) => &job.coordinator,
    };
    let client = Client::dial(&coordinator.user_dialer()?).await?;
    match command {
        JobCommand::List(_) => show::jobs(&client.jobs().await?, mode),
        JobCommand::Show(job) => show_whole(&client, &client.job(job.id).await?, mode).await,
        JobCommand::Wait(job) => wait(&client, job.id, StopSignals::listen()?, mode).await,
        JobCommand::Cancel { job, drop_results } => show_if_json(&client.cancel(job.id, drop_results).await?, mode),
        JobCommand::Forget(job) => Ok(client.forget(job.id).await?),
        JobCommand::Results { job, partial, results } => {
            let begun = Instant::now();
            let destination = Destination::parse(&results, mode)?;
            let job = client.job(job.id).await?;
            let mut signals = StopSignals::listen()?;
            let output = destination.open(&job)?;
            let summary = tokio::select! {
                saved = results::save(&client, &job, output, partial) => saved?,
                () = signals.received() => {
                    return Err(Ending::Interrupted("interrupted; the results are still there".to_owned()).into());
                }
            };
            results::say_where(&destination.target, summary, begun.elapsed());
            let holes = if summary.missing > 0 { client.holes(job.id).await.unwrap_or_default() } else { Vec::new() };
            results::say_missing(summary, &holes);
            Ok(())
        }
    }
}

/// Waits until the job has ended. Ctrl-C only stops the waiting.
async fn wait(client: &Client, id: u64, mut signals: StopSignals, mode: OutputMode) -> Result<()> {
    let job = tokio::select! {
        job = watch(client, id) => job?,
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
        JobState::Done | JobState::Running => Ok(()),
    }
}

async fn watch(client: &Client, id: u64) -> Result<Job, ClientError> {
    let mut bar = None;
    let job = client
        .wait(id, |job| {
            let bar = bar.get_or_insert_with(|| progress::bar(job.range.count()));
            bar.set_position(job.committed_numbers);
            bar.set_message(progress::pause(&job.paused));
        })
        .await;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    job
}

/// Prints a job with the chunks that were given up.
async fn show_whole(client: &Client, job: &Job, mode: OutputMode) -> Result<()> {
    let holes = if job.hole_chunks > 0 { client.holes(job.id).await? } else { Vec::new() };
    show::job(job, &holes, mode)
}

fn show_if_json(job: &Job, mode: OutputMode) -> Result<()> {
    if mode == OutputMode::Json { show::job(job, &[], mode) } else { Ok(()) }
}
