//! The arguments of `swath launch`.

use std::{path::PathBuf, time::Duration};

use clap::{Args as Arguments, Subcommand};
use swath_client::Address;
use swath_launch::Host;

use super::values::{address, duration, whole};

const EXAMPLES: &str = "\
The login to each host must need no password: a key in an agent, for example. What runs there is `swath worker start`.
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
    /// End the workers that were launched on hosts: all of this user's, or those of one coordinator.
    Stop(LaunchStop),
    /// List the workers that were launched on hosts and run.
    Status(LaunchSelection),
}

/// Which hosts, and how they are reached.
#[derive(Debug, Arguments)]
pub(crate) struct HostArgs {
    /// A host that ssh reaches, with how many threads its worker has (as in `4/ada@h2`) if not all cores; may be given
    /// several times.
    #[arg(
        long = "host",
        short = 'H',
        env = "SWATH_HOST",
        value_delimiter = ',',
        value_name = "[N/][USER@]HOST[:PORT]"
    )]
    pub(crate) hosts: Vec<Host>,
    /// A file of hosts, one in each line: `[USER@]HOST[:PORT] [slots=N]` or `N/[USER@]HOST`; `#` begins a comment.
    #[arg(long, env = "SWATH_HOSTFILE", value_name = "FILE")]
    pub(crate) hostfile: Option<PathBuf>,
    /// How many hosts are talked to at once.
    #[arg(long, env = "SWATH_PARALLEL", default_value_t = 16, value_name = "HOSTS",
          value_parser = whole::<u16>(1..=u16::MAX.into()))]
    pub(crate) parallel: u16,
    /// How long connecting to a host may take.
    #[arg(long, env = "SWATH_CONNECT_TIMEOUT", default_value = "10s", value_name = "DURATION", value_parser = duration)]
    pub(crate) connect_timeout: Duration,
    /// A configuration of ssh, instead of the user's and the system's (`ssh -F`).
    #[arg(long, env = "SWATH_SSH_CONFIG", value_name = "FILE")]
    pub(crate) ssh_config: Option<PathBuf>,
    /// An option of ssh (`ssh -o`), such as `ProxyJump=gate`; may be given several times.
    #[arg(long = "ssh-option", env = "SWATH_SSH_OPTION", value_name = "NAME=VALUE", value_delimiter = ';')]
    pub(crate) ssh_options: Vec<String>,
    /// The folder on each host for what is copied, logs and records of workers; relative to the home there.
    #[arg(long, env = "SWATH_REMOTE_DIR", default_value = ".cache/swath", value_name = "FOLDER")]
    pub(crate) remote_dir: String,
}

#[derive(Debug, Arguments)]
pub(crate) struct LaunchStart {
    #[command(flatten)]
    pub(crate) hosts: HostArgs,
    /// The coordinator, as those hosts reach it [default: what --worker-access says].
    #[arg(long, short, env = "SWATH_COORDINATOR", value_name = "HOST:PORT", value_parser = address)]
    pub(crate) coordinator: Option<Address>,
    /// Copy this program to hosts that do not have it.
    #[arg(long, env = "SWATH_COPY", conflicts_with = "remote_swath")]
    pub(crate) copy: bool,
    /// The program on the hosts [default: `swath` on the path there, or where cargo puts it].
    #[arg(long, env = "SWATH_REMOTE_SWATH", value_name = "PATH")]
    pub(crate) remote_swath: Option<String>,
    /// The access file of workers, or the folder with all of them; it is copied to the hosts, for nobody but the user to
    /// read.
    #[arg(long, env = "SWATH_WORKER_ACCESS", value_name = "FILE", conflicts_with = "remote_access")]
    pub(crate) worker_access: Option<PathBuf>,
    /// An access file that the hosts have already.
    #[arg(long, env = "SWATH_REMOTE_ACCESS", value_name = "PATH")]
    pub(crate) remote_access: Option<String>,
    /// Stay, and end the workers at the end: however this process ends, they do, too.
    #[arg(long, env = "SWATH_ATTACHED")]
    pub(crate) attached: bool,
    /// Start a worker on hosts where one of the same coordinator runs, too.
    #[arg(long, env = "SWATH_FORCE")]
    pub(crate) force: bool,
    /// How long a worker may take to join, once it was started.
    #[arg(long, env = "SWATH_JOIN_TIMEOUT", default_value = "30s", value_name = "DURATION", value_parser = duration)]
    pub(crate) join_timeout: Duration,
    /// Print what would be run, and change nothing.
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
    /// Only workers of this coordinator, written as it was for `swath launch` [default: all].
    #[arg(long, short, env = "SWATH_COORDINATOR", value_name = "HOST:PORT", value_parser = address)]
    pub(crate) coordinator: Option<Address>,
}

#[derive(Debug, Arguments)]
pub(crate) struct LaunchStop {
    #[command(flatten)]
    pub(crate) selection: LaunchSelection,
    /// How long a worker may take to end, before it is killed.
    #[arg(long, env = "SWATH_STOP_GRACE", default_value = "15s", value_name = "DURATION", value_parser = duration)]
    pub(crate) grace: Duration,
}
