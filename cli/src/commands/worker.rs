//! `swath worker start`, `list` and `drain`.

use std::{io::Read, num::NonZero, path::PathBuf, thread};

use anyhow::Result;
use swath_client::Client;
use swath_worker::WorkerConfig;

use super::signals;
use crate::{
    args::{CoordinatorArgs, OnCoordinatorLost, OutputMode, WorkerStart},
    show,
};

pub(super) async fn start(args: WorkerStart) -> Result<()> {
    let stop = signals::stop_token()?;
    if args.attached {
        end_with_standard_input(args.scratch);
    }
    let name = args.name.unwrap_or_else(|| format!("{}-{}", swath_worker::host_name(), std::process::id()));
    let config = WorkerConfig {
        coordinator: args.coordinator.coordinator,
        name,
        threads: args.threads.unwrap_or_else(cores),
        upload_bytes: usize::try_from(args.upload_memory.as_u64())?,
        wait_for_coordinator: args.on_coordinator_lost == OnCoordinatorLost::Wait,
        patience: args.patience,
        grace: args.grace,
        health_listen: args.health_listen,
    };
    Ok(swath_worker::run(config, stop).await?)
}

pub(super) async fn list(args: &CoordinatorArgs, mode: OutputMode) -> Result<()> {
    let client = Client::connect(&args.coordinator).await?;
    show::workers(&client.workers().await?, mode)
}

pub(super) async fn drain(id: u64, args: &CoordinatorArgs) -> Result<()> {
    let client = Client::connect(&args.coordinator).await?;
    Ok(client.drain(id).await?)
}

/// Cores that this process may use.
pub(super) fn cores() -> u32 {
    thread::available_parallelism().map_or(1, NonZero::get).try_into().unwrap_or(u32::MAX)
}

/// Ends the process when standard input closes, as it does however the parent ends, and removes the parent's folder.
fn end_with_standard_input(scratch: Option<PathBuf>) {
    thread::spawn(move || {
        let mut bytes = [0; 64];
        let mut input = std::io::stdin().lock();
        while !matches!(input.read(&mut bytes), Ok(0) | Err(_)) {}
        if let Some(scratch) = scratch {
            // Several workers may try; the first succeeds.
            let _ = std::fs::remove_dir_all(scratch);
        }
        std::process::exit(0);
    });
}
