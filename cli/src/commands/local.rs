//! The coordinator and the workers of one `swath run`; they end with it.

use std::{
    env,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use swath_coordinator::{Coordinator, CoordinatorConfig, LedgerPlace, NoMetrics, Place, StoreConfig};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::worker::cores;

const MEMORY_BYTES: usize = 32 << 20;
const PART_BYTES: usize = 16 << 20;
/// Bytes on the disk for a slow reader before the run pauses.
const WINDOW_BYTES: u64 = 512 << 20;
/// A block that its reader does not take for this long goes to the disk when memory is short.
const PART_AGE: Duration = Duration::from_secs(2);
const LEASE_TIMEOUT: Duration = Duration::from_secs(10);
/// For the one reader, which never waits for another.
const READER_MEMORY_BYTES: usize = 64 << 20;
const READER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the coordinator may take to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);
/// Results are sent at once; only a slow reader makes them wait.
const UPLOAD_MEMORY: &str = "16MiB";

/// A coordinator in this process and worker processes on this machine.
pub(super) struct LocalCluster {
    address: String,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), swath_coordinator::CoordinatorError>>,
    workers: Vec<Child>,
    scratch: TempDir,
}

impl LocalCluster {
    /// Starts the coordinator, then the workers, which join by themselves.
    pub(super) async fn start(workers: u32, threads: Option<u32>) -> Result<Self> {
        let scratch = tempfile::Builder::new().prefix("swath-").tempdir().context("cannot make a temporary folder")?;
        let config = CoordinatorConfig {
            listen: ([127, 0, 0, 1], 0).into(),
            store: StoreConfig {
                folder: scratch.path().to_owned(),
                place: Place::Data,
                ledger: LedgerPlace::Memory,
                memory_bytes: MEMORY_BYTES,
                reader_memory_bytes: READER_MEMORY_BYTES,
                part_bytes: PART_BYTES,
                max_disk: None,
                window_bytes: WINDOW_BYTES,
                part_age: PART_AGE,
                metrics: Arc::new(NoMetrics),
            },
            max_artifacts: u64::MAX,
            lease_timeout: LEASE_TIMEOUT,
            reader_timeout: READER_TIMEOUT,
            retain: None,
            access: None,
            health_listen: None,
        };
        let coordinator = Coordinator::bind(config).await?;
        let address = coordinator.address().to_string();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(coordinator.serve(stop.clone()));
        let mut cluster = Self { address, stop, serving, workers: Vec::new(), scratch };
        let threads = threads.unwrap_or_else(|| (cores() / workers).max(1));
        for index in 1..=workers {
            let worker = start_worker(&cluster.address, cluster.scratch.path(), index, threads)?;
            cluster.workers.push(worker);
        }
        Ok(cluster)
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// An error if the coordinator or all workers have ended.
    pub(super) fn check_workers(&mut self) -> Result<()> {
        if self.serving.is_finished() {
            anyhow::bail!("the coordinator of this run ended unexpectedly");
        }
        let mut last = None;
        for worker in &mut self.workers {
            match worker.try_wait()? {
                Some(status) => last = Some(status),
                None => return Ok(()),
            }
        }
        match last {
            Some(status) => anyhow::bail!("all workers have ended ({status})"),
            None => Ok(()),
        }
    }

    /// Ends everything. The temporary folder is deleted last, when nothing can write to it.
    pub(super) async fn stop(mut self) {
        self.stop.cancel();
        self.kill_workers();
        let _ = tokio::time::timeout(STOP_TIMEOUT, &mut self.serving).await;
    }

    fn kill_workers(&mut self) {
        // Their work is no longer needed.
        for worker in &mut self.workers {
            let _ = worker.kill();
        }
        for mut worker in self.workers.drain(..) {
            let _ = worker.wait();
        }
    }
}

impl Drop for LocalCluster {
    fn drop(&mut self) {
        self.stop.cancel();
        self.kill_workers();
        self.serving.abort();
    }
}

fn start_worker(address: &str, scratch: &Path, index: u32, threads: u32) -> Result<Child> {
    let program = env::current_exe().context("cannot find this program to start a worker")?;
    let mut command = Command::new(program);
    let filter = env::var("SWATH_LOG").ok().filter(|filter| !filter.is_empty());
    // Variables of the caller are meant for workers and coordinators that the caller starts itself.
    for (name, _) in env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"SWATH_")) {
        command.env_remove(name);
    }
    command
        .args(["worker", "start", "--attached", "--coordinator", address, "--upload-memory", UPLOAD_MEMORY])
        .args(["--name", &format!("worker-{index}"), "--threads", &threads.to_string()])
        .arg("--scratch")
        .arg(scratch)
        .arg("--cache")
        .arg(scratch.join("programs"))
        // An error of a worker either fails the run, which reports it, or is made good by a retry.
        .env("SWATH_LOG", filter.as_deref().unwrap_or("error"))
        // Closes when this process ends, however it ends; the worker ends with it.
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context("cannot start a worker")
}
