//! What the tests need of the system beside Rust and Python.

use std::path::Path;
use std::process::Command;

use crate::debian;
use crate::workspace::succeeds;

/// Programs that tests call, and Debian's packages of them.
const PROGRAMS: [(&str, &str); 5] = [
    ("kubectl", "kubernetes-client"), // renders the manifests
    ("systemd-analyze", "systemd"),   // judges the units
    ("ip", "iproute2"),               // makes hosts in network namespaces
    ("ssh", "openssh-client"),        // reaches them
    ("sshd", "openssh-server"),       // lets it in
];

/// Where programs are, also those of root.
const FOLDERS: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Installs what is missing, on Debian and as root. What cannot be had is said; the tests that need it are skipped.
pub(crate) fn prepare() {
    let missing = || PROGRAMS.into_iter().filter(|(program, _)| !is_there(program));
    let packages: Vec<_> = missing().map(|(_, package)| package).collect();
    if !packages.is_empty()
        && debian::is_root()
        && let Err(error) = debian::install("programs that tests need are missing", &packages.join(" "))
    {
        eprintln!("xtask: {error:#}");
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
}

fn is_there(program: &str) -> bool {
    FOLDERS.iter().any(|folder| Path::new(folder).join(program).exists())
}
