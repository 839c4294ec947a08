//! Answers for people.

mod access;
mod job;
mod kernel;
mod launch;
mod table;
mod worker;

use std::path::PathBuf;

use anyhow::Result;
use swath_client::{FailedChunk, Job, Worker, output::Format};
use swath_console::{print, say};
use swath_launch::{Host, Preview};

use super::{
    answers::Output,
    hosts::HostReport,
    shown::{HealthAnswer, JoinedWorker, Listening, ShownAccess, Written},
};

/// Text for people. What they can see elsewhere, or have asked for themselves, is not printed.
pub(crate) struct Text;

impl Output for Text {
    fn result_format(&self) -> Format {
        Format::Text
    }

    fn job_awaited(&self, job: &Job) {
        say!("job {} submitted", job.id);
    }

    fn job_submitted(&self, job: &Job) -> Result<()> {
        Ok(print(format!("{}\n", job.id))?)
    }

    fn job(&self, job: &Job, failed: &[FailedChunk]) -> Result<()> {
        job::one(job, failed)
    }

    fn jobs(&self, jobs: &[Job]) -> Result<()> {
        job::list(jobs)
    }

    fn job_cancelled(&self, _: &Job) -> Result<()> {
        Ok(())
    }

    fn job_forgotten(&self, _: u64) -> Result<()> {
        Ok(())
    }

    fn job_written(&self, _: &Job, _: &[FailedChunk], _: &Written<'_>) -> Result<()> {
        Ok(())
    }

    fn workers(&self, workers: &[Worker]) -> Result<()> {
        worker::list(workers)
    }

    fn worker_draining(&self, _: u64) -> Result<()> {
        Ok(())
    }

    fn worker_joined(&self, _: &JoinedWorker<'_>) -> Result<()> {
        Ok(())
    }

    fn coordinator_listening(&self, _: &Listening) -> Result<()> {
        Ok(())
    }

    fn host(&self, report: &HostReport, hosts: &[Host]) -> Result<()> {
        launch::host(report, hosts)
    }

    fn hosts(&self, _: &[HostReport]) -> Result<()> {
        Ok(())
    }

    fn launch_previews(&self, previews: &[(&Host, Preview)]) -> Result<()> {
        launch::previews(previews)
    }

    fn health(&self, answer: &HealthAnswer<'_>) -> Result<()> {
        // That it is not is the error of the command.
        if answer.serving { Ok(print("serving\n")?) } else { Ok(()) }
    }

    fn access(&self, access: &ShownAccess<'_>) -> Result<()> {
        access::show(access)
    }

    fn access_files(&self, files: &[PathBuf]) -> Result<()> {
        Ok(print(files.iter().map(|file| format!("{}\n", file.display())).collect::<String>())?)
    }

    fn kernels(&self, kernels: &[swath_kernel::Description]) -> Result<()> {
        kernel::list(kernels)
    }
}
