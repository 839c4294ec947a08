//! Packages of Debian that the tests need.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::workspace::{run, succeeds};

/// Installs packages, as root or with sudo; `why` is a sentence about what is missing. Fails elsewhere than on Debian.
pub(crate) fn install(why: &str, packages: &str) -> Result<()> {
    let sudo = succeeds(Command::new("sudo").arg("--version"));
    if !Path::new("/etc/debian_version").exists() || !(is_root() || sudo) {
        bail!("{why}: as root, run `apt-get install {packages}`");
    }
    for arguments in ["update", &format!("install -y --no-install-recommends {packages}")] {
        let mut apt = Command::new(if is_root() { "env" } else { "sudo" });
        apt.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"]).args(arguments.split_whitespace());
        run(why, &mut apt)?;
    }
    Ok(())
}

/// Whether this is root: only root can make the hosts that some tests need.
pub(crate) fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}
