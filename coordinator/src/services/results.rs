//! `swath.v1.Results`: blocks to clients, in order, as they were encoded.

use std::{pin::Pin, sync::Arc};

use bytes::Bytes;
use futures::{Stream, stream};
use swath_model::{JobId, OffsetRun, Range};
use swath_proto::v1::{self, results_server::Results};
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use crate::{
    convert,
    store::{BlockReader, JobResults, Piece, ReadError, Store, Verdict, Wanted},
};

/// How many blocks are checked at a time because a reader asked for it.
const RECHECKS: usize = 1;

pub(crate) struct ResultsService {
    store: Arc<Store>,
    rechecks: Semaphore,
}

impl ResultsService {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self { store, rechecks: Semaphore::new(RECHECKS) }
    }
}

#[tonic::async_trait]
impl Results for ResultsService {
    type ReadStream = Pin<Box<dyn Stream<Item = Result<v1::ResultBlock, Status>> + Send>>;

    async fn read(&self, request: Request<v1::ReadRequest>) -> Result<Response<Self::ReadStream>, Status> {
        let v1::ReadRequest { job_id, first, last, partial } = request.into_inner();
        let (results, reader) = open(&self.store, job_id, Bounds { first, last }, wanted(partial))?;
        // One block at a time, taken when the one before it was sent: the reader sets the speed.
        let blocks = stream::try_unfold((results, reader), async |(results, mut reader)| {
            let Some(piece) = reader.next().await? else { return Ok(None) };
            let number = |offset| results.chunks().range().at(offset).unwrap_or_default();
            let message = match piece {
                Piece::Block { first, block } => v1::ResultBlock {
                    first: number(first),
                    numbers: block.covers().numbers,
                    parquet: block.bytes().clone(),
                    missing: false,
                    digest: block.digest().whole(),
                },
                Piece::Missing(run) => v1::ResultBlock {
                    first: number(run.start()),
                    numbers: run.len(),
                    parquet: Bytes::new(),
                    missing: true,
                    digest: 0,
                },
            };
            Ok(Some((message, (results, reader))))
        });
        Ok(Response::new(Box::pin(blocks)))
    }

    async fn recheck(&self, request: Request<v1::RecheckRequest>) -> Result<Response<v1::RecheckResponse>, Status> {
        let v1::RecheckRequest { job_id, first, numbers } = request.into_inner();
        let results = known(&self.store, job_id)?;
        let offset = offset_of(results.job(), results.chunks().range(), first)?;
        // One at a time: it costs more than the request.
        let _turn = self.rechecks.acquire().await;
        let verdict = match self.store.recheck(&results, offset, numbers).await.map_err(ReadError::Store)? {
            Verdict::Good => v1::recheck_response::Verdict::Good,
            Verdict::Dropped => v1::recheck_response::Verdict::Dropped,
            Verdict::Gone => v1::recheck_response::Verdict::Gone,
        };
        Ok(Response::new(v1::RecheckResponse { verdict: verdict.into() }))
    }
}

/// The first and the last number that are asked for; those of the range where they are not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) first: Option<i64>,
    pub(super) last: Option<i64>,
}

impl Bounds {
    /// The offsets of these numbers of a job. An error if they are not in its range, or none is between them.
    pub(super) fn offsets(self, job: JobId, range: Range) -> Result<OffsetRun, Status> {
        let first = self.first.map_or(Ok(0), |first| offset_of(job, range, first))?;
        let last = self.last.map_or(Ok(range.count() - 1), |last| offset_of(job, range, last))?;
        // A range has as many numbers as fit, so there is a number behind its last.
        OffsetRun::new(first, last.saturating_add(1)).ok_or_else(|| {
            let (first, last) = (self.first.unwrap_or(range.first()), self.last.unwrap_or(range.last()));
            Status::out_of_range(format!("no number is both {first} or more and {last} or less"))
        })
    }
}

/// A reader of a job's results for these numbers.
pub(super) fn open(
    store: &Arc<Store>,
    job_id: u64,
    bounds: Bounds,
    wanted: Wanted,
) -> Result<(Arc<JobResults>, BlockReader), Status> {
    let results = known(store, job_id)?;
    if let Some(reason) = results.refusal(wanted) {
        return Err(Status::failed_precondition(reason));
    }
    let id = results.job();
    let offsets = bounds.offsets(id, results.chunks().range())?;
    let reader = store.read(Arc::clone(&results), offsets, wanted).ok_or_else(|| {
        Status::failed_precondition(format!(
            "the results of job {id} are wanted once, and their reader is there already"
        ))
    })?;
    Ok((results, reader))
}

/// What a request with this `partial` wants.
pub(super) fn wanted(partial: bool) -> Wanted {
    if partial { Wanted::Partial } else { Wanted::Whole }
}

fn known(store: &Store, job_id: u64) -> Result<Arc<JobResults>, Status> {
    let id = convert::job_id(job_id);
    store.job(id).ok_or_else(|| Status::not_found(format!("there is no job {id}")))
}

fn offset_of(job: JobId, range: Range, number: i64) -> Result<u64, Status> {
    let offset = range.offset_of(number);
    offset.ok_or_else(|| Status::out_of_range(format!("{number} is not in the range {range} of job {job}")))
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
