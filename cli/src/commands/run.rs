//! `swath run`: everything in one command.

use std::time::{Duration, Instant};

use anyhow::Result;
use swath_client::{Client, Job, Retention};
use tokio::time::{MissedTickBehavior, interval};

use super::{
    connect, job_spec,
    local::LocalCluster,
    results::{self, Destination, Saved},
    signals::StopSignals,
};
use crate::{
    args::{OutputMode, Run},
    exit::Ending,
};

/// How often workers are looked after.
const LOOK: Duration = Duration::from_millis(200);

pub(super) async fn run(args: Run, mode: OutputMode) -> Result<()> {
    let begun = Instant::now();
    let mut signals = StopSignals::listen()?;
    let destination = Destination::parse(&args.results, mode)?;
    let mut spec = job_spec(args.job)?;
    destination.check_keep_going(spec.keep_going)?;
    let (client, mut cluster) = if args.client.coordinator.is_named() {
        (connect::user(&args.client).await?, None)
    } else {
        let cluster = LocalCluster::start(args.workers, args.threads).await?;
        spec.retention = Retention::Delivered;
        (Client::connect(cluster.address()).await?, Some(cluster))
    };
    let job = client.submit(spec).await?;
    let saved = tokio::select! {
        saved = results::save(&client, &job, &destination, false) => saved,
        () = signals.received() => Err(Ending::Interrupted("interrupted; nothing was kept".to_owned()).into()),
        error = watch_workers(cluster.as_mut()) => Err(error),
    };
    let failures = match &saved {
        Ok(summary) if summary.missing > 0 => client.holes(job.id).await.unwrap_or_default(),
        _ => Vec::new(),
    };
    let ended = tokio::select! {
        ended = clean_up(&client, &job, cluster.is_none(), saved.is_ok()) => ended,
        // The second signal: at once.
        () = signals.received() => job,
    };
    drop(client);
    if let Some(cluster) = cluster {
        cluster.stop().await;
    }
    let saved = Saved { destination: &destination, summary: saved?, took: begun.elapsed() };
    saved.conclude(&ended, &failures, mode)
}

/// Returns only if there is nobody left to do the work.
async fn watch_workers(cluster: Option<&mut LocalCluster>) -> anyhow::Error {
    let Some(cluster) = cluster else { return std::future::pending().await };
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if let Err(error) = cluster.check_workers() {
            return error;
        }
    }
}

/// On a coordinator that others use too, neither the job nor its results stay. Returns the job as it ended.
async fn clean_up(client: &Client, job: &Job, is_shared: bool, is_whole: bool) -> Job {
    if !is_whole {
        if !is_shared {
            return job.clone();
        }
        // It may have ended by itself.
        let _ = client.cancel(job.id, true).await;
    }
    // The last results came from memory: the job ends when they are on the disk.
    let ended = client.wait(job.id, |_| {}).await.unwrap_or_else(|_| job.clone());
    if is_shared && let Err(error) = client.forget(job.id).await {
        tracing::warn!(job = job.id, %error, "the job and its results stay on the coordinator");
    }
    ended
}
