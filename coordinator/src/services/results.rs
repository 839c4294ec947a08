//! `swath.v1.Results`: blocks to clients, in order, as they were encoded.

use std::{pin::Pin, sync::Arc};

use bytes::Bytes;
use futures::{Stream, stream};
use swath_proto::v1::{self, results_server::Results};
use tonic::{Request, Response, Status};

use crate::{
    convert,
    store::{BlockReader, JobResults, Piece, ReadError, Store},
};

pub(crate) struct ResultsService {
    pub(crate) store: Arc<Store>,
}

#[tonic::async_trait]
impl Results for ResultsService {
    type ReadStream = Pin<Box<dyn Stream<Item = Result<v1::ResultBlock, Status>> + Send>>;

    async fn read(&self, request: Request<v1::ReadRequest>) -> Result<Response<Self::ReadStream>, Status> {
        let request = request.into_inner();
        let (results, reader) = open(&self.store, request.job_id, request.first, request.partial)?;
        // One block at a time, asked for when the one before it has gone: the reader's pace is ours.
        let blocks = stream::try_unfold((results, reader), async |(results, mut reader)| {
            let Some(piece) = reader.next().await? else { return Ok(None) };
            let number = |offset| results.chunks().range().at(offset).unwrap_or_default();
            let message = match piece {
                Piece::Block { first, block } => v1::ResultBlock {
                    first: number(first),
                    numbers: block.rows() as u64,
                    parquet: block.bytes().clone(),
                    missing: false,
                },
                Piece::Missing(run) => v1::ResultBlock {
                    first: number(run.start),
                    numbers: run.len(),
                    parquet: Bytes::new(),
                    missing: true,
                },
            };
            Ok(Some((message, (results, reader))))
        });
        Ok(Response::new(Box::pin(blocks)))
    }
}

/// A reader of a job's results from the number `first` on.
pub(super) fn open(
    store: &Arc<Store>,
    job_id: u64,
    first: Option<i64>,
    partial: bool,
) -> Result<(Arc<JobResults>, BlockReader), Status> {
    let id = convert::job_id(job_id);
    let results = store.job(id).ok_or_else(|| Status::not_found(format!("there is no job {id}")))?;
    let range = results.chunks().range();
    let offset = match first {
        None => 0,
        Some(first) => range
            .offset_of(first)
            .ok_or_else(|| Status::out_of_range(format!("{first} is not in the range {range} of job {id}")))?,
    };
    let reader = store.read(Arc::clone(&results), offset, partial).ok_or_else(|| {
        Status::failed_precondition(format!(
            "the results of job {id} are wanted once, and their reader is there already"
        ))
    })?;
    Ok((results, reader))
}

impl From<ReadError> for Status {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Broken(sentence) => Self::failed_precondition(sentence),
            ReadError::GoingAway | ReadError::Unreachable { .. } => Self::unavailable(error.to_string()),
            ReadError::Store(error) => Self::data_loss(error.to_string()),
        }
    }
}
