//! What became of the hosts of one command.

use anyhow::Result;
use swath_client::counted;
use swath_launch::Host;

use crate::{
    ending::Ending,
    output::{HostOutcome, HostReport, Output},
};

/// Reports of hosts, printed as they come in or when all are there.
pub(super) struct Reports<'a> {
    output: &'a dyn Output,
    hosts: &'a [Host],
    reports: Vec<HostReport>,
}

impl<'a> Reports<'a> {
    pub(super) fn new(hosts: &'a [Host], output: &'a dyn Output) -> Self {
        Self { output, hosts, reports: Vec::new() }
    }

    pub(super) fn add(&mut self, host: &Host, outcome: HostOutcome) -> Result<()> {
        let report = HostReport { host: host.clone(), outcome };
        self.output.host(&report, self.hosts)?;
        self.reports.push(report);
        Ok(())
    }

    /// Ends the report. An error if some hosts failed; `what` begins its sentence: `no worker on`.
    pub(super) fn finish(&self, what: &str) -> Result<()> {
        self.output.hosts(&self.reports)?;
        match self.reports.iter().filter(|report| !report.outcome.is_ok()).count() {
            0 => Ok(()),
            failed => {
                let all = counted(self.reports.len() as u64, "host");
                Err(Ending::JobFailed(format!("{what} {failed} of {all}")).into())
            }
        }
    }
}
