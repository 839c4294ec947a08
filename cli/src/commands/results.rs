//! Results of a job into a file or onto standard output.

use std::{convert::Infallible, path::Path, time::Duration};

use anyhow::Result;
use indicatif::HumanBytes;
use swath_client::{
    Client, Hole, Job, JobState, counted,
    output::{Content, Format, OutputError, OutputTarget, Summary, Target},
};

use swath_console::say;

use super::connect::{self, Attached};
use crate::{
    args::{OutputMode, ResultArgs},
    exit::Ending,
    progress::Progress,
    show::{self, Written},
};

/// When a job is first asked whether it is paused.
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// From here on it is said in advance how much will be written.
const MUCH: u64 = 1 << 30;

/// Where results go, and how.
pub(super) struct Destination {
    pub(super) target: Target,
    pub(super) format: Format,
}

impl Destination {
    /// What cannot be meant is found before there is a job.
    pub(super) fn parse(args: &ResultArgs, mode: OutputMode) -> Result<Self> {
        let named = args.format.as_deref().map(str::parse).transpose().map_err(|error: String| Ending::Usage(error))?;
        if args.file == Path::new("-") {
            let default = if mode == OutputMode::Json { Format::Jsonl } else { Format::Text };
            return Ok(Self { target: Target::Stdout, format: named.unwrap_or(default) });
        }
        let format = match named {
            Some(format) => format,
            None => Format::from_path(&args.file)?,
        };
        Ok(Self { target: Target::File(args.file.clone()), format })
    }

    /// Of a job that goes on without what fails, not every number has a result. Text may still be whole at the end; it is
    /// refused at the first number without one.
    pub(super) fn check_keep_going(&self, keep_going: bool) -> Result<()> {
        if keep_going && self.format == Format::Npy {
            let sentence = "a .npy file cannot say which numbers have no result; with --keep-going use .parquet, .arrow, .csv or .jsonl";
            return Err(Ending::Usage(sentence.to_owned()).into());
        }
        Ok(())
    }

    /// Refuses a job of which numbers are known to have no result, where the format cannot say which.
    pub(super) fn check_missing(&self, job: &Job, partial: bool) -> Result<()> {
        let has_ended = job.state != JobState::Running;
        let not_there = if partial && has_ended { job.range.count().saturating_sub(job.committed_numbers) } else { 0 };
        match job.hole_numbers.max(not_there) {
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
    fn content(&self, job: &Job, partial: bool) -> Content {
        Content {
            range: job.range,
            value_type: job.value_type,
            // Parts are of the same encoded columns; their footers may take a little more.
            least_bytes: if self.format == Format::Parquet { job.result_bytes - job.result_bytes / 10 } else { 0 },
            may_miss: job.keep_going || partial,
        }
    }
}

/// How results of a job are written.
pub(super) struct Way<'a> {
    pub(super) target: OutputTarget,
    pub(super) destination: &'a Destination,
    /// Of a failed or cancelled job, what there is.
    pub(super) partial: bool,
}

/// Writes all results of a job; waits for those that are not there yet.
pub(super) async fn save(client: &Client, job: &Job, way: Way<'_>) -> Result<Summary> {
    let Way { target, destination, partial } = way;
    let content = destination.content(job, partial);
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
        let results = if partial { reader.partial_results(job).await } else { reader.results(job).await };
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
    // The job's own end says more than the end of the stream.
    if let Ok(job) = client.job(job.id).await {
        check_readable(&job, partial)?;
    }
    Err(attached.explain_output(error))
}

/// Refuses a job that failed or was cancelled to who wants all its results: nothing is opened or written then.
pub(super) fn check_readable(job: &Job, partial: bool) -> Result<(), Ending> {
    let id = job.id;
    let rest = if job.results_dropped { ", and its results were dropped" } else { "" };
    match &job.state {
        JobState::Failed(failure) if !partial => Err(Ending::JobFailed(format!("job {id} failed: {failure}{rest}"))),
        JobState::Cancelled if !partial || job.results_dropped => {
            Err(Ending::JobCancelled(format!("job {id} was cancelled{rest}")))
        }
        _ => Ok(()),
    }
}

/// How Ctrl-C ends a command whose submit was not answered yet.
pub(super) fn interrupted_submit() -> Ending {
    Ending::Interrupted(
        "interrupted before the coordinator answered; `swath job list` says whether there is a job".to_owned(),
    )
}

/// Learns why a job makes no progress. Never returns.
async fn watch(client: &Client, job: u64, progress: &Progress) -> Infallible {
    // Most jobs are over before anybody would ask.
    tokio::time::sleep(FIRST_LOOK).await;
    // What became of the job is told by its results.
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
    /// `job`: as it stands now. `failures`: its failed chunks.
    pub(super) fn conclude(&self, job: &Job, failures: &[Hole], mode: OutputMode) -> Result<()> {
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
        say_failures(failures);
        if mode == OutputMode::Json
            && let Some(file) = file
        {
            let written = Written {
                file,
                format: destination.format.to_string(),
                numbers: summary.numbers,
                missing_numbers: summary.missing,
                bytes,
                seconds: took.as_secs_f64(),
            };
            show::job(job, Some(failures), Some(written), mode)?;
        }
        match summary.missing {
            0 => Ok(()),
            // That is what was asked for.
            missing if matches!(job.state, JobState::Failed(_) | JobState::Cancelled) => {
                let have = if missing == 1 { "has" } else { "have" };
                say!("{} {have} no result", counted(missing, "number"));
                Ok(())
            }
            missing => Err(Ending::JobFailed(show::failed_numbers(missing, job.range.count())).into()),
        }
    }
}

/// Says of a few failed chunks why they failed.
fn say_failures(failures: &[Hole]) {
    const SHOWN: usize = 5;
    for chunk in failures.iter().take(SHOWN) {
        say!("{}", show::failed_chunk(chunk));
    }
    if failures.len() > SHOWN {
        say!("and {} more", counted((failures.len() - SHOWN) as u64, "failed chunk"));
    }
}
