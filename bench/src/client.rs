//! Clients of a coordinator that is being measured.

use std::{future::Future, time::Instant};

use anyhow::{Context, Result, ensure};
use arrow_array::{Int64Array, cast::AsArray, types::Int64Type};
use clap::Args;
use serde::{Deserialize, Serialize};
use swath_block::Block;
use swath_client::{Client, Job, JobRequest, Range, ResultMode};

use crate::verify::{Found, Tally};

/// Collect the values of a job in memory, and say in one line of JSON how long it took.
///
/// Does all of it twice; the second time counts.
#[derive(Args)]
pub(crate) struct Collect {
    /// The coordinator
    coordinator: String,
    /// The last number; the first is 1
    last: u64,
    /// Numbers in a chunk
    #[arg(long)]
    chunk_size: Option<u64>,
}

/// What this client says.
#[derive(Serialize, Deserialize)]
pub(crate) struct Collected {
    pub(crate) seconds: f64,
    /// Encoded, as it came.
    pub(crate) bytes: u64,
    #[serde(flatten)]
    pub(crate) found: Found,
}

impl Collect {
    pub(crate) fn run(self) -> Result<()> {
        let collected = block_on(async {
            let client = Client::connect(&self.coordinator).await?;
            drop(self.collect(&client).await?);
            let begun = Instant::now();
            let (array, bytes) = self.collect(&client).await?;
            let seconds = begun.elapsed().as_secs_f64();
            let mut tally = Tally::default();
            tally.add(array.values());
            Ok(Collected { seconds, bytes, found: tally.found() })
        })?;
        println!("{}", serde_json::to_string(&collected)?);
        Ok(())
    }

    async fn collect(&self, client: &Client) -> Result<(Int64Array, u64)> {
        let mut spec = squares(self.last)?;
        spec.chunk_size = self.chunk_size;
        spec.result_mode = ResultMode::Delivered;
        let job = client.submit(spec).await?;
        collect(client, &job).await
    }
}

/// The squares of 1 to `last`.
pub(crate) fn squares(last: u64) -> Result<JobRequest> {
    job("square", last)
}

pub(crate) fn job(kernel: &str, last: u64) -> Result<JobRequest> {
    Ok(JobRequest::new(kernel, Range::new(1, i64::try_from(last)?)?))
}

/// All values of a job in order, in one array; and the bytes that came.
async fn collect(client: &Client, job: &Job) -> Result<(Int64Array, u64)> {
    let array = client.results(job).await?.collect().await?;
    let bytes = client.job(job.id).await?.result_bytes;
    Ok((array.as_primitive_opt::<Int64Type>().context("values of another type")?.clone(), bytes))
}

fn decode(block: &Block) -> Result<Int64Array> {
    let mut batches = block.columns(&[1], block.rows())?;
    let batch = batches.next().context("an empty block")??;
    let values = batch.column(0).as_primitive_opt::<Int64Type>().context("values of another type")?.clone();
    ensure!(values.len() == block.rows(), "the block came in several batches");
    Ok(values)
}

/// Reads all values of a job and forgets each block at once.
pub(crate) async fn tally(client: &Client, job: &Job) -> Result<Found> {
    let mut results = client.results(job).await?;
    let mut tally = Tally::default();
    while let Some((_, block)) = results.next().await? {
        tally.add(decode(&block)?.values());
    }
    Ok(tally.found())
}

/// Runs something asynchronous to its end, with a thread for each core.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future)
}
