//! Starting workers on hosts.

use std::{path::Path, pin::pin};

use anyhow::{Context, Result};
use futures::StreamExt;
use swath_client::{AccessSource, Address, DialError, Role};
use swath_console::say;
use swath_launch::{
    AccessFile, CoordinatorSource, Host, IfRunning, Lifetime, Outcome, Plan, Program, RemoteAccess, RemoteProgram,
};
use swath_transport::Security;

use super::{
    hold::AttachedWorkers,
    hosts::{hosts_of, ssh_of},
    reports::Reports,
};
use crate::{
    args::LaunchStart,
    commands::signals::StopSignals,
    ending::Ending,
    output::{HostOutcome, Output},
};

pub(super) async fn start(args: LaunchStart, output: &dyn Output) -> Result<()> {
    let hosts = hosts_of(&args.hosts)?;
    let (parallel, dry_run) = (args.hosts.parallel.into(), args.dry_run);
    let plan = plan_of(args)?;
    if dry_run {
        return preview(&plan, &hosts, output);
    }
    let mut signals = StopSignals::listen()?;
    let mut reports = Reports::new(&hosts, output);
    let mut attached = AttachedWorkers::default();
    {
        let mut starting = pin!(swath_launch::on_each(&hosts, parallel, |host| swath_launch::start(&plan, host)));
        loop {
            let (host, started) = tokio::select! {
                next = starting.next() => match next {
                    Some(ended) => ended,
                    None => break,
                },
                () = signals.received() => return Err(interrupted(plan.lifetime).into()),
            };
            reports.add(
                host,
                match started {
                    Ok(Outcome::Attached(worker, connection)) => {
                        attached.add(host.clone(), connection);
                        HostOutcome::Started(worker)
                    }
                    Ok(Outcome::Started(worker)) => HostOutcome::Started(worker),
                    Ok(Outcome::Running { process, since }) => HostOutcome::AlreadyRunning { process, since },
                    Err(failure) => HostOutcome::Failed(failure),
                },
            )?;
        }
    }
    let started = reports.finish("no worker on");
    attached.wait(&mut signals).await?;
    started
}

fn interrupted(lifetime: Lifetime) -> Ending {
    Ending::Interrupted(match lifetime {
        Lifetime::Attached => "interrupted".to_owned(),
        Lifetime::Detached => "interrupted; `swath launch stop` stops the workers that were started".to_owned(),
    })
}

fn plan_of(args: LaunchStart) -> Result<Plan> {
    let (access, in_access) = match (args.worker_access, args.remote_access) {
        (Some(file), _) => copied_access(&file)?,
        (None, Some(path)) => (RemoteAccess::At(path), None),
        (None, None) => (RemoteAccess::Without, None),
    };
    let coordinator_source = match args.coordinator {
        Some(_) => CoordinatorSource::Argument,
        None => CoordinatorSource::AccessFile,
    };
    let coordinator = args.coordinator.or(in_access).ok_or_else(|| {
        Ending::Usage("no coordinator is named: say with --coordinator HOST:PORT how the hosts reach it".to_owned())
    })?;
    let security = if matches!(access, RemoteAccess::Without) { Security::Plain } else { Security::Tls };
    swath_transport::check_scheme(&coordinator, security)?;
    let program = match (args.copy, args.remote_swath) {
        (true, _) => RemoteProgram::Copied(
            Program::of_this_process(env!("CARGO_PKG_VERSION")).context("cannot read this program to copy it")?,
        ),
        (false, Some(path)) => RemoteProgram::At(path),
        (false, None) => RemoteProgram::OnPath,
    };
    Ok(Plan {
        ssh: ssh_of(&args.hosts),
        folder: args.hosts.remote_dir,
        coordinator: coordinator.to_string(),
        coordinator_source,
        program,
        access,
        lifetime: if args.attached { Lifetime::Attached } else { Lifetime::Detached },
        if_running: if args.force { IfRunning::StartAnother } else { IfRunning::Leave },
        join_timeout: args.join_timeout,
        arguments: args.arguments,
    })
}

/// An access file that is copied to the hosts, and the coordinator that it names.
fn copied_access(file: &Path) -> Result<(RemoteAccess, Option<Address>)> {
    // What a host would refuse is refused here.
    let source = AccessSource::new(file).of_role(&[Role::Worker])?;
    let file = source.path().to_owned();
    let address = source.load_for(&[Role::Worker])?.address().map(str::parse).transpose();
    if let Some(exposure) = source.exposure() {
        say!("swath: {exposure}");
    }
    let copied = AccessFile::read(&file).with_context(|| format!("cannot read the access file {}", file.display()))?;
    Ok((RemoteAccess::Copied(copied), address.map_err(DialError::from)?))
}

fn preview(plan: &Plan, hosts: &[Host], output: &dyn Output) -> Result<()> {
    let previews = hosts.iter().map(|host| Ok((host, plan.preview(host)?)));
    let previews = previews.collect::<Result<Vec<_>, swath_launch::WordError>>();
    output.launch_previews(&previews.map_err(|error| Ending::Usage(error.to_string()))?)
}
