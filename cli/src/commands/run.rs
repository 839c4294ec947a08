//! `swath run`: everything in one command.

use std::time::{Duration, Instant};

use anyhow::Result;
use swath_client::{
    Client, Job, JobSpec, Retention,
    output::{Content, OutputTarget},
};
use tokio::time::{MissedTickBehavior, interval};

use super::{
    connect, job_spec,
    local::LocalCluster,
    results::{self, Destination, Saved, Way},
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
    // What cannot be written is found before anything is started.
    let interrupted = || Ending::Interrupted("interrupted; nothing was kept".to_owned());
    let target = tokio::select! {
        target = destination.open() => target?,
        () = signals.received() => return Err(interrupted().into()),
    };
    if !args.client.coordinator.is_named() {
        check(&target, &spec)?;
    }
    let (client, mut cluster) = if args.client.coordinator.is_named() {
        (connect::user(&args.client).await?, None)
    } else {
        let cluster = LocalCluster::start(args.workers, args.threads).await?;
        spec.retention = Retention::Delivered;
        (Client::connect(cluster.address()).await?, Some(cluster))
    };
    let job = tokio::select! {
        job = client.submit(spec) => job?,
        () = signals.received() => return Err(results::interrupted_submit().into()),
    };
    let saved = tokio::select! {
        saved = results::save(&client, &job, Way { target, destination: &destination, partial: false }) => saved,
        () = signals.received() => Err(interrupted().into()),
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

/// Whether what this program's own kernels give can be written there; of what it does not know, the coordinator tells.
fn check(target: &OutputTarget, spec: &JobSpec) -> Result<()> {
    let Ok(kernel) = swath_kernel::find(&spec.kernel, &spec.parameters) else { return Ok(()) };
    let range = spec.range;
    let value_type = kernel.value_type(&(range.first()..=range.last()));
    Ok(target.check(&Content { range, value_type, least_bytes: 0, may_miss: spec.keep_going })?)
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
