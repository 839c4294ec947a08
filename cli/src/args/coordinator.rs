//! The arguments of `swath coordinator …`.

use std::{path::PathBuf, time::Duration};

use bytesize::ByteSize;
use clap::{Args as Arguments, Subcommand};

use swath_client::Address;

use super::{
    DEFAULT_ADDRESS,
    values::{duration, health_listen, listen, size},
};

#[derive(Debug, Subcommand)]
pub(crate) enum CoordinatorCommand {
    /// Start a coordinator and serve until it is told to stop.
    Start(CoordinatorStart),
}

#[derive(Debug, Arguments)]
pub(crate) struct CoordinatorStart {
    /// The address to listen at; port 0 takes a free one. A port alone is that port of this machine alone (127.0.0.1);
    /// 0.0.0.0 is every address of IPv4 that this machine has, `[::]` those of IPv6, too.
    #[arg(long, short, env = "SWATH_LISTEN", default_value = DEFAULT_ADDRESS, value_name = "HOST:PORT",
          value_parser = listen)]
    pub(crate) listen: Address,
    /// A coordinator's access file of `swath access create`, the folder with all of them, or a folder with ca.crt, tls.crt
    /// and tls.key. With it everything is encrypted, and everybody must show a certificate of the same authority.
    #[arg(long, env = "SWATH_ACCESS", value_name = "FILE", conflicts_with = "insecure")]
    pub(crate) access: Option<PathBuf>,
    /// Listen beyond this machine although nothing is encrypted and anybody who reaches the port may use it.
    #[arg(long, env = "SWATH_INSECURE")]
    pub(crate) insecure: bool,
    /// The folder for jobs and their results: a path, no URL.
    #[arg(long, short, env = "SWATH_DATA", default_value = "swath-data", value_name = "FOLDER")]
    pub(crate) data: PathBuf,
    /// Where results go instead: s3://BUCKET/PREFIX, with the usual AWS_* variables, or file:///FOLDER.
    #[arg(long, env = "SWATH_STORE", value_name = "URL")]
    pub(crate) store: Option<swath_coordinator::Place>,
    /// Memory for results on their way to the disk and to readers.
    #[arg(long, env = "SWATH_MEMORY", default_value = "128MiB", value_name = "SIZE", value_parser = size)]
    pub(crate) memory: ByteSize,
    /// Disk that the results of all jobs together may take [default: all there is]. When it is taken, jobs pause.
    #[arg(long, env = "SWATH_MAX_DISK", value_name = "SIZE", value_parser = size)]
    pub(crate) max_disk: Option<ByteSize>,
    /// Forget jobs, and free their results, so long after their end, unless they say it themselves [default: never].
    #[arg(long, env = "SWATH_RETAIN", value_name = "DURATION", value_parser = duration)]
    pub(crate) retain: Option<Duration>,
    /// A worker that is not heard for this long loses its leases.
    #[arg(long, env = "SWATH_LEASE_TIMEOUT", default_value = "10s", value_name = "DURATION", value_parser = duration)]
    pub(crate) lease_timeout: Duration,
    /// Answer for its health here, in plain text and to anybody: `grpc.health.v1` with the services `liveness` and
    /// `readiness`, and nothing else. `swath health` asks [default: nowhere].
    #[arg(long, env = "SWATH_HEALTH_LISTEN", value_name = "HOST:PORT", value_parser = health_listen)]
    pub(crate) health_listen: Option<Address>,
}
