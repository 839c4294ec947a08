//! The connection to a coordinator, and the calls that both a client and its results make.

use std::sync::Arc;

use swath_model::Range;
use swath_proto::{
    MAX_MESSAGE_BYTES, codec,
    v1::{self, jobs_client::JobsClient, results_client::ResultsClient, workers_client::WorkersClient},
};
use tonic::{Status, Streaming, transport::Channel};

use crate::{
    error::ClientError,
    job::{Job, Wanted},
    patience::Persistence,
};

/// The largest list of all jobs or all workers.
const MAX_LIST_BYTES: usize = 256 << 20;

/// Cheap to clone; clones share the connection.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    channel: Channel,
    persistence: Arc<Persistence>,
}

impl Connection {
    pub(crate) fn new(channel: Channel, persistence: Arc<Persistence>) -> Self {
        Self { channel, persistence }
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub(crate) fn persistence(&self) -> &Arc<Persistence> {
        &self.persistence
    }

    /// The persistence of this connection alone; clones keep theirs.
    pub(crate) fn persistence_mut(&mut self) -> &mut Persistence {
        Arc::make_mut(&mut self.persistence)
    }

    /// The current state of a job.
    pub(crate) async fn job(&self, id: u64) -> Result<Job, ClientError> {
        read_job(self.jobs().get(v1::GetJobRequest { id }).await.map_err(status)?.into_inner())
    }

    /// The blocks of a job that hold these numbers. The first and the last may hold others, too.
    pub(crate) async fn read(
        &self,
        job_id: u64,
        range: Range,
        wanted: Wanted,
    ) -> Result<Streaming<v1::ResultBlock>, ClientError> {
        let partial = wanted == Wanted::Existing;
        let (first, last) = (Some(range.first()), Some(range.last()));
        let mut service = ResultsClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES);
        Ok(service.read(v1::ReadRequest { job_id, first, partial, last }).await.map_err(status)?.into_inner())
    }

    /// Has the coordinator check the block that begins with this number, which came damaged.
    pub(crate) async fn recheck(&self, job_id: u64, first: i64, numbers: u64) -> Result<(), ClientError> {
        let mut service = ResultsClient::new(self.channel.clone());
        service.recheck(v1::RecheckRequest { job_id, first, numbers }).await.map_err(status)?;
        Ok(())
    }

    /// The error that says more than this one, which ended the reading of a job: that the job has failed or was
    /// cancelled.
    pub(crate) async fn explain(&self, job: u64, wanted: Wanted, error: ClientError) -> ClientError {
        if !matches!(error, ClientError::Refused(_)) {
            return error;
        }
        match self.job(job).await {
            Ok(job) => job.check_readable(wanted).err().unwrap_or(error),
            Err(_) => error,
        }
    }

    /// The service for jobs.
    pub(crate) fn jobs(&self) -> JobsClient<Channel> {
        JobsClient::new(self.channel.clone()).max_decoding_message_size(MAX_LIST_BYTES)
    }

    /// The service for workers.
    pub(crate) fn workers(&self) -> WorkersClient<Channel> {
        WorkersClient::new(self.channel.clone()).max_decoding_message_size(MAX_LIST_BYTES)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
pub(crate) fn status(status: Status) -> ClientError {
    ClientError::of_status(&status)
}

/// A job out of a message.
pub(crate) fn read_job(message: v1::Job) -> Result<Job, ClientError> {
    let id = message.id;
    let status = codec::job_status(message);
    status.map(Job::from).map_err(|error| ClientError::Protocol(format!("job {id}: {error}")))
}
