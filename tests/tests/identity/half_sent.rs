//! Peers that begin messages and do not finish them.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use http_body::{Body as HttpBody, Frame};
use swath_proto::{PROTOCOL_VERSION, UPLOAD_KEY_HEADER};
use swath_tests::{Coordinator, Rows, Scene, square, until};
use tokio::{
    runtime::Runtime,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};
use tonic::{
    Code, Status,
    body::Body,
    codegen::{Bytes, Service, http::Request},
    transport::Channel,
};

use crate::session::Session;

const MESSAGE: usize = 16 << 20;
const SENT: usize = 12_000_000;
const CLIENTS: usize = 60;

/// What all half-sent messages of [`CLIENTS`] have together, and a coordinator used to keep.
const TOGETHER: u64 = (SENT * CLIENTS) as u64;

/// A body that announces a message and sends only the first bytes of it.
struct Half {
    is_announced: bool,
    length: usize,
    left: usize,
    sent: Arc<AtomicUsize>,
}

impl HttpBody for Half {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if !std::mem::replace(&mut self.is_announced, true) {
            let length = u32::try_from(self.length).unwrap().to_be_bytes();
            return Poll::Ready(Some(Ok(Frame::data([&[0], &length[..]].concat().into()))));
        }
        let bytes = self.left.min(64 << 10);
        if bytes == 0 {
            return Poll::Pending;
        }
        self.left -= bytes;
        self.sent.fetch_add(bytes, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(vec![7; bytes].into()))))
    }
}

/// Peers, each on a connection of its own, and what became of their requests.
struct Peers {
    runtime: Runtime,
    sent: Vec<Arc<AtomicUsize>>,
    ended: UnboundedReceiver<Status>,
}

impl Peers {
    /// Each calls this method with half a message of so many bytes, with the key that it has.
    fn begin(coordinator: &Coordinator<'_>, path: &str, length: usize, sent: usize, keys: &[String]) -> Self {
        let runtime = Runtime::new().unwrap();
        let (end, ended) = unbounded_channel();
        let counts = keys.iter().map(|key| {
            let count = Arc::<AtomicUsize>::default();
            let half = Half { is_announced: false, length, left: sent, sent: Arc::clone(&count) };
            let request = Request::post(format!("http://{}{path}", coordinator.address()))
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .header(UPLOAD_KEY_HEADER, key)
                .body(Body::new(half))
                .unwrap();
            let (end, address) = (end.clone(), format!("http://{}", coordinator.address()));
            runtime.spawn(async move { end.send(call(address, request).await) });
            count
        });
        let sent = counts.collect();
        Self { runtime, sent, ended }
    }

    /// How many have sent all that they want to send.
    fn done(&self, bytes: usize) -> usize {
        self.sent.iter().filter(|sent| sent.load(Ordering::Relaxed) == bytes).count()
    }

    /// How the next request ends.
    fn ending(&mut self) -> Status {
        self.runtime.block_on(self.ended.recv()).expect("a request that is under way")
    }
}

/// The status that a request ends with.
async fn call(address: String, request: Request<Body>) -> Status {
    let mut channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
    std::future::poll_fn(|context| channel.poll_ready(context)).await.unwrap();
    let response = match channel.call(request).await {
        Ok(response) => response,
        Err(error) => return Status::from_error(error.into()),
    };
    if let Some(status) = Status::from_header_map(response.headers()) {
        return status;
    }
    let mut body = response.into_body();
    while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        match frame.map(Frame::into_trailers) {
            Ok(Ok(trailers)) => return Status::from_header_map(&trailers).expect("a status"),
            Ok(Err(_)) => {}
            Err(status) => return status,
        }
    }
    Status::ok("")
}

const UPLOAD: &str = "/swath.v1.Workers/Upload";

#[test]
fn blocks_of_strangers_are_refused_before_they_take_memory() {
    let scene = Scene::new("half_sent_by_strangers");
    let coordinator = scene.coordinator();
    let mut peers = Peers::begin(&coordinator, UPLOAD, MESSAGE, SENT, &vec!["7".repeat(32); CLIENTS]);
    for _ in 0..CLIENTS {
        let ending = peers.ending();
        assert_eq!(ending.code(), Code::ResourceExhausted, "{ending}");
    }
    let peak = coordinator.process().peak_memory();
    assert!(peak < TOGETHER / 4, "{peak} bytes");
}

#[test]
fn blocks_that_are_half_sent_in_sessions_have_room_in_the_memory_for_blocks_and_lose_it() {
    let scene = Scene::new("half_sent_in_sessions");
    let coordinator = scene.coordinator_with("--memory 64MiB");
    let runtime = Runtime::new().unwrap();
    let join = || runtime.block_on(Session::join(&coordinator, PROTOCOL_VERSION)).unwrap();
    let sessions: Vec<_> = (0..CLIENTS).map(|_| join()).collect();
    let keys: Vec<_> = sessions.iter().map(Session::key).collect();
    let mut peers = Peers::begin(&coordinator, UPLOAD, MESSAGE, SENT, &keys);
    until("three have sent what they want to send", || (peers.done(SENT) >= 3).then_some(()));
    // Three messages and what belongs to them fill the memory; each of them loses its room when it does not go on.
    let ending = peers.ending();
    assert_eq!(ending.code(), Code::DeadlineExceeded, "{ending}");
    assert!(ending.message().contains("of a message that has begun, 0 bytes came in 10s"), "{ending}");
    let peak = coordinator.process().peak_memory();
    assert!(peak < TOGETHER / 2, "{peak} bytes");
    drop((peers, sessions));
    let _worker = coordinator.worker("able");
    let job = coordinator.submit("1..=100000");
    coordinator.await_done(job);
    coordinator.save(job, "squares.csv");
    Rows::open(&scene.path("squares.csv")).assert_are(1..=100_000, square);
}

#[test]
fn requests_that_are_half_sent_share_a_budget_and_end() {
    let scene = Scene::new("half_sent_requests");
    let coordinator = scene.coordinator();
    // Together 120 MB.
    let (length, sent) = (2 << 20, 2_000_000);
    let mut peers = Peers::begin(&coordinator, "/swath.v1.Jobs/Submit", length, sent, &vec![String::new(); CLIENTS]);
    let endings: Vec<_> = (0..CLIENTS).map(|_| peers.ending().code()).collect();
    let ended = |code| endings.iter().filter(|&&ending| ending == code).count();
    assert_eq!(ended(Code::ResourceExhausted) + ended(Code::DeadlineExceeded), CLIENTS, "{endings:?}");
    assert!(ended(Code::ResourceExhausted) > 0 && ended(Code::DeadlineExceeded) > 0, "{endings:?}");
    let mut too_large = Peers::begin(&coordinator, "/swath.v1.Jobs/Submit", 3 << 20, 1, &[String::new()]);
    assert_eq!(too_large.ending().code(), Code::OutOfRange);
    coordinator.submit("1..=100");
}
