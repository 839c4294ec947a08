//! Arrow Flight: results for clients that know no blocks.
//!
//! A ticket is the id of a job, or JSON: `{"job": 3, "columns": ["n", "value"], "first": 100, "last": 200}`, where all
//! but the job may be absent, and `"column": "value"` is short for one column; `"partial": true` asks for what there is
//! of a job that failed or was cancelled. Numbers that have no result are left out. A descriptor is a path of one
//! element or a command; both are read as a ticket is.

mod decoder;
mod reduced;
mod ticket;
mod wire;

use std::{pin::Pin, sync::Arc};

use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightEndpoint, FlightInfo, HandshakeRequest,
    HandshakeResponse, PollInfo, PutResult, SchemaAsIpc, SchemaResult, Ticket,
    flight_service_server::{FlightService, FlightServiceServer},
};
use arrow_schema::{ArrowError, SchemaRef};
use futures::{Stream, StreamExt, stream};
use swath_evaluation::reductions_of;
use swath_model::{JobState, JobStatus, Shape};
use tonic::{Request, Response, Status, Streaming};

use self::{
    decoder::Decoder,
    ticket::{Wanted, from_descriptor},
};
use super::{messages::Messages, results, router::ReadMethod};
use crate::{convert, driver::DriverHandle, store::Store};

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
        let schema = project(&schema_of(&status)?, &wanted)?;
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

impl ReadMethod for FlightMethods {
    const PATH: &'static str = "/arrow.flight.protocol.FlightService/DoGet";
    type Request = Ticket;
    type Service = FlightServiceServer<Self>;

    fn service(self: Arc<Self>) -> Self::Service {
        FlightServiceServer::from_arc(self)
    }

    /// First the schema, then record batches.
    fn messages(&self, ticket: &Ticket) -> Result<Messages, Status> {
        let wanted = Wanted::parse(&ticket.ticket).map_err(Status::invalid_argument)?;
        let (job, bounds) = (results::known(&self.store, wanted.job)?, wanted.bounds());
        let reductions = job.reductions().cloned();
        let schema = reductions.as_ref().map_or_else(|| Arc::clone(job.layout().schema()), |list| list.result_schema());
        let columns = wanted.columns(&schema).map_err(Status::invalid_argument)?;
        let projected = project(&schema, &wanted)?;
        let (id, range) = (job.job(), job.chunks().range());
        let offsets = bounds.offsets(id, range)?;
        if reductions.is_some() && offsets.len() < range.count() {
            let sentence = format!("the reductions of job {id} are of all its numbers, not of a part of them");
            return Err(Status::invalid_argument(sentence));
        }
        let working_bytes = decoder::working_bytes(job.layout(), offsets.len());
        let (results, reader) =
            results::open(&self.store, wanted.job, bounds, results::wanted(wanted.partial), working_bytes)?;
        let schema = stream::iter([Ok(wire::schema_message(&projected))]);
        if let Some(reductions) = reductions {
            return Ok(Box::pin(schema.chain(stream::once(reduced::message(reader, reductions, columns)))));
        }
        let decoder = Decoder::new(Arc::clone(&self.store), results, reader, columns, offsets);
        let batches = stream::try_unfold(decoder, |mut decoder| async move {
            let message = decoder.next().await?;
            Ok(message.map(|message| (message, decoder)))
        });
        Ok(Box::pin(schema.chain(batches)))
    }
}

/// Whether bytes are a ticket.
pub(crate) fn is_ticket(bytes: &[u8]) -> bool {
    Wanted::parse(bytes).is_ok()
}

/// The flight of a job: everything, or what a descriptor asks for.
fn describe(status: &JobStatus, asked: Option<(FlightDescriptor, Wanted)>) -> Result<FlightInfo, Status> {
    let schema = schema_of(status)?;
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
    let records = match status.spec.layout.shape() {
        Shape::Reduced => 1,
        // How many chunks will fail is not known before the end, nor how many numbers have rows.
        Shape::Sparse => -1,
        Shape::Dense if status.spec.limits.keep_going => -1,
        Shape::Dense => i64::try_from(numbers).unwrap_or(-1),
    };
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

/// The columns of the results of a job.
fn schema_of(status: &JobStatus) -> Result<SchemaRef, Status> {
    let reductions = reductions_of(&status.spec).map_err(|error| internal(&error))?;
    Ok(reductions.map_or_else(|| Arc::clone(status.spec.layout.schema()), |list| list.result_schema()))
}

fn project(schema: &SchemaRef, wanted: &Wanted) -> Result<SchemaRef, Status> {
    let columns = wanted.columns(schema).map_err(Status::invalid_argument)?;
    schema.project(&columns).map(Arc::new).map_err(|error| internal(&error))
}

fn internal(error: &dyn std::fmt::Display) -> Status {
    Status::internal(error.to_string())
}
