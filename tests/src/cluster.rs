//! A coordinator and its workers.

use serde_json::Value;

use crate::{Ended, Invocation, Process, Scene, Signal, until};

/// A coordinator that listens, and what clients do with it.
pub struct Coordinator<'scene> {
    scene: &'scene Scene,
    process: Process<'scene>,
    address: String,
}

impl<'scene> Coordinator<'scene> {
    #[track_caller]
    pub(crate) fn start(scene: &'scene Scene, arguments: &str) -> Self {
        let listen = if arguments.contains("--listen") { "" } else { "--listen 127.0.0.1:0" };
        let command = scene.swath(&format!("coordinator start --log info {listen} {arguments}"));
        let mut process = command.env("SWATH_DATA", scene.path("data")).start();
        let address = until("the coordinator listens", || {
            assert!(process.is_running(), "the coordinator ended instead of listening");
            let said = process.stderr();
            let (_, rest) = said.split_once("coordinator is listening address=")?;
            // The line may be half written.
            Some(rest.split_once('\n')?.0.trim().to_owned())
        });
        Self { scene, process, address }
    }

    /// Where it listens, as `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its process.
    pub fn process(&self) -> &Process<'scene> {
        &self.process
    }

    /// A command of the program that is sent to this coordinator.
    pub fn swath(&self, arguments: &str) -> Invocation<'scene> {
        self.scene.swath(arguments).arg("--coordinator").arg(&self.address)
    }

    /// Starts a worker and waits until it has joined.
    #[track_caller]
    pub fn worker(&self, name: &str) -> Process<'scene> {
        self.worker_with(name, "")
    }

    /// The same with more arguments.
    #[track_caller]
    pub fn worker_with(&self, name: &str, arguments: &str) -> Process<'scene> {
        let mut worker = self.swath(&format!("worker start --log info --name {name} {arguments}")).start();
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

    /// Numbers that the worker of this name computed of a job.
    #[track_caller]
    pub fn share(&self, id: u64, worker: &str) -> u64 {
        let job = self.job(id);
        let shares = job["workers"].as_array().expect("a list");
        shares
            .iter()
            .find(|share| share["name"] == worker)
            .map_or(0, |share| share["numbers"].as_u64().expect("a count"))
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
