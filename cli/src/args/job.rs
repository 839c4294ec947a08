//! The arguments of `swath submit` and `swath job …`, and what `swath run` shares with them.

use std::{path::PathBuf, time::Duration};

use clap::{Args as Arguments, Subcommand, builder::PossibleValuesParser};
use swath_client::{Range, output::Format};

use super::{
    ClientArgs,
    values::{KernelName, duration, id, parameter, range, whole},
};

/// What to compute.
#[derive(Debug, Arguments)]
#[command(next_help_heading = "Job")]
pub(crate) struct JobArgs {
    /// The numbers: `1..=1000000` (both ends included), `1..1000001` (the end excluded) or `7`; `1_000` and `1e6` are
    /// fine.
    #[arg(value_name = "RANGE", value_parser = range, help_heading = None::<&str>)]
    pub(crate) range: Range,
    /// The function; `swath kernels` lists them.
    #[arg(long, short, env = "SWATH_KERNEL", default_value = "square", value_parser = KernelName)]
    pub(crate) kernel: String,
    /// A parameter of the kernel; may be given several times.
    #[arg(long = "param", short, value_name = "NAME=VALUE", value_parser = parameter, env = "SWATH_PARAM",
          value_delimiter = ';')]
    pub(crate) parameters: Vec<(String, String)>,
    /// Numbers in a chunk, the smallest unit that is given to a worker [default: chosen by the size of the range].
    #[arg(long, env = "SWATH_CHUNK_SIZE", value_name = "NUMBERS", value_parser = whole::<u64>(0..=u64::MAX))]
    pub(crate) chunk_size: Option<u64>,
    /// How often a chunk is tried again after its kernel failed, before the job fails [default: 3].
    #[arg(long, env = "SWATH_MAX_RETRIES", value_name = "TIMES", value_parser = whole::<u32>(0..=u32::MAX.into()))]
    pub(crate) max_retries: Option<u32>,
    /// How many workers may crash while they compute a chunk alone, before the job fails [default: 3].
    #[arg(long, env = "SWATH_CRASH_LIMIT", value_name = "WORKERS", value_parser = whole::<u32>(1..=u32::MAX.into()))]
    pub(crate) crash_limit: Option<u32>,
    /// Go on without chunks that fail too often or crash too many workers; `swath job show` lists them. Otherwise the first
    /// of them fails the job.
    #[arg(long, env = "SWATH_KEEP_GOING")]
    pub(crate) keep_going: bool,
}

/// Where results go.
#[derive(Debug, Arguments)]
#[command(next_help_heading = "Results")]
pub(crate) struct ResultArgs {
    /// A file, which appears when it is whole; its ending picks the format: .parquet, .arrow, .csv, .jsonl, .npy, .txt.
    /// `-` is standard output. Links are followed; descriptors (/dev/fd/3), devices and named pipes are written as they are.
    #[arg(long, short = 'o', env = "SWATH_FILE", default_value = "-", value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The format, where the ending does not say it [default on standard output: text, one value in each line]. `npy` and
    /// `text` are for jobs in which each number has a result.
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
    /// Forget the job, and free its results, so long after its end [default: as the coordinator keeps jobs].
    #[arg(long, env = "SWATH_RETAIN", value_name = "DURATION", value_parser = duration, help_heading = "Job")]
    pub(crate) retain: Option<Duration>,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobCommand {
    /// List all jobs.
    List(ClientArgs),
    /// Show one job: how far it is, who computed it, where its results lie.
    Show(OneJob),
    /// Wait until a job has ended.
    Wait(OneJob),
    /// Stop a job; what was delivered of it is kept until the job is forgotten.
    Cancel {
        #[command(flatten)]
        job: OneJob,
        /// Drop what was delivered, too.
        #[arg(long, env = "SWATH_DROP_RESULTS")]
        drop_results: bool,
    },
    /// Write the results of a job, while it still runs if it does.
    Results {
        #[command(flatten)]
        job: OneJob,
        /// Of a job that failed or was cancelled: write what there is.
        #[arg(long, env = "SWATH_PARTIAL")]
        partial: bool,
        #[command(flatten)]
        results: ResultArgs,
    },
    /// Drop an ended job and its results.
    Forget(OneJob),
}

#[derive(Debug, Arguments)]
pub(crate) struct OneJob {
    /// The job, as `swath job list` numbers it.
    #[arg(value_parser = id)]
    pub(crate) id: u64,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}
