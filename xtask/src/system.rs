//! What the tests need of the system beside Rust and Python.

use std::{env, ffi::OsString, path::PathBuf, process::Command};

use anyhow::Result;

use crate::{
    debian::{self, Unpacked},
    workspace::{Workspace, succeeds},
};

/// Programs that tests call, and Debian's packages of them.
const PROGRAMS: [(&str, &str); 7] = [
    ("kubectl", "kubernetes-client"), // renders the manifests
    ("systemd-analyze", "systemd"),   // judges the units
    ("java", "default-jre-headless"), // runs Spark and parquet-java
    ("strace", "strace"),             // shows in which order files are synced and named
    ("ip", "iproute2"),               // makes hosts in network namespaces
    ("ssh", "openssh-client"),        // reaches them
    ("sshd", "openssh-server"),       // lets it in
];

/// Where programs are, also those of root.
const FOLDERS: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Unpacks what is missing, on Debian. What cannot be had is said; the tests that need it are skipped. Returns the PATH
/// for the tests.
pub(crate) fn prepare(workspace: &Workspace) -> Result<OsString> {
    let unpacked = Unpacked::of(workspace);
    let is_there = |program: &str| {
        FOLDERS.iter().map(PathBuf::from).chain([unpacked.programs()]).any(|folder| folder.join(program).exists())
    };
    let missing = || PROGRAMS.into_iter().filter(|(program, _)| !is_there(program)).collect::<Vec<_>>();
    // One by one: a package that cannot be had is no reason to do without the others.
    for (program, package) in missing() {
        let unpack = unpacked.unpack(&format!("there is no `{program}`, which tests need"), package);
        if let Err(error) = unpack.and_then(|()| unpacked.offer(program)) {
            eprintln!("xtask: {error:#}");
        }
    }
    for (program, package) in missing() {
        eprintln!("xtask: NOT TESTED: there is no `{program}` (Debian: {package}), so tests that need it are skipped");
    }
    if !debian::is_root() {
        eprintln!("xtask: NOT TESTED: only root can make hosts in network namespaces, so tests over ssh are skipped");
    }
    // An engine is nothing to install in passing.
    if !succeeds(Command::new("docker").arg("info")) {
        eprintln!(
            "xtask: NOT TESTED: no Docker engine answers, so the tests of the image and the compose file are skipped"
        );
    }
    // What the machine has comes first.
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(FOLDERS.iter().map(PathBuf::from)).chain([unpacked.programs()]);
    Ok(env::join_paths(folders)?)
}
