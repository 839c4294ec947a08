//! `swath health`.

use anyhow::{Result, bail};
use serde::Serialize;
use swath_console::print;

use crate::{
    args::{Health, OutputMode},
    show,
};

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
        OutputMode::Text if serving => print("serving\n")?,
        OutputMode::Text => {}
        OutputMode::Json => show::json(&Answer { address, service: service.to_string(), serving })?,
    }
    if !serving {
        bail!("{service} of {address}: not serving");
    }
    Ok(())
}
