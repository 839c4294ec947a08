//! Routes the method of a service that reads results around the codec of gRPC, which would copy them.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tonic::{
    Status,
    body::Body,
    codec::{Codec, Streaming},
    server::NamedService,
};
use tonic_prost::ProstCodec;
use tower::Service;

use super::{
    messages::Messages,
    streams::{ReaderConnection, ResultStreams},
};

/// The largest request, as a message.
const MAX_REQUEST_BYTES: usize = 64 << 10;

/// A method that reads results.
pub(crate) trait ReadMethod: Send + Sync + 'static {
    /// Of the method, as requests name it.
    const PATH: &'static str;
    /// What it takes.
    type Request: prost::Message + Default + 'static;
    /// The whole service.
    type Service: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = Responding>
        + NamedService
        + Clone;

    /// The messages of the answer.
    fn messages(&self, request: &Self::Request) -> Result<Messages, Status>;

    /// The service that answers all other methods.
    fn service(self: Arc<Self>) -> Self::Service;
}

type Responding = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// A service, one method of which reads results.
pub(crate) struct Router<M: ReadMethod> {
    method: Arc<M>,
    streams: Arc<ResultStreams>,
    service: M::Service,
}

impl<M: ReadMethod> Router<M> {
    pub(crate) fn new(method: M, streams: &Arc<ResultStreams>) -> Self {
        let method = Arc::new(method);
        Self { service: Arc::clone(&method).service(), method, streams: Arc::clone(streams) }
    }
}

impl<M: ReadMethod> Clone for Router<M> {
    fn clone(&self) -> Self {
        let Self { method, streams, service } = self;
        Self { method: Arc::clone(method), streams: Arc::clone(streams), service: service.clone() }
    }
}

impl<M: ReadMethod> NamedService for Router<M> {
    const NAME: &'static str = M::Service::NAME;
}

impl<M: ReadMethod> Service<Request<Body>> for Router<M> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Responding;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if request.uri().path() != M::PATH {
            return self.service.call(request);
        }
        let (method, streams) = (Arc::clone(&self.method), Arc::clone(&self.streams));
        Box::pin(async move { Ok(respond(&*method, &streams, request).await.unwrap_or_else(Status::into_http)) })
    }
}

async fn respond<M: ReadMethod>(
    method: &M,
    streams: &Arc<ResultStreams>,
    request: Request<Body>,
) -> Result<Response<Body>, Status> {
    let reader = ReaderConnection::of(&request)?;
    let decoder = ProstCodec::<(), M::Request>::default().decoder();
    let mut requests = Streaming::new_request(decoder, request.into_body(), None, Some(MAX_REQUEST_BYTES));
    let request = requests.message().await?.ok_or_else(|| Status::invalid_argument("the request has no message"))?;
    streams.respond(method.messages(&request)?, &reader)
}
