//! Reaching the coordinator, and telling when it is unreachable.

use anyhow::Result;
use swath_client::{Away, Client, ClientError, Role, output::OutputError};
use swath_console::say;

use crate::{args::ClientArgs, ending::Attached};

/// A client that submits jobs and reads results.
pub(super) async fn user(args: &ClientArgs) -> Result<Client> {
    with_role(args, &[Role::Client, Role::Admin]).await
}

/// A client with one of these roles.
pub(super) async fn with_role(args: &ClientArgs, roles: &[Role]) -> Result<Client> {
    let dialer = args.coordinator.dialer(roles)?;
    Ok(match args.patience {
        // The address may be wrong, so there is no waiting by default.
        None => Client::dial(&dialer).await?,
        Some(patience) => Client::dial_patiently(&dialer, patience, |away| say!("swath: {}", sentence(away))).await?,
    })
}

/// What people are told when the coordinator is unreachable.
pub(super) fn sentence(away: &Away<'_>) -> String {
    let Away { address, patience, error } = away;
    format!("{error}; trying {address} for {}", humantime::format_duration(*patience))
}

/// The same client for waiting for a job or reading its results. Each time that the coordinator is lost, `say` prints a
/// line with a hint how to attach again.
pub(super) fn attached(client: &Client, to: Attached, say: impl Fn(&str) + Send + Sync + 'static) -> Client {
    client.clone().when_away(move |away| say(&format!("swath: {}; {}", sentence(away), to.hint())))
}

/// The error, with a hint how to attach again if the coordinator was lost.
pub(super) fn explain(to: Attached, error: ClientError) -> anyhow::Error {
    let is_connection = error.is_connection();
    let error = anyhow::Error::from(error);
    if is_connection { error.context(to) } else { error }
}

/// The same for results that did not arrive whole.
pub(super) fn explain_output(to: Attached, error: OutputError) -> anyhow::Error {
    match error {
        OutputError::Client(error) if error.is_connection() => explain(to, error),
        // How the job ended says more than how the stream did.
        OutputError::Client(error @ (ClientError::JobFailed { .. } | ClientError::JobCancelled { .. })) => error.into(),
        error => anyhow::Error::from(error).context("the results did not arrive whole"),
    }
}
