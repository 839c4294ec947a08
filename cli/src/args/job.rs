//! The arguments of `swath submit` and `swath job …`, and what `swath run` shares with them.

use std::{path::PathBuf, time::Duration};

use clap::{Args as Arguments, Subcommand, builder::PossibleValuesParser};
use swath_client::{Range, output::Format};

use super::{
    connect::ClientArgs,
    values::{KernelName, duration, id, parameter, range, whole},
};

/// What to compute.
#[derive(Debug, Arguments)]
#[command(next_help_heading = "Job")]
pub(crate) struct JobArgs {
    /// The numbers: `1..=1000000` (both ends included), `1..1000001` (the end excluded) or `7`. `1_000` and `1e6` are
    /// numbers, too.
    #[arg(value_name = "RANGE", value_parser = range, help_heading = None::<&str>)]
    pub(crate) range: Range,
    /// The function to compute; `swath kernels` lists them.
    #[arg(long, short, env = "SWATH_KERNEL", default_value = "square", value_parser = KernelName)]
    pub(crate) kernel: String,
    /// A parameter of the kernel. The option may be repeated.
    #[arg(long = "param", short, value_name = "NAME=VALUE", value_parser = parameter, env = "SWATH_PARAM",
          value_delimiter = ';')]
    pub(crate) parameters: Vec<(String, String)>,
    /// Numbers in a chunk, the smallest unit that a worker gets [default: depends on the size of the range].
    #[arg(long, env = "SWATH_CHUNK_SIZE", value_name = "NUMBERS", value_parser = whole::<u64>(0..=u64::MAX))]
    pub(crate) chunk_size: Option<u64>,
    /// How often to retry a chunk whose kernel failed, before the job fails [default: 3].
    #[arg(long, env = "SWATH_MAX_RETRIES", value_name = "TIMES", value_parser = whole::<u32>(0..=u32::MAX.into()))]
    pub(crate) max_retries: Option<u32>,
    /// How many workers a chunk may crash before the job fails. Only crashes while a worker computes nothing else count
    /// [default: 3].
    #[arg(long, env = "SWATH_CRASH_LIMIT", value_name = "WORKERS", value_parser = whole::<u32>(1..=u32::MAX.into()))]
    pub(crate) crash_limit: Option<u32>,
    /// Continue the job when a chunk fails for good; `swath job show` lists the failed chunks. Otherwise the first
    /// failed chunk fails the job.
    #[arg(long, env = "SWATH_KEEP_GOING")]
    pub(crate) keep_going: bool,
}

/// Where results go.
#[derive(Debug, Arguments)]
#[command(next_help_heading = "Results")]
pub(crate) struct ResultArgs {
    /// The file to write; it appears when it is complete. Its extension sets the format: .parquet, .arrow, .csv,
    /// .jsonl, .npy or .txt. `-` is standard output. Links are followed. Descriptors (/dev/fd/3), devices and named
    /// pipes are written in place.
    #[arg(long, short = 'o', env = "SWATH_FILE", default_value = "-", value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The format, if the extension does not set it [default on standard output: text, one value in each line]. `npy`
    /// and `text` need a result for every number.
    #[arg(long, env = "SWATH_FORMAT", value_parser = PossibleValuesParser::new(Format::NAMES))]
    pub(crate) format: Option<String>,
}

#[derive(Debug, Arguments)]
pub(crate) struct Submit {
    #[command(flatten)]
    pub(crate) job: JobArgs,
    /// Wait until the job has ended.
    #[arg(long, env = "SWATH_WAIT", help_heading = "Job")]
    pub(crate) wait: bool,
    /// Forget the job and delete its results this long after its end [default: the --retain of the coordinator].
    #[arg(long, env = "SWATH_RETAIN", value_name = "DURATION", value_parser = duration, help_heading = "Job")]
    pub(crate) retain: Option<Duration>,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobCommand {
    /// List all jobs.
    List(ClientArgs),
    /// Show one job: its progress, its workers, and where its results are.
    Show(OneJob),
    /// Wait until a job has ended.
    Wait(OneJob),
    /// Cancel a job. The results so far are kept until the job is forgotten.
    Cancel {
        #[command(flatten)]
        job: OneJob,
        /// Delete the results so far, too.
        #[arg(long, env = "SWATH_DROP_RESULTS")]
        drop_results: bool,
    },
    /// Write the results of a job, also while it still runs.
    Results {
        #[command(flatten)]
        job: OneJob,
        /// Write the results that exist of a job that failed or was cancelled.
        #[arg(long, env = "SWATH_PARTIAL")]
        partial: bool,
        #[command(flatten)]
        results: ResultArgs,
    },
    /// Forget an ended job and delete its results.
    Forget(OneJob),
}

#[derive(Debug, Arguments)]
pub(crate) struct OneJob {
    /// The id of the job; `swath job list` shows it.
    #[arg(value_parser = id)]
    pub(crate) id: u64,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}
