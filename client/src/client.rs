//! Requests to the coordinator.

use std::{sync::Arc, time::Duration};

use ring::rand::{SecureRandom, SystemRandom};
use swath_model::{JobRequest, Range};
use swath_proto::{codec, v1};
use swath_transport::{DialError, Dialer};

use crate::{
    connection::{Connection, read_job, status},
    error::ClientError,
    job::{FailedChunk, Job, OnCancel, Wanted, Worker},
    patience::{Away, DEFAULT_PATIENCE, Observer, Pauses, Persistence},
    results::Results,
};

/// The length of the token by which the coordinator recognises a submit that is sent again.
const TOKEN_BYTES: usize = 16;

/// A connection to a coordinator. Cheap to clone; clones share the connection.
#[derive(Debug, Clone)]
pub struct Client {
    connection: Connection,
}

impl Client {
    /// Connects to the coordinator at `host:port`, without TLS.
    pub async fn connect(address: &str) -> Result<Self, ClientError> {
        let address = address.parse().map_err(DialError::from)?;
        Self::dial(&Dialer::plain(address)?).await
    }

    /// Connects with a dialer: with TLS if it has an access file. One attempt.
    pub async fn dial(dialer: &Dialer) -> Result<Self, ClientError> {
        let persistence =
            Persistence { address: dialer.address().to_string(), patience: DEFAULT_PATIENCE, observer: None };
        Ok(Self { connection: Connection::new(dialer.connect().await?, Arc::new(persistence)) })
    }

    /// The same for a coordinator that may not run yet. The client tries for as long as `patience`, now and whenever
    /// the connection is lost. `tell_away` is called when the first attempt has failed.
    pub async fn dial_patiently(
        dialer: &Dialer,
        patience: Duration,
        tell_away: impl Fn(&Away<'_>) + Send + Sync + 'static,
    ) -> Result<Self, ClientError> {
        let observer = Some(Observer(Arc::new(tell_away)));
        let persistence = Persistence { address: dialer.address().to_string(), patience, observer };
        let persistence = Arc::new(persistence);
        let mut pauses = Pauses::new(&persistence);
        loop {
            match dialer.connect().await {
                Ok(channel) => {
                    let persistence = Arc::new(Persistence { observer: None, ..(*persistence).clone() });
                    return Ok(Self { connection: Connection::new(channel, persistence) });
                }
                Err(error) => pauses.wait_after(error.into()).await?,
            }
        }
    }

    /// The same client, which calls `tell_away` each time that the coordinator is lost while the client waits for a job
    /// or reads its results. Then the client tries to reconnect.
    #[must_use]
    pub fn when_away(mut self, tell_away: impl Fn(&Away<'_>) + Send + Sync + 'static) -> Self {
        self.connection.persistence_mut().observer = Some(Observer(Arc::new(tell_away)));
        self
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Submits a job and returns it as it was stored. If the connection breaks before the answer, the client sends the
    /// same submit again; the coordinator then still has only one job.
    pub async fn submit(&self, request: JobRequest) -> Result<Job, ClientError> {
        let mut token = [0; TOKEN_BYTES];
        SystemRandom::new().fill(&mut token).map_err(|_| ClientError::Randomness)?;
        let request =
            v1::SubmitRequest { spec: Some(codec::job_request_to_proto(request)), token: token.to_vec().into() };
        let mut pauses = Pauses::new(self.connection.persistence());
        loop {
            match self.connection.jobs().submit(request.clone()).await {
                Ok(job) => return read_job(job.into_inner()),
                Err(error) => pauses.wait_after(status(error)).await?,
            }
        }
    }

    /// The current state of a job.
    pub async fn job(&self, id: u64) -> Result<Job, ClientError> {
        self.connection.job(id).await
    }

    /// All jobs, in the order of their ids.
    pub async fn jobs(&self) -> Result<Vec<Job>, ClientError> {
        let response = self.connection.jobs().list(v1::ListJobsRequest {}).await.map_err(status)?.into_inner();
        response.jobs.into_iter().map(read_job).collect()
    }

    /// Waits until a job has ended, also if the coordinator is restarted meanwhile. `progress` is called with the job
    /// now and after each change. An error if the id belongs to another job after a restart
    /// ([`ClientError::JobReplaced`]).
    pub async fn wait(&self, id: u64, mut progress: impl FnMut(&Job)) -> Result<Job, ClientError> {
        let mut pauses = Pauses::new(self.connection.persistence());
        let mut wanted = None;
        loop {
            let watched = self.watch(id, |job| {
                pauses = Pauses::new(self.connection.persistence());
                let seen = job.fingerprint;
                if *wanted.get_or_insert(seen) != seen {
                    return Err(ClientError::JobReplaced(id));
                }
                progress(job);
                Ok(())
            });
            match watched.await {
                Ok(job) => return Ok(job),
                Err(error) => pauses.wait_after(error).await?,
            }
        }
    }

    async fn watch(
        &self,
        id: u64,
        mut progress: impl FnMut(&Job) -> Result<(), ClientError>,
    ) -> Result<Job, ClientError> {
        let mut changes = self.connection.jobs().watch(v1::WatchJobRequest { id }).await.map_err(status)?.into_inner();
        while let Some(job) = changes.message().await.map_err(status)? {
            let job = read_job(job)?;
            progress(&job)?;
            if job.state.has_ended() {
                return Ok(job);
            }
        }
        Err(ClientError::Disconnected(format!("the coordinator stopped sending the state of job {id}")))
    }

    /// Cancels a job. `results`: what becomes of the results that exist.
    pub async fn cancel(&self, id: u64, results: OnCancel) -> Result<Job, ClientError> {
        let drop_results = results == OnCancel::DropResults;
        read_job(
            self.connection
                .jobs()
                .cancel(v1::CancelJobRequest { id, drop_results })
                .await
                .map_err(status)?
                .into_inner(),
        )
    }

    /// The failed chunks of a job that keeps going, in order.
    pub async fn failed_chunks(&self, id: u64) -> Result<Vec<FailedChunk>, ClientError> {
        let response =
            self.connection.jobs().failed_chunks(v1::FailedChunksRequest { id }).await.map_err(status)?.into_inner();
        Ok(response.failed.into_iter().map(codec::failed_chunk).map(FailedChunk::from).collect())
    }

    /// Forgets an ended job and deletes its results.
    pub async fn forget(&self, id: u64) -> Result<(), ClientError> {
        self.connection.jobs().forget(v1::ForgetJobRequest { id }).await.map_err(status)?;
        Ok(())
    }

    /// The blocks of a job in the order of the number. Of a running job, waits for blocks that do not exist yet.
    ///
    /// An error if the job failed ([`ClientError::JobFailed`]) or was cancelled ([`ClientError::JobCancelled`]).
    pub async fn results(&self, job: &Job) -> Result<Results, ClientError> {
        self.results_in(job, job.range, Wanted::All).await
    }

    /// The blocks that exist of a job that failed or was cancelled. Numbers without a result are skipped and counted.
    pub async fn partial_results(&self, job: &Job) -> Result<Results, ClientError> {
        self.results_in(job, job.range, Wanted::Existing).await
    }

    /// The same for some of its numbers, which [`Job::part`] checks. A block that holds others, too, is cut.
    pub async fn results_in(&self, job: &Job, numbers: Range, wanted: Wanted) -> Result<Results, ClientError> {
        Results::open(self.connection.clone(), job, numbers, wanted).await
    }

    /// All workers that have joined.
    pub async fn workers(&self) -> Result<Vec<Worker>, ClientError> {
        let response = self.connection.workers().list(v1::ListWorkersRequest {}).await.map_err(status)?.into_inner();
        Ok(response.workers.into_iter().map(codec::worker_status).map(Worker::from).collect())
    }

    /// Drains a worker: it finishes or returns its work, and then stops.
    pub async fn drain(&self, worker: u64) -> Result<(), ClientError> {
        self.connection.workers().drain(v1::DrainWorkerRequest { id: worker }).await.map_err(status)?;
        Ok(())
    }
}
