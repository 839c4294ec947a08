//! Arrow Flight: the door for everybody else.
//!
//! A ticket is the id of a job, or JSON: `{"job": 3, "column": "value", "first": 100}`, where `column` and `first`
//! may be absent; `"partial": true` asks for what there is of a job that failed or was cancelled. Numbers that have no
//! result are left out. A descriptor is a path of one element or a command; both are read as a ticket is.

use std::{pin::Pin, sync::Arc};
use swath_model::{JobState, JobStatus};

use arrow_array::RecordBatch;
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightEndpoint, FlightInfo, HandshakeRequest,
    HandshakeResponse, PollInfo, PutResult, SchemaAsIpc, SchemaResult, Ticket, flight_service_server::FlightService,
};
use arrow_ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use swath_block::{Block, arrow_schema};

use tonic::{Request, Response, Status, Streaming};

use super::results;
use crate::{
    convert,
    driver::DriverHandle,
    store::{BlockReader, JobResults, Piece, ReadError, Store},
};

/// Rows of a record batch: half a megabyte of integers, so that a message is well below every client's limit.
const BATCH_ROWS: usize = 1 << 16;

/// Blocks that are decoded while the one before them is on its way.
const DECODED_AHEAD: usize = 2;

/// How often a block that cannot be decoded is computed again before its stream fails.
const ATTEMPTS: usize = 3;

pub(crate) struct FlightGate {
    pub(crate) driver: DriverHandle,
    pub(crate) store: Arc<Store>,
}

/// What a ticket asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    job: u64,
    #[serde(default)]
    column: Option<String>,
    #[serde(default)]
    first: Option<i64>,
    #[serde(default)]
    partial: bool,
}

impl Wanted {
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "the ticket is not text".to_owned())?;
        if let Ok(job) = text.trim().parse() {
            return Ok(Self { job, column: None, first: None, partial: false });
        }
        serde_json::from_str(text).map_err(|error| {
            format!("the ticket is neither the id of a job nor like {{\"job\": 3, \"column\": \"value\", \"first\": 100}}: {error}")
        })
    }

    /// The columns it asks for, as positions in the schema.
    fn columns(&self, schema: &Schema) -> Result<Vec<usize>, String> {
        match self.column.as_deref() {
            None => Ok((0..schema.fields().len()).collect()),
            Some(name) => schema
                .index_of(name)
                .map(|index| vec![index])
                .map_err(|_| format!("there is no column `{name}`; the columns are `n` and `value`")),
        }
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl FlightService for FlightGate {
    type HandshakeStream = Answers<HandshakeResponse>;
    type ListFlightsStream = Answers<FlightInfo>;
    type DoGetStream = Answers<FlightData>;
    type DoPutStream = Answers<PutResult>;
    type DoActionStream = Answers<arrow_flight::Result>;
    type ListActionsStream = Answers<ActionType>;
    type DoExchangeStream = Answers<FlightData>;

    async fn list_flights(&self, _: Request<Criteria>) -> Result<Response<Self::ListFlightsStream>, Status> {
        let jobs = self.driver.jobs().await?;
        let infos: Vec<_> = jobs.iter().map(|status| describe(status, None)).collect();
        Ok(Response::new(Box::pin(stream::iter(infos))))
    }

    async fn get_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<FlightInfo>, Status> {
        let descriptor = request.into_inner();
        let wanted = from_descriptor(&descriptor)?;
        let status = self.driver.job(convert::job_id(wanted.job)).await?;
        Ok(Response::new(describe(&status, Some((descriptor, wanted)))?))
    }

    async fn get_schema(&self, request: Request<FlightDescriptor>) -> Result<Response<SchemaResult>, Status> {
        let wanted = from_descriptor(&request.into_inner())?;
        let status = self.driver.job(convert::job_id(wanted.job)).await?;
        let schema = project(&arrow_schema(status.spec.value_type), &wanted)?;
        let result =
            SchemaAsIpc::new(&schema, &Default::default()).try_into().map_err(|error: ArrowError| internal(&error))?;
        Ok(Response::new(result))
    }

    async fn do_get(&self, request: Request<Ticket>) -> Result<Response<Self::DoGetStream>, Status> {
        let wanted = Wanted::parse(&request.into_inner().ticket).map_err(Status::invalid_argument)?;
        let (results, reader) = results::open(&self.store, wanted.job, wanted.first, results::wanted(wanted.partial))?;
        let schema = arrow_schema(results.value_type());
        let columns = wanted.columns(&schema).map_err(Status::invalid_argument)?;
        let projected = project(&schema, &wanted)?;
        let range = results.chunks().range();
        let from = wanted.first.and_then(|first| range.offset_of(first)).unwrap_or(0);
        // Without the column `n` nobody could see that a row is not there.
        let names_numbers = columns.contains(&0);
        let decoder = Arc::new(Decoder { store: Arc::clone(&self.store), results, columns });
        let batches = stream::try_unfold(reader, move |mut reader| async move {
            loop {
                match reader.next().await.map_err(Status::from)? {
                    Some(Piece::Block { first, block }) => return Ok(Some(((first, block), reader))),
                    Some(Piece::Missing(run)) if !names_numbers => {
                        let first = range.at(run.start()).unwrap_or_default();
                        let message =
                            format!("{first} has no result, and the column `value` alone cannot say so; get `n`, too");
                        return Err(Status::failed_precondition(message));
                    }
                    Some(Piece::Missing(_)) => {}
                    None => return Ok::<_, Status>(None),
                }
            }
        })
        .map_ok(move |(offset, block)| {
            let decoder = Arc::clone(&decoder);
            // The first block may begin before what was asked for.
            async move { decoder.decode(block, offset, from.max(offset)).await }
        })
        .try_buffered(DECODED_AHEAD)
        .map_ok(|batches| stream::iter(batches.iter().map(to_message).collect::<Vec<_>>()))
        .try_flatten();
        let schema = FlightData::from(SchemaAsIpc::new(&projected, &IpcWriteOptions::default()));
        Ok(Response::new(Box::pin(stream::iter([Ok(schema)]).chain(batches))))
    }

    async fn handshake(
        &self,
        _: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        Err(Status::unimplemented("no handshake is needed"))
    }

    async fn poll_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<PollInfo>, Status> {
        // A flight can be read while its job runs, so what there is to know is there at once.
        let descriptor = request.into_inner();
        let wanted = from_descriptor(&descriptor)?;
        let status = self.driver.job(convert::job_id(wanted.job)).await?;
        let progress = status.committed_numbers as f64 / status.spec.range().count() as f64;
        let info = describe(&status, Some((descriptor, wanted)))?;
        let poll = PollInfo::new().with_info(info).try_with_progress(progress).map_err(|error| internal(&error))?;
        Ok(Response::new(poll))
    }

    async fn do_put(&self, _: Request<Streaming<FlightData>>) -> Result<Response<Self::DoPutStream>, Status> {
        Err(Status::unimplemented("results come from workers; Flight only reads them"))
    }

    async fn do_action(&self, _: Request<Action>) -> Result<Response<Self::DoActionStream>, Status> {
        Err(Status::unimplemented("there are no actions; jobs are submitted through swath.v1.Jobs"))
    }

    async fn list_actions(&self, _: Request<Empty>) -> Result<Response<Self::ListActionsStream>, Status> {
        Ok(Response::new(Box::pin(stream::empty())))
    }

    async fn do_exchange(&self, _: Request<Streaming<FlightData>>) -> Result<Response<Self::DoExchangeStream>, Status> {
        Err(Status::unimplemented("Flight only reads results"))
    }
}

/// Whether bytes are a ticket.
pub(crate) fn is_ticket(bytes: &[u8]) -> bool {
    Wanted::parse(bytes).is_ok()
}

fn from_descriptor(descriptor: &FlightDescriptor) -> Result<Wanted, Status> {
    let text = match descriptor.path.as_slice() {
        [] => descriptor.cmd.as_ref(),
        [id] => id.as_bytes(),
        _ => return Err(Status::invalid_argument("the path of a flight has one element: the id of a job")),
    };
    Wanted::parse(text).map_err(Status::invalid_argument)
}

/// The flight of a job: everything, or what a descriptor asks for.
fn describe(status: &JobStatus, asked: Option<(FlightDescriptor, Wanted)>) -> Result<FlightInfo, Status> {
    let schema = arrow_schema(status.spec.value_type);
    let range = status.spec.range();
    let (descriptor, schema, first, ticket) = match asked {
        None => (FlightDescriptor::new_path(vec![status.id.to_string()]), schema, 0, status.id.to_string()),
        Some((descriptor, wanted)) => {
            let first = match wanted.first {
                None => 0,
                Some(first) => range.offset_of(first).ok_or_else(|| {
                    Status::out_of_range(format!("{first} is not in the range {range} of job {}", status.id))
                })?,
            };
            let text = descriptor.path.first().map_or_else(|| descriptor.cmd.to_vec(), |id| id.clone().into());
            let ticket = String::from_utf8_lossy(&text).into_owned();
            let schema = project(&schema, &wanted)?;
            (descriptor, schema, first, ticket)
        }
    };
    // How many chunks will fail is not known before the end.
    let records = if status.spec.limits.keep_going { -1 } else { i64::try_from(range.count() - first).unwrap_or(-1) };
    let bytes = if status.state == JobState::Done { i64::try_from(status.result_bytes).unwrap_or(-1) } else { -1 };
    FlightInfo::new()
        .with_descriptor(descriptor)
        .with_endpoint(FlightEndpoint::new().with_ticket(Ticket::new(ticket)))
        .with_total_records(records)
        .with_total_bytes(bytes)
        .with_ordered(true)
        .try_with_schema(&schema)
        .map_err(|error| internal(&error))
}

fn project(schema: &SchemaRef, wanted: &Wanted) -> Result<SchemaRef, Status> {
    let columns = wanted.columns(schema).map_err(Status::invalid_argument)?;
    schema.project(&columns).map(Arc::new).map_err(|error| internal(&error))
}

/// A record batch as a message of Flight; it has no dictionaries. The crate's own encoder could take columns of any
/// type and turn them into each other, and what it needs for that is a tenth of the program.
fn to_message(batch: &RecordBatch) -> Result<FlightData, Status> {
    let mut dictionaries = DictionaryTracker::new(true);
    let (options, mut context) = (IpcWriteOptions::default(), IpcWriteContext::default());
    let encoded = IpcDataGenerator::default().encode(batch, &mut dictionaries, &options, &mut context);
    encoded.map(|(_, message)| message.into()).map_err(|error| internal(&error))
}

/// Decodes the blocks of a job.
struct Decoder {
    store: Arc<Store>,
    results: Arc<JobResults>,
    columns: Vec<usize>,
}

impl Decoder {
    /// The record batches of a block that begins at `offset`, from the offset `from` on. One that cannot be decoded is
    /// computed again, and what comes in its place is decoded.
    async fn decode(&self, block: Block, offset: u64, from: u64) -> Result<Vec<RecordBatch>, Status> {
        let end = offset + block.rows() as u64;
        let reason = match self.batches(block, from - offset, end - from).await? {
            Ok(batches) => return Ok(batches),
            Err(reason) => reason,
        };
        let mut batches = Vec::new();
        for _ in 0..ATTEMPTS {
            self.store.recheck(&self.results, offset, end - offset).await.map_err(ReadError::Store)?;
            batches.clear();
            let mut reader = BlockReader::again(&self.store, &self.results, from);
            let mut next = from;
            while next < end {
                match reader.next().await? {
                    Some(Piece::Block { first, block }) => {
                        let rows = (first + block.rows() as u64).min(end) - next;
                        let Ok(decoded) = self.batches(block, next - first, rows).await? else { break };
                        batches.extend(decoded);
                        next += rows;
                    }
                    Some(Piece::Missing(run)) => next = run.end(),
                    None => break,
                }
            }
            if next >= end {
                return Ok(batches);
            }
        }
        Err(Status::data_loss(format!("a block cannot be decoded, though it was computed again: {reason}")))
    }

    /// Decodes so many rows of a block after those to be skipped, away from the threads that serve, if it is still what
    /// came. The inner error says what is wrong with the block.
    async fn batches(&self, block: Block, skip: u64, rows: u64) -> Result<Result<Vec<RecordBatch>, String>, Status> {
        let columns = self.columns.clone();
        let decoded = tokio::task::spawn_blocking(move || {
            if !block.is_intact() {
                return Err("it has come to harm in memory".to_owned());
            }
            let (mut skip, mut rows) = (skip as usize, rows as usize);
            let mut batches = Vec::new();
            for batch in block.columns(&columns, BATCH_ROWS).map_err(|error| error.to_string())? {
                let batch = batch.map_err(|error| error.to_string())?;
                let skipped = skip.min(batch.num_rows());
                let taken = rows.min(batch.num_rows() - skipped);
                (skip, rows) = (skip - skipped, rows - taken);
                if taken > 0 {
                    batches.push(batch.slice(skipped, taken));
                }
            }
            if rows == 0 { Ok(batches) } else { Err(format!("{rows} of its values are missing")) }
        });
        decoded.await.map_err(|error| internal(&error))
    }
}

fn internal(error: &dyn std::fmt::Display) -> Status {
    Status::internal(error.to_string())
}
