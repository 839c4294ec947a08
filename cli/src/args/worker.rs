//! The arguments of `swath worker …`.

use std::{path::PathBuf, time::Duration};

use bytesize::ByteSize;
use clap::{Args as Arguments, Subcommand, ValueEnum};

use swath_client::Address;

use super::{
    ClientArgs, CoordinatorArgs,
    values::{duration, health_listen, id, size, whole},
};

#[derive(Debug, Subcommand)]
pub(crate) enum WorkerCommand {
    /// Start a worker and compute until it is told to stop.
    Start(WorkerStart),
    /// List the workers of a coordinator.
    List(ClientArgs),
    /// Let a worker finish or return what it holds, and leave.
    Drain {
        /// The worker, as `swath worker list` numbers it.
        #[arg(value_parser = id)]
        id: u64,
        #[command(flatten)]
        client: ClientArgs,
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
    #[arg(long, short, env = "SWATH_THREADS", value_parser = whole::<u32>(1..=65536))]
    pub(crate) threads: Option<u32>,
    /// Memory for results that wait to be sent.
    #[arg(long, env = "SWATH_UPLOAD_MEMORY", default_value = "32MiB", value_name = "SIZE", value_parser = size)]
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
    #[arg(long, env = "SWATH_HEALTH_LISTEN", value_name = "HOST:PORT", value_parser = health_listen)]
    pub(crate) health_listen: Option<Address>,
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
