//! Workers that were started on hosts: which run, and ending them.

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

/// How much longer than the other side we wait for what it has to say; it waits for a killed process, too.
const ALLOWANCE: Duration = Duration::from_secs(30);

/// Which of the workers that were started on hosts are meant.
#[derive(Debug, Clone)]
pub struct Selection {
    /// How hosts are reached.
    pub ssh: Ssh,
    /// The folder that they were started with.
    pub folder: String,
    /// Those of this coordinator, or of all.
    pub coordinator: Option<String>,
}

/// A worker that was told to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Its process.
    pub process: u32,
    /// How it ended, if it did.
    pub end: End,
}

/// A worker that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Its process.
    pub process: u32,
    /// Whether it has ever joined.
    pub has_joined: bool,
    /// Its threads as they were asked for, or `all`.
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

/// Ends workers on a host: they are told to, and killed if they have not ended after `grace`. Returns what became of each.
pub async fn stop(selection: &Selection, grace: Duration, host: &Host) -> Result<Vec<Stopped>, Failure> {
    let script = selection.script(Task::Stop).and_then(|script| script.set("grace", &grace.as_secs().to_string()));
    let mut talk = selection.open(host, script, grace).await?;
    let mut stopped = Vec::new();
    loop {
        match talk.next().await? {
            Report::Stopped { pid, end } => stopped.push(Stopped { process: pid, end }),
            Report::Done { reports } => return whole(stopped, reports),
            Report::Failed { step, text, more } => return Err(failure::of_step(&step, text, &more)),
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
            Report::Failed { step, text, more } => return Err(failure::of_step(&step, text, &more)),
            other => return Err(Failure::Confused(format!("{other:?}"))),
        }
    }
}

/// What was reported, if nothing of it was lost.
fn whole<T>(reported: Vec<T>, reports: usize) -> Result<Vec<T>, Failure> {
    if reported.len() == reports {
        return Ok(reported);
    }
    Err(Failure::Broken { reason: format!("{} of {reports} reports came", reported.len()) })
}
