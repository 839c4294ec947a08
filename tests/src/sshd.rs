//! The sshd of hosts, and a configuration of ssh that reaches them.

use std::{env, fs, path::PathBuf};

use crate::{Hosts, Invocation, Process, Scene, until};

/// An ssh server on each of some hosts, and one key that they accept.
pub struct Sshd<'scene> {
    scene: &'scene Scene,
    program: PathBuf,
    config: PathBuf,
    servers: Vec<Process<'scene>>,
}

/// Whether a host accepts the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// It does.
    Open,
    /// It knows another key.
    Locked,
    /// It does, and the host says that it has another processor than this machine.
    Foreign,
}

impl<'scene> Sshd<'scene> {
    /// Starts a server on each host that has a door, from the first on. `None`, said aloud, where there is no sshd.
    #[track_caller]
    pub fn start(scene: &'scene Scene, hosts: &Hosts<'scene>, doors: &[Door]) -> Option<Self> {
        let Some(program) = find_sshd() else {
            eprintln!("\n*** SKIPPED: this test needs an ssh server: `cargo xtask test` unpacks one on Debian ***\n");
            return None;
        };
        fs::create_dir(scene.path("ssh")).expect("a folder");
        let mut sshd = Self { scene, program, config: scene.path("ssh/config"), servers: Vec::new() };
        let [ours, theirs] = ["ours", "theirs"].map(|name| sshd.make_key(name));
        let mut known_hosts = String::new();
        let mut names = String::new();
        for (host, door) in doors.iter().enumerate() {
            let key = sshd.make_key(&format!("host{host}"));
            known_hosts += &format!("{},{} {key}", hosts.name(host), hosts.address(host));
            names += &format!("Host host{host}\n  HostName {}\n", hosts.address(host));
            sshd.serve(hosts, host, if *door == Door::Locked { &theirs } else { &ours }, *door);
        }
        fs::write(scene.path("ssh/known_hosts"), known_hosts).expect("a file");
        let [identity, known] = ["ours", "known_hosts"].map(|name| scene.path("ssh").join(name));
        let all = format!(
            "Host *\n  User root\n  IdentityFile {}\n  IdentitiesOnly yes\n  IdentityAgent none\n  \
             UserKnownHostsFile {}\n  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n",
            identity.display(),
            known.display(),
        );
        fs::write(&sshd.config, names + &all).expect("a file");
        Some(sshd)
    }

    /// A command of `swath launch` in the network of a host.
    pub fn launch(&self, hosts: &Hosts<'scene>, from: usize, arguments: &str) -> Invocation<'scene> {
        let invocation = hosts.swath(from, &format!("launch {arguments}"));
        invocation.env("SWATH_SSH_CONFIG", &self.config).env("HOME", self.scene.path("")).env_remove("SSH_AUTH_SOCK")
    }

    fn make_key(&self, name: &str) -> String {
        let path = self.scene.path("ssh").join(name);
        let make = self.scene.program("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path);
        make.succeed();
        fs::read_to_string(path.with_extension("pub")).expect("the public key")
    }

    #[track_caller]
    fn serve(&mut self, hosts: &Hosts<'scene>, host: usize, accepted: &str, door: Door) {
        let keys = self.scene.path(format!("ssh/authorized_keys{host}"));
        fs::write(&keys, accepted).expect("a file");
        let config = self.scene.path(format!("ssh/sshd_config{host}"));
        let text = format!(
            "ListenAddress {}\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\n\
             PermitRootLogin prohibit-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             MaxStartups 100\n",
            hosts.address(host),
            self.scene.path(format!("ssh/host{host}")).display(),
            keys.display(),
        );
        fs::write(&config, text).expect("a file");
        let personality = if door == Door::Foreign { "linux32" } else { "" };
        let server = hosts
            .sh(host, &format!("exec {personality} '{}' -D -e -f {}", self.program.display(), config.display()))
            .start();
        until("the ssh server listens", || server.stderr().contains("Server listening").then_some(()));
        self.servers.push(server);
    }
}

/// The server on the path, or where it is installed; with its whole path, without which it does not run.
fn find_sshd() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders.filter(|folder| folder.is_absolute()).map(|folder| folder.join("sshd")).find(|program| program.is_file())
}
