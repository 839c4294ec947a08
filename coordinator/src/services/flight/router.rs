//! `DoGet` is answered here, without the codec of gRPC; all else by the usual service.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use arrow_flight::{Ticket, flight_service_server::FlightServiceServer};
use http::{Request, Response, header::CONTENT_TYPE};
use tonic::{
    Status,
    body::Body,
    codec::{Codec, Streaming},
    server::NamedService,
};
use tonic_prost::ProstCodec;
use tower::Service;

use super::{FlightMethods, wire::Answer};

const DO_GET: &str = "/arrow.flight.protocol.FlightService/DoGet";

/// The largest ticket, as a message.
const MAX_TICKET_BYTES: usize = 64 << 10;

/// The service of Arrow Flight.
#[derive(Clone)]
pub(crate) struct FlightRouter {
    methods: Arc<FlightMethods>,
    others: FlightServiceServer<FlightMethods>,
}

impl FlightRouter {
    pub(crate) fn new(methods: FlightMethods) -> Self {
        let methods = Arc::new(methods);
        Self { others: FlightServiceServer::from_arc(Arc::clone(&methods)), methods }
    }
}

impl NamedService for FlightRouter {
    const NAME: &'static str = FlightServiceServer::<FlightMethods>::NAME;
}

impl Service<Request<Body>> for FlightRouter {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if request.uri().path() != DO_GET {
            return self.others.call(request);
        }
        let methods = Arc::clone(&self.methods);
        Box::pin(async move { Ok(answer(&methods, request).await.unwrap_or_else(Status::into_http)) })
    }
}

async fn answer(methods: &FlightMethods, request: Request<Body>) -> Result<Response<Body>, Status> {
    let decoder = ProstCodec::<(), Ticket>::default().decoder();
    let mut tickets = Streaming::new_request(decoder, request.into_body(), None, Some(MAX_TICKET_BYTES));
    let ticket = tickets.message().await?.ok_or_else(|| Status::invalid_argument("the request has no ticket"))?;
    let mut response = Response::new(Body::new(Answer::new(methods.fly(&ticket)?)));
    response.headers_mut().insert(CONTENT_TYPE, tonic::metadata::GRPC_CONTENT_TYPE);
    Ok(response)
}
