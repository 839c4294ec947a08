//! From arguments to hosts.

use std::fs;

use anyhow::{Context, Result};
use swath_launch::{Host, Ssh};

use crate::{args::HostArgs, ending::Ending};

/// The hosts that the arguments name, each once.
pub(super) fn hosts_of(args: &HostArgs) -> Result<Vec<Host>> {
    let mut hosts = args.hosts.clone();
    if let Some(file) = &args.hostfile {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read the hostfile {}", file.display()))?;
        let listed = swath_launch::parse_hostfile(&text)
            .map_err(|error| Ending::Usage(format!("in the hostfile {}, {error}", file.display())))?;
        hosts.extend(listed);
    }
    let hosts = swath_launch::merge(hosts);
    if hosts.is_empty() {
        return Err(Ending::Usage("no host is named: name some with --host or --hostfile".to_owned()).into());
    }
    Ok(hosts)
}

/// How the hosts are reached.
pub(super) fn ssh_of(args: &HostArgs) -> Ssh {
    Ssh { config: args.ssh_config.clone(), options: args.ssh_options.clone(), connect_timeout: args.connect_timeout }
}
