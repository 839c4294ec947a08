//! A command about to be run.

use std::{
    ffi::OsStr,
    fs::File,
    os::{fd::OwnedFd, unix::process::CommandExt},
    path::Path,
    process::{Command, Stdio},
};

use crate::{Ended, Process, record::Records};

/// A command about to be run.
#[must_use]
pub struct Invocation<'scene> {
    records: &'scene Records,
    command: Command,
    stdout: Option<OwnedFd>,
}

impl<'scene> Invocation<'scene> {
    pub(crate) fn new(command: Command, records: &'scene Records) -> Self {
        Self { records, command, stdout: None }
    }

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
        let record = self.records.begin(&self.command);
        let create = |path: &Path| File::create(path).expect("a file for its output");
        let stdout = create(&record.stdout_path());
        self.command.stdout(self.stdout.map_or_else(|| stdout.into(), Stdio::from));
        self.command.stderr(create(&record.stderr_path()));
        let child = self.command.spawn().unwrap_or_else(|error| panic!("cannot start `{record}`: {error}"));
        Process::new(child, record)
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
