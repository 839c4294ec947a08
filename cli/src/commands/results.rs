//! Results of a job into a file or onto standard output.

use std::{convert::Infallible, path::Path, time::Duration};

use anyhow::Result;
use indicatif::HumanBytes;
use swath_client::{
    Client, FailedChunk, Job, JobRequest, JobState, Range, Shape, Wanted, counted,
    output::{Content, FileFormat, Format, OutputError, OutputTarget, Summary, Target},
};
use swath_console::say;

use super::connect;
use crate::{
    args::FormatArgs,
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
    pub(super) format: FileFormat,
    pub(super) columns: Vec<String>,
}

impl Destination {
    /// Contradictions are found before there is a job.
    pub(super) fn parse(file: &Path, how: &FormatArgs, output: &dyn Output) -> Result<Self> {
        let columns = how.columns.clone();
        if file == Path::new("-") {
            let format = how.format.unwrap_or_else(|| output.result_format().into());
            return Ok(Self { target: Target::Stdout, format, columns });
        }
        let format = match how.format {
            Some(format) => format.in_file(file),
            None => FileFormat::from_path(file),
        };
        Ok(Self { target: Target::File(file.to_owned()), format: format.map_err(OutputError::from)?, columns })
    }

    /// With --keep-going some numbers may have no result. Text may still turn out complete; it is refused at the first
    /// number without a result.
    pub(super) fn check_keep_going(&self, keep_going: bool) -> Result<()> {
        if keep_going && self.format.format() == Format::Npy {
            let sentence = "a .npy file cannot show which numbers have no result; with --keep-going use .parquet, \
                            .arrow, .csv or .jsonl";
            return Err(Ending::Usage(sentence.to_owned()).into());
        }
        Ok(())
    }

    /// Refuses a job with numbers that are known to have no result, if the output cannot show which.
    pub(super) fn check_missing(&self, job: &Job, wanted: Wanted) -> Result<()> {
        let has_ended = job.state != JobState::Running;
        let not_there = if wanted == Wanted::Existing && has_ended {
            job.range.count().saturating_sub(job.committed_numbers)
        } else {
            0
        };
        let format = self.format.format();
        match job.failed_numbers.max(not_there) {
            count if count > 0 && !self.content(job, job.range, wanted)?.shows_missing(format) => {
                Err(OutputError::Missing { first: None, count, format }.into())
            }
            _ => Ok(()),
        }
    }

    /// Whether the results of a kernel of this program can be written there. The coordinator judges unknown kernels.
    pub(super) fn check(&self, target: &OutputTarget, request: &JobRequest) -> Result<()> {
        let Some(content) = Content::of_request(request)? else {
            return Ok(());
        };
        Ok(target.check(&Content { columns: self.columns.clone(), ..content })?)
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

    /// What a job will write of these numbers.
    fn content(&self, job: &Job, range: Range, wanted: Wanted) -> Result<Content> {
        let is_whole = range == job.range
            && self.columns.is_empty()
            && self.format.format() == Format::Parquet
            && job.layout.shape() != Shape::Reduced;
        Ok(Content {
            columns: self.columns.clone(),
            // Parts are of the same encoded columns; their footers may take a little more.
            least_bytes: if is_whole { job.result_bytes - job.result_bytes / 10 } else { 0 },
            may_miss: job.keep_going || wanted == Wanted::Existing,
            ..Content::of_part(job, range)?
        })
    }
}

/// How results of a job are written.
pub(super) struct Way<'a> {
    pub(super) target: OutputTarget,
    pub(super) destination: &'a Destination,
    /// Which of its numbers.
    pub(super) range: Range,
    pub(super) wanted: Wanted,
}

/// Writes the results of a job; waits for those that are not there yet.
pub(super) async fn save(client: &Client, job: &Job, way: Way<'_>) -> Result<Summary> {
    let Way { target, destination, range, wanted } = way;
    let content = destination.content(job, range, wanted)?;
    if let Some(bytes) = target.about(&content).filter(|&bytes| bytes >= MUCH) {
        let kind = job.layout.value_type().map_or_else(|| "row".to_owned(), |value_type| format!("{value_type} value"));
        let (rows, bytes) = (counted(range.count(), &kind), HumanBytes(bytes));
        say!("{rows} will take about {bytes} in {}", destination.target);
    }
    let output = target.begin(&content)?;
    let progress = Progress::beside_results(&destination.target).of_part(job, range);
    progress.update_reason(job);
    let attached = Attached { job: job.id, verb: "results" };
    let reader = connect::attached(client, attached, progress.teller());
    let saved = async {
        let results = reader.results_in(job, range, wanted).await;
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
    let is_ours = matches!(error, OutputError::Missing { .. } | OutputError::WillNotFit { .. } | OutputError::Value(_));
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
            let written = match job.layout.shape() {
                Shape::Dense => counted(summary.numbers, "number").to_string(),
                Shape::Sparse => format!("{} of {}", counted(summary.rows, "row"), counted(summary.numbers, "number")),
                Shape::Reduced => format!("reductions of {}", counted(summary.numbers, "number")),
            };
            say!("{written} in {}{size}, {:.3} s", file.display(), took.as_secs_f64());
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
            missing => Err(Ending::JobFailed(failed_numbers(missing, summary.numbers + missing)).into()),
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
