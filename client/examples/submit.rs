//! Submits a job and reads its results: block by block, or all of them as one array.
//!
//! Start a coordinator and a worker, then this:
//!
//! ```console
//! $ swath coordinator start &
//! $ swath worker start &
//! $ cargo run --release --package swath-client --example submit
//! ```
//!
//! The argument is the address of the coordinator, 127.0.0.1:7171 if there is none.

#![allow(clippy::disallowed_macros, reason = "an example prints in the usual way")]

use std::{env, error::Error};

use swath_client::{Client, JobRequest, Range};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7171".to_owned());
    let client = Client::connect(&address).await?;

    // Blocks come in the order of the number, as soon as they are computed.
    let range: Range = "1..=3_000_000".parse()?;
    let job = client.submit(JobRequest::new("collatz", range)).await?;
    println!("job {}: collatz over {}", job.id, job.range);
    let mut results = client.results(&job).await?;
    while let Some((first, block)) = results.next().await? {
        println!("{} values from {first} on", block.rows());
    }

    // All values as one Arrow array.
    let mut spec = JobRequest::new("square", "1..=1000".parse()?);
    spec.parameters.insert("type".to_owned(), "decimal128".to_owned());
    let job = client.submit(spec).await?;
    let values = client.results(&job).await?.collect().await?;
    println!("job {}: {} values of type {}", job.id, values.len(), values.data_type());
    Ok(())
}
