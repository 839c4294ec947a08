//! What peers send, before it is whole: who may send it, and the room that it takes.
//!
//! A service sees a message when all of it is there. Until then it lies in the memory of this process, whoever sends
//! it. So each request passes here before the services. A block takes its room from the memory for blocks before it is
//! read, and only a worker with an open session may send one. All other messages are small, and share a budget of their
//! own. Whoever keeps a message half sent loses its stream.

mod body;
mod progress;
mod uploads;

use std::{
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use futures::future::Either;
use swath_proto::{MAX_MESSAGE_BYTES, UPLOAD_KEY_HEADER};
use tokio::sync::Semaphore;
use tonic::{
    Status,
    body::Body,
    codegen::{
        Service,
        http::{Request, Response},
    },
};

pub(crate) use self::uploads::{Arrivals, UploadKey, UploadKeys};
use self::{
    body::{BoundedBody, Budget},
    progress::Demand,
    uploads::Uploads,
};
use crate::store::Store;

/// The largest message that is no block: the Hello of a worker that offers as many runs as it may has 1.5 MiB.
const SMALL_MESSAGE_BYTES: usize = 2 << 20;

/// What all messages that are no blocks and not yet whole may take together.
const BUDGET_BYTES: usize = 64 << 20;

/// The method that takes blocks.
const UPLOAD: &str = "/swath.v1.Workers/Upload";

/// Lets requests through to the services, with bodies that are bounded.
#[derive(Debug, Clone)]
pub(crate) struct Intake {
    store: Arc<Store>,
    keys: UploadKeys,
    budget: Arc<Semaphore>,
}

impl Intake {
    pub(crate) fn new(store: Arc<Store>, keys: UploadKeys) -> Self {
        Self { store, keys, budget: Arc::new(Semaphore::new(BUDGET_BYTES)) }
    }

    /// The gate before a service.
    pub(crate) fn gate<S>(&self, service: S) -> Gate<S> {
        Gate { intake: self.clone(), service }
    }

    fn bound(&self, mut request: Request<Body>) -> Result<Request<Body>, Status> {
        let (limit, budget) = if request.uri().path() == UPLOAD {
            let uploads = self.uploads(&request)?;
            request.extensions_mut().insert(uploads.arrivals());
            (MAX_MESSAGE_BYTES, Budget::Blocks(uploads))
        } else {
            (SMALL_MESSAGE_BYTES, Budget::Shared { budget: Arc::clone(&self.budget), held: None })
        };
        Ok(request.map(|body| Body::new(BoundedBody::new(body, limit, budget, Demand::default()))))
    }

    fn uploads(&self, request: &Request<Body>) -> Result<Uploads, Status> {
        let key = request.headers().get(UPLOAD_KEY_HEADER).and_then(|key| key.to_str().ok()).unwrap_or_default();
        let session = self.keys.session(key).ok_or_else(uploads::no_session)?;
        Ok(Uploads::new(Arc::clone(&self.store), session))
    }
}

/// The gate before a service.
#[derive(Clone)]
pub(crate) struct Gate<S> {
    intake: Intake,
    service: S,
}

impl<S> Service<Request<Body>> for Gate<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<S::Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.intake.bound(request) {
            Ok(request) => Either::Left(self.service.call(request)),
            Err(status) => Either::Right(ready(Ok(status.into_http()))),
        }
    }
}
