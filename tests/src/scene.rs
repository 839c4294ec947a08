//! The folder that a test works in, and all that runs there.

use std::{
    env,
    ffi::{OsStr, OsString},
    fmt, fs,
    os::{fd::OwnedFd, unix::process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Coordinator, Ended, Process};

/// Of what a process wrote, so many bytes at the end are printed when a test fails.
const SHOWN_BYTES: usize = 4096;

/// The folder that a test works in, and all that runs there.
///
/// It has three folders: `work`, where all processes are started; `tmp`, their TMPDIR; and `said`, their output.
pub struct Scene {
    name: String,
    folder: TempDir,
    records: Mutex<Vec<Arc<Record>>>,
}

impl Scene {
    /// A new scene; the name is part of the folder's, so use the test's.
    pub fn new(name: &str) -> Self {
        let folder =
            tempfile::Builder::new().prefix(&format!("swath-tests-{name}-")).tempdir().expect("a temporary folder");
        for part in ["work", "tmp", "said"] {
            fs::create_dir(folder.path().join(part)).expect("a folder");
        }
        Self { name: name.to_owned(), folder, records: Mutex::default() }
    }

    /// A path in the folder in which all processes are started.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join("work").join(name)
    }

    /// The names of all that lies in that folder, hidden ones too, sorted.
    pub fn files(&self) -> Vec<String> {
        names(&self.path(""))
    }

    /// The folder for temporary files.
    pub fn temporary_folder(&self) -> PathBuf {
        self.folder.path().join("tmp")
    }

    /// The names of all that lies in the folder for temporary files.
    pub fn temporary_files(&self) -> Vec<String> {
        names(&self.temporary_folder())
    }

    /// The program with these arguments, separated by blanks.
    pub fn swath(&self, arguments: &str) -> Invocation<'_> {
        self.program(swath_binary()).args(arguments.split_whitespace())
    }

    /// The same, started by another program that takes a command and becomes it, as `env` and `prlimit` do.
    pub fn swath_under(&self, prefix: &[&str], arguments: &str) -> Invocation<'_> {
        let Some((program, words)) = prefix.split_first() else { return self.swath(arguments) };
        self.program(program).args(words).arg(swath_binary()).args(arguments.split_whitespace())
    }

    /// A line for bash, in which `$SWATH` stands for the program.
    pub fn bash(&self, line: &str) -> Invocation<'_> {
        let mut invocation = self.program("bash").args(["-c", line]);
        invocation.command.env("SWATH", swath_binary());
        invocation
    }

    /// What a script of the folder `python` prints as JSON.
    #[track_caller]
    pub fn python<S: AsRef<OsStr>>(&self, script: &str, arguments: impl IntoIterator<Item = S>) -> Value {
        self.python_script(script).args(arguments).succeed().json()
    }

    /// A script of the folder `python`, about to be run.
    #[track_caller]
    pub fn python_script(&self, script: &str) -> Invocation<'_> {
        let python = env::var_os("SWATH_PYTHON").filter(|python| !python.is_empty()).unwrap_or_else(|| {
            panic!(
                "SWATH_PYTHON names no Python that has the packages of tests/python/requirements.txt: \
                 run the tests with `cargo xtask test`, which makes one"
            )
        });
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(script);
        self.program(python).arg(script)
    }

    /// Starts a coordinator at a free port, with its results in the folder `data`.
    #[track_caller]
    pub fn coordinator(&self) -> Coordinator<'_> {
        self.coordinator_with("")
    }

    /// The same with more arguments.
    #[track_caller]
    pub fn coordinator_with(&self, arguments: &str) -> Coordinator<'_> {
        self.coordinator_under(&[], arguments)
    }

    /// The same, started by another program that takes a command and becomes it.
    #[track_caller]
    pub fn coordinator_under(&self, prefix: &[&str], arguments: &str) -> Coordinator<'_> {
        Coordinator::start(self, prefix, arguments)
    }

    /// A coordinator with TLS; the access files are made in this folder if they are not there yet. Whatever is started by it
    /// has the access that it needs.
    #[track_caller]
    pub fn secured_coordinator(&self, folder: &str, arguments: &str) -> Coordinator<'_> {
        if !self.path(folder).exists() {
            self.swath(&format!("access create {folder} --address 127.0.0.1:7171")).succeed();
        }
        Coordinator::start_secured(self, &[], folder, arguments)
    }

    /// A coordinator with a disk of its own of this many bytes for the folder `data`: in memory, and mounted where only the
    /// coordinator sees it; see [`Coordinator::path`].
    #[track_caller]
    pub fn coordinator_on_a_small_disk(&self, bytes: u64, arguments: &str) -> Coordinator<'_> {
        fs::create_dir_all(self.path("data")).expect("a folder");
        // Only root may mount; anybody is root in a user namespace of one's own.
        let namespaces = if rustix::process::geteuid().is_root() { "-m" } else { "-Urm" };
        let mount = format!("mount -t tmpfs -o size={bytes} small-disk data && exec \"$@\"");
        self.coordinator_under(&["unshare", namespaces, "bash", "-c", &mount, "bash"], arguments)
    }

    /// The ids of all processes that were started in this scene, by it or by its processes, and still run.
    ///
    /// They are told by their TMPDIR, which no process of another scene has.
    pub fn running(&self) -> Vec<u32> {
        let mut marker = OsString::from("TMPDIR=");
        marker.push(self.temporary_folder());
        let marker = marker.into_encoded_bytes();
        let ids =
            fs::read_dir("/proc").expect("/proc").filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        // One that has ended while we look, and one that has ended but was not waited for, has no environment.
        ids.filter(|id| {
            let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == marker)
        })
        .collect()
    }

    pub(crate) fn program(&self, program: impl AsRef<OsStr>) -> Invocation<'_> {
        let mut command = Command::new(program);
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("SWATH_") {
                command.env_remove(name);
            }
        }
        command.current_dir(self.path("")).env("TMPDIR", self.temporary_folder()).env("NO_COLOR", "1");
        command.stdin(Stdio::null());
        Invocation { scene: self, command, stdout: None }
    }

    fn record(&self, command: &Command) -> Arc<Record> {
        let mut records = self.records.lock().expect("no panic while it was held");
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
        let said = self.folder.path().join("said").join((records.len() + 1).to_string());
        let record = Arc::new(Record { line: words.join(" "), said, status: Mutex::new(None) });
        records.push(Arc::clone(&record));
        record
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // Processes that were started here are gone by now, but for those that they started and did not end.
        for id in self.running() {
            let _ = Pid::from_raw(id.cast_signed()).map(|id| kill_process(id, Signal::KILL));
        }
        if !thread::panicking() {
            return;
        }
        self.folder.disable_cleanup(true);
        println!("\n=== {}: the folder is {}", self.name, self.folder.path().display());
        for record in self.records.lock().into_iter().flat_map(|records| records.clone()) {
            let status = record.status.lock().ok().and_then(|status| *status);
            let status = status.map_or_else(|| "still running".to_owned(), |status| status.to_string());
            println!("\n=== {record}\n--- {status}");
            println!("--- standard output\n{}", tail(&record.stdout()));
            println!("--- standard error\n{}", tail(&record.stderr()));
        }
    }
}

/// A command about to be run.
#[must_use]
pub struct Invocation<'scene> {
    scene: &'scene Scene,
    command: Command,
    stdout: Option<OwnedFd>,
}

impl<'scene> Invocation<'scene> {
    /// One more argument, which may hold blanks.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// More arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.command.args(arguments);
        self
    }

    /// A variable of its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// No such variable in its environment.
    pub fn env_remove(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// In a process group of its own, as a shell starts what a user types; see [`Process::press_ctrl_c`].
    pub fn in_the_foreground(mut self) -> Self {
        self.command.process_group(0);
        self
    }

    /// Its standard output, in the place of a file.
    pub fn stdout_to(mut self, descriptor: impl Into<OwnedFd>) -> Self {
        self.stdout = Some(descriptor.into());
        self
    }

    /// Starts it.
    #[track_caller]
    pub fn start(mut self) -> Process<'scene> {
        let record = self.scene.record(&self.command);
        let create = |path: &Path| fs::File::create(path).expect("a file for its output");
        let stdout = create(&record.stdout_path());
        self.command.stdout(self.stdout.map_or_else(|| stdout.into(), Stdio::from));
        self.command.stderr(create(&record.stderr_path()));
        let child = self.command.spawn().unwrap_or_else(|error| panic!("cannot start `{record}`: {error}"));
        Process::new(self.scene, child, record)
    }

    /// Runs it to its end.
    #[track_caller]
    pub fn end(self) -> Ended {
        self.start().wait()
    }

    /// Runs it to its end, which must be a good one.
    #[track_caller]
    pub fn succeed(self) -> Ended {
        self.end().assert_code(0)
    }
}

/// What is known of a process after it has gone, for the scene to print.
pub(crate) struct Record {
    line: String,
    /// The path of the files that hold its output, without their endings.
    said: PathBuf,
    status: Mutex<Option<ExitStatus>>,
}

impl Record {
    pub(crate) fn stdout_path(&self) -> PathBuf {
        self.said.with_extension("stdout")
    }

    pub(crate) fn stderr_path(&self) -> PathBuf {
        self.said.with_extension("stderr")
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.stdout_path()).unwrap_or_default()).into_owned()
    }

    pub(crate) fn stderr(&self) -> String {
        without_colours(&String::from_utf8_lossy(&fs::read(self.stderr_path()).unwrap_or_default()))
    }

    pub(crate) fn set_status(&self, status: ExitStatus) {
        *self.status.lock().expect("no panic while it was held") = Some(status);
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

/// The program under test.
pub(crate) fn swath_binary() -> PathBuf {
    if let Some(binary) = env::var_os("SWATH_BIN").filter(|binary| !binary.is_empty()) {
        // It is started in another folder.
        return std::path::absolute(binary).expect("the folder that this test was started in");
    }
    // The test is TARGET/PROFILE/deps/NAME.
    let test = env::current_exe().expect("the path of this test");
    let binary = test.ancestors().nth(3).expect("a target directory").join("release/swath");
    assert!(binary.is_file(), "there is no program at {}: run the tests with `cargo xtask test`", binary.display());
    binary
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Removes the escape sequences that set colours.
fn without_colours(text: &str) -> String {
    let mut pieces = text.split("\x1b[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        plain.push_str(piece.split_once('m').map_or(piece, |(_, rest)| rest));
    }
    plain
}

fn tail(text: &str) -> &str {
    let mut from = text.len().saturating_sub(SHOWN_BYTES);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}
