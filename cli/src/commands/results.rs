//! Results of a job into a file or onto standard output.

use std::{convert::Infallible, path::Path, time::Duration};

use anyhow::{Context, Result};
use indicatif::{HumanBytes, HumanCount, ProgressBar};
use swath_client::{
    Client, Hole, Job, JobState,
    output::{Format, Output, OutputError, Summary, Target},
};

use swath_console::say;

use crate::{
    args::{OutputMode, ResultArgs},
    exit::Ending,
    progress, show,
};

/// When a job is first asked whether it is paused.
const FIRST_LOOK: Duration = Duration::from_secs(1);

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

    /// Of a job that goes on without what fails, not every number has a result.
    pub(super) fn check_keep_going(&self, keep_going: bool) -> Result<()> {
        if keep_going && self.format == Format::Npy {
            let sentence = "a .npy file cannot say which numbers have no result; with --keep-going use .parquet, .arrow, .csv or .jsonl";
            return Err(Ending::Usage(sentence.to_owned()).into());
        }
        Ok(())
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
/// `partial`: of a job that broke, what there is.
pub(super) async fn save(client: &Client, job: &Job, output: Output, partial: bool) -> Result<Summary> {
    let bar = progress::bar(job.range.count());
    let saved = async {
        let results = if partial { client.partial_results(job).await } else { client.results(job).await };
        let results = results.map_err(OutputError::from)?;
        let bar = bar.clone();
        output.save(results, move |numbers| bar.set_position(numbers)).await
    };
    let saved = tokio::select! {
        saved = saved => saved,
        never = say_pauses(client, job.id, &bar) => match never {},
    };
    bar.finish_and_clear();
    let error = match saved {
        Ok(summary) => return Ok(summary),
        Err(error) => error,
    };
    if error.is_broken_pipe() || matches!(error, OutputError::Missing { .. }) {
        return Err(error.into());
    }
    // The job's own end says more than the end of the stream.
    match client.job(job.id).await.map(|job| job.state) {
        Ok(JobState::Failed(failure)) if !partial => {
            Err(Ending::JobFailed(format!("job {} failed: {failure}", job.id)).into())
        }
        Ok(JobState::Cancelled) if !partial => {
            Err(Ending::JobCancelled(format!("job {} was cancelled", job.id)).into())
        }
        _ => Err(error).context("the results did not arrive whole"),
    }
}

/// One line about what was written, where it is not in sight.
pub(super) fn say_where(target: &Target, summary: Summary, took: Duration) {
    if let Target::File(path) = target {
        let size = match std::fs::metadata(path) {
            Ok(meta) if meta.is_file() => format!(" ({})", HumanBytes(meta.len())),
            _ => String::new(),
        };
        let numbers = HumanCount(summary.numbers);
        say!("{numbers} numbers in {}{size}, {:.3} s", path.display(), took.as_secs_f64());
    }
}

/// Says how much has no result, and of a few chunks why.
pub(super) fn say_missing(summary: Summary, holes: &[Hole]) {
    const SHOWN: usize = 5;
    if summary.missing == 0 {
        return;
    }
    say!("{} numbers have no result", HumanCount(summary.missing));
    for hole in holes.iter().take(SHOWN) {
        say!("  {}", show::hole(hole));
    }
    if holes.len() > SHOWN {
        say!("  and {} more chunks", holes.len() - SHOWN);
    }
}

/// Says why nothing more comes, each time that a job pauses. Never returns.
async fn say_pauses(client: &Client, job: u64, bar: &ProgressBar) -> Infallible {
    // Most jobs are over before anybody would ask.
    tokio::time::sleep(FIRST_LOOK).await;
    let mut said = String::new();
    let watched = client.wait(job, |job| {
        if job.paused == said {
            return;
        }
        said.clone_from(&job.paused);
        if bar.is_hidden() && !said.is_empty() {
            say!("paused: {said}");
        }
        bar.set_message(progress::pause(&said));
    });
    // What became of the job is told by its results.
    let _ = watched.await;
    std::future::pending().await
}
