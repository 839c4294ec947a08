//! Hosts.

use anyhow::Result;
use swath_console::print;
use swath_launch::{Host, Preview};

use crate::output::hosts::HostReport;

/// A line for a host; the columns of all hosts line up.
pub(super) fn host(report: &HostReport, hosts: &[Host]) -> Result<()> {
    let width = hosts.iter().map(|host| host.to_string().len()).max().unwrap_or(0);
    Ok(print(format!("{:width$}  {}\n", report.host.to_string(), report.outcome))?)
}

/// What would be run, as a shell takes it.
pub(super) fn previews(previews: &[(&Host, Preview)]) -> Result<()> {
    let mut text = String::new();
    for (host, preview) in previews {
        text += &format!("# {host}\n{}\n{}\n", preview.command_line(), preview.settings);
    }
    text += "# then, for each host, the same script on the standard input of its ssh:\n";
    text += previews.last().map_or("", |(_, preview)| &preview.script);
    Ok(print(text)?)
}
