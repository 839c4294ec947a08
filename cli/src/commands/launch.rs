//! `swath launch`: workers on other hosts.

use std::{fs, pin::pin};

use anyhow::{Context, Result};
use futures::StreamExt;
use serde::Serialize;
use swath_client::{AccessSource, Address, DialError, Role, counted};
use swath_console::{print, say};
use swath_launch::{
    AccessFile, Attached, End, Failure, Host, Outcome, Plan, Program, RemoteAccess, RemoteProgram, Selection, Ssh,
    Stopped,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::signals::StopSignals;
use crate::{
    args::{HostArgs, Launch, LaunchCommand, LaunchSelection, LaunchStart, LaunchStop, OutputMode},
    exit::Ending,
    show,
};

/// What became of one host; the names of its fields are stable.
#[derive(Debug, Default, Serialize)]
struct Line {
    host: String,
    ok: bool,
    /// `started`, `running`, `stopped`, `idle`, or why not in one word.
    outcome: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    process_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threads: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    workers: Vec<WorkerLine>,
}

/// A worker that runs on a host, or ran there.
#[derive(Debug, Serialize)]
struct WorkerLine {
    process_id: u32,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threads: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coordinator: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
}

pub(super) async fn execute(args: Launch, mode: OutputMode) -> Result<()> {
    match args.command {
        Some(LaunchCommand::Stop(args)) => stop(&args, mode).await,
        Some(LaunchCommand::Status(args)) => status(&args, mode).await,
        None => start(args.start, mode).await,
    }
}

async fn start(args: LaunchStart, mode: OutputMode) -> Result<()> {
    let hosts = hosts_of(&args.hosts)?;
    let (parallel, dry_run) = (args.hosts.parallel.into(), args.dry_run);
    let plan = plan_of(args)?;
    if dry_run {
        return preview(&plan, &hosts, mode);
    }
    let mut signals = StopSignals::listen()?;
    let mut results = Results::new(&hosts, mode);
    let end = CancellationToken::new();
    let mut held = JoinSet::new();
    {
        let mut starting = pin!(swath_launch::on_each(&hosts, parallel, |host| swath_launch::start(&plan, host)));
        loop {
            let (host, started) = tokio::select! {
                next = starting.next() => match next {
                    Some(ended) => ended,
                    None => break,
                },
                () = signals.received() => {
                    // Those that are attached end with their connections.
                    let rest = if plan.attached { "" } else { "; `swath launch stop` ends what was started" };
                    return Err(Ending::Interrupted(format!("interrupted{rest}")).into());
                }
            };
            let line = match started {
                Ok(Outcome::Attached(worker, attached)) => {
                    held.spawn(hold(host.clone(), attached, end.clone()));
                    started_line(&worker)
                }
                Ok(Outcome::Started(worker)) => started_line(&worker),
                Ok(Outcome::Running { process, since }) => Line {
                    ok: true,
                    outcome: "running",
                    message: format!(
                        "a worker runs there already: process {process}, since {since}; --force starts another"
                    ),
                    process_id: Some(process),
                    ..Line::default()
                },
                Err(failure) => failed_line(&failure),
            };
            results.add(host, line)?;
        }
    }
    let started = results.finish("no worker on");
    if held.is_empty() {
        return started;
    }
    hold_all(held, &end, &mut signals).await?;
    started
}

/// Waits until all attached workers have ended, or until a signal ends them.
async fn hold_all(
    mut held: JoinSet<(Host, Result<(), Failure>)>,
    end: &CancellationToken,
    signals: &mut StopSignals,
) -> Result<()> {
    let all = held.len();
    say!("{} attached; they end with this command", counted(all as u64, "worker"));
    let mut failed = 0;
    loop {
        let ended = tokio::select! {
            ended = held.join_next() => ended,
            // The second signal: at once, by the end of this process.
            () = signals.received() => if end.is_cancelled() {
                break;
            } else {
                end.cancel();
                continue;
            },
        };
        match ended {
            None => break,
            Some(Ok((_, Ok(())))) if end.is_cancelled() => {}
            Some(Ok((host, Ok(())))) => say!("{host}: its worker has ended"),
            Some(Ok((host, Err(failure)))) => {
                failed += 1;
                say!("{host}: {failure}");
            }
            Some(Err(error)) => return Err(error.into()),
        }
    }
    if end.is_cancelled() {
        return Err(Ending::Interrupted("the workers have ended".to_owned()).into());
    }
    if failed > 0 {
        return Err(Ending::JobFailed(format!("{failed} of {} ended badly", counted(all as u64, "worker"))).into());
    }
    Ok(())
}

async fn hold(host: Host, mut attached: Box<Attached>, end: CancellationToken) -> (Host, Result<(), Failure>) {
    let ended = tokio::select! {
        ended = attached.hold() => Some(ended),
        () = end.cancelled() => None,
    };
    match ended {
        Some(ended) => (host, ended),
        None => {
            attached.end().await;
            (host, Ok(()))
        }
    }
}

async fn stop(args: &LaunchStop, mode: OutputMode) -> Result<()> {
    let hosts = hosts_of(&args.selection.hosts)?;
    let selection = selection_of(&args.selection)?;
    let mut results = Results::new(&hosts, mode);
    let parallel = args.selection.hosts.parallel.into();
    let mut stopping =
        pin!(swath_launch::on_each(&hosts, parallel, |host| swath_launch::stop(&selection, args.grace, host)));
    while let Some((host, stopped)) = stopping.next().await {
        let line = match stopped {
            Err(failure) => failed_line(&failure),
            Ok(stopped) if stopped.is_empty() => idle_line(),
            Ok(stopped) => stopped_line(&stopped),
        };
        results.add(host, line)?;
    }
    results.finish("workers may still run on")
}

async fn status(args: &LaunchSelection, mode: OutputMode) -> Result<()> {
    let hosts = hosts_of(&args.hosts)?;
    let selection = selection_of(args)?;
    let mut results = Results::new(&hosts, mode);
    let mut asking =
        pin!(swath_launch::on_each(&hosts, args.hosts.parallel.into(), |host| swath_launch::status(&selection, host)));
    while let Some((host, running)) = asking.next().await {
        let line = match running {
            Err(failure) => failed_line(&failure),
            Ok(running) if running.is_empty() => idle_line(),
            Ok(running) => Line {
                ok: true,
                outcome: "running",
                message: running.iter().map(running_message).collect::<Vec<_>>().join("; "),
                workers: running.into_iter().map(running_line).collect(),
                ..Line::default()
            },
        };
        results.add(host, line)?;
    }
    results.finish("no answer from")
}

fn running_message(worker: &swath_launch::Running) -> String {
    let swath_launch::Running { process, threads, coordinator, since, .. } = worker;
    let threads = if threads == "1" { "1 thread".to_owned() } else { format!("{threads} threads") };
    let joined = if worker.has_joined { "" } else { ", has not joined yet" };
    format!("process {process}, {threads} for {coordinator}, since {since}{joined}")
}

fn running_line(worker: swath_launch::Running) -> WorkerLine {
    WorkerLine {
        process_id: worker.process,
        state: if worker.has_joined { "joined" } else { "joining" },
        name: Some(worker.name),
        threads: worker.threads.parse().ok(),
        coordinator: Some(worker.coordinator),
        since: Some(worker.since),
    }
}

/// The hosts that are meant, each once.
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

fn selection_of(args: &LaunchSelection) -> Result<Selection> {
    let selection = Selection {
        ssh: ssh_of(&args.hosts),
        folder: args.hosts.remote_dir.clone(),
        coordinator: args.coordinator.as_ref().map(Address::to_string),
    };
    Ok(selection)
}

fn plan_of(args: LaunchStart) -> Result<Plan> {
    let (access, in_access) = match (args.worker_access, args.remote_access) {
        (Some(file), _) => {
            // What would be refused there is refused here.
            let source = AccessSource::new(&file).of_role(&[Role::Worker])?;
            let file = source.path().to_owned();
            let address = source.load_for(&[Role::Worker])?.address().map(str::parse).transpose();
            if let Some(exposure) = source.exposure() {
                say!("swath: {exposure}");
            }
            let read = AccessFile::read(&file);
            let copied = read.with_context(|| format!("cannot read the access file {}", file.display()))?;
            (RemoteAccess::Copied(copied), address.map_err(DialError::from)?)
        }
        (None, Some(path)) => (RemoteAccess::At(path), None),
        (None, None) => (RemoteAccess::Without, None),
    };
    let tell_coordinator = args.coordinator.is_some();
    let coordinator = args.coordinator.or(in_access).ok_or_else(|| {
        Ending::Usage("no coordinator is named: say with --coordinator HOST:PORT how those hosts reach it".to_owned())
    })?;
    swath_transport::check_scheme(&coordinator, !matches!(access, RemoteAccess::Without))?;
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
        tell_coordinator,
        program,
        access,
        attached: args.attached,
        force: args.force,
        join_timeout: args.join_timeout,
        arguments: args.arguments,
    })
}

/// What would be run, for people to read or a shell to run.
fn preview(plan: &Plan, hosts: &[Host], mode: OutputMode) -> Result<()> {
    #[derive(Serialize)]
    struct PreviewLine {
        host: String,
        command: Vec<String>,
        script: String,
    }
    let mut lines = Vec::new();
    let mut text = String::new();
    let mut common = String::new();
    for host in hosts {
        let preview = plan.preview(host).map_err(|error| Ending::Usage(error.to_string()))?;
        text += &format!("# {host}\n{}\n{}\n", preview.command_line(), preview.settings);
        lines.push(PreviewLine {
            host: host.to_string(),
            command: preview.command.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
            script: preview.text,
        });
        common = preview.script;
    }
    match mode {
        OutputMode::Json => show::json(&lines),
        OutputMode::Text => {
            let rest = "# each followed by the same script, on the standard input of its ssh:";
            Ok(print(format!("{text}{rest}\n{common}"))?)
        }
    }
}

fn started_line(worker: &swath_launch::Worker) -> Line {
    let threads =
        worker.threads.map_or_else(|| "a worker".to_owned(), |threads| counted(threads.into(), "thread").to_string());
    let number = worker.id.map_or_else(String::new, |id| format!("worker {id}, "));
    Line {
        ok: true,
        outcome: "started",
        message: format!("started {threads} ({number}process {})", worker.process),
        process_id: Some(worker.process),
        worker_id: worker.id,
        threads: worker.threads,
        ..Line::default()
    }
}

fn failed_line(failure: &Failure) -> Line {
    Line { outcome: failure.kind(), message: failure.to_string(), ..Line::default() }
}

fn stopped_line(stopped: &[Stopped]) -> Line {
    let number = |end| stopped.iter().filter(|worker| worker.end == end).count();
    let (killed, alive) = (number(End::Killed), number(End::Alive));
    let mut message = format!("stopped {}", counted((stopped.len() - alive) as u64, "worker"));
    if killed > 0 {
        message += &format!(", {killed} of them killed");
    }
    for worker in stopped.iter().filter(|worker| worker.end == End::Alive) {
        message += &format!("; process {} does not end, although it was killed", worker.process);
    }
    let line = |worker: &Stopped| WorkerLine {
        process_id: worker.process,
        state: match worker.end {
            End::Ended => "ended",
            End::Killed => "killed",
            End::Alive => "alive",
        },
        name: None,
        threads: None,
        coordinator: None,
        since: None,
    };
    Line {
        ok: alive == 0,
        outcome: if alive == 0 { "stopped" } else { "alive" },
        message,
        workers: stopped.iter().map(line).collect(),
        ..Line::default()
    }
}

fn idle_line() -> Line {
    Line { ok: true, outcome: "idle", message: "no worker runs there".to_owned(), ..Line::default() }
}

/// What became of the hosts, said as it comes.
struct Results {
    mode: OutputMode,
    width: usize,
    lines: Vec<Line>,
    expected: usize,
}

impl Results {
    fn new(hosts: &[Host], mode: OutputMode) -> Self {
        let width = hosts.iter().map(|host| host.to_string().len()).max().unwrap_or(0);
        Self { mode, width, lines: Vec::new(), expected: hosts.len() }
    }

    fn add(&mut self, host: &Host, line: Line) -> Result<()> {
        let line = Line { host: host.to_string(), ..line };
        if self.mode == OutputMode::Text {
            print(format!("{:width$}  {}\n", line.host, line.message, width = self.width))?;
        }
        self.lines.push(line);
        if self.mode == OutputMode::Json && self.lines.len() == self.expected {
            show::json(&self.lines)?;
        }
        Ok(())
    }

    /// An error if some hosts failed.
    fn finish(&self, what: &str) -> Result<()> {
        match self.lines.iter().filter(|line| !line.ok).count() {
            0 => Ok(()),
            failed => {
                Err(Ending::JobFailed(format!("{what} {failed} of {}", counted(self.lines.len() as u64, "host")))
                    .into())
            }
        }
    }
}
