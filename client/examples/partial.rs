//! Reads what exists of a job that failed, and of a job that continues without its failed chunks.
//!
//! The argument is the address of the coordinator, 127.0.0.1:7171 if there is none.

#![allow(clippy::disallowed_macros, reason = "an example prints in the usual way")]

use std::{env, error::Error};

use swath_client::{
    Client, ClientError, JobRequest,
    output::{Content, Format, OutputTarget, Target},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7171".to_owned());
    let client = Client::connect(&address).await?;

    // The kernel refuses negative numbers, so the first chunks fail, and with them the job.
    let mut spec = JobRequest::new("isqrt", "-100..=1_000_000".parse()?);
    spec.chunk_size = Some(1000);
    spec.max_retries = Some(0);
    let job = client.submit(spec.clone()).await?;
    let job = client.wait(job.id, |_| {}).await?;
    match client.results(&job).await {
        Err(ClientError::JobFailed { job, reason, .. }) => println!("job {job} failed: {reason}"),
        Err(error) => return Err(error.into()),
        Ok(_) => return Err("this job should have failed".into()),
    }
    let mut results = client.partial_results(&job).await?;
    let mut existing = 0;
    while let Some((_, block)) = results.next().await? {
        existing += block.rows();
    }
    println!("{existing} results exist, {} are missing", results.missing());

    // With `keep_going` only the chunks with negative numbers fail.
    spec.keep_going = true;
    let job = client.submit(spec).await?;
    let target = OutputTarget::open(Target::File("roots.csv".into()), Format::Csv)?;
    let summary = target.begin(&Content::of(&job)?)?.save(client.results(&job).await?, |_so_far| {}).await?;
    println!("{} results in roots.csv, {} missing", summary.numbers, summary.missing);
    for chunk in client.failed_chunks(job.id).await? {
        println!("chunk {} ({}..={}) failed: {}", chunk.chunk, chunk.first, chunk.last, chunk.reason);
    }
    Ok(())
}
