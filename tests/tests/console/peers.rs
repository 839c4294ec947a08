//! Text of peers: it is text, on a terminal and in a log, whatever is in it.

use std::{net::SocketAddr, pin::Pin};

use swath_proto::v1::{self, jobs_server, workers_server};
use swath_tests::{Ended, Scene, Signal, until};
use tokio::{net::TcpListener, runtime::Runtime, sync::mpsc};
use tokio_stream::{
    Stream,
    wrappers::{TcpListenerStream, UnboundedReceiverStream},
};
use tonic::{Request, Response, Status, Streaming, transport::Server};

/// A title of the terminal, a cleared screen, a line that looks like another, text that runs backwards, and the same of
/// the controls with eight bits; after it, letters that are fine.
const EVIL: &str = "\x1b]0;title\x07\x1b[2J\nFORGED  line\r\u{202e}\u{2066}\u{9b}31m\u{2028}\u{7f} Zoë";

/// Fails if anything of the above is more than text.
#[track_caller]
fn assert_harmless(command: &str, text: &str) {
    for (number, line) in text.lines().enumerate() {
        let bad = line.chars().find(|c| c.is_control() || ['\u{202e}', '\u{2066}', '\u{2028}'].contains(c));
        assert!(bad.is_none(), "`{command}` printed {bad:?} in line {number}: {line:?}");
        assert!(!line.starts_with("FORGED"), "`{command}` printed a forged line: {text}");
    }
}

#[track_caller]
fn assert_shows_plainly(command: &str, ended: &Ended) {
    let all = format!("{}{}", ended.stdout(), ended.stderr());
    assert_harmless(command, &all);
    assert!(all.contains("Zoë"), "`{command}` shows nothing of it: {all}");
}

#[test]
fn a_worker_cannot_have_a_name_that_would_not_be_shown_as_it_is() {
    let scene = Scene::new("names_of_workers");
    let long = "n".repeat(256);
    for name in [EVIL, "a\x1b[2J\nforged", "", " ", "a\u{202e}b", &long] {
        let ended = scene.swath("worker start").arg("--name").arg(name).end();
        assert_harmless("worker start", ended.stderr());
        let said = ended.assert_refused(2);
        assert!(said.contains("a worker cannot have the name"), "{said}");
    }
}

/// Joins as a worker that says this of itself; the error is what the coordinator answered.
async fn join(
    address: &str,
    hello: v1::Hello,
) -> Result<(mpsc::UnboundedSender<v1::WorkerMessage>, Streaming<v1::CoordinatorMessage>), Status> {
    let mut client = v1::workers_client::WorkersClient::connect(format!("http://{address}")).await.unwrap();
    let (line, messages) = mpsc::unbounded_channel();
    line.send(say(v1::worker_message::Kind::Hello(hello))).unwrap();
    let mut answers = client.join(UnboundedReceiverStream::new(messages)).await?.into_inner();
    answers.message().await?;
    Ok((line, answers))
}

fn say(kind: v1::worker_message::Kind) -> v1::WorkerMessage {
    v1::WorkerMessage { kind: Some(kind) }
}

fn hello() -> v1::Hello {
    let text = |text: &str| text.to_owned();
    let (name, host, program_version) = (text("sly"), text("den"), text("1"));
    let protocol_version = swath_proto::PROTOCOL_VERSION;
    v1::Hello { protocol_version, program_version, name, host, process_id: 1, threads: 1, ..Default::default() }
}

#[test]
fn a_coordinator_takes_no_worker_whose_name_would_not_be_shown_as_it_is() {
    let scene = Scene::new("names_that_join");
    let coordinator = scene.coordinator();
    let runtime = Runtime::new().unwrap();
    let refused = |hello| {
        let refusal = runtime.block_on(join(coordinator.address(), hello)).expect_err("a refusal");
        assert_eq!(refusal.code(), tonic::Code::InvalidArgument);
        refusal.message().to_owned()
    };
    for text in [EVIL.to_owned(), String::new(), "n".repeat(256)] {
        let of_the_name = refused(v1::Hello { name: text.clone(), ..hello() });
        assert!(of_the_name.starts_with("the name of the worker"), "{of_the_name}");
        let of_the_host = refused(v1::Hello { host: text.clone(), ..hello() });
        assert!(of_the_host.starts_with("the host of the worker"), "{of_the_host}");
        let of_the_version = refused(v1::Hello { program_version: text, ..hello() });
        assert!(of_the_version.starts_with("the version of the worker"), "{of_the_version}");
    }
    assert!(coordinator.find_worker("sly").is_none());
    runtime.block_on(join(coordinator.address(), v1::Hello { name: "Zoë 東京".to_owned(), ..hello() })).unwrap();
}

#[test]
fn the_reason_of_a_failure_is_shown_as_text_and_logged_as_text() {
    let scene = Scene::new("reasons_of_failures");
    let coordinator = scene.coordinator_with("--log debug,h2=off,hyper=off,tonic=off,tower=off");
    let runtime = Runtime::new().unwrap();
    let (line, mut answers) = runtime.block_on(join(coordinator.address(), hello())).unwrap();
    runtime.spawn(async move {
        while let Ok(Some(message)) = answers.message().await {
            let Some(v1::coordinator_message::Kind::Lease(lease)) = message.kind else { continue };
            for chunk in lease.chunks.map_or(0..0, |chunks| chunks.start..chunks.start + chunks.count) {
                let failed = v1::ChunkFailed { lease: lease.id, chunk, number: 5, reason: EVIL.to_owned() };
                let _ = line.send(say(v1::worker_message::Kind::ChunkFailed(failed)));
            }
        }
    });
    let submit = coordinator.swath("submit 1..=10 --max-retries 0 --wait").end();
    assert_shows_plainly("submit --wait", &submit);
    let kept_going = coordinator.submit("1..=10 --max-retries 0 --keep-going");
    until("all of it has failed", || (coordinator.has_ended(kept_going)).then_some(()));
    for command in [
        "job show 1",
        "job results 1",
        "job wait 1",
        "job show 2",
        "job results 2 --format csv",
        "run 1..=10 --max-retries 0",
    ] {
        assert_shows_plainly(command, &coordinator.swath(command).end());
    }
    // What is for programs says exactly what was said.
    assert!(coordinator.job(1)["failure"].as_str().unwrap().contains(EVIL));
    let log = coordinator.stop(Signal::TERM).assert_code(0).stderr().to_owned();
    assert_harmless("the log", &log);
    assert!(log.contains("Zoë"), "{log}");
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// A coordinator that says nothing but evil.
struct Liar;

fn evil() -> String {
    EVIL.to_owned()
}

fn layout() -> v1::Layout {
    v1::Layout { shape: v1::Shape::Dense.into(), columns: "value int64".to_owned() }
}

fn evil_job() -> v1::Job {
    let spec =
        v1::JobSpec { kernel: evil(), parameters: [(evil(), evil())].into(), first: 1, last: 10, ..Default::default() };
    v1::Job {
        id: 1,
        spec: Some(v1::JobSpec { chunk_size: 10, ..spec }),
        layout: Some(layout()),
        kernel_layout: Some(layout()),
        state: v1::JobState::Failed.into(),
        failure: evil(),
        chunks: 1,
        numbers: 10,
        frontier: Some(1),
        ended_at_ms: Some(1),
        shares: vec![v1::WorkerShare { worker_id: 1, worker: evil(), numbers: 1, chunks: 1 }],
        results_location: evil(),
        paused: evil(),
        failed_chunks: 1,
        failed_numbers: 10,
        ..Default::default()
    }
}

fn refusal<T>() -> Result<T, Status> {
    Err(Status::permission_denied(EVIL))
}

#[tonic::async_trait]
impl jobs_server::Jobs for Liar {
    async fn submit(&self, _: Request<v1::SubmitRequest>) -> Result<Response<v1::Job>, Status> {
        refusal()
    }

    async fn get(&self, _: Request<v1::GetJobRequest>) -> Result<Response<v1::Job>, Status> {
        Ok(Response::new(evil_job()))
    }

    async fn list(&self, _: Request<v1::ListJobsRequest>) -> Result<Response<v1::ListJobsResponse>, Status> {
        Ok(Response::new(v1::ListJobsResponse { jobs: vec![evil_job()] }))
    }

    type WatchStream = Answers<v1::Job>;

    async fn watch(&self, _: Request<v1::WatchJobRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(Box::pin(tokio_stream::once(Ok(evil_job())))))
    }

    async fn cancel(&self, _: Request<v1::CancelJobRequest>) -> Result<Response<v1::Job>, Status> {
        refusal()
    }

    async fn failed_chunks(
        &self,
        _: Request<v1::FailedChunksRequest>,
    ) -> Result<Response<v1::FailedChunksResponse>, Status> {
        let failed = v1::FailedChunk { chunk: 0, first: 1, last: 10, number: 1, reason: evil() };
        Ok(Response::new(v1::FailedChunksResponse { failed: vec![failed] }))
    }

    async fn forget(&self, _: Request<v1::ForgetJobRequest>) -> Result<Response<v1::ForgetJobResponse>, Status> {
        refusal()
    }
}

#[tonic::async_trait]
impl workers_server::Workers for Liar {
    type JoinStream = Answers<v1::CoordinatorMessage>;

    async fn join(&self, _: Request<Streaming<v1::WorkerMessage>>) -> Result<Response<Self::JoinStream>, Status> {
        refusal()
    }

    type UploadStream = Answers<v1::BlockReceipt>;

    async fn upload(&self, _: Request<Streaming<v1::UploadBlock>>) -> Result<Response<Self::UploadStream>, Status> {
        refusal()
    }

    async fn list(&self, _: Request<v1::ListWorkersRequest>) -> Result<Response<v1::ListWorkersResponse>, Status> {
        let worker = v1::Worker {
            id: 1,
            name: evil(),
            host: evil(),
            address: evil(),
            program_version: evil(),
            ..Default::default()
        };
        Ok(Response::new(v1::ListWorkersResponse { workers: vec![worker] }))
    }

    async fn drain(&self, _: Request<v1::DrainWorkerRequest>) -> Result<Response<v1::DrainWorkerResponse>, Status> {
        refusal()
    }
}

/// Starts the liar; it lies for as long as the runtime lives.
fn liar(runtime: &Runtime) -> SocketAddr {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder()
        .add_service(jobs_server::JobsServer::new(Liar))
        .add_service(workers_server::WorkersServer::new(Liar));
    runtime.spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    address
}

#[test]
fn what_a_coordinator_says_is_shown_as_text() {
    let scene = Scene::new("a_coordinator_that_lies");
    let runtime = Runtime::new().unwrap();
    let address = liar(&runtime);
    for command in [
        "submit 1..=10",
        "run 1..=10",
        "job list",
        "job show 1",
        "job wait 1",
        "job results 1",
        "job cancel 1",
        "job forget 1",
        "worker list",
        "worker drain 1",
        "worker start",
    ] {
        assert_shows_plainly(command, &scene.swath(&format!("{command} -c {address}")).end());
    }
    let listed = scene.swath(&format!("worker list --output json -c {address}")).succeed().json();
    assert_eq!(listed[0]["name"], EVIL);
}

#[test]
fn what_an_access_file_says_is_shown_as_text() {
    let scene = Scene::new("an_access_file_that_lies");
    scene.swath("access create access --address 127.0.0.1:7171").succeed();
    let issued = scene.swath("access issue access --role client --file evil.toml").arg("--name").arg(EVIL).end();
    assert_harmless("access issue", &format!("{}{}", issued.stdout(), issued.stderr()));
    if issued.code() == Some(0) {
        assert_shows_plainly("access show", &scene.swath("access show evil.toml").succeed());
    }
}
