//! Workers in JSON.

use serde::Serialize;
use swath_client::Worker;

use super::time::time;
use crate::output::words::worker_state;

#[derive(Serialize)]
pub(super) struct WorkerRecord<'a> {
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
            state: worker_state(worker.state),
            leases: worker.leases,
            leased_chunks: worker.leased_chunks,
            chunks: worker.chunks,
            numbers: worker.numbers,
            joined_at: time(worker.joined_at),
        }
    }
}
