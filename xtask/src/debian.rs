//! Packages of Debian that the tests need.
//!
//! What the tests need is not installed but unpacked below the target directory: no package of the machine is upgraded,
//! none of its files is changed, no service is enabled or started, and it takes no root. Only Python itself, where
//! there is none at all, is installed.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::workspace::{Workspace, run, succeeds};

/// Where packages have units of systemd.
const UNITS: [&str; 2] = ["usr/lib/systemd/system", "lib/systemd/system"];

/// Packages that were unpacked below the target directory.
pub(crate) struct Unpacked {
    folder: PathBuf,
}

impl Unpacked {
    /// What was unpacked so far.
    pub(crate) fn of(workspace: &Workspace) -> Self {
        Self { folder: workspace.target.join("debian") }
    }

    /// The folder with a script for each program of [`Self::offer`].
    pub(crate) fn programs(&self) -> PathBuf {
        self.folder.join("bin")
    }

    /// A file of a package, by its path on a machine where it is installed.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// Downloads packages, and those that they depend on and that are not installed, and unpacks them. `why` is a
    /// sentence about what is missing.
    pub(crate) fn unpack(&self, why: &str, packages: &str) -> Result<()> {
        if !Path::new("/etc/debian_version").exists() || !succeeds(Command::new("apt-get").arg("--version")) {
            bail!("{why}, and this is not Debian: install what Debian calls {packages}");
        }
        eprintln!(
            "xtask: {why}: Debian's {packages} will be unpacked in {}; nothing is installed or changed outside of it",
            self.folder.display()
        );
        let archives = self.folder.join("apt/cache/archives");
        // Left over from another run, which may have asked for other packages.
        let _ = fs::remove_dir_all(&archives);
        for folder in [archives.join("partial"), self.folder.join("apt/lists/partial"), self.root()] {
            fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
        }
        run(why, &mut self.apt("update"))?;
        run(why, self.apt("install --download-only --yes --no-install-recommends").args(packages.split_whitespace()))?;
        for archive in fs::read_dir(&archives)? {
            let archive = archive?.path();
            if archive.extension().is_some_and(|extension| extension == "deb") && !is_installed(&archive)? {
                run(why, Command::new("dpkg-deb").arg("--extract").arg(&archive).arg(self.root()))?;
            }
        }
        self.settle_units()?;
        self.settle_links(&self.root())
    }

    /// Links to where a package would be installed lead to where it is unpacked.
    fn settle_links(&self, folder: &Path) -> Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_symlink() {
                let target = fs::read_link(&path)?;
                let unpacked = self.path(&target.to_string_lossy());
                if target.is_absolute() && !target.starts_with(self.root()) && unpacked.exists() {
                    fs::remove_file(&path)?;
                    symlink(&unpacked, &path).with_context(|| format!("failed to link {}", path.display()))?;
                }
            } else if path.is_dir() {
                self.settle_links(&path)?;
            }
        }
        Ok(())
    }

    /// Other names of units are links to where they would be installed, which systemd-analyze complains of.
    fn settle_units(&self) -> Result<()> {
        for entry in UNITS.iter().flat_map(|folder| fs::read_dir(self.path(folder)).into_iter().flatten()) {
            let path = entry?.path();
            if path.is_symlink() {
                fs::remove_file(&path).with_context(|| format!("failed to remove {}", path.display()))?;
            }
        }
        Ok(())
    }

    /// Makes a script in [`Self::programs`] that runs a program of a package that was unpacked.
    pub(crate) fn offer(&self, program: &str) -> Result<()> {
        // Of Java's folder Debian makes links when it is installed.
        let java = fs::read_dir(self.path("usr/lib/jvm")).into_iter().flatten().flatten();
        let java = java.map(|runtime| runtime.path().join("bin"));
        let folders = ["usr/sbin", "usr/bin", "sbin", "bin"].map(|folder| self.root().join(folder)).into_iter();
        let Some(found) = folders.chain(java).map(|folder| folder.join(program)).find(|path| path.is_file()) else {
            bail!("the packages that were unpacked have no `{program}`");
        };
        let libraries = self.libraries()?;
        // For systemd-analyze, which looks for the units of the system.
        let units: String = UNITS.iter().map(|folder| format!("{}:", self.path(folder).display())).collect();
        let script = format!(
            "#!/bin/sh\n# Written by `cargo xtask test`.\n\
             export LD_LIBRARY_PATH='{libraries}'\"${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\"\n\
             export SYSTEMD_UNIT_PATH='{units}'\n\
             exec '{}' \"$@\"\n",
            found.display(),
        );
        let path = self.programs().join(program);
        fs::create_dir_all(self.programs())?;
        fs::write(&path, script).with_context(|| format!("failed to write {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(())
    }

    /// The folders with libraries, as the linker takes them.
    fn libraries(&self) -> Result<String> {
        let mut folders = Vec::new();
        for folder in ["usr/lib", "lib"].map(|folder| self.root().join(folder)) {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry?.path();
                if path.file_name().is_some_and(|name| name.to_string_lossy().contains("-linux-")) {
                    folders.push(path.join("systemd").display().to_string());
                    folders.push(path.display().to_string());
                }
            }
        }
        Ok(folders.join(":"))
    }

    /// apt-get with lists and a cache of our own: it reads what is installed, and writes nothing on the machine.
    fn apt(&self, arguments: &str) -> Command {
        let mut apt = Command::new("apt-get");
        let settings = [
            ("Dir::Cache", self.folder.join("apt/cache").display().to_string()),
            ("Dir::State::lists", self.folder.join("apt/lists").display().to_string()),
            // The locks are root's, and for installing.
            ("Debug::NoLocking", "true".to_owned()),
            // The folder may be one that nobody else may read.
            ("APT::Sandbox::User", "root".to_owned()),
        ];
        apt.args(["--quiet", "--quiet"]);
        for (name, value) in settings {
            apt.arg("-o").arg(format!("{name}={value}"));
        }
        apt.args(arguments.split_whitespace()).stdin(Stdio::null());
        apt
    }
}

/// Whether any version of the package in this archive is installed; newer files of it have no place beside it.
fn is_installed(archive: &Path) -> Result<bool> {
    let name = Command::new("dpkg-deb").arg("--field").arg(archive).arg("Package").output().context("no dpkg-deb")?;
    let name = String::from_utf8_lossy(&name.stdout);
    let status = Command::new("dpkg-query").args(["--show", "--showformat=${db:Status-Status}", name.trim()]).output();
    Ok(status.is_ok_and(|status| status.stdout == b"installed"))
}

/// Installs packages, as root or with sudo, if nothing that is there has to be changed for it; `why` is a sentence
/// about what is missing. Fails elsewhere than on Debian.
pub(crate) fn install(why: &str, packages: &str) -> Result<()> {
    let by_hand = format!("as root, run `apt-get install {packages}`");
    let sudo = succeeds(Command::new("sudo").args(["--non-interactive", "true"]));
    if !Path::new("/etc/debian_version").exists() || !(is_root() || sudo) {
        bail!("{why}: {by_hand}");
    }
    let apt = |arguments: &str| {
        let mut apt = Command::new(if is_root() { "env" } else { "sudo" });
        apt.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"]).args(arguments.split_whitespace());
        apt
    };
    let install = format!("--yes --no-install-recommends --no-remove install {packages}");
    run(why, &mut apt("update"))?;
    let plan = apt(&format!("--simulate {install}")).output().context("failed to start apt-get")?;
    let plan = Plan::parse(&String::from_utf8_lossy(&plan.stdout));
    if !plan.changed.is_empty() {
        bail!("{why}, and installing them would change {}: {by_hand} if that is fine", plan.changed.join(", "));
    }
    eprintln!("xtask: {why}: these packages of Debian will be installed on this machine: {}", plan.new.join(", "));
    run(why, &mut apt(&install))
}

/// What apt-get would do.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    new: Vec<String>,
    /// What is there and would be of another version, or not be there.
    changed: Vec<String>,
}

impl Plan {
    /// From the lines of a simulation: `Inst NAME [OLD] (NEW …)` and `Remv NAME [OLD]`.
    fn parse(simulation: &str) -> Self {
        let mut plan = Self::default();
        for line in simulation.lines() {
            let mut words = line.split_whitespace();
            let (Some(verb @ ("Inst" | "Remv")), Some(name)) = (words.next(), words.next()) else { continue };
            let is_there = verb == "Remv" || words.next().is_some_and(|word| word.starts_with('['));
            if is_there { &mut plan.changed } else { &mut plan.new }.push(name.to_owned());
        }
        plan
    }
}

/// Whether this is root: only root can make the hosts that some tests need.
pub(crate) fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::Plan;

    #[test]
    fn what_would_be_changed_is_told_from_what_is_new() {
        let said = "Reading package lists...\n\
                    Inst openssh-client [1:9.2p1-2+deb12u6] (1:9.2p1-2+deb12u10 Debian:12.15/oldstable [amd64])\n\
                    Inst libwrap0 (7.6.q-32 Debian:12.15/oldstable [amd64])\n\
                    Remv dropbear [2022.83]\n\
                    Conf libwrap0 (7.6.q-32 Debian:12.15/oldstable [amd64])\n";
        let plan = Plan::parse(said);
        assert_eq!(
            (plan.new, plan.changed),
            (vec!["libwrap0".to_owned()], vec!["openssh-client".to_owned(), "dropbear".to_owned()])
        );
    }
}
