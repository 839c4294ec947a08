//! Streams of results on their way to readers.
//!
//! What a stream holds is within the memory for readers: room is taken before a block is read, and given back when the
//! transport has sent the bytes. A reader that does not read would keep its room for ever. So its stream is cut off
//! when others wait for room; and if the transport still holds bytes of it some time later, its connection is closed.

use std::{
    collections::{BTreeMap, VecDeque},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header::CONTENT_TYPE};
use http_body::{Body, Frame};
use swath_proto::FRAME_BYTES;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tracing::warn;

use super::messages::Messages;
use crate::{connections::ConnectionInfo, store::Memory};

/// The most streams at a time.
const STREAMS: usize = 4096;

/// How often streams are looked at while somebody waits for room.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// How long the transport may hold bytes of a stream that was cut off.
const LINGER: Duration = Duration::from_secs(5);

/// The largest piece that the transport gets.
const LARGEST_PIECE_BYTES: usize = 2 << 20;

/// A reader is slow if the transport takes longer for a piece.
const SLOW_PIECE: Duration = Duration::from_millis(100);

/// All streams of results.
#[derive(Debug)]
pub(crate) struct ResultStreams {
    memory: Arc<Memory>,
    /// A reader that takes nothing for so long is cut off when others wait.
    timeout: Duration,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    last: u64,
    streams: BTreeMap<u64, Arc<OpenStream>>,
}

/// A stream, as the one who sends it and the one who may cut it off see it.
#[derive(Debug)]
struct OpenStream {
    state: Mutex<State>,
    transit: Arc<Transit>,
    peer: Peer,
}

/// Who reads.
#[derive(Debug)]
struct Peer {
    address: String,
    /// Closes the connection.
    close: CancellationToken,
}

enum State {
    /// The next piece is not there yet; its reader is to be woken then.
    Working(Messages, Waker),
    /// The reader has not asked for the next piece yet.
    Offered(Messages),
    /// Its reader is yet to hear of that.
    CutOff(Status),
    /// All was given to the transport.
    Over,
}

/// What the transport holds of a stream: each piece of that has a clone of this.
#[derive(Debug)]
struct Transit {
    /// When a piece was last asked for, or sent.
    moved: Mutex<Instant>,
}

impl ResultStreams {
    pub(crate) fn new(memory: Arc<Memory>, timeout: Duration) -> Arc<Self> {
        Arc::new(Self { memory, timeout, open: Mutex::default() })
    }

    /// The answer to a request for results: these messages, then a status.
    pub(super) fn respond(
        self: &Arc<Self>,
        messages: Messages,
        reader: &ReaderConnection,
    ) -> Result<Response<tonic::body::Body>, Status> {
        if self.lock().streams.len() >= STREAMS {
            self.check(Instant::now());
        }
        let mut open = self.lock();
        if open.streams.len() >= STREAMS {
            return Err(Status::resource_exhausted(format!(
                "{STREAMS} streams of results are open, and a coordinator has no more at a time; try again later"
            )));
        }
        let stream = Arc::new(OpenStream {
            state: Mutex::new(State::Offered(messages)),
            transit: Arc::new(Transit { moved: Mutex::new(Instant::now()) }),
            peer: Peer { address: reader.0.address(), close: reader.0.close.clone() },
        });
        open.last += 1;
        let id = open.last;
        open.streams.insert(id, Arc::clone(&stream));
        drop(open);
        let (rest, pieces) = (VecDeque::new(), PieceSize::default());
        let answer = Answer { streams: Arc::clone(self), id, stream, rest, pieces, has_ended: false };
        let mut response = Response::new(tonic::body::Body::new(answer));
        response.headers_mut().insert(CONTENT_TYPE, tonic::metadata::GRPC_CONTENT_TYPE);
        Ok(response)
    }

    /// Cuts off those that do not read while others wait for room. It never ends.
    pub(crate) async fn keep_moving(self: Arc<Self>) {
        loop {
            self.memory.wanted().await;
            while self.memory.is_short() {
                self.check(Instant::now());
                tokio::time::sleep(CHECK_INTERVAL).await;
            }
        }
    }

    /// Looks at all streams, because others wait.
    fn check(&self, now: Instant) {
        let streams: Vec<_> = self.lock().streams.iter().map(|(&id, stream)| (id, Arc::clone(stream))).collect();
        for (id, stream) in streams {
            stream.check(now, self.timeout);
            if stream.is_gone() {
                self.lock().streams.remove(&id);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection that a request for results came on.
pub(super) struct ReaderConnection(ConnectionInfo);

impl ReaderConnection {
    pub(super) fn of<B>(request: &Request<B>) -> Result<Self, Status> {
        let info = request.extensions().get::<ConnectionInfo>().cloned();
        info.map(Self).ok_or_else(|| Status::internal("the request came on no connection"))
    }
}

impl OpenStream {
    /// Cuts it off if its reader has taken nothing for the time; closes the connection if that did not help.
    fn check(&self, now: Instant, timeout: Duration) {
        let still = now.saturating_duration_since(self.transit.moved());
        if still < timeout {
            return;
        }
        let mut state = self.lock();
        let waits_for_reader = match &*state {
            State::Offered(_) => true,
            State::Working(..) => self.transit.is_in_use(),
            State::CutOff(_) | State::Over => false,
        };
        if waits_for_reader {
            let timeout = humantime::format_duration(timeout);
            warn!(reader = self.peer.address, "a reader took nothing for {timeout} while others waited: it is cut off");
            let sentence = format!("the reader took nothing for {timeout} while others waited for memory");
            let before = std::mem::replace(&mut *state, State::CutOff(Status::unavailable(sentence)));
            drop(state);
            // What it holds is given back here.
            if let State::Working(_, waker) = before {
                waker.wake();
            }
        } else if still >= timeout + LINGER && self.transit.is_in_use() && !self.peer.close.is_cancelled() {
            warn!(
                reader = self.peer.address,
                "a reader that was cut off still takes nothing: its connection is closed"
            );
            self.peer.close.cancel();
        }
    }

    /// Whether neither the sender nor the transport has anything of it.
    fn is_gone(&self) -> bool {
        matches!(*self.lock(), State::Over) && !self.transit.is_in_use()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transit {
    fn moved(&self) -> Instant {
        *self.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_moved_at(&self, now: Instant) {
        *self.moved.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Whether the transport holds a piece.
    fn is_in_use(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) > 1
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Working(..) => "Working",
            Self::Offered(_) => "Offered",
            Self::CutOff(_) => "CutOff",
            Self::Over => "Over",
        })
    }
}

/// The body of an answer of gRPC: messages, then a status.
struct Answer {
    streams: Arc<ResultStreams>,
    id: u64,
    stream: Arc<OpenStream>,
    /// What is left of the last message. A stream that is cut off ends behind it, for a reader makes nothing of a half.
    rest: VecDeque<Bytes>,
    pieces: PieceSize,
    has_ended: bool,
}

impl Answer {
    /// The next message, or the status behind the last.
    fn poll_message(&self, cx: &mut Context<'_>) -> Poll<Result<Vec<Bytes>, Status>> {
        let mut state = self.stream.lock();
        let mut messages = match std::mem::replace(&mut *state, State::Over) {
            State::Working(messages, _) | State::Offered(messages) => messages,
            State::CutOff(status) => return Poll::Ready(Err(status)),
            State::Over => return Poll::Ready(Err(Status::ok(""))),
        };
        let message = messages.as_mut().poll_next(cx);
        match &message {
            Poll::Pending => *state = State::Working(messages, cx.waker().clone()),
            Poll::Ready(Some(Ok(_))) => *state = State::Offered(messages),
            Poll::Ready(None | Some(Err(_))) => {}
        }
        message.map(|message| message.unwrap_or_else(|| Err(Status::ok(""))))
    }

    /// The next bytes of this message.
    fn next_piece(&mut self, now: Instant) -> Option<Piece> {
        let mut bytes = self.rest.pop_front()?;
        let most = self.pieces.most_bytes();
        if bytes.len() > most {
            self.rest.push_front(bytes.split_off(most));
        }
        self.pieces.on_given(bytes.len(), now);
        Some(Piece { bytes, transit: Arc::clone(&self.stream.transit) })
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let now = Instant::now();
        self.stream.transit.has_moved_at(now);
        self.pieces.on_asked(now);
        loop {
            if let Some(piece) = self.next_piece(now) {
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(piece)))));
            }
            match ready!(self.poll_message(cx)) {
                Ok(message) => self.rest.extend(message),
                Err(status) => {
                    self.has_ended = true;
                    let mut trailers = HeaderMap::new();
                    status.add_header(&mut trailers)?;
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        *self.stream.lock() = State::Over;
        self.rest.clear();
        if self.stream.is_gone() {
            self.streams.lock().streams.remove(&self.id);
        }
    }
}

/// How large the next piece for the transport is.
///
/// Each piece wakes the task of the connection, so a few large pieces cost less. But that a reader takes something is
/// seen only when a whole piece is sent. So a piece is a frame at first, and grows only while the reader is fast: to a
/// small part of what it took, for the buffers of the connection take the first bytes of any reader fast.
#[derive(Debug, Default)]
struct PieceSize {
    /// Bytes given since the reader was last slow.
    fast_bytes: usize,
    /// When the last piece was given. `None` if the reader did not have to take it: it waits for the next message.
    given: Option<Instant>,
}

impl PieceSize {
    fn most_bytes(&self) -> usize {
        (self.fast_bytes / 32).clamp(FRAME_BYTES as usize, LARGEST_PIECE_BYTES)
    }

    /// The transport wants the next piece.
    fn on_asked(&mut self, now: Instant) {
        let given = self.given.take();
        if given.is_some_and(|given| now.saturating_duration_since(given) > SLOW_PIECE) {
            self.fast_bytes = 0;
        }
    }

    fn on_given(&mut self, bytes: usize, now: Instant) {
        self.fast_bytes = self.fast_bytes.saturating_add(bytes);
        self.given = Some(now);
    }
}

/// A piece in the hands of the transport.
struct Piece {
    bytes: Bytes,
    transit: Arc<Transit>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.transit.has_moved_at(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt, channel::mpsc, poll, stream};
    use http_body::Body as _;
    use tonic::{Code, transport::server::TcpConnectInfo};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(60);

    fn streams() -> Arc<ResultStreams> {
        ResultStreams::new(Arc::new(Memory::new(1 << 20)), TIMEOUT)
    }

    fn connection() -> ReaderConnection {
        let tcp = TcpConnectInfo { local_addr: None, remote_addr: None };
        ReaderConnection(ConnectionInfo::new(tcp, swath_transport::Peer::Anybody))
    }

    /// What the transport gets next.
    async fn next(body: &mut tonic::body::Body) -> Result<Bytes, Status> {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await.expect("a frame").unwrap();
        frame.into_data().map_err(|frame| {
            let trailers = frame.into_trailers().expect("trailers");
            Status::from_header_map(&trailers).expect("a status")
        })
    }

    fn after(time: Duration) -> Instant {
        Instant::now() + time
    }

    #[tokio::test]
    async fn a_reader_that_does_not_read_is_cut_off_behind_its_message() {
        let (streams, reader) = (streams(), connection());
        let message = vec![Bytes::from_static(b"first"), vec![7; FRAME_BYTES as usize + 1].into()];
        let messages = stream::iter([Ok(message), Ok(vec![Bytes::from_static(b"never sent")])]);
        let mut body = streams.respond(Box::pin(messages), &reader).unwrap().into_body();
        assert_eq!(next(&mut body).await.unwrap(), &b"first"[..]);
        streams.check(after(TIMEOUT / 2));
        let held = next(&mut body).await.unwrap();
        assert_eq!(held.len(), FRAME_BYTES as usize);
        streams.check(after(TIMEOUT));
        // The transport holds a piece, but there is time for the reader to read on.
        streams.check(after(TIMEOUT + LINGER / 2));
        assert!(!reader.0.close.is_cancelled());
        assert_eq!(next(&mut body).await.unwrap(), &[7][..]);
        let status = next(&mut body).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(status.message(), "the reader took nothing for 1m while others waited for memory");
        assert!(body.is_end_stream());
        drop(body);
        // What the transport holds counts until it is sent.
        assert_eq!(streams.lock().streams.len(), 1);
        streams.check(after(TIMEOUT + LINGER));
        assert!(reader.0.close.is_cancelled());
        drop(held);
        streams.check(Instant::now());
        assert_eq!(streams.lock().streams.len(), 0);
    }

    #[tokio::test]
    async fn a_reader_that_waits_is_not_cut_off_unless_the_transport_holds_its_bytes() {
        let (streams, reader) = (streams(), connection());
        let (mut send, messages) = mpsc::channel(1);
        let mut body = streams.respond(Box::pin(messages), &reader).unwrap().into_body();
        send.try_send(Ok(vec![Bytes::from_static(b"first")])).unwrap();
        let held = next(&mut body).await.unwrap();
        {
            let mut second = Box::pin(next(&mut body));
            assert!(poll!(second.as_mut()).is_pending());
            drop(held);
            streams.check(after(2 * TIMEOUT));
            assert!(poll!(second.as_mut()).is_pending());
            send.try_send(Ok(vec![Bytes::from_static(b"second")])).unwrap();
            let held = second.await.unwrap();
            let mut third = Box::pin(next(&mut body));
            assert!(poll!(third.as_mut()).is_pending());
            streams.check(after(2 * TIMEOUT));
            assert_eq!(third.await.unwrap_err().code(), Code::Unavailable);
            drop(held);
        }
        // What made its messages is gone.
        assert!(send.is_closed());
    }

    #[test]
    fn pieces_are_large_only_while_a_reader_is_fast() {
        let (mut pieces, mut now) = (PieceSize::default(), Instant::now());
        let mut give = |pieces: &mut PieceSize, pause: Duration| {
            now += pause;
            pieces.on_asked(now);
            let bytes = pieces.most_bytes();
            pieces.on_given(bytes, now);
            bytes
        };
        let smallest = FRAME_BYTES as usize;
        let mut given = 0;
        while given < 8 << 20 {
            let bytes = give(&mut pieces, SLOW_PIECE);
            assert_eq!(bytes, smallest, "after {given} bytes, which buffers may hold");
            given += bytes;
        }
        while given < 64 << 20 {
            given += give(&mut pieces, SLOW_PIECE);
        }
        assert_eq!(give(&mut pieces, SLOW_PIECE), LARGEST_PIECE_BYTES);
        assert_eq!(give(&mut pieces, 2 * SLOW_PIECE), smallest);
        assert_eq!(give(&mut pieces, Duration::ZERO), smallest);
    }

    #[tokio::test]
    async fn a_fast_reader_gets_all_bytes_in_larger_pieces() {
        let (streams, reader) = (streams(), connection());
        let content = Bytes::from_iter((0..4 << 20).map(|at: u32| at.to_le_bytes()[1]));
        let messages = stream::iter(vec![Ok(vec![content.clone()]); 32]);
        let mut body = streams.respond(Box::pin(messages), &reader).unwrap().into_body();
        let (mut largest, mut at) = (0, 0);
        let status = loop {
            match next(&mut body).await {
                Ok(piece) => {
                    assert_eq!(piece, content.slice(at..at + piece.len()));
                    largest = largest.max(piece.len());
                    at = (at + piece.len()) % content.len();
                }
                Err(status) => break status,
            }
        };
        assert_eq!((status.code(), at), (Code::Ok, 0));
        assert!(largest <= LARGEST_PIECE_BYTES, "{largest}");
    }

    #[tokio::test]
    async fn there_are_only_so_many_streams() {
        let (streams, reader) = (streams(), connection());
        let open = || streams.respond(stream::pending().boxed(), &reader);
        let mut all: Vec<_> = (0..STREAMS).map(|_| open().unwrap()).collect();
        assert_eq!(open().unwrap_err().code(), Code::ResourceExhausted);
        all.pop();
        open().unwrap();
    }
}
