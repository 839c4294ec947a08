//! Watches a job until it has ended, and cancels it if it takes too long.
//!
//! The argument is the address of the coordinator, 127.0.0.1:7171 if there is none. Start it without a worker to see
//! what the job waits for, and start a worker then.

#![allow(clippy::disallowed_macros, reason = "an example prints in the usual way")]

use std::{env, error::Error, time::Duration};

use swath_client::{Client, ClientError, JobRequest, JobState, OnCancel};
use tokio::time::timeout;

/// How long the job may take.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7171".to_owned());
    // Called when the coordinator is lost, for example because it is restarted. The client reconnects by itself.
    let client = Client::connect(&address).await?.when_away(|away| eprintln!("{}; reconnecting", away.error));

    let job = client.submit(JobRequest::new("is-prime", "1..=100_000_000".parse()?)).await?;
    let watched = client.wait(job.id, |job| {
        let percent = 100.0 * job.committed_numbers as f64 / job.range.count() as f64;
        match &job.waiting {
            Some(waiting) => println!("{percent:.1} %, {}", waiting.text),
            None => println!("{percent:.1} %"),
        }
    });
    let ended = match timeout(LIMIT, watched).await {
        Ok(Ok(job)) => job,
        Ok(Err(error @ ClientError::GaveUp { .. })) => return Err(format!("the coordinator is gone: {error}").into()),
        Ok(Err(error)) => return Err(error.into()),
        Err(_) => client.cancel(job.id, OnCancel::DropResults).await?,
    };
    match ended.state {
        JobState::Failed(reason) => println!("failed: {reason}"),
        state => println!("{state:?} after {:?}", ended.took),
    }
    for share in &ended.shares {
        println!("worker {} computed {} numbers", share.worker, share.numbers);
    }
    Ok(())
}
