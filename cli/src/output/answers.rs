//! All that commands print on standard output.

use std::path::PathBuf;

use anyhow::Result;
use swath_client::{FailedChunk, Job, Worker, output::Format};
use swath_launch::{Host, Preview};

use super::{
    hosts::HostReport,
    shown::{HealthAnswer, JoinedWorker, Listening, ShownAccess, Written},
};

/// How answers are printed.
pub(crate) trait Output: Sync {
    /// The format of results on standard output where none is named.
    fn result_format(&self) -> Format;

    /// Says that a job was submitted whose end is waited for.
    fn job_awaited(&self, job: &Job);

    /// A job that was submitted.
    fn job_submitted(&self, job: &Job) -> Result<()>;

    /// A job with its failed chunks.
    fn job(&self, job: &Job, failed: &[FailedChunk]) -> Result<()>;

    /// Jobs in a list.
    fn jobs(&self, jobs: &[Job]) -> Result<()>;

    /// A job that was cancelled.
    fn job_cancelled(&self, job: &Job) -> Result<()>;

    /// A job that was forgotten.
    fn job_forgotten(&self, id: u64) -> Result<()>;

    /// A job whose results were written to a file.
    fn job_written(&self, job: &Job, failed: &[FailedChunk], written: &Written<'_>) -> Result<()>;

    /// Workers in a list.
    fn workers(&self, workers: &[Worker]) -> Result<()>;

    /// A worker that was told to drain.
    fn worker_draining(&self, id: u64) -> Result<()>;

    /// This process is a worker that has joined.
    fn worker_joined(&self, worker: &JoinedWorker<'_>) -> Result<()>;

    /// This process is a coordinator that listens.
    fn coordinator_listening(&self, listening: &Listening) -> Result<()>;

    /// One host is done; `hosts` are all of this command. Called in the order in which hosts are done.
    fn host(&self, report: &HostReport, hosts: &[Host]) -> Result<()>;

    /// All hosts are done.
    fn hosts(&self, reports: &[HostReport]) -> Result<()>;

    /// What would be run on hosts.
    fn launch_previews(&self, previews: &[(&Host, Preview)]) -> Result<()>;

    /// How a process is.
    fn health(&self, answer: &HealthAnswer<'_>) -> Result<()>;

    /// What an access file is for.
    fn access(&self, access: &ShownAccess<'_>) -> Result<()>;

    /// Access files that were made.
    fn access_files(&self, files: &[PathBuf]) -> Result<()>;

    /// Kernels in a list.
    fn kernels(&self, kernels: &[swath_kernel::Description]) -> Result<()>;
}
