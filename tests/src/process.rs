//! One process of a test.

use std::{
    fs,
    marker::PhantomData,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, ExitStatus},
    sync::Arc,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;

use crate::{record::Record, until};

/// How `/proc/PID/stat` counts time: in hundredths of a second, whatever the kernel's own clock (proc(5), USER_HZ).
const TICK: Duration = Duration::from_millis(10);

/// A process that was started and may still run; it is killed when it is dropped.
///
/// What it writes goes into files of the scene, so it never blocks on a reader and can be looked at any time.
pub struct Process<'scene> {
    child: Child,
    record: Arc<Record>,
    /// The scene prints what its processes said, so it outlives them.
    scene: PhantomData<&'scene ()>,
}

impl Process<'_> {
    pub(crate) fn new(child: Child, record: Arc<Record>) -> Self {
        Self { child, record, scene: PhantomData }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said on standard output so far.
    pub fn stdout(&self) -> String {
        self.record.stdout()
    }

    /// What it has said on standard error so far, without colours.
    pub fn stderr(&self) -> String {
        self.record.stderr()
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its state").is_none()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap_or_else(|error| panic!("cannot signal {}: {error}", self.record));
    }

    /// Presses Ctrl-C: as from a terminal, its whole process group gets SIGINT. It must have been started in the
    /// foreground, with [`Invocation::in_the_foreground`](crate::Invocation::in_the_foreground).
    pub fn press_ctrl_c(&self) {
        kill_process_group(self.pid(), Signal::INT)
            .unwrap_or_else(|error| panic!("cannot interrupt {}: {error}", self.record));
    }

    /// Stops it where it stands, as SIGSTOP does, and returns when it stands.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
        until("the process is stopped", || self.is_frozen().then_some(()));
    }

    /// Whether it stands after [`Self::freeze`], with all its threads: one may end what it asked of the system first.
    pub fn is_frozen(&self) -> bool {
        let threads = fs::read_dir(self.proc("task")).into_iter().flatten().flatten();
        let states = threads.filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
        // The state is what follows the name.
        states.into_iter().all(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')))
    }

    /// Lets it go on after [`Self::freeze`].
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// The time that all its threads together have had on a processor.
    pub fn cpu_time(&self) -> Duration {
        let stat = fs::read_to_string(self.proc("stat")).expect("a process that was not waited for");
        // The name, in parentheses, may hold blanks. After it: utime and stime are the 12th and the 13th.
        let fields = stat.rsplit_once(')').expect("a name").1.split_whitespace();
        let ticks: u32 = fields.skip(11).take(2).map(|ticks| ticks.parse::<u32>().expect("a count")).sum();
        TICK * ticks
    }

    /// The most memory that it has had at once, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let peak = self.status_line("VmHWM:").expect("a process that runs");
        let kibibytes: u64 = peak.trim_end_matches(" kB").parse().expect("kibibytes");
        kibibytes << 10
    }

    /// How many files and sockets it has open.
    pub fn open_files(&self) -> usize {
        fs::read_dir(self.proc("fd")).expect("a process that runs").count()
    }

    /// A file about it in `/proc`.
    pub fn proc(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.id()))
    }

    /// Waits until it has ended.
    #[track_caller]
    pub fn wait(mut self) -> Ended {
        let status = until(&format!("`{}` ends", self.record), || self.child.try_wait().expect("its state"));
        self.record.set_status(status);
        Ended {
            status,
            command: self.record.to_string(),
            stdout: fs::read(self.record.stdout_path()).expect("its standard output"),
            stderr: self.record.stderr(),
        }
    }

    /// The lengths of the files that it has open in this folder, whatever their names, and even if they have none.
    pub fn open_files_in(&self, folder: &Path) -> Vec<u64> {
        let links = fs::read_dir(format!("/proc/{}/fd", self.id())).into_iter().flatten().flatten();
        let here = links
            .map(|link| link.path())
            .filter(|link| fs::read_link(link).is_ok_and(|target| target.starts_with(folder)));
        here.filter_map(|link| fs::metadata(link).ok().filter(fs::Metadata::is_file)).map(|meta| meta.len()).collect()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn status_line(&self, key: &str) -> Option<String> {
        let status = fs::read_to_string(self.proc("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.trim().to_owned())
    }
}

impl Drop for Process<'_> {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
        }
        if let Ok(status) = self.child.wait() {
            self.record.set_status(status);
        }
    }
}

/// A process that has ended.
#[derive(Debug)]
pub struct Ended {
    status: ExitStatus,
    command: String,
    stdout: Vec<u8>,
    stderr: String,
}

impl Ended {
    /// Its exit code; `None` when a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The number of the signal that ended it.
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// Its standard output as text.
    pub fn stdout(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("text on standard output")
    }

    /// Its standard error, without colours.
    pub fn stderr(&self) -> &str {
        &self.stderr
    }

    /// Its standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("`{}` did not print JSON ({error}): {}", self.command, self.stdout()))
    }

    /// Asserts that it ended with this exit code.
    #[track_caller]
    pub fn assert_code(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "the exit code of `{}`; it said:\n{}", self.command, self.stderr);
        self
    }

    /// Asserts that it ended with this exit code and gave its reason in one line on standard error, with at most one
    /// more indented line that says what to do; returns both.
    #[track_caller]
    pub fn assert_refused(self, code: i32) -> String {
        let ended = self.assert_code(code);
        let lines: Vec<_> = ended.stderr.lines().collect();
        let clear = match lines.as_slice() {
            [reason] => reason.starts_with("swath: "),
            [reason, hint] => reason.starts_with("swath: ") && hint.starts_with("  "),
            _ => false,
        };
        assert!(clear, "`{}` did not say one clear sentence:\n{}", ended.command, ended.stderr);
        ended.stderr
    }

    /// Asserts that the command line itself was not understood; returns what was said about it.
    #[track_caller]
    pub fn assert_misused(self) -> String {
        let ended = self.assert_code(2);
        assert!(ended.stderr.starts_with("error: "), "`{}` said:\n{}", ended.command, ended.stderr);
        assert!(ended.stdout.is_empty(), "`{}` printed:\n{}", ended.command, ended.stdout());
        ended.stderr
    }
}
