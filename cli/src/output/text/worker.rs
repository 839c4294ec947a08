//! Workers.

use std::io::Write;

use anyhow::Result;
use indicatif::HumanCount;
use swath_client::Worker;
use swath_console::{plain, say};

use super::table::{table, time};
use crate::output::words::worker_state;

pub(super) fn list(workers: &[Worker]) -> Result<()> {
    table("ID\tNAME\tHOST\tTHREADS\tSTATE\tLEASES\tCHUNKS\tNUMBERS\tJOINED", workers, |out, worker| {
        writeln!(
            out,
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
            worker.id,
            plain(&worker.name),
            plain(&worker.host),
            worker.threads,
            worker_state(worker.state),
            worker.leases,
            HumanCount(worker.chunks),
            HumanCount(worker.numbers),
            time(worker.joined_at),
        )
    })?;
    if workers.is_empty() {
        say!("no workers are connected; `swath worker start` starts one");
    }
    Ok(())
}
