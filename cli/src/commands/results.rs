//! Results of a job into a file or onto standard output.

use std::path::Path;

use anyhow::{Context, Result};
use indicatif::{HumanBytes, HumanCount};
use swath_client::{
    Client, Job, JobState,
    output::{Format, Output, OutputError, Target},
};

use crate::{
    args::{OutputMode, ResultArgs},
    exit::Ending,
    progress,
};

/// Where results go, and how.
pub(super) struct Destination {
    pub(super) target: Target,
    format: Format,
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

    /// Opens the output of this job.
    pub(super) fn open(&self, job: &Job) -> Result<Output> {
        Output::create(self.target.clone(), self.format, job.range, job.value_type).map_err(|error| match error {
            error @ OutputError::Write { .. } => Ending::Usage(error.to_string()).into(),
            error => error.into(),
        })
    }
}

/// Writes all results of a job, with a progress bar; waits for those that are not there yet.
pub(super) async fn save(client: &Client, job: &Job, output: Output) -> Result<()> {
    let bar = progress::bar(job.range.count());
    let saved = async {
        let results = client.results(job).await.map_err(OutputError::from)?;
        let bar = bar.clone();
        output.save(results, move |numbers| bar.set_position(numbers)).await
    }
    .await;
    bar.finish_and_clear();
    let Err(error) = saved else { return Ok(()) };
    if error.is_broken_pipe() {
        return Err(error.into());
    }
    // The job's own end says more than the end of the stream.
    match client.job(job.id).await.map(|job| job.state) {
        Ok(JobState::Failed(failure)) => Err(Ending::JobFailed(format!("job {} failed: {failure}", job.id)).into()),
        Ok(JobState::Cancelled) => Err(Ending::JobCancelled(format!("job {} was cancelled", job.id)).into()),
        _ => Err(error).context("the results did not arrive whole"),
    }
}

/// One line about what was written, where it is not in sight.
pub(super) fn say_where(target: &Target, job: &Job, took: std::time::Duration) {
    if let Target::File(path) = target {
        let size = match std::fs::metadata(path) {
            Ok(meta) if meta.is_file() => format!(" ({})", HumanBytes(meta.len())),
            _ => String::new(),
        };
        let numbers = HumanCount(job.range.count());
        eprintln!("{numbers} numbers in {}{size}, {:.3} s", path.display(), took.as_secs_f64());
    }
}
