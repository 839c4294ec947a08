//! Hosts on this machine: each with its own network, address, processes, name and home.
//!
//! A [`Hosts`] is a switch and hosts that are plugged into it. Each host is a set of namespaces (network, mounts,
//! processes, name) with a small disk of its own as root's home. Nothing of it has a name outside, so any number of
//! test processes have any number of them, all with the same addresses; and the first process of each ends when the
//! test process does, however that ends, and takes all others with it.

use std::{
    ffi::OsString,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

use crate::{Coordinator, Ended, Invocation, Scene, until};

/// What the first process of a host does: `NAME ADDRESS BYTES`. It reaps what others leave, for which it takes bash.
const HOST: &str = r#"
set -e
hostname "$1"
mount -t tmpfs -o "size=$2,mode=700" home /root
mount -t tmpfs run /run
mkdir /run/sshd
# Of a server that is not installed, nobody has made the user.
if ! getent passwd sshd >/dev/null; then
    { cat /etc/passwd; echo 'sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin'; } >/run/passwd
    mount --bind /run/passwd /etc/passwd
fi
# No router: it drops what is for others, and says nothing.
echo 0 >/proc/sys/net/ipv4/ip_forward
# What goes wrong on a host must not reach the disk of this machine.
mount -o remount,bind,ro / || true
ip link set lo up
echo ready
while read -r line; do :; done
"#;

/// What the first process of a switch does.
const SWITCH: &str = r#"
set -e
ip link set lo up
ip link add switch type bridge
ip link set switch up
echo ready
while read -r line; do :; done
"#;

/// A part of the address of each host, and a network behind the first host that swallows everything.
const NETWORK: &str = "10.71.0";
const NOWHERE: &str = "10.71.9";

/// A disk that the program fits on several times.
pub const ENOUGH: u64 = 400 << 20;

/// A switch and the hosts that are plugged into it.
pub struct Hosts<'scene> {
    scene: &'scene Scene,
    switch: Space,
    hosts: Vec<Space>,
}

impl<'scene> Hosts<'scene> {
    /// So many hosts. `None`, said aloud, where they cannot be had: making namespaces takes root.
    pub fn create(scene: &'scene Scene, count: usize) -> Option<Self> {
        Self::with_disks(scene, &vec![ENOUGH; count])
    }

    /// One host for each of these sizes, in bytes, of their disks.
    pub fn with_disks(scene: &'scene Scene, disks: &[u64]) -> Option<Self> {
        let works = rustix::process::geteuid().is_root()
            && ["ip", "unshare", "nsenter", "setpriv", "bash"].iter().all(|program| {
                Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
            })
            && Command::new("unshare").args(["-n", "-m", "-u", "-p", "-f", "true"]).status().is_ok_and(|s| s.success());
        if !works {
            eprintln!(
                "\n*** SKIPPED: this test needs hosts in network namespaces: root, and the programs ip and unshare \
                 ***\n"
            );
            return None;
        }
        let switch = Space::create(SWITCH, &[]);
        let mut hosts = Self { scene, switch, hosts: Vec::new() };
        for size in disks {
            hosts.add(*size);
        }
        Some(hosts)
    }

    fn add(&mut self, disk: u64) {
        let index = self.hosts.len();
        let host = Space::create(HOST, &[&format!("host{index}"), &disk.to_string()]);
        let (switch, inside) = (&self.switch, host.first_process.to_string());
        let port = format!("port{index}");
        switch.ip(&["link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &inside]);
        switch.ip(&["link", "set", &port, "master", "switch", "up"]);
        host.ip(&["addr", "add", &format!("{NETWORK}.{}/24", index + 1), "dev", "eth0"]);
        host.ip(&["link", "set", "eth0", "up"]);
        if index > 0 {
            host.ip(&["route", "add", &format!("{NOWHERE}.0/24"), "via", &format!("{NETWORK}.1")]);
        }
        self.hosts.push(host);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.hosts.len()
    }

    /// The name of a host, which is its host name, too.
    pub fn name(&self, host: usize) -> String {
        format!("host{host}")
    }

    /// The address of a host, which others reach it at.
    pub fn address(&self, host: usize) -> String {
        format!("{NETWORK}.{}", host + 1)
    }

    /// An address that packets are sent to from any host but the first, and that nothing ever comes back from.
    pub fn address_of_nobody(&self) -> String {
        format!("{NOWHERE}.9")
    }

    /// The words that come before a command that is to be in the network of a host and otherwise here: it is a child
    /// of the test, sees its files, and gets its signals.
    pub fn beside(&self, host: usize) -> Vec<String> {
        let process = self.hosts[host].first_process;
        let [net, uts] = ["net", "uts"].map(|space| format!("--{space}=/proc/{process}/ns/{space}"));
        // It is killed with the thread of the test, even if that is killed itself.
        ["nsenter", &net, &uts, "--", "setpriv", "--pdeathsig", "KILL", "--"].map(str::to_owned).into()
    }

    /// A command of the program in the network of a host.
    pub fn swath(&self, host: usize, arguments: &str) -> Invocation<'scene> {
        let words = self.beside(host);
        self.scene.swath_under(&words.iter().map(String::as_str).collect::<Vec<_>>(), arguments)
    }

    /// A coordinator in the network of a host, at its address; its clients are there, too.
    #[track_caller]
    pub fn coordinator(&self, host: usize, arguments: &str) -> Coordinator<'scene> {
        let arguments = format!("--listen {}:0 {arguments}", self.address(host));
        Coordinator::start_reached(self.scene, &self.beside(host), &arguments)
    }

    /// The same with TLS, at the usual port; the access files are made in this folder.
    #[track_caller]
    pub fn secured_coordinator(&self, host: usize, folder: &str, arguments: &str) -> Coordinator<'scene> {
        let address = format!("{}:7171", self.address(host));
        self.scene.swath(&format!("access create {folder} --address {address}")).succeed();
        Coordinator::start_secured(self.scene, &self.beside(host), folder, &format!("--listen {address} {arguments}"))
    }

    /// A line for sh, in the home of a host, with all that is its own.
    pub fn sh(&self, host: usize, line: &str) -> Invocation<'scene> {
        let target = self.hosts[host].first_process.to_string();
        // Entering another tree of files ends at its root.
        let line = format!("cd && {{ {line}\n}}");
        let words = ["-t", &target, "-n", "-m", "-u", "-p", "--", "env", "HOME=/root", "sh", "-c", &line];
        self.scene.program("nsenter").args(words)
    }

    /// What such a line prints.
    #[track_caller]
    pub fn says(&self, host: usize, line: &str) -> String {
        let ended: Ended = self.sh(host, line).succeed();
        ended.stdout().trim().to_owned()
    }

    /// How many processes of the program run on a host, of those that were started there.
    #[track_caller]
    pub fn workers_on(&self, host: usize) -> usize {
        // Not those that have ended and were not waited for.
        let count = "grep -l '^swath' /proc/[0-9]*/comm 2>/dev/null | while read -r comm; do
            grep -q '^State:.[^Z]' \"${comm%comm}status\" 2>/dev/null && echo one; done | wc -l";
        self.says(host, count).parse().expect("a count")
    }

    /// A path in the home of a host, as it is reached from here.
    pub fn path(&self, host: usize, name: &str) -> PathBuf {
        Path::new(&format!("/proc/{}/root/root", self.hosts[host].first_process)).join(name)
    }

    /// Copies the program into the home of a host, to where cargo installs it.
    #[track_caller]
    pub fn install(&self, host: usize) {
        let program = crate::scene::swath_binary();
        let folder = self.path(host, ".cargo/bin");
        fs::create_dir_all(&folder).expect("a folder in the home of a host");
        fs::copy(program, folder.join("swath")).expect("room for the program");
    }

    /// Pulls the plug of a host: nothing goes in or out, and nobody is told.
    pub fn cut(&self, host: usize) {
        self.switch.ip(&["link", "set", &format!("port{host}"), "down"]);
    }

    /// Puts it back.
    pub fn restore(&self, host: usize) {
        self.switch.ip(&["link", "set", &format!("port{host}"), "up"]);
    }
}

/// Namespaces that live as long as this does, and as the test process does.
struct Space {
    holder: Child,
    /// The first process inside, as it is numbered here. It ends when this closes.
    _stdin: ChildStdin,
    first_process: u32,
}

impl Space {
    #[track_caller]
    fn create(script: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]);
        command.args(["bash", "-c", script, "bash"]).args(arguments.iter().map(OsString::from));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = command.spawn().expect("unshare");
        let stdin = holder.stdin.take().expect("a pipe");
        let mut said = String::new();
        BufReader::new(holder.stdout.take().expect("a pipe")).read_line(&mut said).expect("a line");
        assert_eq!(said, "ready\n", "namespaces cannot be set up");
        let children = format!("/proc/{0}/task/{0}/children", holder.id());
        let first_process = until("the first process is seen", || {
            fs::read_to_string(&children).ok()?.split_whitespace().next()?.parse().ok()
        });
        Self { holder, _stdin: stdin, first_process }
    }

    #[track_caller]
    fn ip(&self, arguments: &[&str]) {
        let space = format!("--net=/proc/{}/ns/net", self.first_process);
        let status = Command::new("nsenter").args([&space, "--", "ip"]).args(arguments).status().expect("nsenter");
        assert!(status.success(), "`ip {}` failed", arguments.join(" "));
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        // The first process is killed with its parent, and all others inside with it.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
