//! Processes: those that run to their end, and a cluster of Swath.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::setting::Setting;

/// What takes longer is taken for hung.
const DEADLINE: Duration = Duration::from_secs(300);
const START_DEADLINE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(5);

/// A process that has ended well.
pub(crate) struct Ended {
    /// From before it was started to after it had ended.
    pub(crate) wall: Duration,
    pub(crate) stdout: String,
}

/// Runs a command to its end; an error if it fails or hangs, with what it said last.
pub(crate) fn finish(setting: &Setting, command: &mut Command) -> Result<Ended> {
    let program = command.get_program().to_string_lossy().into_owned();
    // Files, so that nothing that it leaves behind keeps a pipe open.
    let folder = setting.folder()?;
    let (stdout, stderr) = (folder.path().join("stdout"), folder.path().join("stderr"));
    command.stdin(Stdio::null()).stdout(File::create(&stdout)?).stderr(File::create(&stderr)?);
    let begun = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot start {program}"))?;
    let guard = Deadline::set(&child);
    let status = child.wait()?;
    let wall = begun.elapsed();
    drop(guard);
    if !status.success() {
        bail!("{program} ended with {status}: {}", last_line(&stderr));
    }
    Ok(Ended { wall, stdout: fs::read_to_string(stdout)? })
}

fn last_line(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing").trim().to_owned()
}

/// Kills a process that has not ended in time; dropped when it has.
struct Deadline {
    has_ended: Arc<Mutex<bool>>,
    _ended: mpsc::Sender<()>,
}

impl Deadline {
    fn set(child: &Child) -> Self {
        let (has_ended, pid) = (Arc::new(Mutex::new(false)), Pid::from_child(child));
        let (sender, ended) = mpsc::channel::<()>();
        let watched = Arc::clone(&has_ended);
        thread::spawn(move || {
            if ended.recv_timeout(DEADLINE) == Err(mpsc::RecvTimeoutError::Timeout)
                && !*watched.lock().unwrap_or_else(PoisonError::into_inner)
            {
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        Self { has_ended, _ended: sender }
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        *self.has_ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }
}

/// A process that serves; it is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
}

impl Server {
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        Ok(Self { child: command.spawn().with_context(|| format!("cannot start {program}"))? })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where the processes of a cluster run: as they are, or with a command before theirs.
#[derive(Clone, Default)]
pub(crate) struct Place {
    /// A command that runs another, such as `ip netns exec NAME`.
    pub(crate) prefix: Vec<String>,
}

impl Place {
    pub(crate) fn command(&self, program: &Path) -> Command {
        match self.prefix.split_first() {
            None => Command::new(program),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        }
    }
}

/// A coordinator and its workers, each a process of its own.
pub(crate) struct Cluster {
    // Workers go first, so that none is left that looks for its coordinator.
    workers: Vec<Server>,
    coordinator: Server,
    address: String,
    swath: PathBuf,
    place: Place,
    data: TempDir,
}

impl Cluster {
    /// A coordinator without workers, on loopback.
    pub(crate) fn coordinator(setting: &Setting) -> Result<Self> {
        Self::coordinator_at(setting, Place::default(), "127.0.0.1:0")
    }

    /// The same elsewhere.
    pub(crate) fn coordinator_at(setting: &Setting, place: Place, listen: &str) -> Result<Self> {
        let data = setting.folder()?;
        let log = data.path().join("log");
        let mut command = place.command(&setting.swath);
        command.args(["coordinator", "start", "--insecure", "--log", "info", "--listen", listen, "--data"]);
        command.arg(data.path().join("data")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?);
        let mut coordinator = Server::start(&mut command)?;
        let address = until("the coordinator listens", || {
            ensure!(coordinator.is_running(), "the coordinator ended: {}", last_line(&log));
            let said = fs::read_to_string(&log)?;
            let line = said.split_once("coordinator is listening address=").and_then(|(_, rest)| rest.split_once('\n'));
            Ok(line.map(|(address, _)| address.trim().to_owned()))
        })?;
        Ok(Self { workers: Vec::new(), coordinator, address, swath: setting.swath.clone(), place, data })
    }

    /// A coordinator and one worker with a thread for each core.
    pub(crate) fn start(setting: &Setting) -> Result<Self> {
        let mut cluster = Self::coordinator(setting)?;
        cluster.add_worker(crate::setting::cores())?;
        Ok(cluster)
    }

    /// Adds a worker and waits until it has joined; returns its process.
    pub(crate) fn add_worker(&mut self, threads: usize) -> Result<&Server> {
        let address = self.address.clone();
        self.add_worker_at(&Place::default(), &address, threads)
    }

    /// The same elsewhere, with another way to the coordinator.
    pub(crate) fn add_worker_at(&mut self, place: &Place, coordinator: &str, threads: usize) -> Result<&Server> {
        let mut command = place.command(&self.swath);
        command.args(["worker", "start", "--log", "error", "--coordinator", coordinator]);
        command.args(["--threads", &threads.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.workers.push(Server::start(&mut command)?);
        let wanted = self.workers.len();
        until("the worker has joined", || Ok((self.joined()? >= wanted).then_some(())))?;
        self.workers.last().context("there is no worker")
    }

    fn joined(&self) -> Result<usize> {
        let mut list = self.place.command(&self.swath);
        list.args(["worker", "list", "--output", "json", "--coordinator", &self.address]);
        let list = list.stdin(Stdio::null()).output()?;
        let workers: Vec<serde_json::Value> = serde_json::from_slice(&list.stdout)?;
        Ok(workers.len())
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The data folder of the coordinator.
    pub(crate) fn data(&self) -> PathBuf {
        self.data.path().join("data")
    }

    /// The process of the coordinator.
    pub(crate) fn coordinator_id(&self) -> u32 {
        self.coordinator.id()
    }

    pub(crate) fn workers(&self) -> &[Server] {
        &self.workers
    }
}

/// Looks again and again until there is something to see.
pub(crate) fn until<T>(condition: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look()? {
            return Ok(seen);
        }
        ensure!(begun.elapsed() < START_DEADLINE, "waited {START_DEADLINE:?} in vain until {condition}");
        thread::sleep(PAUSE);
    }
}
