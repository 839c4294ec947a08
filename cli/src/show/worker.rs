//! Workers.

use std::io::Write;

use anyhow::Result;
use indicatif::HumanCount;
use serde::Serialize;
use swath_client::{Worker, WorkerState};
use swath_console::{plain, say};

use super::{json, precise, table, time};
use crate::args::OutputMode;

/// Prints workers, a line each.
pub(crate) fn workers(workers: &[Worker], mode: OutputMode) -> Result<()> {
    if mode == OutputMode::Json {
        return json(&workers.iter().map(WorkerRecord::from).collect::<Vec<_>>());
    }
    table("ID\tNAME\tHOST\tTHREADS\tSTATE\tLEASES\tCHUNKS\tNUMBERS\tJOINED", workers, |out, worker| {
        writeln!(
            out,
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
            worker.id,
            plain(&worker.name),
            plain(&worker.host),
            worker.threads,
            state(worker.state),
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

/// Prints that a worker was told to leave; people see that in the list.
pub(crate) fn draining(id: u64, mode: OutputMode) -> Result<()> {
    #[derive(Serialize)]
    struct Record {
        id: u64,
        state: &'static str,
    }
    if mode == OutputMode::Json { json(&Record { id, state: state(WorkerState::Draining) }) } else { Ok(()) }
}

/// Prints that this process is a worker that has joined, for programs.
pub(crate) fn joined(id: u64, name: &str, threads: u32) -> Result<()> {
    #[derive(Serialize)]
    struct Record<'a> {
        id: u64,
        name: &'a str,
        process_id: u32,
        threads: u32,
    }
    json(&Record { id, name, process_id: std::process::id(), threads })
}

fn state(state: WorkerState) -> &'static str {
    match state {
        WorkerState::Active => "active",
        WorkerState::Silent => "silent",
        WorkerState::Draining => "draining",
    }
}

/// A worker in JSON. Field names are stable.
#[derive(Serialize)]
struct WorkerRecord<'a> {
    id: u64,
    name: &'a str,
    host: &'a str,
    process_id: u32,
    address: &'a str,
    version: &'a str,
    threads: u32,
    state: &'static str,
    leases: u32,
    leased_chunks: u64,
    chunks: u64,
    numbers: u64,
    joined_at: String,
}

impl<'a> From<&'a Worker> for WorkerRecord<'a> {
    fn from(worker: &'a Worker) -> Self {
        Self {
            id: worker.id,
            name: &worker.name,
            host: &worker.host,
            process_id: worker.process_id,
            address: &worker.address,
            version: &worker.program_version,
            threads: worker.threads,
            state: state(worker.state),
            leases: worker.leases,
            leased_chunks: worker.leased_chunks,
            chunks: worker.chunks,
            numbers: worker.numbers,
            joined_at: precise(worker.joined_at),
        }
    }
}
