//! A disk that hangs, and a time of day that is wrong, for one process.

use std::{fs, path::Path, process::Command};

use crate::{Scene, until};

/// What of the system fails for a process that is started with it; see `shim/faults.c`.
pub struct Shim<'scene> {
    scene: &'scene Scene,
}

impl<'scene> Shim<'scene> {
    /// Compiles it for this scene.
    pub fn new(scene: &'scene Scene) -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("shim/faults.c");
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", "-O1", "-o"]).arg(scene.path("faults.so")).arg(source);
        let compiled = compile.status().expect("a C compiler, which the build of the program needs too");
        assert!(compiled.success(), "{compile:?}: {compiled}");
        Self { scene }
    }

    /// The words before a command that has these faults.
    pub fn prefix(&self) -> Vec<String> {
        let path = |name| self.scene.path(name).display().to_string();
        let variable = |name: &str, value: String| format!("{name}={value}");
        vec![
            "env".to_owned(),
            variable("LD_PRELOAD", path("faults.so")),
            variable("FAULT_HANG", path("hang")),
            variable("FAULT_TIME", path("time")),
        ]
    }

    /// From now on the ledger is not synced.
    pub fn hang(&self) {
        let _ = fs::remove_file(self.scene.path("hang.reached"));
        fs::write(self.scene.path("hang"), "").expect("a file");
    }

    /// Waits until something waits for the ledger.
    #[track_caller]
    pub fn await_hang(&self) {
        until("the ledger hangs", || self.scene.path("hang.reached").exists().then_some(()));
    }

    /// Ends [`Self::hang`].
    pub fn go_on(&self) {
        fs::remove_file(self.scene.path("hang")).expect("a disk that hangs");
    }

    /// Moves the time of day by so many seconds from the true one.
    pub fn set_time(&self, seconds: i64) {
        // Whole or not at all: it is read at any time.
        let new = self.scene.path("time.new");
        fs::write(&new, seconds.to_string()).expect("a file");
        fs::rename(new, self.scene.path("time")).expect("a file");
    }
}
