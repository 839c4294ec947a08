//! Reaching the coordinator, and saying so when it is away.

use std::fmt;

use anyhow::Result;
use swath_client::{Away, Client, ClientError, Role, output::OutputError};
use swath_console::say;

use crate::args::ClientArgs;

/// A client for whoever submits and reads.
pub(super) async fn user(args: &ClientArgs) -> Result<Client> {
    with_role(args, &[Role::Client, Role::Admin]).await
}

/// A client for somebody with one of these roles.
pub(super) async fn with_role(args: &ClientArgs, roles: &[Role]) -> Result<Client> {
    let dialer = args.coordinator.dialer(roles)?;
    Ok(match args.patience {
        // Nobody waits for a coordinator that may not be meant.
        None => Client::dial(&dialer).await?,
        Some(patience) => Client::dial_patiently(&dialer, patience, |away| say!("swath: {}", sentence(away))).await?,
    })
}

/// What is said when the coordinator is away.
pub(super) fn sentence(away: &Away<'_>) -> String {
    let Away { address, patience, error } = away;
    format!("{error}; trying {address} for {}", humantime::format_duration(*patience))
}

/// The same client for whoever waits for a job or reads its results: each time that the coordinator is lost, it is said,
/// with how to attach again. `say` prints a line.
pub(super) fn attached(client: &Client, to: Attached, say: impl Fn(&str) + Send + Sync + 'static) -> Client {
    client.clone().when_away(move |away| say(&format!("swath: {}; {}", sentence(away), to.hint())))
}

/// Whether the coordinator was lost.
fn is_lost(error: &ClientError) -> bool {
    matches!(error, ClientError::Dial(_) | ClientError::Broken(_) | ClientError::GaveUp { .. })
}

/// Which job was waited for when the coordinator was lost. Errors carry it, for the hint how to attach again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attached {
    pub(crate) job: u64,
    pub(crate) verb: &'static str,
}

impl Attached {
    /// How to attach again.
    pub(crate) fn hint(&self) -> String {
        format!("`swath job {} {}` attaches again", self.verb, self.job)
    }

    /// The error, with this hint if the coordinator was lost.
    pub(super) fn explain(self, error: ClientError) -> anyhow::Error {
        let is_lost = is_lost(&error);
        let error = anyhow::Error::from(error);
        if is_lost { error.context(self) } else { error }
    }

    /// The same for results that did not arrive whole.
    pub(super) fn explain_output(self, error: OutputError) -> anyhow::Error {
        match error {
            OutputError::Client(error) if is_lost(&error) => self.explain(error),
            error => anyhow::Error::from(error).context("the results did not arrive whole"),
        }
    }
}

impl fmt::Display for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lost the coordinator of job {}", self.job)
    }
}
