//! Answers for people.

mod access;
mod job;
mod kernel;
mod launch;
mod worker;

use std::{
    io::{self, Write},
    path::PathBuf,
    time::SystemTime,
};

use anyhow::Result;
use swath_client::{FailedChunk, Job, Worker, output::Format};
use swath_console::{print, say};
use swath_launch::{Host, Preview};
use tabwriter::TabWriter;

use super::{HealthAnswer, HostReport, JoinedWorker, Listening, Output, ShownAccess, Written};

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

/// Columns that line up.
type Table = TabWriter<Vec<u8>>;

fn new_table() -> Table {
    TabWriter::new(Vec::new()).padding(2)
}

fn print_table(table: Table) -> Result<()> {
    let text = table.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    Ok(print(text)?)
}

/// Prints a header and a line for each row.
fn table<T>(header: &str, rows: &[T], mut line: impl FnMut(&mut Table, &T) -> io::Result<()>) -> Result<()> {
    let mut out = new_table();
    writeln!(out, "{header}")?;
    for row in rows {
        line(&mut out, row)?;
    }
    print_table(out)
}

fn time(at: SystemTime) -> String {
    humantime::format_rfc3339_seconds(at).to_string()
}
