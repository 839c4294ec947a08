//! The arguments of `swath launch`.

use std::{path::PathBuf, time::Duration};

use clap::{Args as Arguments, Subcommand};
use swath_client::Address;
use swath_launch::Host;

use super::values::{address, duration, whole};

const EXAMPLES: &str = "\
Each host must accept a login without a password, for example with a key in an agent. It then runs `swath worker start`.
Exit codes: 0 every host has a worker, 1 some have none, 2 bad usage, 130 Ctrl-C.

  swath launch --host ada@h1 --host 4/ada@h2:2222 --coordinator h0:7171 --copy
  swath launch stop --hostfile hosts.txt";

/// Start workers on other hosts over ssh, list them, stop them.
#[derive(Debug, Arguments)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, after_help = EXAMPLES)]
pub(crate) struct Launch {
    #[command(subcommand)]
    pub(crate) command: Option<LaunchCommand>,
    #[command(flatten)]
    pub(crate) start: LaunchStart,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LaunchCommand {
    /// Stop launched workers: all workers of this user, or those of one coordinator.
    Stop(LaunchStop),
    /// List the launched workers that run.
    Status(LaunchSelection),
}

/// Which hosts, and how to reach them.
#[derive(Debug, Arguments)]
pub(crate) struct HostArgs {
    /// A host that ssh reaches. `4/ada@h2` gives its worker 4 threads instead of all cores. The option may be repeated.
    #[arg(
        long = "host",
        short = 'H',
        env = "SWATH_HOST",
        value_delimiter = ',',
        value_name = "[N/][USER@]HOST[:PORT]"
    )]
    pub(crate) hosts: Vec<Host>,
    /// A file that lists hosts, one in each line: `[USER@]HOST[:PORT] [slots=N]` or `N/[USER@]HOST`. `#` begins a
    /// comment.
    #[arg(long, env = "SWATH_HOSTFILE", value_name = "FILE")]
    pub(crate) hostfile: Option<PathBuf>,
    /// How many hosts to connect to at the same time.
    #[arg(long, env = "SWATH_PARALLEL", default_value_t = 16, value_name = "HOSTS",
          value_parser = whole::<u16>(1..=u16::MAX.into()))]
    pub(crate) parallel: u16,
    /// How long to try to connect to a host.
    #[arg(long, env = "SWATH_CONNECT_TIMEOUT", default_value = "10s", value_name = "DURATION", value_parser = duration)]
    pub(crate) connect_timeout: Duration,
    /// A configuration file for ssh, instead of the user's and the system's (`ssh -F`).
    #[arg(long, env = "SWATH_SSH_CONFIG", value_name = "FILE")]
    pub(crate) ssh_config: Option<PathBuf>,
    /// An option for ssh (`ssh -o`), such as `ProxyJump=gate`. The option may be repeated.
    #[arg(long = "ssh-option", env = "SWATH_SSH_OPTION", value_name = "NAME=VALUE", value_delimiter = ';')]
    pub(crate) ssh_options: Vec<String>,
    /// The folder on each host for copied files, logs and records of workers; relative to the home folder.
    #[arg(long, env = "SWATH_REMOTE_DIR", default_value = ".cache/swath", value_name = "FOLDER")]
    pub(crate) remote_dir: String,
}

#[derive(Debug, Arguments)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct LaunchStart {
    #[command(flatten)]
    pub(crate) hosts: HostArgs,
    /// The coordinator, as the hosts reach it [default: the address in --worker-access].
    #[arg(long, short, env = "SWATH_COORDINATOR", value_name = "HOST:PORT", value_parser = address)]
    pub(crate) coordinator: Option<Address>,
    /// Copy this program to hosts that do not have it.
    #[arg(long, env = "SWATH_COPY", conflicts_with = "remote_swath")]
    pub(crate) copy: bool,
    /// The program on the hosts [default: `swath` on the PATH, or in the folder where cargo installs programs].
    #[arg(long, env = "SWATH_REMOTE_SWATH", value_name = "PATH")]
    pub(crate) remote_swath: Option<String>,
    /// The access file for workers, or the folder with all access files. The file is copied to the hosts, where only
    /// the user can read it.
    #[arg(long, env = "SWATH_WORKER_ACCESS", value_name = "FILE", conflicts_with = "remote_access")]
    pub(crate) worker_access: Option<PathBuf>,
    /// An access file that is already on the hosts.
    #[arg(long, env = "SWATH_REMOTE_ACCESS", value_name = "PATH")]
    pub(crate) remote_access: Option<String>,
    /// Keep running; the workers stop when this process stops.
    #[arg(long, env = "SWATH_ATTACHED")]
    pub(crate) attached: bool,
    /// Start a worker even where one of the same coordinator runs.
    #[arg(long, env = "SWATH_FORCE")]
    pub(crate) force: bool,
    /// How long a started worker may take to join the coordinator.
    #[arg(long, env = "SWATH_JOIN_TIMEOUT", default_value = "30s", value_name = "DURATION", value_parser = duration)]
    pub(crate) join_timeout: Duration,
    /// Print what would be run on each host, and run nothing.
    #[arg(long, env = "SWATH_DRY_RUN")]
    pub(crate) dry_run: bool,
    /// More arguments for `swath worker start`, such as `-- --grace 1m`.
    #[arg(last = true, value_name = "ARGUMENTS")]
    pub(crate) arguments: Vec<String>,
}

/// Workers that were launched on hosts.
#[derive(Debug, Arguments)]
pub(crate) struct LaunchSelection {
    #[command(flatten)]
    pub(crate) hosts: HostArgs,
    /// Only workers of this coordinator, written as in `swath launch` [default: all].
    #[arg(long, short, env = "SWATH_COORDINATOR", value_name = "HOST:PORT", value_parser = address)]
    pub(crate) coordinator: Option<Address>,
}

#[derive(Debug, Arguments)]
pub(crate) struct LaunchStop {
    #[command(flatten)]
    pub(crate) selection: LaunchSelection,
    /// How long a worker may take to stop before it is killed.
    #[arg(long, env = "SWATH_STOP_GRACE", default_value = "15s", value_name = "DURATION", value_parser = duration)]
    pub(crate) grace: Duration,
}
