//! Which coordinator, and how it is reached.

use std::{path::PathBuf, time::Duration};

use clap::Args as Arguments;
use swath_client::{AccessSource, Address, DialError, Dialer, Role};
use swath_console::say;

use super::values::{address, duration};

/// Which coordinator.
#[derive(Debug, Arguments)]
#[command(next_help_heading = "Connection")]
pub(crate) struct CoordinatorArgs {
    /// The coordinator: HOST:PORT, HOST, or a URL, which is grpc://HOST:PORT without TLS and grpcs://HOST:PORT with TLS
    /// [default: the address in the access file, or 127.0.0.1:7171].
    #[arg(long, short, env = "SWATH_COORDINATOR", value_name = "HOST:PORT", value_parser = address)]
    pub(crate) coordinator: Option<Address>,
    /// Your identity, and the authority that you trust: an access file of `swath access create`, the folder with all of
    /// them, or a folder with ca.crt, tls.crt and tls.key. Without it nothing is encrypted.
    #[arg(long, env = "SWATH_ACCESS", value_name = "FILE")]
    pub(crate) access: Option<PathBuf>,
}

impl CoordinatorArgs {
    /// How to reach the coordinator with one of these roles.
    pub(crate) fn dialer(&self, roles: &[Role]) -> Result<Dialer, DialError> {
        let Some(access) = &self.access else {
            return Dialer::plain(self.coordinator.clone().unwrap_or_else(Address::of_coordinator));
        };
        let dialer = Dialer::with_access(&AccessSource::new(access), roles, self.coordinator.clone())?;
        if let Some(source) = dialer.access() {
            let expiry = source.load().ok().and_then(|access| access.warning());
            for warning in [expiry, source.exposure()].into_iter().flatten() {
                say!("swath: {warning}");
            }
        }
        Ok(dialer)
    }

    /// Whether a coordinator is named.
    pub(crate) fn is_named(&self) -> bool {
        self.coordinator.is_some() || self.access.is_some()
    }
}

/// Which coordinator, and how long to try to reach it.
#[derive(Debug, Arguments)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ClientArgs {
    #[command(flatten)]
    pub(crate) coordinator: CoordinatorArgs,
    /// How long to try to reach the coordinator [default: one attempt at the start; 1m if the connection is lost while
    /// waiting for a job or reading its results].
    #[arg(long, env = "SWATH_PATIENCE", value_name = "DURATION", value_parser = duration)]
    pub(crate) patience: Option<Duration>,
}
