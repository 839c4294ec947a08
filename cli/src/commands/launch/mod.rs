//! `swath launch`: workers on other hosts.

mod hold;
mod hosts;
mod reports;
mod start;

use std::pin::pin;

use anyhow::Result;
use futures::StreamExt;
use swath_client::Address;
use swath_launch::Selection;

use self::{
    hosts::{hosts_of, ssh_of},
    reports::Reports,
};
use crate::{
    args::{Launch, LaunchCommand, LaunchSelection, LaunchStop},
    output::{HostOutcome, Output},
};

pub(super) async fn execute(args: Launch, output: &dyn Output) -> Result<()> {
    match args.command {
        Some(LaunchCommand::Stop(args)) => stop(&args, output).await,
        Some(LaunchCommand::Status(args)) => status(&args, output).await,
        None => start::start(args.start, output).await,
    }
}

async fn stop(args: &LaunchStop, output: &dyn Output) -> Result<()> {
    let hosts = hosts_of(&args.selection.hosts)?;
    let selection = selection_of(&args.selection);
    let mut reports = Reports::new(&hosts, output);
    let parallel = args.selection.hosts.parallel.into();
    let mut stopping =
        pin!(swath_launch::on_each(&hosts, parallel, |host| swath_launch::stop(&selection, args.grace, host)));
    while let Some((host, stopped)) = stopping.next().await {
        reports.add(
            host,
            match stopped {
                Err(failure) => HostOutcome::Failed(failure),
                Ok(stopped) if stopped.is_empty() => HostOutcome::Idle,
                Ok(stopped) => HostOutcome::Stopped(stopped),
            },
        )?;
    }
    reports.finish("workers may still run on")
}

async fn status(args: &LaunchSelection, output: &dyn Output) -> Result<()> {
    let hosts = hosts_of(&args.hosts)?;
    let selection = selection_of(args);
    let mut reports = Reports::new(&hosts, output);
    let parallel = args.hosts.parallel.into();
    let mut asking = pin!(swath_launch::on_each(&hosts, parallel, |host| swath_launch::status(&selection, host)));
    while let Some((host, running)) = asking.next().await {
        reports.add(
            host,
            match running {
                Err(failure) => HostOutcome::Failed(failure),
                Ok(running) if running.is_empty() => HostOutcome::Idle,
                Ok(running) => HostOutcome::Workers(running),
            },
        )?;
    }
    reports.finish("no answer from")
}

fn selection_of(args: &LaunchSelection) -> Selection {
    Selection {
        ssh: ssh_of(&args.hosts),
        folder: args.hosts.remote_dir.clone(),
        coordinator: args.coordinator.as_ref().map(Address::to_string),
    }
}
