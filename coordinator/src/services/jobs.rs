//! `swath.v1.Jobs`: what clients do with jobs.

use std::{pin::Pin, sync::Arc};

use futures::{Stream, StreamExt};
use swath_coordinator_core::AfterCancel;
use swath_proto::{
    codec,
    v1::{self, jobs_server::Jobs},
};
use tokio::sync::Semaphore;
use tokio_stream::wrappers::WatchStream;
use tonic::{Request, Response, Status};

use super::artifacts::on_disk;
use crate::{artifacts::Artifacts, convert, driver::DriverHandle};

/// The driver makes all changes of jobs: a request whose client goes away is carried out whole, or not at all.
pub(crate) struct JobsService {
    driver: DriverHandle,
    artifacts: Arc<Artifacts>,
    /// One program at a time is looked into: it may be large.
    looks: Semaphore,
}

impl JobsService {
    pub(crate) fn new(driver: DriverHandle, artifacts: Arc<Artifacts>) -> Self {
        Self { driver, artifacts, looks: Semaphore::new(1) }
    }

    /// Looks up what the rows of the program of a job look like.
    async fn look_into_program(&self, request: &mut v1::SubmitRequest) -> Result<(), Status> {
        let Some(spec) = request.spec.as_mut() else { return Ok(()) };
        let parameters = spec.parameters.clone();
        let Some(message) = spec.program.as_mut() else { return Ok(()) };
        // Whatever the client says.
        message.layout = None;
        let invalid = |error: &dyn std::fmt::Display| Status::invalid_argument(error.to_string());
        let program = codec::program(message.clone()).map_err(|error| invalid(&error))?;
        let parameters = parameters.into_iter().collect();
        let _turn = self.looks.acquire().await;
        let artifacts = Arc::clone(&self.artifacts);
        let layout = on_disk(move || {
            let bytes = artifacts.read(program.artifact.id)?;
            Ok(swath_evaluation::layout_of_program(&program, &parameters, &bytes))
        });
        let layout = layout.await?.map_err(|error| invalid(&error))?;
        message.layout = Some(codec::layout_to_proto(&layout));
        Ok(())
    }
}

#[tonic::async_trait]
impl Jobs for JobsService {
    async fn submit(&self, request: Request<v1::SubmitRequest>) -> Result<Response<v1::Job>, Status> {
        let mut request = request.into_inner();
        self.look_into_program(&mut request).await?;
        let submit = convert::submit(request)?;
        Ok(Response::new(codec::job_status_to_proto(&self.driver.submit(submit).await?)))
    }

    async fn get(&self, request: Request<v1::GetJobRequest>) -> Result<Response<v1::Job>, Status> {
        let status = self.driver.job(convert::job_id(request.into_inner().id)).await?;
        Ok(Response::new(codec::job_status_to_proto(&status)))
    }

    async fn list(&self, _: Request<v1::ListJobsRequest>) -> Result<Response<v1::ListJobsResponse>, Status> {
        let jobs = self.driver.jobs().await?;
        Ok(Response::new(v1::ListJobsResponse { jobs: jobs.iter().map(codec::job_status_to_proto).collect() }))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<v1::Job, Status>> + Send>>;

    async fn watch(&self, request: Request<v1::WatchJobRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let receiver = self.driver.watch(convert::job_id(request.into_inner().id)).await?;
        // Ends after the first state that is an end.
        let statuses = WatchStream::new(receiver).scan(false, |ended, status| {
            let is_wanted = !std::mem::replace(ended, status.state.has_ended());
            std::future::ready(is_wanted.then(|| Ok(codec::job_status_to_proto(&status))))
        });
        // A job that is forgotten, or a coordinator that goes away, ends the stream too.
        Ok(Response::new(Box::pin(statuses)))
    }

    async fn cancel(&self, request: Request<v1::CancelJobRequest>) -> Result<Response<v1::Job>, Status> {
        let request = request.into_inner();
        let after = if request.drop_results { AfterCancel::DropResults } else { AfterCancel::KeepResults };
        let status = self.driver.cancel(convert::job_id(request.id), after).await?;
        Ok(Response::new(codec::job_status_to_proto(&status)))
    }

    async fn failed_chunks(
        &self,
        request: Request<v1::FailedChunksRequest>,
    ) -> Result<Response<v1::FailedChunksResponse>, Status> {
        let (failed, chunks) = self.driver.failed_chunks(convert::job_id(request.into_inner().id)).await?;
        Ok(Response::new(codec::failed_chunks_to_proto(&failed, chunks)))
    }

    async fn forget(&self, request: Request<v1::ForgetJobRequest>) -> Result<Response<v1::ForgetJobResponse>, Status> {
        self.driver.forget(convert::job_id(request.into_inner().id)).await?;
        Ok(Response::new(v1::ForgetJobResponse {}))
    }
}
