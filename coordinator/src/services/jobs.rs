//! `swath.v1.Jobs`: what clients do with jobs.

use std::{pin::Pin, sync::Arc};

use futures::{Stream, StreamExt};
use swath_proto::v1::{self, jobs_server::Jobs};
use tokio_stream::wrappers::WatchStream;
use tonic::{Request, Response, Status};

use crate::{
    convert,
    driver::DriverHandle,
    ledger::LedgerError,
    store::{Store, StoreError},
};

pub(crate) struct JobsService {
    pub(crate) driver: DriverHandle,
    pub(crate) store: Arc<Store>,
}

#[tonic::async_trait]
impl Jobs for JobsService {
    async fn submit(&self, request: Request<v1::SubmitRequest>) -> Result<Response<v1::Job>, Status> {
        let job = convert::new_job(request.into_inner().spec)?;
        let row = job.to_row();
        let submitted_at = row.submitted_at;
        // It is in the ledger before anybody hears of it.
        let id =
            self.store.with_ledger(move |ledger| ledger.insert_job(&row)).await.map_err(|error| not_stored(&error))?;
        let status = match self.driver.submit(id, job, submitted_at).await {
            Ok(status) => status,
            Err(refusal) => {
                self.store.with_ledger(move |ledger| ledger.delete_job(id)).await.map_err(internal)?;
                return Err(refusal.into());
            }
        };
        Ok(Response::new(convert::job_to_proto(&status)))
    }

    async fn get(&self, request: Request<v1::GetJobRequest>) -> Result<Response<v1::Job>, Status> {
        let status = self.driver.job(convert::job_id(request.into_inner().id)).await?;
        Ok(Response::new(convert::job_to_proto(&status)))
    }

    async fn list(&self, _: Request<v1::ListJobsRequest>) -> Result<Response<v1::ListJobsResponse>, Status> {
        let jobs = self.driver.jobs().await?;
        Ok(Response::new(v1::ListJobsResponse { jobs: jobs.iter().map(convert::job_to_proto).collect() }))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<v1::Job, Status>> + Send>>;

    async fn watch(&self, request: Request<v1::WatchJobRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let receiver = self.driver.watch(convert::job_id(request.into_inner().id)).await?;
        // Ends after the first state that is an end.
        let statuses = WatchStream::new(receiver).scan(false, |ended, status| {
            let go_on = !std::mem::replace(ended, status.state.has_ended());
            std::future::ready(go_on.then(|| Ok(convert::job_to_proto(&status))))
        });
        // A job that is forgotten, or a coordinator that goes away, ends the stream too.
        Ok(Response::new(Box::pin(statuses)))
    }

    async fn cancel(&self, request: Request<v1::CancelJobRequest>) -> Result<Response<v1::Job>, Status> {
        let request = request.into_inner();
        let id = convert::job_id(request.id);
        let status = self.driver.cancel(id, request.drop_results).await?;
        if request.drop_results {
            let store = Arc::clone(&self.store);
            finish(async move { store.drop_results(id).await }).await?;
        }
        Ok(Response::new(convert::job_to_proto(&self.driver.job(id).await.unwrap_or(status))))
    }

    async fn holes(&self, request: Request<v1::JobHolesRequest>) -> Result<Response<v1::JobHolesResponse>, Status> {
        let (holes, chunks) = self.driver.holes(convert::job_id(request.into_inner().id)).await?;
        Ok(Response::new(convert::holes_to_proto(&holes, chunks)))
    }

    async fn forget(&self, request: Request<v1::ForgetJobRequest>) -> Result<Response<v1::ForgetJobResponse>, Status> {
        let id = convert::job_id(request.into_inner().id);
        self.driver.forget(id).await?;
        let store = Arc::clone(&self.store);
        finish(async move { store.forget(id).await }).await?;
        Ok(Response::new(v1::ForgetJobResponse {}))
    }
}

/// Goes on to the end also when the client goes away meanwhile: nothing is left half done.
async fn finish(work: impl Future<Output = Result<(), StoreError>> + Send + 'static) -> Result<(), Status> {
    match tokio::spawn(work).await {
        Ok(done) => done.map_err(internal),
        Err(error) => Err(internal(error)),
    }
}

/// The job is not in the ledger, so there is none.
fn not_stored(error: &LedgerError) -> Status {
    let sentence = format!("the job was not stored: {error}");
    if error.is_disk_full() { Status::resource_exhausted(sentence) } else { Status::internal(sentence) }
}

fn internal(error: impl std::error::Error) -> Status {
    Status::internal(error.to_string())
}
