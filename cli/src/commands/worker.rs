//! `swath worker start`, `list` and `drain`.

use std::{
    io::Read,
    num::NonZero,
    path::PathBuf,
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use anyhow::Result;
use swath_client::Role;
use swath_console::{check_name, plain, say};
use swath_launch::Notice;
use swath_worker::{ArtifactCache, SessionError, WorkerConfig};
use tokio::sync::watch;
use tracing::warn;

use super::{connect, listen, signals};
use crate::{
    args::{ClientArgs, OnCoordinatorLost, WorkerStart},
    ending::Ending,
    exit,
    output::{JoinedWorker, Output},
};

pub(super) async fn start(args: WorkerStart, output: &'static dyn Output) -> Result<()> {
    let is_launched = args.launched;
    let ended = work(args, output).await;
    let refused = ended.as_ref().err().and_then(|error| error.downcast_ref()).and_then(refusal);
    if let Some(notice) = refused.filter(|_| is_launched) {
        say!("{notice}");
    }
    ended
}

/// What a launcher is told of a worker that ended.
fn refusal(error: &SessionError) -> Option<Notice> {
    match error {
        SessionError::OtherVersion(reason) => Some(Notice::OtherVersion(reason.clone())),
        SessionError::Refused(reason) => Some(Notice::Refused(reason.clone())),
        _ => None,
    }
}

/// Where programs are kept if nothing else is said.
fn cache_folder() -> PathBuf {
    let named = |variable| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = named("XDG_CACHE_HOME").or_else(|| named("HOME").map(|home| home.join(".cache")));
    cache.unwrap_or_else(std::env::temp_dir).join("swath")
}

/// What a launcher is told of a worker that begins to wait.
fn say_waiting(error: &SessionError) {
    say!("{}", Notice::Waiting(error.to_string()));
}

async fn work(args: WorkerStart, output: &'static dyn Output) -> Result<()> {
    let stop = signals::stop_token()?;
    if args.attached {
        end_with_standard_input(args.scratch, args.silence);
    }
    let health_listen = listen::at(args.health_listen.as_ref()).await?;
    let threads = args.threads.unwrap_or_else(cores);
    let joined = watch::Sender::new(None);
    if let Some(file) = args.ready_file {
        tokio::spawn(write_when_joined(file, threads, joined.subscribe()));
    }
    let name = args.name.unwrap_or_else(|| format!("{}-{}", swath_worker::host_name(), std::process::id()));
    if let Err(error) = check_name(&name) {
        return Err(Ending::Usage(format!("a worker cannot have the name `{}`: {error}", plain(&name))).into());
    }
    tokio::spawn(print_when_joined(output, name.clone(), threads, joined.subscribe()));
    let cache = ArtifactCache { folder: args.cache.unwrap_or_else(cache_folder), limit: args.max_cache.as_u64() };
    let config = WorkerConfig {
        cache,
        coordinator: args.coordinator.dialer(&[Role::Worker])?,
        name,
        threads,
        upload_bytes: usize::try_from(args.upload_memory.as_u64())?,
        wait_for_coordinator: args.on_coordinator_lost == OnCoordinatorLost::Wait,
        patience: args.patience,
        grace: args.grace,
        joined,
        on_waiting: if args.launched { say_waiting } else { |_| {} },
        health_listen,
    };
    Ok(swath_worker::run(config, stop).await?)
}

pub(super) async fn list(args: &ClientArgs, output: &dyn Output) -> Result<()> {
    let client = connect::user(args).await?;
    output.workers(&client.workers().await?)
}

pub(super) async fn drain(id: u64, args: &ClientArgs, output: &dyn Output) -> Result<()> {
    let client = connect::with_role(args, &[Role::Admin]).await?;
    client.drain(id).await?;
    output.worker_draining(id)
}

/// The number of cores that this process may use.
pub(super) fn cores() -> u32 {
    thread::available_parallelism().map_or(1, NonZero::get).try_into().unwrap_or(u32::MAX)
}

/// Prints that the worker has joined, when it first has.
async fn print_when_joined(output: &dyn Output, name: String, threads: u32, mut joined: watch::Receiver<Option<u64>>) {
    let Ok(Some(id)) = joined.wait_for(Option::is_some).await.map(|worker| *worker) else { return };
    // A reader that has closed standard output does not need it.
    let _ = output.worker_joined(&JoinedWorker { id, name: &name, threads });
}

/// Writes the ready file when the worker has joined for the first time.
async fn write_when_joined(file: PathBuf, threads: u32, mut joined: watch::Receiver<Option<u64>>) {
    let Ok(Some(worker)) = joined.wait_for(Option::is_some).await.map(|worker| *worker) else { return };
    // A process that waits for the file must not see a part of it.
    let mut part = file.clone().into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    let text = format!("worker={worker} threads={threads}\n");
    if let Err(error) = std::fs::write(&part, text).and_then(|()| std::fs::rename(&part, &file)) {
        warn!(%error, file = %file.display(), "cannot write the ready file");
    }
}

/// Ends the process when standard input closes, which it does however the parent ends, and deletes the parent's folder.
/// With a limit, also when nothing arrives for that long: a connection that is cut does not close.
fn end_with_standard_input(scratch: Option<PathBuf>, silence: Option<Duration>) {
    let (sender, arrivals) = channel();
    thread::spawn(move || {
        let mut bytes = [0; 64];
        let mut input = std::io::stdin().lock();
        while !matches!(input.read(&mut bytes), Ok(0) | Err(_)) {
            // The other thread lives as long as the process.
            let _ = sender.send(());
        }
    });
    thread::spawn(move || {
        loop {
            let next = match silence {
                Some(silence) => arrivals.recv_timeout(silence),
                None => arrivals.recv().map_err(RecvTimeoutError::from),
            };
            match next {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => {
                    warn!("nothing arrived on standard input within --silence; the worker stops");
                    break;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if let Some(scratch) = scratch {
            // Several workers may try; the first succeeds.
            let _ = std::fs::remove_dir_all(scratch);
        }
        exit::end(0);
    });
}
