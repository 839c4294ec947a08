//! The arguments of `swath coordinator …`.

use std::{path::PathBuf, time::Duration};

use bytesize::ByteSize;
use clap::{Args as Arguments, Subcommand};

use swath_client::Address;

use super::values::{duration, health_listen, listen, size};

/// The default address of a coordinator.
const DEFAULT_ADDRESS: &str = "127.0.0.1:7171";

#[derive(Debug, Subcommand)]
pub(crate) enum CoordinatorCommand {
    /// Start a coordinator, and serve until it is stopped.
    Start(CoordinatorStart),
}

#[derive(Debug, Arguments)]
pub(crate) struct CoordinatorStart {
    /// The address to listen on. Port 0 picks a free port. A port alone means 127.0.0.1, which only this machine
    /// reaches; 0.0.0.0 means all IPv4 addresses of this machine, and `[::]` the IPv6 addresses, too.
    #[arg(long, short, env = "SWATH_LISTEN", default_value = DEFAULT_ADDRESS, value_name = "HOST:PORT",
          value_parser = listen)]
    pub(crate) listen: Address,
    /// The access file for coordinators of `swath access create`, the folder with all of them, or a folder with ca.crt,
    /// tls.crt and tls.key. Then everything is encrypted, and every peer must show a certificate of the same authority.
    #[arg(long, env = "SWATH_ACCESS", value_name = "FILE", conflicts_with = "insecure")]
    pub(crate) access: Option<PathBuf>,
    /// Listen for other machines without encryption: anybody who reaches the port may use the coordinator.
    #[arg(long, env = "SWATH_INSECURE")]
    pub(crate) insecure: bool,
    /// The folder for jobs and their results. It takes a path, not a URL.
    #[arg(long, short, env = "SWATH_DATA", default_value = "swath-data", value_name = "FOLDER")]
    pub(crate) data: PathBuf,
    /// Another place for results: s3://BUCKET/PREFIX, with the usual AWS_* variables, or file:///FOLDER.
    #[arg(long, env = "SWATH_STORE", value_name = "URL")]
    pub(crate) store: Option<swath_coordinator::Place>,
    /// Memory for results that wait for the disk or for readers.
    #[arg(long, env = "SWATH_MEMORY", default_value = "128MiB", value_name = "SIZE", value_parser = size)]
    pub(crate) memory: ByteSize,
    /// Memory for results on their way to readers, as blocks and decoded. Readers wait in turn when it is used up.
    #[arg(long, env = "SWATH_READER_MEMORY", default_value = "128MiB", value_name = "SIZE", value_parser = size)]
    pub(crate) reader_memory: ByteSize,
    /// A reader of results that takes nothing for this long is cut off when others wait for memory.
    #[arg(long, env = "SWATH_READER_TIMEOUT", default_value = "1m", value_name = "DURATION", value_parser = duration)]
    pub(crate) reader_timeout: Duration,
    /// Disk space for the results of all jobs [default: no limit]. Jobs pause when it is used up.
    #[arg(long, env = "SWATH_MAX_DISK", value_name = "SIZE", value_parser = size)]
    pub(crate) max_disk: Option<ByteSize>,
    /// Disk space for artifacts: files that travel with jobs, such as WebAssembly modules.
    #[arg(long, env = "SWATH_MAX_ARTIFACTS", default_value = "4GiB", value_name = "SIZE", value_parser = size)]
    pub(crate) max_artifacts: ByteSize,
    /// Forget a job and delete its results this long after its end. A job can set its own [default: never].
    #[arg(long, env = "SWATH_RETAIN", value_name = "DURATION", value_parser = duration)]
    pub(crate) retain: Option<Duration>,
    /// A worker that sends nothing for this long loses its leases.
    #[arg(long, env = "SWATH_LEASE_TIMEOUT", default_value = "10s", value_name = "DURATION", value_parser = duration)]
    pub(crate) lease_timeout: Duration,
    /// Answer health checks on this address, unencrypted and for anybody: `grpc.health.v1` with the services `liveness`
    /// and `readiness`. `swath health` sends such a check [default: no health checks].
    #[arg(long, env = "SWATH_HEALTH_LISTEN", value_name = "HOST:PORT", value_parser = health_listen)]
    pub(crate) health_listen: Option<Address>,
}
