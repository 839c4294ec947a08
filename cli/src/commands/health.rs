//! `swath health`.

use anyhow::{Result, bail};
use serde::Serialize;

use crate::args::{Health, OutputMode};

/// What is printed as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    address: &'a str,
    service: String,
    serving: bool,
}

pub(super) async fn ask(args: &Health, mode: OutputMode) -> Result<()> {
    let Health { address, service, timeout } = args;
    let serving = swath_health::ask(address, *service, *timeout).await?;
    match mode {
        OutputMode::Text if serving => println!("serving"),
        OutputMode::Text => {}
        OutputMode::Json => {
            println!("{}", serde_json::to_string(&Answer { address, service: service.to_string(), serving })?);
        }
    }
    if !serving {
        bail!("{service} of {address}: not serving");
    }
    Ok(())
}
