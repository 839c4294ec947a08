//! `swath launch`: workers on other hosts.

mod hold;
mod reports;
mod start;

use std::{fs, pin::pin};

use anyhow::{Context, Result};
use futures::StreamExt;
use swath_client::Address;
use swath_launch::{Host, Selection, Ssh};

use self::reports::Reports;
use crate::{
    args::{HostArgs, Launch, LaunchCommand, LaunchSelection, LaunchStop},
    ending::Ending,
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

/// The hosts that the arguments name, each once.
fn hosts_of(args: &HostArgs) -> Result<Vec<Host>> {
    let mut hosts = args.hosts.clone();
    if let Some(file) = &args.hostfile {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read the hostfile {}", file.display()))?;
        let listed = swath_launch::parse_hostfile(&text)
            .map_err(|error| Ending::Usage(format!("in the hostfile {}, {error}", file.display())))?;
        hosts.extend(listed);
    }
    let hosts = swath_launch::merge(hosts);
    if hosts.is_empty() {
        return Err(Ending::Usage("no host is named: name some with --host or --hostfile".to_owned()).into());
    }
    Ok(hosts)
}

fn ssh_of(args: &HostArgs) -> Ssh {
    Ssh { config: args.ssh_config.clone(), options: args.ssh_options.clone(), connect_timeout: args.connect_timeout }
}

fn selection_of(args: &LaunchSelection) -> Selection {
    Selection {
        ssh: ssh_of(&args.hosts),
        folder: args.hosts.remote_dir.clone(),
        coordinator: args.coordinator.as_ref().map(Address::to_string),
    }
}
