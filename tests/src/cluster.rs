//! A coordinator and its workers.

use std::{fs, path::PathBuf, time::Duration};

use serde_json::Value;

use crate::{Ended, Invocation, Process, Proxy, Scene, Signal, unfinished_parts, until, until_seen};

/// A worker that has had the processor for so long since it was first seen is computing.
const SOME_WORK: Duration = Duration::from_millis(50);

/// A coordinator that listens, and what clients do with it.
pub struct Coordinator<'scene> {
    scene: &'scene Scene,
    process: Process<'scene>,
    address: String,
    /// The folder of its access files, if it has TLS.
    access: Option<String>,
    /// What comes before the commands of its clients, where it is reached from another network.
    reach: Vec<String>,
}

impl<'scene> Coordinator<'scene> {
    #[track_caller]
    pub(crate) fn start_reached(scene: &'scene Scene, reach: &[String], arguments: &str) -> Self {
        let prefix: Vec<_> = reach.iter().map(String::as_str).collect();
        Self { reach: reach.to_vec(), ..Self::start(scene, &prefix, arguments) }
    }

    #[track_caller]
    pub(crate) fn start(scene: &'scene Scene, prefix: &[&str], arguments: &str) -> Self {
        let listen = if arguments.contains("--listen") { "" } else { "--listen 127.0.0.1:0" };
        let log = if arguments.contains("--log") { "" } else { "--log info" };
        let command = scene.swath_under(prefix, &format!("coordinator start {log} {listen} {arguments}"));
        let mut process = command.env("SWATH_DATA", scene.path("data")).start();
        let address = until("the coordinator listens", || {
            assert!(process.is_running(), "the coordinator ended instead of listening");
            let said = process.stderr();
            let (_, rest) = said.split_once("coordinator is listening address=")?;
            // The line may be half written.
            Some(rest.split_once('\n')?.0.trim().to_owned())
        });
        Self { scene, process, address, access: None, reach: Vec::new() }
    }

    /// One that was started in another way, to listen at this address, as soon as it answers.
    #[track_caller]
    pub fn at(scene: &'scene Scene, process: Process<'scene>, address: &str) -> Self {
        let coordinator = Self { scene, process, address: address.to_owned(), access: None, reach: Vec::new() };
        until("the coordinator answers", || {
            let is_there = std::net::TcpStream::connect(address).is_ok();
            (is_there && coordinator.swath("job list").end().code() == Some(0)).then_some(())
        });
        coordinator
    }

    /// The same with TLS: all that is started for it later has an access file of this folder.
    #[track_caller]
    pub(crate) fn start_secured(scene: &'scene Scene, reach: &[String], folder: &str, arguments: &str) -> Self {
        let arguments = format!("--access {folder}/coordinator.toml {arguments}");
        Self { access: Some(folder.to_owned()), ..Self::start_reached(scene, reach, &arguments) }
    }

    /// The flag for somebody with this role.
    fn access(&self, role: &str) -> String {
        self.access.as_ref().map_or_else(String::new, |folder| format!("--access {folder}/{role}.toml"))
    }

    /// Where it listens, as `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its process.
    pub fn process(&self) -> &Process<'scene> {
        &self.process
    }

    /// The same, to be asked whether it still runs.
    pub fn process_mut(&mut self) -> &mut Process<'scene> {
        &mut self.process
    }

    /// A command of the program that is sent to this coordinator.
    pub fn swath(&self, arguments: &str) -> Invocation<'scene> {
        let access = self.access("admin");
        let reach: Vec<_> = self.reach.iter().map(String::as_str).collect();
        let command = self.scene.swath_under(&reach, arguments).arg("--coordinator").arg(&self.address);
        command.args(access.split_whitespace())
    }

    /// Starts a worker and waits until it has joined.
    #[track_caller]
    pub fn worker(&self, name: &str) -> Process<'scene> {
        self.worker_with(name, "")
    }

    /// The same with more arguments.
    #[track_caller]
    pub fn worker_with(&self, name: &str, arguments: &str) -> Process<'scene> {
        self.worker_at(&self.address, name, arguments)
    }

    /// The same for a worker that reaches this coordinator through a proxy.
    #[track_caller]
    pub fn worker_through(&self, proxy: &Proxy, name: &str, arguments: &str) -> Process<'scene> {
        self.worker_at(&proxy.address(), name, arguments)
    }

    #[track_caller]
    fn worker_at(&self, address: &str, name: &str, arguments: &str) -> Process<'scene> {
        let access = self.access("worker");
        let command = format!("worker start --coordinator {address} --name {name} {access} {arguments}");
        let log = if arguments.contains("--log") { "" } else { "--log info" };
        let mut worker = self.scene.swath(&format!("{command} {log}")).start();
        until("the worker has joined", || {
            assert!(worker.is_running(), "the worker ended instead of joining");
            self.find_worker(name)
        });
        worker
    }

    /// All workers, as `swath worker list --output json` prints them.
    #[track_caller]
    pub fn workers(&self) -> Vec<Value> {
        let list = self.swath("worker list --output json").succeed().json();
        list.as_array().expect("a list").clone()
    }

    /// The worker of this name among them.
    #[track_caller]
    pub fn find_worker(&self, name: &str) -> Option<Value> {
        self.workers().into_iter().find(|worker| worker["name"] == name)
    }

    /// All jobs, as `swath job list --output json` prints them.
    #[track_caller]
    pub fn jobs(&self) -> Vec<Value> {
        let list = self.swath("job list --output json").succeed().json();
        list.as_array().expect("a list").clone()
    }

    /// Submits a job and returns its id.
    #[track_caller]
    pub fn submit(&self, arguments: &str) -> u64 {
        let said = self.swath(&format!("submit {arguments}")).succeed();
        said.stdout().trim().parse().expect("the id of a job")
    }

    /// A job, as `swath job show --output json` prints it.
    #[track_caller]
    pub fn job(&self, id: u64) -> Value {
        self.swath(&format!("job show {id} --output json")).succeed().json()
    }

    /// Numbers that the worker of this name computed of a job, in all its sessions.
    #[track_caller]
    pub fn share(&self, id: u64, worker: &str) -> u64 {
        let job = self.job(id);
        let shares = job["workers"].as_array().expect("a list").iter();
        shares.filter(|share| share["name"] == worker).map(|share| share["numbers"].as_u64().expect("a count")).sum()
    }

    /// Waits until a job is done; it must not end in another way.
    #[track_caller]
    pub fn await_done(&self, id: u64) {
        let job = self.swath(&format!("job wait {id} --output json")).succeed().json();
        assert_eq!(job["state"], "done", "{job:#}");
        assert_eq!(job["committed_numbers"], job["numbers"], "{job:#}");
    }

    /// Waits until the worker of this name holds leases of a job that it has already computed a part of.
    #[track_caller]
    pub fn await_midst(&self, id: u64, worker: &str) {
        until(&format!("{worker} is in the midst of job {id}"), || {
            assert_eq!(self.job(id)["state"], "running", "job {id} ended too early to see {worker} compute");
            let leases = self.find_worker(worker)?["leases"].as_u64()?;
            (leases > 0 && self.share(id, worker) > 0).then_some(())
        });
    }

    /// Stops a worker, as SIGSTOP does, in the midst of computing: it stands with leases, it has used the processor,
    /// and a job runs. So what it dies or falls silent with is work in flight.
    #[track_caller]
    pub fn freeze_midst(&self, id: u64, name: &str, worker: &Process<'_>) {
        assert!(self.try_freeze_midst(id, name, worker), "job {id} ended too early to see {name} compute");
    }

    /// The same; false if the job ended before, and then the worker does not stand.
    #[track_caller]
    pub fn try_freeze_midst(&self, id: u64, name: &str, worker: &Process<'_>) -> bool {
        let at_first = worker.cpu_time();
        let holds_leases = || {
            let worker = self.find_worker(name);
            worker.is_some_and(|worker| worker["leases"] != 0 && worker["leased_chunks"] != 0)
        };
        loop {
            let is_midst = until(&format!("{name} computes"), || {
                if self.has_ended(id) {
                    return Some(false);
                }
                (holds_leases() && worker.cpu_time() >= at_first + SOME_WORK).then_some(true)
            });
            if !is_midst {
                return false;
            }
            worker.freeze();
            if holds_leases() && !self.has_ended(id) {
                return true;
            }
            worker.thaw();
        }
    }

    /// Stops this coordinator, as SIGSTOP does, while it writes a part of a job.
    #[track_caller]
    pub fn freeze_writing(&self, id: u64) {
        assert!(self.try_freeze_writing(id, || false), "no part of job {id} was seen being written");
    }

    /// The same; false if `give_up` says so before, and then the coordinator does not stand.
    #[track_caller]
    pub fn try_freeze_writing(&self, id: u64, mut give_up: impl FnMut() -> bool) -> bool {
        let folder = self.path(&format!("data/jobs/{id}"));
        until_seen("a part is being written", || {
            if unfinished_parts(&folder).is_empty() {
                return give_up().then_some(false);
            }
            self.process.freeze();
            if !unfinished_parts(&folder).is_empty() {
                return Some(true);
            }
            self.process.thaw();
            None
        })
    }

    /// Whether a job neither runs nor is paused.
    #[track_caller]
    pub fn has_ended(&self, id: u64) -> bool {
        !["running", "paused"].map(Value::from).contains(&self.job(id)["state"])
    }

    /// Numbers of a job that are committed.
    #[track_caller]
    pub fn committed(&self, id: u64) -> u64 {
        self.job(id)["committed_numbers"].as_u64().expect("a count")
    }

    /// A path in the folder of the scene as this coordinator sees it: it may have a disk of its own mounted there.
    pub fn path(&self, name: &str) -> PathBuf {
        let path = self.scene.path(name);
        self.process.proc("root").join(path.strip_prefix("/").expect("an absolute path"))
    }

    /// Writes the results of a job into a file of the scene.
    #[track_caller]
    pub fn save(&self, id: u64, file: &str) {
        self.swath(&format!("job results {id} --file {file}")).succeed();
    }

    /// Sends it a signal and waits until it has ended.
    #[track_caller]
    pub fn stop(self, signal: Signal) -> Ended {
        self.process.signal(signal);
        self.process.wait()
    }
}

impl Scene {
    /// Starts a coordinator at a free port, with its results in the folder `data`.
    #[track_caller]
    pub fn coordinator(&self) -> Coordinator<'_> {
        self.coordinator_with("")
    }

    /// The same with more arguments.
    #[track_caller]
    pub fn coordinator_with(&self, arguments: &str) -> Coordinator<'_> {
        self.coordinator_under(&[], arguments)
    }

    /// The same, started by another program that takes a command and becomes it.
    #[track_caller]
    pub fn coordinator_under(&self, prefix: &[&str], arguments: &str) -> Coordinator<'_> {
        Coordinator::start(self, prefix, arguments)
    }

    /// A coordinator with TLS; the access files are made in this folder if they are not there yet. Whatever is started
    /// by it has the access that it needs.
    #[track_caller]
    pub fn secured_coordinator(&self, folder: &str, arguments: &str) -> Coordinator<'_> {
        if !self.path(folder).exists() {
            self.swath(&format!("access create {folder} --address 127.0.0.1:7171")).succeed();
        }
        Coordinator::start_secured(self, &[], folder, arguments)
    }

    /// A coordinator with a disk of its own of this many bytes for the folder `data`: in memory, and mounted where only
    /// the coordinator sees it; see [`Coordinator::path`].
    #[track_caller]
    pub fn coordinator_on_a_small_disk(&self, bytes: u64, arguments: &str) -> Coordinator<'_> {
        fs::create_dir_all(self.path("data")).expect("a folder");
        // Only root may mount; anybody is root in a user namespace of one's own.
        let namespaces = if rustix::process::geteuid().is_root() { "-m" } else { "-Urm" };
        let mount = format!("mount -t tmpfs -o size={bytes} small-disk data && exec \"$@\"");
        self.coordinator_under(&["unshare", namespaces, "bash", "-c", &mount, "bash"], arguments)
    }
}
