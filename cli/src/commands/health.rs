//! `swath health`.

use anyhow::{Result, bail};
use swath_client::{DialError, Dialer};
use swath_health::{AskError, Service};

use crate::{
    args::Health,
    output::{HealthAnswer, Output},
};

pub(super) async fn ask(args: &Health, output: &dyn Output) -> Result<()> {
    let Health { service, timeout, .. } = args;
    let address = &args.address.to_string();
    let silent = |reason: String| AskError::Silent { address: address.clone(), reason };
    let answered = tokio::time::timeout(*timeout, answer(args, address, *service)).await;
    let serving = answered
        .unwrap_or_else(|_| Err(silent(format!("no answer within {}", humantime::format_duration(*timeout)))))?;
    output.health(&HealthAnswer { address, service: *service, serving })?;
    if !serving {
        bail!("{service} of {address}: not serving");
    }
    Ok(())
}

async fn answer(args: &Health, address: &str, service: Service) -> Result<bool, AskError> {
    let silent = |error: DialError| {
        let reason = match error {
            DialError::Unreachable { reason, .. } => reason,
            error => error.to_string(),
        };
        AskError::Silent { address: address.to_owned(), reason }
    };
    let dialer = Dialer::plain(args.address.clone()).map_err(silent)?;
    swath_health::ask(dialer.connect().await.map_err(silent)?, address, service).await
}
