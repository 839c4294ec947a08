//! The arguments of `swath submit` and `swath job …`, and what `swath run` shares with them.

use std::{path::PathBuf, time::Duration};

use bytesize::ByteSize;
use clap::{ArgMatches, Args as Arguments, Subcommand, parser::ValueSource};
use swath_client::{Range, output::FileFormat};

use super::{
    connect::ClientArgs,
    values::{FormatName, KernelName, duration, id, number, parameter, range, size, whole},
};

/// What to compute.
#[derive(Debug, Arguments)]
#[command(next_help_heading = "Job")]
pub(crate) struct JobArgs {
    /// The numbers: `1..=1000000` (both ends included), `1..1000001` (the end excluded) or `7`. `1_000` and `1e6` are
    /// numbers, too.
    #[arg(value_name = "RANGE", value_parser = range, help_heading = None::<&str>)]
    pub(crate) range: Range,
    /// The function to compute: a built-in one, which `swath kernels` lists, or a WebAssembly module, `FILE.wasm` or
    /// `FILE.wat`.
    #[arg(long, short, env = "SWATH_KERNEL", default_value = "square", value_parser = KernelName)]
    pub(crate) kernel: String,
    /// A parameter of the kernel. The option may be repeated.
    #[arg(long = "param", short, value_name = "NAME=VALUE", value_parser = parameter, env = "SWATH_PARAM",
          value_delimiter = ';')]
    pub(crate) parameters: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
    /// Keep only the rows for which this holds: a SQL expression over `n` and the columns of the kernel, for example
    /// `value % 7 = 4 and n > 100`. `swath kernels` shows the columns.
    #[arg(long = "where", env = "SWATH_WHERE", value_name = "EXPR", allow_hyphen_values = true)]
    pub(crate) condition: Option<String>,
    /// Reduce the rows to one, exactly: a list of count, sum, mean, min, max, min_n and max_n (the number at which it
    /// is) and value_counts, each of the column in parentheses: `count,sum(value),max_n(value)`. Without parentheses
    /// they are of the only column.
    #[arg(long = "reduce", env = "SWATH_REDUCE", value_name = "LIST")]
    pub(crate) reductions: Option<String>,
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

/// How a WebAssembly module is evaluated.
#[derive(Debug, Arguments)]
#[command(next_help_heading = "WebAssembly")]
pub(crate) struct ProgramArgs {
    /// The function of the module that is the kernel [default: the only one that can be].
    #[arg(long, env = "SWATH_EXPORT", value_name = "NAME")]
    pub(crate) export: Option<String>,
    /// Memory that the module may have in each thread [default: 256MiB].
    #[arg(long = "memory", env = "SWATH_MODULE_MEMORY", value_name = "SIZE", value_parser = size)]
    pub(crate) memory: Option<ByteSize>,
    /// How long the module may take at one number [default: no limit].
    #[arg(long = "timeout", env = "SWATH_MODULE_TIMEOUT", value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
}

impl ProgramArgs {
    /// Whether anything is said.
    pub(crate) fn is_given(&self) -> bool {
        self.export.is_some() || self.memory.is_some() || self.timeout.is_some()
    }
}

/// Where results go.
#[derive(Debug, Arguments)]
#[command(next_help_heading = "Results")]
pub(crate) struct ResultArgs {
    /// The file to write; it appears when it is complete. Its extension sets the format: .parquet, .arrow, .arrows (the
    /// Arrow stream), .csv, .tsv, .jsonl or .ndjson, .npy, or .txt; .gz or .zst behind it compresses text and the Arrow
    /// stream. `-` is standard output. Links are followed. Descriptors (/dev/fd/3), devices and named pipes are written
    /// in place.
    #[arg(long, short = 'o', env = "SWATH_FILE", default_value = "-", value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) how: FormatArgs,
}

/// The same for a job that is submitted.
#[derive(Debug, Arguments)]
#[command(next_help_heading = "Results")]
pub(crate) struct SubmitResultArgs {
    /// Wait for the job and write its results to this file; `swath job results --help` says what it may be. Ctrl-C ends
    /// the waiting, and the job continues.
    #[arg(long, short = 'o', env = "SWATH_FILE", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) how: FormatArgs,
}

/// How results are written.
#[derive(Debug, Arguments)]
pub(crate) struct FormatArgs {
    /// The format, if the extension does not set it [default on standard output: text, one row in each line]; all but
    /// parquet, arrow and npy may end with .gz or .zst. `npy`, `text` and files without the column `n` need a result
    /// for every number.
    #[arg(long, env = "SWATH_FORMAT", value_parser = FormatName)]
    pub(crate) format: Option<FileFormat>,
    /// A column to write; `n` is that of the numbers. A job with reductions has one column for each, named as in its
    /// list: `sum`, or `sum(peak)` where the kernel has several columns. The option may be repeated; columns are
    /// written in its order [default: all; in text and npy all but `n`].
    #[arg(long = "column", env = "SWATH_COLUMN", value_name = "NAME", value_delimiter = ';')]
    pub(crate) columns: Vec<String>,
}

/// A part of the range of a job.
#[derive(Debug, Arguments)]
#[command(next_help_heading = "Results")]
pub(crate) struct PartArgs {
    /// The first number to write [default: that of the job].
    #[arg(long, env = "SWATH_FIRST", value_name = "NUMBER", value_parser = number, allow_hyphen_values = true)]
    pub(crate) first: Option<i64>,
    /// The last number to write [default: that of the job].
    #[arg(long, env = "SWATH_LAST", value_name = "NUMBER", value_parser = number, allow_hyphen_values = true)]
    pub(crate) last: Option<i64>,
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
    pub(crate) results: SubmitResultArgs,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

impl Submit {
    /// Refuses flags for results where none are written. Variables of the environment may be meant for other commands.
    pub(super) fn settle(&self, matches: &ArgMatches) -> Result<(), &'static str> {
        let is_flag = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
        if self.results.file.is_none() && (is_flag("format") || is_flag("columns")) {
            return Err("--format and --column say how results are written: name a file with -o FILE");
        }
        Ok(())
    }
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
        part: PartArgs,
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
