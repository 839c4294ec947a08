//! Listing and stopping the workers on a host.

use std::time::Duration;

use crate::{
    Ssh,
    failure::{self, Failure},
    host::Host,
    report::{End, Report},
    script::{Script, Task, WordError},
    ssh::Conversation,
    start::folder_of,
};

/// How much longer than the script the launcher waits for a report. The script waits for killed processes, too.
const ALLOWANCE: Duration = Duration::from_secs(30);

/// Which of the launched workers.
#[derive(Debug, Clone)]
pub struct Selection {
    /// How to reach the hosts.
    pub ssh: Ssh,
    /// The folder on the hosts, as at the start.
    pub folder: String,
    /// Only workers of this coordinator; `None` for all.
    pub coordinator: Option<String>,
}

/// A worker that was told to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Its process.
    pub process: u32,
    /// How it ended.
    pub end: End,
}

/// A worker that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Its process.
    pub process: u32,
    /// Whether it has ever joined.
    pub has_joined: bool,
    /// Its threads as requested, or `all`.
    pub threads: String,
    /// Its coordinator.
    pub coordinator: String,
    /// Its name.
    pub name: String,
    /// When it was started, UTC.
    pub since: String,
}

impl Selection {
    fn script(&self, task: Task) -> Result<Script, WordError> {
        Script::new(task)
            .set("folder", &folder_of(&self.folder))?
            .set("for_coordinator", self.coordinator.as_deref().unwrap_or_default())
    }

    async fn open(
        &self,
        host: &Host,
        script: Result<Script, WordError>,
        wait: Duration,
    ) -> Result<Conversation, Failure> {
        let script = script.map_err(|error| Failure::Confused(error.to_string()))?;
        Conversation::open(&self.ssh, host, &script, wait + self.ssh.connect_timeout + ALLOWANCE).await
    }
}

/// Stops workers on a host, and kills those that have not ended after `grace`. Returns how each of them ended.
pub async fn stop(selection: &Selection, grace: Duration, host: &Host) -> Result<Vec<Stopped>, Failure> {
    let script = selection.script(Task::Stop).and_then(|script| script.set("grace", &grace.as_secs().to_string()));
    let mut talk = selection.open(host, script, grace).await?;
    let mut stopped = Vec::new();
    loop {
        match talk.next().await? {
            Report::Stopped { pid, end } => stopped.push(Stopped { process: pid, end }),
            Report::Done { reports } => return whole(stopped, reports),
            Report::Failed { step, text } => return Err(failure::of_step(&step, text)),
            other => return Err(Failure::Confused(format!("{other:?}"))),
        }
    }
}

/// The workers that run on a host.
pub async fn status(selection: &Selection, host: &Host) -> Result<Vec<Running>, Failure> {
    let mut talk = selection.open(host, selection.script(Task::Status), Duration::ZERO).await?;
    let mut running = Vec::new();
    loop {
        match talk.next().await? {
            Report::Worker { pid, joined, threads, coordinator, name, since } => {
                running.push(Running { process: pid, has_joined: joined, threads, coordinator, name, since });
            }
            Report::Done { reports } => return whole(running, reports),
            Report::Failed { step, text } => return Err(failure::of_step(&step, text)),
            other => return Err(Failure::Confused(format!("{other:?}"))),
        }
    }
}

/// The reports, if none was lost.
fn whole<T>(reported: Vec<T>, reports: usize) -> Result<Vec<T>, Failure> {
    if reported.len() == reports {
        return Ok(reported);
    }
    Err(Failure::Broken { reason: format!("only {} of {reports} reports arrived", reported.len()) })
}
