//! Starting a worker on a host.

use std::{ffi::OsString, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

use crate::{
    Ssh,
    failure::{self, Failure},
    host::Host,
    payload::{AccessFile, Program, access_name},
    report::Report,
    script::{Script, Task, WordError, bootstrap},
    ssh::Conversation,
};

/// How often an attached worker gets a byte from its launcher, and how long it waits for one before it stops.
const BEAT: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(30);

/// How much longer than the script the launcher waits for a report.
const ALLOWANCE: Duration = Duration::from_secs(10);

/// Which workers to start, and how. The same for all hosts.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How to reach the hosts.
    pub ssh: Ssh,
    /// The folder on each host for programs, access files, logs and records; relative to the home there.
    pub folder: String,
    /// The address of the coordinator. It also distinguishes the workers on a host.
    pub coordinator: String,
    /// Where workers learn that address.
    pub coordinator_source: CoordinatorSource,
    /// The program.
    pub program: RemoteProgram,
    /// The access file of the worker.
    pub access: RemoteAccess,
    /// How long workers live.
    pub lifetime: Lifetime,
    /// What to do on a host where a worker of the same coordinator runs.
    pub if_running: IfRunning,
    /// How long a worker may take to join.
    pub join_timeout: Duration,
    /// More arguments for `swath worker start`.
    pub arguments: Vec<String>,
}

/// Where a worker learns the address of its coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoordinatorSource {
    /// From an argument.
    Argument,
    /// From its access file.
    AccessFile,
}

/// How long workers live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// Until they are stopped.
    Detached,
    /// No longer than the process that started them.
    Attached,
}

/// What to do on a host where a worker of the same coordinator runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfRunning {
    /// Nothing.
    Leave,
    /// Start one more.
    StartAnother,
}

/// Which program is started on hosts.
#[derive(Debug, Clone)]
pub enum RemoteProgram {
    /// What `swath` is there.
    OnPath,
    /// A path on the host, or a name on its PATH.
    At(String),
    /// This one, copied.
    Copied(Program),
}

/// Which access file workers get.
#[derive(Debug, Clone)]
pub enum RemoteAccess {
    /// None.
    Without,
    /// A path on the host.
    At(String),
    /// This one, copied.
    Copied(AccessFile),
}

/// A worker that has joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Its process on its host.
    pub process: u32,
    /// Its number, as the coordinator counts.
    pub id: Option<u64>,
    /// Its threads.
    pub threads: Option<u32>,
}

/// The outcome for a host that can be used.
#[derive(Debug)]
pub enum Outcome {
    /// A worker was started and has joined.
    Started(Worker),
    /// The same; it stops when the connection closes.
    Attached(Worker, Box<Attached>),
    /// A worker of the same coordinator already runs there.
    Running {
        /// Its process.
        process: u32,
        /// When it was started, UTC.
        since: String,
    },
}

/// What would be run for a host.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The command on this machine.
    pub command: Vec<OsString>,
    /// The part of the script that sets its variables.
    pub settings: String,
    /// The rest of the script, which is the same for all hosts.
    pub script: String,
    /// The script as it is sent.
    pub text: String,
}

impl Preview {
    /// The command as it is typed in a shell.
    pub fn command_line(&self) -> String {
        let words = self.command.iter().map(|word| word.to_string_lossy());
        // Words that cannot be quoted were refused before.
        words.map(|word| shlex::try_quote(&word).map(Into::into).unwrap_or_default()).collect::<Vec<String>>().join(" ")
    }
}

impl Plan {
    /// What [`start`] would run. Runs nothing.
    pub fn preview(&self, host: &Host) -> Result<Preview, WordError> {
        let script = self.script(host)?;
        let mut command = self.ssh.words(host);
        let text = script.text();
        command.push(bootstrap(&text).into());
        Ok(Preview { command, settings: script.settings().to_owned(), script: Script::body(Task::Start), text })
    }

    /// The arguments that the program is started with on a host; more of them are set there.
    fn worker_arguments(&self, host: &Host) -> Vec<String> {
        let mut words: Vec<String> = ["worker", "start", "--name", host.name()].map(Into::into).into();
        if self.coordinator_source == CoordinatorSource::Argument {
            words.extend(["--coordinator".to_owned(), self.coordinator.clone()]);
        }
        if let Some(slots) = host.slots() {
            words.extend(["--threads".to_owned(), slots.to_string()]);
        }
        words.extend(self.arguments.iter().cloned());
        words
    }

    fn script(&self, host: &Host) -> Result<Script, WordError> {
        let (program, program_name, program_size) = match &self.program {
            RemoteProgram::OnPath => (String::new(), "", String::new()),
            RemoteProgram::At(path) => (in_home(path), "", String::new()),
            RemoteProgram::Copied(program) => (String::new(), program.name.as_str(), program.bytes.len().to_string()),
        };
        let (access, access_size) = match &self.access {
            RemoteAccess::Without => (String::new(), String::new()),
            RemoteAccess::At(path) => (in_home(path), String::new()),
            RemoteAccess::Copied(file) => (String::new(), file.bytes.len().to_string()),
        };
        let force = match self.if_running {
            IfRunning::Leave => "",
            IfRunning::StartAnother => "yes",
        };
        let attached = match self.lifetime {
            Lifetime::Detached => "",
            Lifetime::Attached => "yes",
        };
        Script::new(Task::Start)
            .set("folder", &folder_of(&self.folder))?
            .set("for_coordinator", &self.coordinator)?
            .set("our_name", host.name())?
            .set("our_threads", &host.slots().map_or_else(|| "all".to_owned(), |slots| slots.to_string()))?
            .set("force", force)?
            .set("attached", attached)?
            // It gets no byte before it has joined.
            .set("silence", &format!("{}s", SILENCE.max(self.join_timeout + BEAT).as_secs()))?
            .set("timeout", &self.join_timeout.as_secs().max(1).to_string())?
            .set("program", &program)?
            .set("program_name", program_name)?
            .set("program_size", &program_size)?
            .set("access", &access)?
            .set("access_name", &access_name(&self.coordinator))?
            .set("access_size", &access_size)?
            .words(&self.worker_arguments(host))
    }
}

/// Starts a worker on a host; returns when it has joined.
pub async fn start(plan: &Plan, host: &Host) -> Result<Outcome, Failure> {
    let script = plan.script(host).map_err(|error| Failure::Confused(error.to_string()))?;
    let patience = plan.join_timeout + plan.ssh.connect_timeout + ALLOWANCE;
    let mut talk = Conversation::open(&plan.ssh, host, &script, patience).await?;
    let mut report = talk.next().await?;
    loop {
        let said_meanwhile = match report {
            Report::System(theirs) => {
                check_system(&plan.program, theirs)?;
                match &plan.program {
                    RemoteProgram::Copied(_) => talk.supply(b"go\n").await?,
                    _ => None,
                }
            }
            Report::Want(what) => match (what.as_str(), &plan.program, &plan.access) {
                ("program", RemoteProgram::Copied(program), _) => talk.supply(&program.bytes).await?,
                ("access", _, RemoteAccess::Copied(file)) => talk.supply(&file.bytes).await?,
                _ => return Err(Failure::Confused(format!("it wants `{what}`"))),
            },
            Report::Have => None,
            Report::Running { pid, since, .. } => return Ok(Outcome::Running { process: pid, since }),
            Report::Joined { pid, ready } => {
                let worker = worker_of(pid, &ready);
                return Ok(match plan.lifetime {
                    Lifetime::Attached => Outcome::Attached(worker, Box::new(Attached { talk })),
                    Lifetime::Detached => Outcome::Started(worker),
                });
            }
            Report::Died { code, last } => return Err(failure::of_worker(code, last)),
            Report::Late(last) => return Err(failure::of_late_worker(last)),
            Report::Failed { step, text } => return Err(failure::of_step(&step, text)),
            other => return Err(Failure::Confused(format!("{other:?}"))),
        };
        report = match said_meanwhile {
            Some(report) => report,
            None => talk.next().await?,
        };
    }
}

/// A worker that lives as long as its connection; it is dropped with it.
pub struct Attached {
    talk: Conversation,
}

impl Attached {
    /// Holds the connection until the worker has ended. An error unless it ended with exit code 0, as a drained worker
    /// does. May be cancelled and called again.
    pub async fn hold(&mut self) -> Result<(), Failure> {
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                report = self.talk.listen() => match report? {
                    Report::Ended { code, .. } if code == "0" => return Ok(()),
                    Report::Ended { code, last } => return Err(failure::of_worker(code, last)),
                    other => return Err(Failure::Confused(format!("{other:?}"))),
                },
                _ = beats.tick() => self.talk.beat().await,
            }
        }
    }

    /// Stops the worker at once, as the end of this process would.
    pub async fn end(self) {
        self.talk.close().await;
    }
}

impl std::fmt::Debug for Attached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attached").finish_non_exhaustive()
    }
}

fn check_system(program: &RemoteProgram, theirs: String) -> Result<(), Failure> {
    match program {
        RemoteProgram::Copied(program) if program.system != theirs => {
            Err(Failure::OtherSystem { theirs, ours: program.system.clone() })
        }
        _ => Ok(()),
    }
}

/// Parses the ready file of a worker: `worker=3 threads=8`.
fn worker_of(process: u32, ready: &str) -> Worker {
    let field = |key: &str| ready.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    Worker {
        process,
        id: field("worker").and_then(|id| id.parse().ok()),
        threads: field("threads").and_then(|threads| threads.parse().ok()),
    }
}

/// A path for scripts that run in the home folder. They quote it, so `~/` would have no meaning.
fn in_home(path: &str) -> String {
    path.strip_prefix("~/").map_or_else(|| path.to_owned(), |rest| format!("./{rest}"))
}

/// The same for a folder, which must not look like an option of a command.
pub(crate) fn folder_of(path: &str) -> String {
    let path = in_home(path);
    if path.starts_with('-') { format!("./{path}") } else { path }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::PermissionsExt,
        process::{Command, Stdio},
    };

    use super::*;
    use crate::{
        heard::Heard,
        notice::{LastWords, Notice},
    };

    /// What the script reports when the program on the host is this one for `sh`.
    fn reports(program: &str, join_timeout: Duration) -> Vec<Report> {
        let home = tempfile::tempdir().unwrap();
        let fake = home.path().join("fake");
        fs::write(&fake, format!("#!/bin/sh\n{program}\n")).unwrap();
        fs::set_permissions(&fake, fs::Permissions::from_mode(0o700)).unwrap();
        let plan = Plan {
            ssh: Ssh { config: None, options: Vec::new(), connect_timeout: Duration::from_secs(1) },
            folder: ".cache/swath".to_owned(),
            coordinator: "h0:7171".to_owned(),
            coordinator_source: CoordinatorSource::Argument,
            program: RemoteProgram::At("~/fake".to_owned()),
            access: RemoteAccess::Without,
            lifetime: Lifetime::Detached,
            if_running: IfRunning::Leave,
            join_timeout,
            arguments: Vec::new(),
        };
        let script = plan.script(&"h1".parse().unwrap()).unwrap().text();
        let mut sh = Command::new("sh");
        sh.args(["-c", &script]).env("HOME", home.path()).stdin(Stdio::null()).stderr(Stdio::inherit());
        let mut heard = Heard::default();
        heard.add(&sh.output().unwrap().stdout);
        std::iter::from_fn(|| heard.take_report().unwrap()).collect()
    }

    #[test]
    fn the_last_words_of_a_worker_are_reported() {
        let waiting = "echo INFO begun; echo \"@worker waiting for godot\"; echo WARN waiting";
        let last = |notice: Option<Notice>, line: &str| LastWords { notice, line: line.to_owned() };
        let waits = || Some(Notice::Waiting("for godot".to_owned()));
        let code = |code: &str| code.to_owned();
        for (program, join_timeout, expected) in [
            (
                format!("{waiting}; exec sleep 1000"),
                Duration::from_secs(5),
                Report::Late(last(waits(), "WARN waiting")),
            ),
            (
                format!("{waiting}; echo \"swath: no coordinator\" >&2; echo \"  a hint\" >&2; exit 3"),
                Duration::from_secs(60),
                Report::Died { code: code("3"), last: last(waits(), "swath: no coordinator") },
            ),
            (
                format!("{waiting}; [ \"$SWATH_LAUNCHED\" = true ] && echo \"@worker refused its name\"; exit 1"),
                Duration::from_secs(60),
                Report::Died {
                    code: code("1"),
                    last: last(Some(Notice::Refused("its name".to_owned())), "@worker refused its name"),
                },
            ),
            ("exit 7".to_owned(), Duration::from_secs(60), Report::Died { code: code("7"), last: last(None, "") }),
        ] {
            let reports = reports(&program, join_timeout);
            assert!(matches!(reports.as_slice(), [Report::System(_), last] if *last == expected), "{reports:?}");
        }
    }
}
