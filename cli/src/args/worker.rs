//! The arguments of `swath worker …`.

use std::{path::PathBuf, time::Duration};

use bytesize::ByteSize;
use clap::{Args as Arguments, Subcommand, ValueEnum};

use swath_client::Address;

use super::{
    connect::{ClientArgs, CoordinatorArgs},
    values::{duration, health_listen, id, size, whole},
};

#[derive(Debug, Subcommand)]
pub(crate) enum WorkerCommand {
    /// Start a worker, and compute until it is stopped.
    Start(WorkerStart),
    /// List the workers of a coordinator.
    List(ClientArgs),
    /// Let a worker finish or return its work, and stop it.
    Drain {
        /// The id of the worker; `swath worker list` shows it.
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
    /// The name of the worker in lists [default: the host name and the process id].
    #[arg(long, short, env = "SWATH_NAME")]
    pub(crate) name: Option<String>,
    /// Threads that compute [default: one for each core].
    #[arg(long, short, env = "SWATH_THREADS", value_parser = whole::<u32>(1..=65536))]
    pub(crate) threads: Option<u32>,
    /// Memory for results that wait to be sent.
    #[arg(long, env = "SWATH_UPLOAD_MEMORY", default_value = "32MiB", value_name = "SIZE", value_parser = size)]
    pub(crate) upload_memory: ByteSize,
    /// What to do when the connection to the coordinator is lost.
    #[arg(long, env = "SWATH_ON_COORDINATOR_LOST", default_value = "wait", value_name = "WHAT")]
    pub(crate) on_coordinator_lost: OnCoordinatorLost,
    /// How long to try to reach the coordinator, at the start and after the connection is lost.
    #[arg(long, env = "SWATH_PATIENCE", default_value = "1m", value_name = "DURATION", value_parser = duration)]
    pub(crate) patience: Duration,
    /// How long the worker may finish its work after it was told to stop.
    #[arg(long, env = "SWATH_GRACE", default_value = "10s", value_name = "DURATION", value_parser = duration)]
    pub(crate) grace: Duration,
    /// The folder for programs that jobs bring with them; workers on one host may share it [default: `swath` in
    /// $XDG_CACHE_HOME or ~/.cache].
    #[arg(long, env = "SWATH_CACHE", value_name = "FOLDER")]
    pub(crate) cache: Option<PathBuf>,
    /// Disk space for that folder.
    #[arg(long, env = "SWATH_MAX_CACHE", default_value = "4GiB", value_name = "SIZE", value_parser = size)]
    pub(crate) max_cache: ByteSize,
    /// Answer health checks on this address, unencrypted and for anybody: `grpc.health.v1` with the services `liveness`
    /// and `readiness`. `swath health` sends such a check [default: no health checks].
    #[arg(long, env = "SWATH_HEALTH_LISTEN", value_name = "HOST:PORT", value_parser = health_listen)]
    pub(crate) health_listen: Option<Address>,
    /// Stop at once when standard input closes, so that the worker never outlives the process that started it.
    #[arg(long, env = "SWATH_ATTACHED")]
    pub(crate) attached: bool,
    /// With --attached: stop also when nothing arrives on standard input for this long. The process that started the
    /// worker must write to it now and then.
    #[arg(long, env = "SWATH_SILENCE", requires = "attached", value_name = "DURATION", value_parser = duration)]
    pub(crate) silence: Option<Duration>,
    /// A file to write when the worker has joined for the first time, with its id and its threads: `worker=3
    /// threads=8`.
    #[arg(long, env = "SWATH_READY_FILE", value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Write notices for `swath launch` to standard error: what the worker waits for, and why it was refused.
    #[arg(long, env = "SWATH_LAUNCHED", hide = true)]
    pub(crate) launched: bool,
    /// A folder to delete when standard input closes, in case the parent was killed and could not delete it.
    #[arg(long, env = "SWATH_SCRATCH", hide = true, requires = "attached", value_name = "FOLDER")]
    pub(crate) scratch: Option<PathBuf>,
}

/// What a worker does when the connection to its coordinator is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnCoordinatorLost {
    /// Keep its work and reconnect, for as long as --patience allows.
    Wait,
    /// Stop, with exit code 3.
    Stop,
}
