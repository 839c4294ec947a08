//! The body of a request: bytes pass when there is room for the message that they are of.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body::{Body as HttpBody, Frame};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::{Status, body::Body};

use super::{
    progress::{Demand, Progress},
    uploads::Uploads,
};

/// What precedes each message of gRPC: a flag, and the length in four bytes.
const PREFIX: usize = 5;

/// Where the room of messages comes from.
#[derive(Debug)]
pub(super) enum Budget {
    /// Of the memory for blocks. A message waits until there is room for all of it, so that what has begun can be
    /// finished, and takes its room along.
    Blocks(Uploads),
    /// Of a budget of bytes that all peers share. What comes is counted until its message is whole; it waits for
    /// nothing, and is refused when all is taken.
    Shared { budget: Arc<Semaphore>, held: Option<OwnedSemaphorePermit> },
}

/// The body of a request, of which no more passes than there is room for.
pub(super) struct BoundedBody {
    inner: Body,
    /// The largest message.
    limit: usize,
    budget: Budget,
    /// What came and has not passed.
    came: Bytes,
    position: Position,
    progress: Progress,
}

/// What comes next.
enum Position {
    /// The prefix of a message, of which so many bytes have passed.
    Prefix { bytes: [u8; PREFIX], passed: usize },
    /// A message for which there is no room yet.
    NoRoom { length: usize, room: BoxFuture<'static, Result<OwnedSemaphorePermit, Status>> },
    /// The rest of a message.
    Message { left: usize, _turn: Option<OwnedSemaphorePermit> },
}

impl Position {
    const BETWEEN: Self = Self::Prefix { bytes: [0; PREFIX], passed: 0 };
}

impl BoundedBody {
    pub(super) fn new(inner: Body, limit: usize, budget: Budget, demand: Demand) -> Self {
        let (position, progress) = (Position::BETWEEN, Progress::new(demand));
        Self { inner, limit, budget, came: Bytes::new(), position, progress }
    }

    /// How many of the bytes that came may pass now.
    fn admit(&mut self, context: &mut Context<'_>) -> Result<usize, Status> {
        let mut admitted = 0;
        loop {
            let rest = self.came.get(admitted..).unwrap_or_default();
            match &mut self.position {
                Position::Prefix { bytes, passed } => {
                    let room = bytes.iter_mut().skip(*passed);
                    let copied = room.zip(rest).map(|(to, &from)| *to = from).count();
                    admitted += copied;
                    *passed += copied;
                    if *passed < PREFIX {
                        return Ok(admitted);
                    }
                    let [_, length @ ..] = *bytes;
                    self.begin(u32::from_be_bytes(length) as usize)?;
                }
                Position::NoRoom { length, room } => match room.as_mut().poll(context) {
                    Poll::Ready(turn) => self.position = Position::Message { left: *length, _turn: Some(turn?) },
                    Poll::Pending => return Ok(admitted),
                },
                Position::Message { left, .. } => {
                    let passing = rest.len().min(*left);
                    admitted += passing;
                    *left -= passing;
                    if *left == 0 {
                        self.end();
                    } else {
                        self.hold(passing)?;
                        return Ok(admitted);
                    }
                }
            }
        }
    }

    /// A message of this length comes.
    fn begin(&mut self, length: usize) -> Result<(), Status> {
        let limit = self.limit;
        if length > limit {
            let sentence = format!("a message of {length} bytes is larger than the {limit} allowed");
            return Err(Status::out_of_range(sentence));
        }
        self.position = match &self.budget {
            Budget::Blocks(uploads) => Position::NoRoom { length, room: uploads.reserve(length) },
            Budget::Shared { .. } => Position::Message { left: length, _turn: None },
        };
        Ok(())
    }

    /// The message is whole, and its service takes it.
    fn end(&mut self) {
        self.position = Position::BETWEEN;
        self.progress.handle_whole();
        if let Budget::Shared { held, .. } = &mut self.budget {
            *held = None;
        }
    }

    /// So many bytes more of a message are kept until the rest of it comes.
    fn hold(&mut self, bytes: usize) -> Result<(), Status> {
        let Budget::Shared { budget, held } = &mut self.budget else { return Ok(()) };
        // A message has less than 4 GiB.
        let more = Arc::clone(budget).try_acquire_many_owned(bytes as u32);
        let more = more.map_err(|_| {
            Status::resource_exhausted("too many requests are half sent; send this one again in a moment")
        })?;
        match held {
            Some(held) => held.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }
}

impl HttpBody for BoundedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        loop {
            match this.admit(context) {
                Ok(0) if matches!(this.position, Position::NoRoom { .. }) => return Poll::Pending,
                Ok(0) => {}
                Ok(admitted) => return Poll::Ready(Some(Ok(Frame::data(this.came.split_to(admitted))))),
                Err(status) => return Poll::Ready(Some(Err(status))),
            }
            let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(context) else {
                if matches!(this.position, Position::Prefix { passed: 0, .. }) {
                    return Poll::Pending;
                }
                return Poll::Ready(Some(Err(ready!(this.progress.poll_stalled(context)))));
            };
            match frame.transpose()?.map(Frame::into_data) {
                Some(Ok(data)) => {
                    this.progress.handle_bytes(data.len());
                    this.came = data;
                }
                Some(Err(trailers)) => return Poll::Ready(Some(Ok(trailers))),
                None => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.came.is_empty() && self.inner.is_end_stream()
    }
}
