//! The client library of Swath: submit a job, watch it, fetch its results.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use swath_client::{Client, JobRequest, output::{Content, Format, Output, Target}};
//!
//! let client = Client::connect("127.0.0.1:7171").await?;
//! let job = client.submit(JobRequest::new("square", "1..=1000000".parse()?)).await?;
//! let output = Output::create(Target::File("squares.parquet".into()), Format::Parquet, &Content::of(&job)?)?;
//! let results = client.results(&job).await?;
//! output.save(results, |_so_far| {}).await?;
//! # Ok(())
//! # }
//! ```

#![warn(clippy::indexing_slicing)]

mod artifacts;
mod client;
mod collect;
mod connection;
mod error;
mod job;
pub mod output;
mod patience;
mod reduce;
mod results;

pub use artifacts::artifact_of;
pub use client::Client;
pub use error::ClientError;
pub use job::{FailedChunk, Job, OnCancel, Share, Wanted, Worker};
pub use patience::Away;
pub use results::Results;
pub use swath_evaluation::{BindError, layout_of_program, wasm_to_binary};
pub use swath_model::{
    Artifact, JobRequest, JobState, Layout, Parameters, Program, Range, RangeError, ResultMode, Shape, ValueType,
    WaitReason, Waiting, WorkerState, counted,
};
pub use swath_transport::{AccessSource, Address, DialError, Dialer, Role};
