//! The folder that a test works in, and all that runs there.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Invocation, record::Records};

/// The folder that a test works in, and all that runs there.
///
/// It has three folders: `work`, where all processes are started; `tmp`, their TMPDIR; and `said`, their output.
pub struct Scene {
    name: String,
    folder: TempDir,
    records: Records,
}

impl Scene {
    /// A new scene; the name is part of the folder's, so use the test's.
    pub fn new(name: &str) -> Self {
        let folder =
            tempfile::Builder::new().prefix(&format!("swath-tests-{name}-")).tempdir().expect("a temporary folder");
        for part in ["work", "tmp", "said"] {
            fs::create_dir(folder.path().join(part)).expect("a folder");
        }
        let records = Records::new(folder.path().join("said"));
        Self { name: name.to_owned(), folder, records }
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
        self.program("bash").args(["-c", line]).env("SWATH", swath_binary())
    }

    /// What a script of the folder `python` prints as JSON.
    #[track_caller]
    pub fn python<S: AsRef<OsStr>>(&self, script: &str, arguments: impl IntoIterator<Item = S>) -> Value {
        self.python_script(script).args(arguments).succeed().json()
    }

    /// A script of the folder `python`, about to be run; its variable `SWATH` names the program.
    #[track_caller]
    pub fn python_script(&self, script: &str) -> Invocation<'_> {
        let python = env::var_os("SWATH_PYTHON").filter(|python| !python.is_empty()).unwrap_or_else(|| {
            panic!(
                "SWATH_PYTHON names no Python that has the packages of tests/python/requirements.txt: \
                 run the tests with `cargo xtask test`, which makes one"
            )
        });
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(script);
        self.program(python).arg(script).env("SWATH", swath_binary())
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
        Invocation::new(command, &self.records)
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
        self.records.print();
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
