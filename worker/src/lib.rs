//! The worker of Swath: one process that computes leases with all its threads.
//!
//! What it does is decided in `swath-worker-core`; this crate is the shell around that: plain threads (`pool`) that
//! compute and encode (`compute`), the two connections of a session, one for control (`session`) and one for blocks
//! (`upload`), and between them the core and the bytes of the blocks that wait, under one lock (`work`). Threads that
//! compute never wait for the network; they wait only for room in the bounded memory of the upload.
//!
//! Other shells around the same core use [`compute`] and [`convert`], too: the many workers of a benchmark in one
//! process, for example.

#![warn(clippy::indexing_slicing)]

mod artifacts;
pub mod compute;
pub mod convert;
mod health;
mod host;
mod pool;
mod session;
mod upload;
mod work;

use std::{
    hash::{BuildHasher, RandomState},
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures::future::OptionFuture;
use swath_model::WorkerInfo;
use swath_proto::{MAX_OFFERED_RUNS, MAX_OFFERS};
use swath_transport::Dialer;
use swath_worker_core::{AfterLoss, Config, Outcome};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use artifacts::ArtifactCache;
pub use host::host_name;
pub use session::SessionError;

use crate::{
    pool::Pool,
    work::{Order, Work},
};

/// How a worker runs.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// The coordinator, and how to reach it.
    pub coordinator: Dialer,
    /// The name that people see; need not be unique.
    pub name: String,
    /// Threads that compute; at least 1.
    pub threads: u32,
    /// Bytes of blocks that may wait for the upload.
    pub upload_bytes: usize,
    /// Whether to look for the coordinator again after it was lost.
    pub wait_for_coordinator: bool,
    /// How long to try to reach the coordinator, at the start and after it was lost.
    pub patience: Duration,
    /// How long what is being computed may take when the worker is told to stop.
    pub grace: Duration,
    /// Gets the id of the worker, which the coordinator gives it, while it has a session.
    pub joined: watch::Sender<Option<u64>>,
    /// Called with the reason when the worker begins to wait for the coordinator.
    pub on_waiting: fn(&SessionError),
    /// Where programs of jobs are kept.
    pub cache: ArtifactCache,
    /// The address for health checks, without TLS.
    pub health_listen: Option<SocketAddr>,
}

impl WorkerConfig {
    /// The worker as it describes itself.
    pub(crate) fn info(&self) -> WorkerInfo {
        WorkerInfo {
            name: self.name.clone(),
            host: host_name(),
            process_id: std::process::id(),
            threads: self.threads,
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// Works for the coordinator until `stop`, until the coordinator tells it to stop, or until it cannot be reached.
///
/// # Errors
/// [`SessionError`]: the threads or the health port cannot be had, or the coordinator was lost.
pub async fn run(config: WorkerConfig, stop: CancellationToken) -> Result<(), SessionError> {
    let core = Config {
        slots: config.threads,
        max_offers: MAX_OFFERS,
        max_offer_runs: MAX_OFFERED_RUNS,
        after_loss: if config.wait_for_coordinator { AfterLoss::Rejoin } else { AfterLoss::End },
        patience: config.patience,
        grace: config.grace,
        ..Config::default()
    };
    let work = Work::new(&config, core);
    let pool = Pool::start(config.threads, &work);
    let ended = match pool {
        Ok(pool) => {
            let ended = serve(&config, &work, &stop).await;
            work.with(|core, _| core.abort());
            // The threads look up between steps of some milliseconds.
            let _ = tokio::task::spawn_blocking(|| pool.join()).await;
            ended
        }
        Err(error) => {
            work.with(|core, _| core.abort());
            Err(error.into())
        }
    };
    config.joined.send_replace(None);
    ended
}

async fn serve(config: &WorkerConfig, work: &Work, stop: &CancellationToken) -> Result<(), SessionError> {
    let _health = health::open(config.health_listen, config.joined.subscribe(), stop).await?;
    drive_sessions(config, work, stop).await
}

/// Carries out what the core decides of sessions, until it has ended.
async fn drive_sessions(config: &WorkerConfig, work: &Work, stop: &CancellationToken) -> Result<(), SessionError> {
    let attempt = |session| async move { (session, session::run(config, work, session).await) };
    let mut session = OptionFuture::from(None);
    let mut last_error = None;
    let mut stopping = Stopping::NotYet;
    loop {
        while let Some(order) = work.next_order() {
            match order {
                Order::Connect(id) => session = OptionFuture::from(Some(Box::pin(attempt(id)))),
                Order::SayWaiting => {
                    let patience = humantime::format_duration(config.patience);
                    let error = last_error.as_ref();
                    error.into_iter().for_each(config.on_waiting);
                    warn!(error = error.map(tracing::field::display), %patience, "waiting for the coordinator");
                }
                Order::End(outcome) => return end(outcome, last_error),
            }
        }
        tokio::select! {
            Some((id, Err(error))) = &mut session => {
                session = OptionFuture::from(None);
                config.joined.send_replace(None);
                let (loss, random) = (error.loss(), RandomState::new().hash_one(id.0));
                last_error = Some(error);
                work.with(|core, now| core.handle_lost(now, id, loss, random));
            }
            () = work.changed() => {}
            () = until(work.timeout()) => work.with(|core, now| core.handle_timeout(now)),
            () = stop.cancelled(), if stopping == Stopping::NotYet => {
                stopping = Stopping::Begun;
                info!("leaving: finishing the work in flight");
                work.with(|core, now| core.handle_stop(now));
            }
        }
    }
}

/// Whether the worker was told to stop.
#[derive(PartialEq, Eq)]
enum Stopping {
    NotYet,
    Begun,
}

fn end(outcome: Outcome, last_error: Option<SessionError>) -> Result<(), SessionError> {
    match (outcome, last_error) {
        (Outcome::Lost, Some(error)) => Err(error),
        (Outcome::ShutDown, _) => {
            info!("the coordinator told this worker to stop");
            Ok(())
        }
        (Outcome::Stopped | Outcome::Lost, _) => Ok(()),
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
