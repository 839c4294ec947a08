//! The command line: nouns and verbs, the same words everywhere.

mod launch;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use bytesize::ByteSize;
use clap::{
    ArgMatches, Args as Arguments, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
    error::ErrorKind,
    parser::ValueSource,
};
use clap_complete::Shell;
use swath_client::{AccessSource, DialError, Dialer, Range, Role, output::Format};
use swath_health::Service;

use crate::commands::access::AccessCommand;

pub(crate) use launch::{HostArgs, Launch, LaunchCommand, LaunchSelection, LaunchStart, LaunchStop};

/// Where a coordinator listens and is looked for unless told otherwise.
const DEFAULT_ADDRESS: &str = "127.0.0.1:7171";

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 the job or the command failed, 2 bad usage, 3 cannot reach the coordinator,
4 the job was cancelled, 130 Ctrl-C.";

/// Evaluate a function at every integer of a range, on all cores of all your machines.
#[derive(Debug, Parser)]
#[command(name = "swath", version, after_help = EXIT_CODES, propagate_version = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// How to print what is not a result.
    #[arg(long, global = true, env = "SWATH_OUTPUT", default_value = "text")]
    pub(crate) output: OutputMode,
    /// What to log on standard error: error, warn, info, debug, or a filter such as `swath_coordinator=debug`.
    #[arg(long, global = true, env = "SWATH_LOG", value_name = "FILTER", value_parser = log_filter)]
    pub(crate) log: Option<String>,
}

impl Args {
    /// Parses the command line; ends the process where it cannot be meant.
    pub(crate) fn from_command_line() -> Self {
        let matches = Self::command().get_matches();
        let mut args = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        if let (Command::Run(run), Some(("run", matches))) = (&mut args.command, matches.subcommand()) {
            run.settle(matches);
        }
        args
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputMode {
    /// For people.
    Text,
    /// For programs; field names are stable.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compute a range here and now: starts what it needs, leaves nothing behind.
    Run(Run),
    /// The coordinator, which owns jobs and results.
    #[command(subcommand)]
    Coordinator(CoordinatorCommand),
    /// Workers, which compute.
    #[command(subcommand)]
    Worker(WorkerCommand),
    /// Start workers on other hosts over ssh; `stop` ends them, `status` lists them.
    Launch(Box<Launch>),
    /// Give a coordinator a job.
    Submit(Submit),
    /// Jobs of a coordinator.
    #[command(subcommand)]
    Job(JobCommand),
    /// Access files: who may do what with a coordinator that uses TLS.
    #[command(subcommand)]
    Access(AccessCommand),
    /// Ask a coordinator or a worker how it is: exits with 0 if it is well, 1 if it is not, 3 if nobody answers.
    Health(Health),
    /// What can be computed.
    Kernels,
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// What to compute.
#[derive(Debug, Arguments)]
pub(crate) struct JobArgs {
    /// The numbers: `1..=1000000` (both ends included), `1..1000001` (the end excluded) or `7`; `1_000` and `1e6` are
    /// fine.
    #[arg(allow_hyphen_values = true, value_name = "RANGE")]
    pub(crate) range: Range,
    /// The function; `swath kernels` lists them.
    #[arg(long, short, env = "SWATH_KERNEL", default_value = "square")]
    pub(crate) kernel: String,
    /// A parameter of the kernel; may be given several times.
    #[arg(long = "param", short, value_name = "NAME=VALUE", value_parser = parameter, env = "SWATH_PARAM",
          value_delimiter = ';')]
    pub(crate) parameters: Vec<(String, String)>,
    /// Numbers in a chunk, the smallest unit that is given to a worker [default: chosen by the size of the range].
    #[arg(long, env = "SWATH_CHUNK_SIZE", value_name = "NUMBERS", value_parser = count)]
    pub(crate) chunk_size: Option<u64>,
    /// How often a chunk is tried again after its kernel failed, before the job fails [default: 3].
    #[arg(long, env = "SWATH_MAX_RETRIES", value_name = "TIMES")]
    pub(crate) max_retries: Option<u32>,
    /// How many workers may crash while they compute a chunk alone, before the job fails [default: 3].
    #[arg(long, env = "SWATH_CRASH_LIMIT", value_name = "WORKERS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) crash_limit: Option<u32>,
    /// Go on without chunks that fail too often or crash too many workers; `swath job show` lists them. Otherwise the first
    /// of them fails the job.
    #[arg(long, env = "SWATH_KEEP_GOING")]
    pub(crate) keep_going: bool,
}

/// Where results go.
#[derive(Debug, Arguments)]
pub(crate) struct ResultArgs {
    /// A file, which appears when it is whole; its ending picks the format: .parquet, .arrow, .csv, .jsonl, .npy, .txt.
    /// `-` is standard output.
    #[arg(long, short = 'o', env = "SWATH_FILE", default_value = "-", value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The format, where the ending does not say it [default on standard output: text, one value in each line].
    #[arg(long, env = "SWATH_FORMAT", value_parser = PossibleValuesParser::new(Format::NAMES))]
    pub(crate) format: Option<String>,
}

#[derive(Debug, Arguments)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) job: JobArgs,
    #[command(flatten)]
    pub(crate) results: ResultArgs,
    /// If one is named, it and its workers are used instead of starting any.
    #[command(flatten)]
    pub(crate) coordinator: CoordinatorArgs,
    /// Worker processes to start.
    #[arg(long, short, env = "SWATH_WORKERS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) workers: u32,
    /// Threads of each worker [default: the cores, shared among the workers].
    #[arg(long, short, env = "SWATH_THREADS", value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub(crate) threads: Option<u32>,
}

impl Run {
    /// A coordinator has workers of its own. A flag counts more than the environment; of two flags, one is a mistake.
    fn settle(&mut self, matches: &ArgMatches) {
        let is_flag = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
        if !self.coordinator.is_named() || !(is_flag("workers") || is_flag("threads")) {
            return;
        }
        if is_flag("coordinator") || is_flag("access") {
            let message = "a coordinator that is named has workers of its own; --workers and --threads start some";
            Args::command().error(ErrorKind::ArgumentConflict, message).exit();
        }
        self.coordinator = CoordinatorArgs { coordinator: None, access: None };
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum CoordinatorCommand {
    /// Start a coordinator and serve until it is told to stop.
    Start(CoordinatorStart),
}

#[derive(Debug, Arguments)]
pub(crate) struct CoordinatorStart {
    /// The address to listen at; port 0 takes a free one.
    #[arg(long, short, env = "SWATH_LISTEN", default_value = DEFAULT_ADDRESS, value_name = "HOST:PORT")]
    pub(crate) listen: SocketAddr,
    /// A coordinator's access file of `swath access create`, or a folder with ca.crt, tls.crt and tls.key. With it everything is
    /// encrypted, and everybody must show a certificate of the same authority.
    #[arg(long, env = "SWATH_ACCESS", value_name = "FILE", conflicts_with = "insecure")]
    pub(crate) access: Option<PathBuf>,
    /// Listen beyond this machine although nothing is encrypted and anybody who reaches the port may use it.
    #[arg(long, env = "SWATH_INSECURE")]
    pub(crate) insecure: bool,
    /// The folder for jobs and their results.
    #[arg(long, short, env = "SWATH_DATA", default_value = "swath-data", value_name = "FOLDER")]
    pub(crate) data: PathBuf,
    /// Where results go instead: s3://BUCKET/PREFIX, with the usual AWS_* variables, or file:///FOLDER.
    #[arg(long, env = "SWATH_STORE", value_name = "URL")]
    pub(crate) store: Option<swath_coordinator::Place>,
    /// Memory for results on their way to the disk and to readers.
    #[arg(long, env = "SWATH_MEMORY", default_value = "128MiB", value_name = "SIZE")]
    pub(crate) memory: ByteSize,
    /// Disk that the results of all jobs together may take [default: all there is]. When it is taken, jobs pause.
    #[arg(long, env = "SWATH_MAX_DISK", value_name = "SIZE")]
    pub(crate) max_disk: Option<ByteSize>,
    /// Forget jobs, and free their results, so long after their end, unless they say it themselves [default: never].
    #[arg(long, env = "SWATH_RETAIN", value_name = "DURATION", value_parser = duration)]
    pub(crate) retain: Option<Duration>,
    /// A worker that is not heard for this long loses its leases.
    #[arg(long, env = "SWATH_LEASE_TIMEOUT", default_value = "10s", value_name = "DURATION", value_parser = duration)]
    pub(crate) lease_timeout: Duration,
    /// Answer for its health here, in plain text and to anybody: `grpc.health.v1` with the services `liveness` and
    /// `readiness`, and nothing else. `swath health` asks [default: nowhere].
    #[arg(long, env = "SWATH_HEALTH_LISTEN", value_name = "HOST:PORT")]
    pub(crate) health_listen: Option<SocketAddr>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkerCommand {
    /// Start a worker and compute until it is told to stop.
    Start(WorkerStart),
    /// List the workers of a coordinator.
    List(CoordinatorArgs),
    /// Let a worker finish or return what it holds, and leave.
    Drain {
        /// The worker, as `swath worker list` numbers it.
        id: u64,
        #[command(flatten)]
        coordinator: CoordinatorArgs,
    },
}

#[derive(Debug, Arguments)]
pub(crate) struct WorkerStart {
    #[command(flatten)]
    pub(crate) coordinator: CoordinatorArgs,
    /// The name that people see [default: the host and the process].
    #[arg(long, short, env = "SWATH_NAME")]
    pub(crate) name: Option<String>,
    /// Threads that compute [default: all cores].
    #[arg(long, short, env = "SWATH_THREADS", value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub(crate) threads: Option<u32>,
    /// Memory for results that wait to be sent.
    #[arg(long, env = "SWATH_UPLOAD_MEMORY", default_value = "32MiB", value_name = "SIZE")]
    pub(crate) upload_memory: ByteSize,
    /// What to do when the coordinator is lost: look for it again, with the work in hand, or end.
    #[arg(long, env = "SWATH_ON_COORDINATOR_LOST", default_value = "wait", value_name = "WHAT")]
    pub(crate) on_coordinator_lost: OnCoordinatorLost,
    /// How long to try to reach the coordinator, at the start and after it was lost.
    #[arg(long, env = "SWATH_PATIENCE", default_value = "1m", value_name = "DURATION", value_parser = duration)]
    pub(crate) patience: Duration,
    /// How long what is being computed may take when the worker is told to stop.
    #[arg(long, env = "SWATH_GRACE", default_value = "10s", value_name = "DURATION", value_parser = duration)]
    pub(crate) grace: Duration,
    /// Answer for its health here, in plain text and to anybody: `grpc.health.v1` with the services `liveness` and
    /// `readiness`, and nothing else. `swath health` asks [default: nowhere].
    #[arg(long, env = "SWATH_HEALTH_LISTEN", value_name = "HOST:PORT")]
    pub(crate) health_listen: Option<SocketAddr>,
    /// End at once when standard input closes: a worker that its parent starts so never outlives it.
    #[arg(long, env = "SWATH_ATTACHED")]
    pub(crate) attached: bool,
    /// With --attached: end also when nothing was read from standard input for so long. Whoever started the worker has to
    /// write something now and then.
    #[arg(long, env = "SWATH_SILENCE", requires = "attached", value_name = "DURATION", value_parser = duration)]
    pub(crate) silence: Option<Duration>,
    /// A file to write when the worker has first joined, with its number and its threads: `worker=3 threads=8`.
    #[arg(long, env = "SWATH_READY_FILE", value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// A folder to remove when standard input closes: what a parent that was killed could not remove itself.
    #[arg(long, env = "SWATH_SCRATCH", hide = true, requires = "attached", value_name = "FOLDER")]
    pub(crate) scratch: Option<PathBuf>,
}

/// What a worker does that has lost its coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnCoordinatorLost {
    /// Look for it, for as long as --patience allows.
    Wait,
    /// End, with exit code 3.
    Stop,
}

/// Which coordinator.
#[derive(Debug, Arguments)]
pub(crate) struct CoordinatorArgs {
    /// The coordinator [default: what the access file says, or 127.0.0.1:7171].
    #[arg(long, short, env = "SWATH_COORDINATOR", value_name = "HOST:PORT")]
    pub(crate) coordinator: Option<String>,
    /// An access file of `swath access create`, or a folder with ca.crt, tls.crt and tls.key: who one is, and whom to
    /// trust. Without it nothing is encrypted.
    #[arg(long, env = "SWATH_ACCESS", value_name = "FILE")]
    pub(crate) access: Option<PathBuf>,
}

impl CoordinatorArgs {
    /// How to reach the coordinator as somebody with one of these roles.
    pub(crate) fn dialer(&self, roles: &[Role]) -> Result<Dialer, DialError> {
        let address = self.coordinator.as_deref();
        let Some(access) = &self.access else { return Dialer::plain(address.unwrap_or(DEFAULT_ADDRESS)) };
        let source = AccessSource::new(access);
        if let Ok(access) = source.load()
            && let Some(warning) = access.warning()
        {
            eprintln!("swath: {warning}");
        }
        Dialer::with_access(source, roles, address)
    }

    /// The same for whoever submits and reads.
    pub(crate) fn user_dialer(&self) -> Result<Dialer, DialError> {
        self.dialer(&[Role::Client, Role::Admin])
    }

    /// Whether any coordinator is named.
    pub(crate) fn is_named(&self) -> bool {
        self.coordinator.is_some() || self.access.is_some()
    }
}

#[derive(Debug, Arguments)]
pub(crate) struct Submit {
    #[command(flatten)]
    pub(crate) job: JobArgs,
    /// Wait until the job has ended.
    #[arg(long, env = "SWATH_WAIT")]
    pub(crate) wait: bool,
    /// Forget the job, and free its results, so long after its end [default: as the coordinator keeps jobs].
    #[arg(long, env = "SWATH_RETAIN", value_name = "DURATION", value_parser = duration)]
    pub(crate) retain: Option<Duration>,
    #[command(flatten)]
    pub(crate) coordinator: CoordinatorArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobCommand {
    /// List all jobs.
    List(CoordinatorArgs),
    /// Show one job: how far it is, who computed it, where its results lie.
    Show(OneJob),
    /// Wait until a job has ended.
    Wait(OneJob),
    /// Stop a job; what is committed of it is kept until the job is forgotten.
    Cancel {
        #[command(flatten)]
        job: OneJob,
        /// Drop what is committed, too.
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
    pub(crate) id: u64,
    #[command(flatten)]
    pub(crate) coordinator: CoordinatorArgs,
}

/// What is asked of whom.
#[derive(Debug, Arguments)]
pub(crate) struct Health {
    /// Where its --health-listen says.
    #[arg(value_name = "HOST:PORT")]
    pub(crate) address: String,
    /// `readiness`: does it do its work? `liveness`: could it, or should it be started again?
    #[arg(long, env = "SWATH_HEALTH_SERVICE", default_value = "readiness",
          value_parser = PossibleValuesParser::new(Service::NAMES).try_map(|name| name.parse::<Service>()))]
    pub(crate) service: Service,
    /// How long to wait for the answer.
    #[arg(long, env = "SWATH_HEALTH_TIMEOUT", default_value = "5s", value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Duration,
}

/// A number as in a range: `1000`, `1_000` and `1e3` are the same.
fn count(text: &str) -> Result<u64, String> {
    if let Ok(count) = text.parse() {
        return Ok(count);
    }
    let range: Range = text.parse().map_err(|error: swath_client::RangeError| error.to_string())?;
    match u64::try_from(range.first()) {
        Ok(count) if range.count() == 1 => Ok(count),
        _ => Err("it should be one number that is not negative, such as 1000, 1_000 or 1e3".to_owned()),
    }
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("it should be like NAME=VALUE".to_owned()),
    }
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; it should be like 10s or 1h 30m"))
}

fn log_filter(text: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Args, count};

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn counts_are_written_as_in_ranges() {
        for (text, expected) in [("1000", 1000), ("1_000", 1000), ("1e3", 1000), ("18446744073709551615", u64::MAX)] {
            assert_eq!(count(text), Ok(expected), "{text}");
        }
        for text in ["-1", "1..=3", "1.5", "many", ""] {
            assert!(count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_flag_has_an_environment_variable() {
        fn check(command: &clap::Command) {
            for argument in command.get_arguments() {
                let name = argument.get_id().as_str();
                if argument.get_long().is_some() && !["help", "version"].contains(&name) {
                    let variable = argument.get_env().map(|name| name.to_string_lossy().into_owned());
                    assert!(
                        variable.is_some_and(|variable| variable.starts_with("SWATH_")),
                        "{} --{name} has no environment variable",
                        command.get_name()
                    );
                }
            }
            command.get_subcommands().for_each(check);
        }
        check(&Args::command());
    }
}
