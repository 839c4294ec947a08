//! Results of a job into a file or onto standard output.

use std::{convert::Infallible, path::Path, time::Duration};

use anyhow::Result;
use indicatif::HumanBytes;
use swath_client::{
    Client, FailedChunk, Job, JobState, Wanted, counted,
    output::{Content, Format, OutputError, OutputTarget, Summary, Target},
};

use swath_console::say;

use super::connect;
use crate::{
    args::ResultArgs,
    ending::{Attached, Ending},
    output::{Output, Written, failed_chunk, failed_numbers},
    progress::Progress,
};

/// How long to wait before asking whether the job is paused.
const FIRST_POLL: Duration = Duration::from_secs(1);

/// From this size on, the size of the results is announced.
const MUCH: u64 = 1 << 30;

/// Where results go, and how.
pub(super) struct Destination {
    pub(super) target: Target,
    pub(super) format: Format,
}

impl Destination {
    /// Contradictions are found before there is a job.
    pub(super) fn parse(args: &ResultArgs, output: &dyn Output) -> Result<Self> {
        let named = args.format.as_deref().map(str::parse).transpose().map_err(|error: String| Ending::Usage(error))?;
        if args.file == Path::new("-") {
            return Ok(Self { target: Target::Stdout, format: named.unwrap_or_else(|| output.result_format()) });
        }
        let format = match named {
            Some(format) => format,
            None => Format::from_path(&args.file).map_err(OutputError::from)?,
        };
        Ok(Self { target: Target::File(args.file.clone()), format })
    }

    /// With --keep-going some numbers may have no result. Text may still turn out complete; it is refused at the first
    /// number without a result.
    pub(super) fn check_keep_going(&self, keep_going: bool) -> Result<()> {
        if keep_going && self.format == Format::Npy {
            let sentence = "a .npy file cannot show which numbers have no result; with --keep-going use .parquet, .arrow, .csv or .jsonl";
            return Err(Ending::Usage(sentence.to_owned()).into());
        }
        Ok(())
    }

    /// Refuses a job with numbers that are known to have no result, if the format cannot show which.
    pub(super) fn check_missing(&self, job: &Job, wanted: Wanted) -> Result<()> {
        let has_ended = job.state != JobState::Running;
        let not_there = if wanted == Wanted::Existing && has_ended {
            job.range.count().saturating_sub(job.committed_numbers)
        } else {
            0
        };
        match job.failed_numbers.max(not_there) {
            count if count > 0 && self.format.needs_every_number() => {
                Err(OutputError::Missing { first: None, count, format: self.format }.into())
            }
            _ => Ok(()),
        }
    }

    /// Opens the target, before there is anything to write to it.
    pub(super) async fn open(&self) -> Result<OutputTarget> {
        let (target, format) = (self.target.clone(), self.format);
        // It may wait for the reader of a pipe.
        let opened = tokio::task::spawn_blocking(move || OutputTarget::open(target, format)).await?;
        opened.map_err(|error| match error {
            error @ OutputError::Write { .. } => Ending::Usage(error.to_string()).into(),
            error => error.into(),
        })
    }

    /// What a job will write.
    fn content(&self, job: &Job, wanted: Wanted) -> Content {
        Content {
            range: job.range,
            value_type: job.value_type,
            // Parts are of the same encoded columns; their footers may take a little more.
            least_bytes: if self.format == Format::Parquet { job.result_bytes - job.result_bytes / 10 } else { 0 },
            may_miss: job.keep_going || wanted == Wanted::Existing,
        }
    }
}

/// How results of a job are written.
pub(super) struct Way<'a> {
    pub(super) target: OutputTarget,
    pub(super) destination: &'a Destination,
    pub(super) wanted: Wanted,
}

/// Writes all results of a job; waits for those that are not there yet.
pub(super) async fn save(client: &Client, job: &Job, way: Way<'_>) -> Result<Summary> {
    let Way { target, destination, wanted } = way;
    let content = destination.content(job, wanted);
    if let Some(bytes) = target.about(&content).filter(|&bytes| bytes >= MUCH) {
        let kind = format!("{} value", job.value_type);
        let (values, bytes) = (counted(job.range.count(), &kind), HumanBytes(bytes));
        say!("{values} will take about {bytes} in {}", destination.target);
    }
    let output = target.begin(&content)?;
    let progress = Progress::beside_results(&destination.target);
    progress.update_reason(job);
    let attached = Attached { job: job.id, verb: "results" };
    let reader = connect::attached(client, attached, progress.teller());
    let saved = async {
        let results = match wanted {
            Wanted::All => reader.results(job).await,
            Wanted::Existing => reader.partial_results(job).await,
        };
        output.save(results.map_err(OutputError::from)?, progress.written()).await
    };
    let saved = tokio::select! {
        saved = saved => saved,
        never = progress.say_reasons(job.id) => match never {},
        never = watch(client, job.id, &progress) => match never {},
    };
    drop(progress);
    let error = match saved {
        Ok(summary) => return Ok(summary),
        Err(error) => error,
    };
    let is_ours = matches!(error, OutputError::Missing { .. } | OutputError::WillNotFit { .. });
    if is_ours || error.is_broken_pipe() {
        return Err(error.into());
    }
    Err(connect::explain_output(attached, error))
}

/// How Ctrl-C ends a command before the answer to its submit.
pub(super) fn interrupted_submit() -> Ending {
    Ending::Interrupted(
        "interrupted before the coordinator answered; `swath job list` shows whether the job was submitted".to_owned(),
    )
}

/// Watches why a job makes no progress. Never returns.
async fn watch(client: &Client, job: u64, progress: &Progress) -> Infallible {
    // Most jobs end sooner.
    tokio::time::sleep(FIRST_POLL).await;
    // Errors are reported by the reader of the results.
    let _ = client.wait(job, |job| progress.update_reason(job)).await;
    std::future::pending().await
}

/// What was written of a job.
pub(super) struct Saved<'a> {
    pub(super) destination: &'a Destination,
    pub(super) summary: Summary,
    pub(super) took: Duration,
}

impl Saved<'_> {
    /// Says what was written and what is missing, and fails if a part of the job failed.
    /// `job`: as it stands now. `failed`: its failed chunks.
    pub(super) fn conclude(&self, job: &Job, failed: &[FailedChunk], output: &dyn Output) -> Result<()> {
        let Self { destination, summary, took } = self;
        let file = match &destination.target {
            Target::File(path) => Some(path),
            Target::Stdout => None,
        };
        let meta = file.and_then(|file| std::fs::metadata(file).ok()).filter(std::fs::Metadata::is_file);
        let bytes = meta.map(|_| summary.bytes);
        if let Some(file) = file {
            let size = bytes.map(|bytes| format!(" ({})", HumanBytes(bytes))).unwrap_or_default();
            let numbers = counted(summary.numbers, "number");
            say!("{numbers} in {}{size}, {:.3} s", file.display(), took.as_secs_f64());
        }
        say_failed(failed);
        if let Some(file) = file {
            let written = Written { file, format: destination.format, summary: *summary, bytes, took: *took };
            output.job_written(job, failed, &written)?;
        }
        match summary.missing {
            0 => Ok(()),
            // --partial asks for exactly this.
            missing if matches!(job.state, JobState::Failed(_) | JobState::Cancelled) => {
                let have = if missing == 1 { "has" } else { "have" };
                say!("{} {have} no result", counted(missing, "number"));
                Ok(())
            }
            missing => Err(Ending::JobFailed(failed_numbers(missing, job.range.count())).into()),
        }
    }
}

/// Says of a few failed chunks why they failed.
fn say_failed(failed: &[FailedChunk]) {
    const SHOWN: usize = 5;
    for chunk in failed.iter().take(SHOWN) {
        say!("{}", failed_chunk(chunk));
    }
    if failed.len() > SHOWN {
        say!("and {} more", counted((failed.len() - SHOWN) as u64, "failed chunk"));
    }
}
