//! Which coordinator, and how it is reached.

use std::path::PathBuf;

use clap::Args as Arguments;
use swath_client::{AccessSource, DialError, Dialer, Role};
use swath_console::say;

use super::DEFAULT_ADDRESS;

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
            say!("swath: {warning}");
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
