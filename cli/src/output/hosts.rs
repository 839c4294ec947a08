//! What became of hosts.

use std::fmt;

use swath_client::counted;
use swath_launch::{End, Failure, Host, Running, Stopped, Worker};

/// What became of one host.
pub(crate) struct HostReport {
    pub(crate) host: Host,
    pub(crate) outcome: HostOutcome,
}

/// What became of a host. Its text is a sentence for people.
pub(crate) enum HostOutcome {
    /// A worker was started and has joined.
    Started(Worker),
    /// A worker of the same coordinator was running; none was started.
    AlreadyRunning {
        process: u32,
        /// When it was started, UTC.
        since: String,
    },
    /// These workers were told to stop.
    Stopped(Vec<Stopped>),
    /// These workers run.
    Workers(Vec<Running>),
    /// No worker runs.
    Idle,
    /// The host could not be used.
    Failed(Failure),
}

impl HostOutcome {
    /// Workers that were killed and still run.
    fn survivors(&self) -> impl Iterator<Item = &Stopped> {
        let stopped = if let Self::Stopped(stopped) = self { stopped.as_slice() } else { &[] };
        stopped.iter().filter(|worker| worker.end == End::Alive)
    }

    /// Whether the host is as the command wants it.
    pub(crate) fn is_ok(&self) -> bool {
        !matches!(self, Self::Failed(_)) && self.survivors().next().is_none()
    }

    /// One word for programs; stable.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Started(_) => "started",
            Self::AlreadyRunning { .. } | Self::Workers(_) => "running",
            Self::Stopped(_) if self.is_ok() => "stopped",
            Self::Stopped(_) => "alive",
            Self::Idle => "idle",
            Self::Failed(failure) => failure.kind(),
        }
    }
}

impl fmt::Display for HostOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started(worker) => started(worker, f),
            Self::AlreadyRunning { process, since } => {
                write!(f, "a worker already runs there: process {process}, since {since}; --force starts another one")
            }
            Self::Stopped(workers) => {
                let alive = self.survivors().count();
                let killed = workers.iter().filter(|worker| worker.end == End::Killed).count();
                write!(f, "stopped {}", counted((workers.len() - alive) as u64, "worker"))?;
                if killed > 0 {
                    write!(f, ", {killed} of them killed")?;
                }
                self.survivors()
                    .try_for_each(|worker| write!(f, "; process {} was killed but still runs", worker.process))
            }
            Self::Workers(workers) => {
                let texts: Vec<_> = workers.iter().map(running).collect();
                f.write_str(&texts.join("; "))
            }
            Self::Idle => f.write_str("no worker runs there"),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

fn started(worker: &Worker, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match worker.threads {
        Some(threads) => write!(f, "started {}", counted(threads.into(), "thread"))?,
        None => f.write_str("started a worker")?,
    }
    match worker.id {
        Some(id) => write!(f, " (worker {id}, process {})", worker.process),
        None => write!(f, " (process {})", worker.process),
    }
}

fn running(worker: &Running) -> String {
    let Running { process, threads, coordinator, since, .. } = worker;
    let threads = if threads == "1" { "1 thread".to_owned() } else { format!("{threads} threads") };
    let joined = if worker.has_joined { "" } else { ", has not joined yet" };
    format!("process {process}, {threads} for {coordinator}, since {since}{joined}")
}
