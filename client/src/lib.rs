//! The client library of Swath: submit a job, watch it, fetch its results.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use swath_client::{Client, JobSpec, output::{Format, Output, Target}};
//!
//! let client = Client::connect("127.0.0.1:7171").await?;
//! let job = client.submit(JobSpec::new("square", "1..=1000000".parse()?)).await?;
//! let output = Output::create(Target::File("squares.parquet".into()), Format::Parquet, job.range, job.value_type)?;
//! let results = client.results(&job).await?;
//! output.save(results, |_numbers| {}).await?;
//! # Ok(())
//! # }
//! ```

#![warn(clippy::indexing_slicing)]

mod client;
mod collect;
mod connection;
mod convert;
mod error;
mod job;
pub mod output;
mod patience;
mod results;

pub use client::Client;
pub use error::ClientError;
pub use job::{
    FailedChunk, Job, JobSpec, JobState, OnCancel, Retention, Share, WaitReason, Waiting, Wanted, Worker, WorkerState,
};
pub use patience::Away;
pub use results::Results;
pub use swath_kernel::{Parameters, ValueType};
pub use swath_model::{Range, RangeError, counted};
pub use swath_transport::{AccessSource, Address, DialError, Dialer, Role};
