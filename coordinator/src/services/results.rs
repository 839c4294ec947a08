//! `swath.v1.Results`: blocks to clients, in order, as they were encoded.

use std::{pin::Pin, sync::Arc};

use bytes::Bytes;
use futures::{Stream, stream};
use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint},
};
use swath_model::{JobId, OffsetRun, Range};
use swath_proto::v1::{
    self,
    results_server::{Results, ResultsServer},
};
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use super::{
    messages::{Messages, frame, held},
    router::ReadMethod,
};
use crate::{
    convert,
    store::{BlockReader, JobResults, Piece, ReadError, Room, Store, Verdict, Wanted},
};

/// The field of `ResultBlock`.
const PARQUET: u32 = 3;

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

    async fn read(&self, _: Request<v1::ReadRequest>) -> Result<Response<Self::ReadStream>, Status> {
        Err(Status::internal("Read is answered by the router"))
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

impl ReadMethod for ResultsService {
    const PATH: &'static str = "/swath.v1.Results/Read";
    type Request = v1::ReadRequest;
    type Service = ResultsServer<Self>;

    fn service(self: Arc<Self>) -> Self::Service {
        ResultsServer::from_arc(self)
    }

    /// One block at a time is taken, when the one before it was sent: the reader sets the speed.
    fn messages(&self, request: &v1::ReadRequest) -> Result<Messages, Status> {
        let &v1::ReadRequest { job_id, first, last, partial } = request;
        let (results, reader) = open(&self.store, job_id, Bounds { first, last }, wanted(partial), 0)?;
        let range = results.chunks().range();
        Ok(Box::pin(stream::try_unfold(reader, move |mut reader| async move {
            let Some(piece) = reader.next().await? else { return Ok(None) };
            let number = |offset| range.at(offset).unwrap_or_default();
            let (message, block) = match piece {
                Piece::Block { first, block, room } => {
                    let (numbers, digest) = (block.covers().numbers, block.digest().whole());
                    let message = v1::ResultBlock { first: number(first), numbers, digest, ..Default::default() };
                    (message, Some((block.bytes().clone(), room)))
                }
                Piece::Missing(run) => {
                    let (first, numbers) = (number(run.start()), run.len());
                    (v1::ResultBlock { first, numbers, missing: true, ..Default::default() }, None)
                }
            };
            Ok(Some((pieces(&message, block), reader)))
        })))
    }
}

/// A message in pieces: all but the block, then the block as it is, which holds its room.
fn pieces(message: &v1::ResultBlock, block: Option<(Bytes, Arc<Room>)>) -> Vec<Bytes> {
    let mut start = message.encode_to_vec();
    let Some((parquet, room)) = block else { return vec![frame(&start, 0)] };
    encode_key(PARQUET, WireType::LengthDelimited, &mut start);
    encode_varint(parquet.len() as u64, &mut start);
    vec![frame(&start, parquet.len()), held(parquet, Some(&room))]
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

/// A reader of a job's results for these numbers, which needs so many bytes beside its blocks.
pub(super) fn open(
    store: &Arc<Store>,
    job_id: u64,
    bounds: Bounds,
    wanted: Wanted,
    working_bytes: usize,
) -> Result<(Arc<JobResults>, BlockReader), Status> {
    let results = known(store, job_id)?;
    if let Some(reason) = results.refusal(wanted) {
        return Err(Status::failed_precondition(reason));
    }
    let id = results.job();
    let offsets = bounds.offsets(id, results.chunks().range())?;
    let reader = store.read(Arc::clone(&results), offsets, wanted, working_bytes).ok_or_else(|| {
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

pub(super) fn known(store: &Store, job_id: u64) -> Result<Arc<JobResults>, Status> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Memory;

    #[test]
    fn messages_are_read_by_the_usual_codec() {
        let memory = Memory::new(1 << 20);
        let message = v1::ResultBlock { first: -3, numbers: 7, digest: 9, ..Default::default() };
        let parquet = Bytes::from_static(b"a block");
        let room = Arc::new(memory.try_reserve(1 << 20).unwrap());
        let sent = pieces(&message, Some((parquet.clone(), room)));
        let bytes = sent.concat();
        assert_eq!((bytes[0], u32::from_be_bytes(bytes[1..5].try_into().unwrap()) as usize), (0, bytes.len() - 5));
        assert_eq!(
            v1::ResultBlock::decode(&bytes[5..]).unwrap(),
            v1::ResultBlock { parquet: parquet.clone(), ..message }
        );
        assert_eq!(sent[1].as_ptr(), parquet.as_ptr(), "the block was copied");
        // The room is held until all is sent.
        assert!(memory.try_reserve(1).is_none());
        drop(sent);
        assert!(memory.try_reserve(1 << 20).is_some());
    }
}
