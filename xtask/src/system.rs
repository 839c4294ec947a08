//! What the tests need of the system beside Rust and Python.

use std::path::Path;
use std::process::Command;

use crate::workspace::{run, succeeds};

/// Programs that tests call, by the call that shows that they are there, and Debian's packages of them.
const PROGRAMS: [(&str, &[&str], &str); 2] = [
    ("kubectl", &["version", "--client"], "kubernetes-client"), // renders the manifests
    ("systemd-analyze", &["--version"], "systemd"),             // judges the units
];

/// Installs what is missing, on Debian and as root. What cannot be had is said; the tests that need it are skipped.
pub(crate) fn prepare() {
    let missing: Vec<_> =
        PROGRAMS.into_iter().filter(|(program, words, _)| !succeeds(Command::new(program).args(*words))).collect();
    let packages: Vec<_> = missing.iter().map(|(_, _, package)| *package).collect();
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0");
    if !packages.is_empty() && root && Path::new("/etc/debian_version").exists() {
        let apt = |arguments: &[&str]| {
            let mut apt = Command::new("env");
            apt.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"]).args(arguments).args(&packages);
            apt
        };
        let mut update = Command::new("apt-get");
        let installed = run("packages", update.args(["--quiet", "update"]))
            .and_then(|()| run("packages", &mut apt(&["install", "-y", "--no-install-recommends"])));
        if let Err(error) = installed {
            eprintln!("xtask: {error:#}");
        }
    }
    for (program, words, package) in missing {
        if !succeeds(Command::new(program).args(words)) {
            eprintln!(
                "xtask: NOT TESTED: there is no `{program}` (Debian: {package}), so tests that need it are skipped"
            );
        }
    }
    // An engine is nothing to install in passing.
    if !succeeds(Command::new("docker").arg("info")) {
        eprintln!(
            "xtask: NOT TESTED: no Docker engine answers, so the tests of the image and the compose file are skipped"
        );
    }
}
