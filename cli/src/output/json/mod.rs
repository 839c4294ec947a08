//! Answers for programs. Field names are stable; `tests/snapshots/output.json` has all of them.

mod job;
mod kernel;
mod launch;
mod time;
mod worker;

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;
use swath_client::{FailedChunk, Job, Worker, WorkerState, output::Format};
use swath_console::{plain_json, print};
use swath_launch::{Host, Preview};

use self::{
    job::JobRecord,
    kernel::KernelRecord,
    launch::{HostRecord, PreviewRecord},
    worker::WorkerRecord,
};
use super::{
    answers::Output,
    hosts::HostReport,
    shown::{HealthAnswer, JoinedWorker, Listening, ShownAccess, Written},
    words::worker_state,
};

/// One JSON value for each answer.
pub(crate) struct Json;

impl Output for Json {
    fn result_format(&self) -> Format {
        Format::Jsonl
    }

    fn job_awaited(&self, _: &Job) {}

    fn job_submitted(&self, job: &Job) -> Result<()> {
        write(&JobRecord::from(job))
    }

    fn job(&self, job: &Job, failed: &[FailedChunk]) -> Result<()> {
        write(&JobRecord::from(job).with_failed(failed))
    }

    fn jobs(&self, jobs: &[Job]) -> Result<()> {
        write(&list::<_, JobRecord<'_>>(jobs))
    }

    fn job_cancelled(&self, job: &Job) -> Result<()> {
        write(&JobRecord::from(job))
    }

    fn job_forgotten(&self, id: u64) -> Result<()> {
        write(&State { id, state: "forgotten" })
    }

    fn job_written(&self, job: &Job, failed: &[FailedChunk], written: &Written<'_>) -> Result<()> {
        write(&JobRecord::from(job).with_failed(failed).with_output(written))
    }

    fn workers(&self, workers: &[Worker]) -> Result<()> {
        write(&list::<_, WorkerRecord<'_>>(workers))
    }

    fn worker_draining(&self, id: u64) -> Result<()> {
        write(&State { id, state: worker_state(WorkerState::Draining) })
    }

    fn worker_joined(&self, worker: &JoinedWorker<'_>) -> Result<()> {
        #[derive(Serialize)]
        struct Record<'a> {
            id: u64,
            name: &'a str,
            process_id: u32,
            threads: u32,
        }
        let JoinedWorker { id, name, threads } = *worker;
        write(&Record { id, name, process_id: std::process::id(), threads })
    }

    fn coordinator_listening(&self, listening: &Listening) -> Result<()> {
        #[derive(Serialize)]
        struct Record {
            address: String,
            process_id: u32,
        }
        write(&Record { address: listening.address.to_string(), process_id: std::process::id() })
    }

    fn host(&self, _: &HostReport, _: &[Host]) -> Result<()> {
        Ok(())
    }

    fn hosts(&self, reports: &[HostReport]) -> Result<()> {
        write(&list::<_, HostRecord>(reports))
    }

    fn launch_previews(&self, previews: &[(&Host, Preview)]) -> Result<()> {
        write(&list::<_, PreviewRecord<'_>>(previews))
    }

    fn health(&self, answer: &HealthAnswer<'_>) -> Result<()> {
        #[derive(Serialize)]
        struct Record<'a> {
            address: &'a str,
            service: String,
            serving: bool,
        }
        let HealthAnswer { address, service, serving } = *answer;
        write(&Record { address, service: service.to_string(), serving })
    }

    fn access(&self, access: &ShownAccess<'_>) -> Result<()> {
        #[derive(Serialize)]
        struct Record<'a> {
            roles: &'a [&'static str],
            subject: &'a str,
            coordinator: Option<&'a str>,
            expires_at: String,
        }
        let ShownAccess { roles, subject, coordinator, expires } = access;
        let expires_at = humantime::format_rfc3339_seconds(*expires).to_string();
        write(&Record { roles, subject, coordinator: *coordinator, expires_at })
    }

    fn access_files(&self, files: &[PathBuf]) -> Result<()> {
        write(&files)
    }

    fn kernels(&self, kernels: &[swath_kernel::Description]) -> Result<()> {
        write(&list::<_, KernelRecord>(kernels))
    }
}

/// What has become of a job or a worker.
#[derive(Serialize)]
struct State {
    id: u64,
    state: &'static str,
}

fn list<'a, T, R: From<&'a T>>(items: &'a [T]) -> Vec<R> {
    items.iter().map(R::from).collect()
}

fn write(value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(print(plain_json(&text).as_bytes())?)
}

#[cfg(test)]
mod tests {
    use swath_console::plain_json;

    #[test]
    fn what_peers_say_reaches_no_terminal_as_it_is() {
        let said = "\u{9b}31m \u{202e}gnp\u{2028}\u{2029}\u{7f}\u{1b}[0m\u{2066}\u{61c} \u{e4}\u{1f33e} \\ \"";
        let json = serde_json::to_string_pretty(&[said]).unwrap();
        let printed = plain_json(&json);
        let expected =
            "[\n  \"\\u009b31m \\u202egnp\\u2028\\u2029\\u007f\\u001b[0m\\u2066\\u061c \u{e4}\u{1f33e} \\\\ \\\"\"\n]";
        assert_eq!(printed, expected);
        assert_eq!(serde_json::from_str::<[String; 1]>(&printed).unwrap(), [said]);
    }
}
