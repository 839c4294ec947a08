//! `swath run`: everything in one command.

use std::time::{Duration, Instant};

use anyhow::Result;
use swath_client::{Client, Job, OnCancel, ResultMode, Wanted};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{
    connect,
    job_request::job_request,
    local::LocalCluster,
    results::{self, Destination, Saved, Way},
    signals::StopSignals,
};
use crate::{args::Run, ending::Ending, output::Output};

/// How often it is checked that workers still run.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Ctrl-C reaches the workers too, maybe before this process: how long its own signal may take after they have ended.
const SIGNAL_DELAY: Duration = Duration::from_millis(500);

pub(super) async fn run(args: Run, output: &dyn Output) -> Result<()> {
    let begun = Instant::now();
    let mut signals = StopSignals::listen()?;
    let destination = Destination::parse(&args.results.file, &args.results.how, output)?;
    let mut planned = job_request(args.job)?;
    destination.check_keep_going(planned.request.keep_going)?;
    // An unusable target is found before anything is started.
    let target = tokio::select! {
        target = destination.open() => target?,
        () = signals.received() => return Err(interrupted().into()),
    };
    if !args.client.coordinator.is_named() {
        destination.check(&target, &planned.request)?;
    }
    let (client, mut cluster) = if args.client.coordinator.is_named() {
        (connect::user(&args.client).await?, None)
    } else {
        let cluster = LocalCluster::start(args.workers, args.threads).await?;
        planned.request.result_mode = ResultMode::Delivered;
        (Client::connect(cluster.address()).await?, Some(cluster))
    };
    let job = tokio::select! {
        job = planned.submit(&client) => job?,
        () = signals.received() => return Err(results::interrupted_submit().into()),
    };
    let way = Way { target, destination: &destination, range: job.range, wanted: Wanted::All };
    let saved = tokio::select! {
        saved = results::save(&client, &job, way) => saved,
        () = signals.received() => Err(interrupted().into()),
        error = watch_workers(cluster.as_mut()) => Err(interrupted_or(error, &mut signals).await),
    };
    let failed = match &saved {
        Ok(summary) if summary.missing > 0 => client.failed_chunks(job.id).await.unwrap_or_default(),
        _ => Vec::new(),
    };
    let clean_up = async {
        match (&cluster, &saved) {
            // It ends with its coordinator.
            (Some(_), Err(_)) => job.clone(),
            // The last results came from memory: the job ends when they are on the disk.
            (Some(_), Ok(_)) => end_of(&client, &job).await,
            (None, saved) => {
                if saved.is_err() {
                    // It may have ended by itself.
                    let _ = client.cancel(job.id, OnCancel::DropResults).await;
                }
                let ended = end_of(&client, &job).await;
                forget(&client, &job).await;
                ended
            }
        }
    };
    let ended = tokio::select! {
        ended = clean_up => ended,
        // The second signal: at once.
        () = signals.received() => job.clone(),
    };
    drop(client);
    if let Some(cluster) = cluster {
        cluster.stop().await;
    }
    let saved = Saved { destination: &destination, summary: saved?, took: begun.elapsed() };
    saved.conclude(&ended, &failed, output)
}

fn interrupted() -> Ending {
    Ending::Interrupted("interrupted; nothing was kept".to_owned())
}

/// This error, unless it was a signal that has ended the workers.
async fn interrupted_or(error: anyhow::Error, signals: &mut StopSignals) -> anyhow::Error {
    match timeout(SIGNAL_DELAY, signals.received()).await {
        Ok(()) => interrupted().into(),
        Err(_) => error,
    }
}

/// Returns only if the run cannot continue without workers or coordinator.
async fn watch_workers(cluster: Option<&mut LocalCluster>) -> anyhow::Error {
    let Some(cluster) = cluster else { return std::future::pending().await };
    let mut polls = interval(POLL_INTERVAL);
    polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        polls.tick().await;
        if let Err(error) = cluster.check_workers() {
            return error;
        }
    }
}

/// The job as it ended, or as it was submitted if that is not known.
async fn end_of(client: &Client, job: &Job) -> Job {
    client.wait(job.id, |_| {}).await.unwrap_or_else(|_| job.clone())
}

/// Leaves neither the job nor its results on a coordinator that others use, too.
async fn forget(client: &Client, job: &Job) {
    if let Err(error) = client.forget(job.id).await {
        tracing::warn!(job = job.id, %error, "cannot forget the job: it stays on the coordinator with its results");
    }
}
