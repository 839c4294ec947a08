//! Hosts in JSON.

use serde::Serialize;
use swath_launch::{End, Host, Preview, Running, Stopped};

use crate::output::hosts::{HostOutcome, HostReport};

/// What became of one host.
#[derive(Default, Serialize)]
pub(super) struct HostRecord {
    host: String,
    ok: bool,
    /// `started`, `running`, `stopped`, `idle`, or in one word why not.
    outcome: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    process_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threads: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    workers: Vec<WorkerRecord>,
}

/// A worker that runs on a host, or was told to stop there.
#[derive(Default, Serialize)]
struct WorkerRecord {
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

/// What would be run for a host.
#[derive(Serialize)]
pub(super) struct PreviewRecord<'a> {
    host: String,
    command: Vec<String>,
    script: &'a str,
}

impl From<&HostReport> for HostRecord {
    fn from(HostReport { host, outcome }: &HostReport) -> Self {
        let record = Self {
            host: host.to_string(),
            ok: outcome.is_ok(),
            outcome: outcome.word(),
            message: outcome.to_string(),
            ..Self::default()
        };
        match outcome {
            HostOutcome::Started(worker) => {
                Self { process_id: Some(worker.process), worker_id: worker.id, threads: worker.threads, ..record }
            }
            HostOutcome::AlreadyRunning { process, .. } => Self { process_id: Some(*process), ..record },
            HostOutcome::Stopped(workers) => {
                Self { workers: workers.iter().map(WorkerRecord::from).collect(), ..record }
            }
            HostOutcome::Workers(workers) => {
                Self { workers: workers.iter().map(WorkerRecord::from).collect(), ..record }
            }
            HostOutcome::Idle | HostOutcome::Failed(_) => record,
        }
    }
}

impl From<&Stopped> for WorkerRecord {
    fn from(worker: &Stopped) -> Self {
        let state = match worker.end {
            End::Ended => "ended",
            End::Killed => "killed",
            End::Alive => "alive",
        };
        Self { process_id: worker.process, state, ..Self::default() }
    }
}

impl From<&Running> for WorkerRecord {
    fn from(worker: &Running) -> Self {
        Self {
            process_id: worker.process,
            state: if worker.has_joined { "joined" } else { "joining" },
            name: Some(worker.name.clone()),
            threads: worker.threads.parse().ok(),
            coordinator: Some(worker.coordinator.clone()),
            since: Some(worker.since.clone()),
        }
    }
}

impl<'a> From<&'a (&Host, Preview)> for PreviewRecord<'a> {
    fn from((host, preview): &'a (&Host, Preview)) -> Self {
        let command = preview.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        Self { host: host.to_string(), command, script: &preview.text }
    }
}
