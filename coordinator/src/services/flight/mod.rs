//! Arrow Flight: results for clients that know no blocks.
//!
//! A ticket is the id of a job, or JSON: `{"job": 3, "columns": ["n", "value"], "first": 100, "last": 200}`, where all
//! but the job may be absent, and `"column": "value"` is short for one column; `"partial": true` asks for what there is
//! of a job that failed or was cancelled. Numbers that have no result are left out. A descriptor is a path of one
//! element or a command; both are read as a ticket is.

mod decoder;
mod router;
mod ticket;
mod wire;

use std::{pin::Pin, sync::Arc};

use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightEndpoint, FlightInfo, HandshakeRequest,
    HandshakeResponse, PollInfo, PutResult, SchemaAsIpc, SchemaResult, Ticket, flight_service_server::FlightService,
};
use arrow_schema::{ArrowError, SchemaRef};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use swath_block::arrow_schema;
use swath_model::{JobState, JobStatus, OffsetRun};
use tonic::{Request, Response, Status, Streaming};

pub(crate) use self::router::FlightRouter;
use self::{
    decoder::Decoder,
    ticket::{Wanted, from_descriptor},
    wire::Messages,
};
use super::results;
use crate::{
    convert,
    driver::DriverHandle,
    store::{Piece, Store},
};

/// Blocks that are decoded while the one before them is on its way.
const DECODED_AHEAD: usize = 2;

pub(crate) struct FlightMethods {
    pub(crate) driver: DriverHandle,
    pub(crate) store: Arc<Store>,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl FlightService for FlightMethods {
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

    async fn do_get(&self, _: Request<Ticket>) -> Result<Response<Self::DoGetStream>, Status> {
        Err(Status::internal("DoGet is answered by the router"))
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

impl FlightMethods {
    /// The messages of a flight: first its schema, then its record batches.
    fn fly(&self, ticket: &Ticket) -> Result<Messages, Status> {
        let wanted = Wanted::parse(&ticket.ticket).map_err(Status::invalid_argument)?;
        let (results, reader) =
            results::open(&self.store, wanted.job, wanted.bounds(), results::wanted(wanted.partial))?;
        let schema = arrow_schema(results.value_type());
        let columns = wanted.columns(&schema).map_err(Status::invalid_argument)?;
        let projected = project(&schema, &wanted)?;
        let range = results.chunks().range();
        let offsets = wanted.bounds().offsets(results.job(), range)?;
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
                            format!("{first} has no result, and columns without `n` cannot say so; get `n`, too");
                        return Err(Status::failed_precondition(message));
                    }
                    Some(Piece::Missing(_)) => {}
                    None => return Ok::<_, Status>(None),
                }
            }
        })
        .map_ok(move |(offset, block)| {
            let decoder = Arc::clone(&decoder);
            // The first block may begin before what was asked for, and the last may end behind it.
            let covered = OffsetRun::from_start(offset, block.rows() as u64).and_then(|all| all.intersect(offsets));
            async move {
                match covered {
                    Some(covered) => decoder.decode(block, offset, covered).await,
                    None => Ok(Vec::new()),
                }
            }
        })
        .try_buffered(DECODED_AHEAD)
        .map_ok(|pieces| stream::iter(pieces.into_iter().map(Ok)))
        .try_flatten();
        let schema = stream::iter(wire::schema_message(&projected).into_iter().map(Ok));
        Ok(Box::pin(schema.chain(batches)))
    }
}

/// Whether bytes are a ticket.
pub(crate) fn is_ticket(bytes: &[u8]) -> bool {
    Wanted::parse(bytes).is_ok()
}

/// The flight of a job: everything, or what a descriptor asks for.
fn describe(status: &JobStatus, asked: Option<(FlightDescriptor, Wanted)>) -> Result<FlightInfo, Status> {
    let schema = arrow_schema(status.spec.value_type);
    let range = status.spec.range();
    let (descriptor, schema, numbers, ticket) = match asked {
        None => (FlightDescriptor::new_path(vec![status.id.to_string()]), schema, range.count(), status.id.to_string()),
        Some((descriptor, wanted)) => {
            let numbers = wanted.bounds().offsets(status.id, range)?.len();
            let text = descriptor.path.first().map_or_else(|| descriptor.cmd.to_vec(), |id| id.clone().into());
            let ticket = String::from_utf8_lossy(&text).into_owned();
            let schema = project(&schema, &wanted)?;
            (descriptor, schema, numbers, ticket)
        }
    };
    // How many chunks will fail is not known before the end.
    let records = if status.spec.limits.keep_going { -1 } else { i64::try_from(numbers).unwrap_or(-1) };
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

fn internal(error: &dyn std::fmt::Display) -> Status {
    Status::internal(error.to_string())
}
