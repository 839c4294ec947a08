//! Requests to the coordinator.

use std::{sync::Arc, time::Duration};

use ring::rand::{SecureRandom, SystemRandom};
use swath_proto::{
    MAX_MESSAGE_BYTES,
    v1::{self, jobs_client::JobsClient, results_client::ResultsClient, workers_client::WorkersClient},
};
use swath_transport::{DialError, Dialer};
use tonic::{Status, Streaming, transport::Channel};

use crate::{
    Away, ClientError, FailedChunk, Job, JobSpec, OnCancel, Results, Wanted, Worker, convert,
    patience::{DEFAULT_PATIENCE, Observer, Pauses, Persistence},
};

/// Lists of all jobs and all workers are large where there are thousands.
const MAX_LIST_BYTES: usize = 256 << 20;

/// What tells a submit that is sent again from another one.
const TOKEN_BYTES: usize = 16;

/// A connection to a coordinator. Cheap to clone; clones share the connection.
#[derive(Debug, Clone)]
pub struct Client {
    channel: Channel,
    persistence: Arc<Persistence>,
}

impl Client {
    /// Connects to the coordinator at `host:port`, without TLS.
    pub async fn connect(address: &str) -> Result<Self, ClientError> {
        let address = address.parse().map_err(DialError::from)?;
        Self::dial(&Dialer::plain(address)?).await
    }

    /// Connects to a coordinator with what its dialer knows: with TLS, if there is an access file. One attempt.
    pub async fn dial(dialer: &Dialer) -> Result<Self, ClientError> {
        let persistence =
            Persistence { address: dialer.address().to_string(), patience: DEFAULT_PATIENCE, observer: None };
        Ok(Self { channel: dialer.connect().await?, persistence: Arc::new(persistence) })
    }

    /// The same for a coordinator that may not be there yet: it is tried for so long, and then as long whenever it is lost.
    /// `tell_away` is called when the first attempt has failed.
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
                    return Ok(Self { channel, persistence });
                }
                Err(error) => pauses.wait_after(error.into()).await?,
            }
        }
    }

    /// The same client, which calls this each time that the coordinator is lost while a job is waited for or its results
    /// are read. The coordinator is tried again then.
    #[must_use]
    pub fn when_away(mut self, tell_away: impl Fn(&Away<'_>) + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.persistence).observer = Some(Observer(Arc::new(tell_away)));
        self
    }

    pub(crate) fn persistence(&self) -> &Arc<Persistence> {
        &self.persistence
    }

    /// Submits a job; returns it as it was stored. Submits it again, as the same job, when the connection breaks or the
    /// coordinator is started again before the answer has come.
    pub async fn submit(&self, spec: JobSpec) -> Result<Job, ClientError> {
        let mut token = [0; TOKEN_BYTES];
        SystemRandom::new().fill(&mut token).map_err(|_| ClientError::Randomness)?;
        let request = v1::SubmitRequest { spec: Some(convert::spec_to_proto(spec)), token: token.to_vec().into() };
        let mut pauses = Pauses::new(&self.persistence);
        loop {
            match self.jobs_service().submit(request.clone()).await {
                Ok(job) => return convert::job(job.into_inner()),
                Err(error) => pauses.wait_after(status(error)).await?,
            }
        }
    }

    /// A job as it stands.
    pub async fn job(&self, id: u64) -> Result<Job, ClientError> {
        convert::job(self.jobs_service().get(v1::GetJobRequest { id }).await.map_err(status)?.into_inner())
    }

    /// All jobs, in the order of their ids.
    pub async fn jobs(&self) -> Result<Vec<Job>, ClientError> {
        let response = self.jobs_service().list(v1::ListJobsRequest {}).await.map_err(status)?.into_inner();
        response.jobs.into_iter().map(convert::job).collect()
    }

    /// Waits until a job has ended, also when the coordinator is started again meanwhile; `progress` is called with the job
    /// now and after each change. An error if the id is another job's then.
    pub async fn wait(&self, id: u64, mut progress: impl FnMut(&Job)) -> Result<Job, ClientError> {
        let mut pauses = Pauses::new(&self.persistence);
        let mut wanted = None;
        loop {
            let watched = self.watch(id, |job| {
                pauses = Pauses::new(&self.persistence);
                let seen = convert::fingerprint(job);
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
        let mut changes = self.jobs_service().watch(v1::WatchJobRequest { id }).await.map_err(status)?.into_inner();
        while let Some(job) = changes.message().await.map_err(status)? {
            let job = convert::job(job)?;
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
        convert::job(
            self.jobs_service().cancel(v1::CancelJobRequest { id, drop_results }).await.map_err(status)?.into_inner(),
        )
    }

    /// The failed chunks of a job that keeps going, in order.
    pub async fn failed_chunks(&self, id: u64) -> Result<Vec<FailedChunk>, ClientError> {
        let response = self.jobs_service().holes(v1::JobHolesRequest { id }).await.map_err(status)?.into_inner();
        Ok(response.holes.into_iter().map(convert::failed_chunk).collect())
    }

    /// Drops an ended job and its results.
    pub async fn forget(&self, id: u64) -> Result<(), ClientError> {
        self.jobs_service().forget(v1::ForgetJobRequest { id }).await.map_err(status)?;
        Ok(())
    }

    /// The blocks of a job in the order of the number. Of a running job, waits for blocks that do not exist yet.
    ///
    /// An error if the job failed ([`ClientError::JobFailed`]) or was cancelled ([`ClientError::JobCancelled`]).
    pub async fn results(&self, job: &Job) -> Result<Results, ClientError> {
        Results::open(self.clone(), job, Wanted::All).await
    }

    /// The blocks that exist of a job that failed or was cancelled. Numbers without a result are skipped and counted.
    pub async fn partial_results(&self, job: &Job) -> Result<Results, ClientError> {
        Results::open(self.clone(), job, Wanted::Existing).await
    }

    /// The blocks of a job, beginning with the one that holds this number.
    pub(crate) async fn read(
        &self,
        job_id: u64,
        first: Option<i64>,
        wanted: Wanted,
    ) -> Result<Streaming<v1::ResultBlock>, ClientError> {
        let partial = wanted == Wanted::Existing;
        let mut service = ResultsClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES);
        Ok(service.read(v1::ReadRequest { job_id, first, partial }).await.map_err(status)?.into_inner())
    }

    /// Has the coordinator check the block that begins with this number, which came damaged.
    pub(crate) async fn recheck(&self, job_id: u64, first: i64, numbers: u64) -> Result<(), ClientError> {
        let mut service = ResultsClient::new(self.channel.clone());
        service.recheck(v1::RecheckRequest { job_id, first, numbers }).await.map_err(status)?;
        Ok(())
    }

    /// All workers that have joined.
    pub async fn workers(&self) -> Result<Vec<Worker>, ClientError> {
        let response = self.workers_service().list(v1::ListWorkersRequest {}).await.map_err(status)?.into_inner();
        Ok(response.workers.into_iter().map(convert::worker).collect())
    }

    /// Lets a worker finish or return what it holds, and leave.
    pub async fn drain(&self, worker: u64) -> Result<(), ClientError> {
        self.workers_service().drain(v1::DrainWorkerRequest { id: worker }).await.map_err(status)?;
        Ok(())
    }

    /// The error that says more than this one, which ended the reading of a job: that the job has failed or was cancelled.
    pub(crate) async fn explain(&self, job: u64, wanted: Wanted, error: ClientError) -> ClientError {
        if !matches!(error, ClientError::Refused(_)) {
            return error;
        }
        match self.job(job).await {
            Ok(job) => job.check_readable(wanted).err().unwrap_or(error),
            Err(_) => error,
        }
    }

    fn jobs_service(&self) -> JobsClient<Channel> {
        JobsClient::new(self.channel.clone()).max_decoding_message_size(MAX_LIST_BYTES)
    }

    fn workers_service(&self) -> WorkersClient<Channel> {
        WorkersClient::new(self.channel.clone()).max_decoding_message_size(MAX_LIST_BYTES)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn status(status: Status) -> ClientError {
    ClientError::of_status(&status)
}
