//! A coordinator that sends clients what is no block.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use swath_block::BlockEncoder;
use swath_evaluation::{Evaluation, Stop};
use swath_model::{Covers, JobRequest, Numbers, Range};
use swath_proto::{
    codec,
    v1::{
        self,
        jobs_server::{Jobs, JobsServer},
        results_server::{Results, ResultsServer},
    },
};
use swath_tests::{Rows, Scene, square};
use tokio::{net::TcpListener, runtime::Runtime};
use tokio_stream::{Stream, wrappers::TcpListenerStream};
use tonic::{Request, Response, Status, transport::Server};

use crate::{bottomless, digest, squares, with_footer};

const NUMBERS: i64 = 1000;

type Answer<T> = Result<Response<T>, Status>;
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn layout() -> v1::Layout {
    v1::Layout { shape: v1::Shape::Dense.into(), columns: "value int64".to_owned() }
}

/// A block, the first number that it covers, and how many it covers.
type Sent = (i64, i64, Vec<u8>);

/// Has one job, which is done, and these blocks for it: one for each time that it is read, the last one again and
/// again.
#[derive(Clone)]
struct Liar {
    reductions: String,
    layout: v1::Layout,
    blocks: Arc<Vec<Sent>>,
    /// Where each read began.
    begun: Arc<Mutex<Vec<Option<i64>>>>,
    reads: Arc<AtomicUsize>,
    rechecks: Arc<AtomicUsize>,
}

#[tonic::async_trait]
impl Jobs for Liar {
    type WatchStream = Answers<v1::Job>;

    async fn get(&self, _: Request<v1::GetJobRequest>) -> Answer<v1::Job> {
        let spec = v1::JobSpec {
            kernel: "square".to_owned(),
            first: 1,
            last: NUMBERS,
            chunk_size: 1000,
            reductions: self.reductions.clone(),
            ..v1::JobSpec::default()
        };
        Ok(Response::new(v1::Job {
            id: 1,
            spec: Some(spec),
            layout: Some(self.layout.clone()),
            kernel_layout: Some(layout()),
            state: v1::JobState::Done.into(),
            chunks: 1,
            committed_chunks: 1,
            numbers: NUMBERS as u64,
            committed_numbers: NUMBERS as u64,
            ended_at_ms: Some(0),
            ..v1::Job::default()
        }))
    }

    async fn submit(&self, _: Request<v1::SubmitRequest>) -> Answer<v1::Job> {
        Err(Status::unimplemented(""))
    }

    async fn list(&self, _: Request<v1::ListJobsRequest>) -> Answer<v1::ListJobsResponse> {
        Err(Status::unimplemented(""))
    }

    async fn watch(&self, _: Request<v1::WatchJobRequest>) -> Answer<Self::WatchStream> {
        Err(Status::unimplemented(""))
    }

    async fn cancel(&self, _: Request<v1::CancelJobRequest>) -> Answer<v1::Job> {
        Err(Status::unimplemented(""))
    }

    async fn failed_chunks(&self, _: Request<v1::FailedChunksRequest>) -> Answer<v1::FailedChunksResponse> {
        Err(Status::unimplemented(""))
    }

    async fn forget(&self, _: Request<v1::ForgetJobRequest>) -> Answer<v1::ForgetJobResponse> {
        Err(Status::unimplemented(""))
    }
}

#[tonic::async_trait]
impl Results for Liar {
    type ReadStream = Answers<v1::ResultBlock>;

    async fn read(&self, request: Request<v1::ReadRequest>) -> Answer<Self::ReadStream> {
        let read = self.reads.fetch_add(1, Ordering::Relaxed);
        self.begun.lock().unwrap().push(request.into_inner().first);
        let (first, numbers, block) = self.blocks[read.min(self.blocks.len() - 1)].clone();
        let digest = digest(&block);
        let block = v1::ResultBlock {
            first,
            numbers: numbers as u64,
            parquet: block.into(),
            digest,
            ..v1::ResultBlock::default()
        };
        Ok(Response::new(Box::pin(tokio_stream::once(Ok(block)))))
    }

    async fn recheck(&self, _: Request<v1::RecheckRequest>) -> Answer<v1::RecheckResponse> {
        self.rechecks.fetch_add(1, Ordering::Relaxed);
        Ok(Response::new(v1::RecheckResponse { verdict: v1::recheck_response::Verdict::Good.into() }))
    }
}

/// What a client gets that reads these blocks into a file: its exit code, what it said, and how often it complained.
fn read(scene: &Scene, blocks: &[Vec<u8>], file: &str) -> (Option<i32>, String, usize) {
    let liar = Liar {
        reductions: String::new(),
        layout: layout(),
        blocks: Arc::new(blocks.iter().map(|block| (1, NUMBERS, block.clone())).collect()),
        begun: Arc::default(),
        reads: Arc::default(),
        rechecks: Arc::default(),
    };
    read_of(scene, &liar, file)
}

fn read_of(scene: &Scene, liar: &Liar, file: &str) -> (Option<i32>, String, usize) {
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let server =
        Server::builder().add_service(JobsServer::new(liar.clone())).add_service(ResultsServer::new(liar.clone()));
    let serving = runtime.spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let ended = scene.swath(&format!("job results 1 --coordinator {address} --file {file}")).end();
    serving.abort();
    (ended.code(), ended.stderr().to_owned(), liar.rechecks.load(Ordering::Relaxed))
}

#[test]
fn a_client_reads_again_what_came_damaged_and_gives_up_in_a_sentence() {
    let scene = Scene::new("liar");
    let good = squares(1, NUMBERS);
    let nested = with_footer(&good, &bottomless(13_000));
    let other = squares(2, NUMBERS);
    let mut values = good.clone();
    // Within the page of the numbers, which has a header of some twenty bytes.
    values[30..60].fill(0xFF);
    for (name, bad) in [("nested", nested), ("other", other), ("values", values)] {
        for ending in ["csv", "parquet", "arrow", "npy"] {
            let file = format!("{name}.{ending}");
            // What is copied is not looked at page by page: its digest is right, and it was looked at when it was taken
            // in.
            if (name, ending) == ("values", "parquet") {
                continue;
            }
            let (code, said, complaints) = read(&scene, std::slice::from_ref(&bad), &file);
            assert_eq!(code, Some(1), "{file}: {said}");
            assert!(said.contains("the block that begins at 1 was damaged each of the 3 times"), "{file}: {said}");
            assert_eq!((complaints, scene.path(&file).exists()), (2, false), "{file}");
        }
        let (code, said, complaints) = read(&scene, &[bad, good.clone()], "mended.csv");
        assert_eq!((code, complaints), (Some(0), 1), "{said}");
        Rows::open(&scene.path("mended.csv")).assert_are(1..=NUMBERS, square);
    }
}

/// The partial sum of the squares of these numbers.
fn partial_sum(evaluation: &Evaluation, first: i64, last: i64) -> Sent {
    let mut accumulator = evaluation.reductions().unwrap().accumulator();
    evaluation.reduce(first..=last, &mut evaluation.buffers(&Stop::default()), &mut accumulator).unwrap();
    let partial = accumulator.partial().unwrap();
    let covers = Covers { first, numbers: (last - first + 1) as u64 };
    let mut encoder = BlockEncoder::new(evaluation.layout(), first).unwrap();
    encoder.push(Numbers::Consecutive { first, rows: 1 }, partial.columns()).unwrap();
    (first, last - first + 1, encoder.finish_with_digest(covers).unwrap().0.to_vec())
}

/// After a coordinator was restarted, what was not committed is computed again in other blocks. Those of reductions
/// cannot be cut.
#[test]
fn a_client_begins_again_where_blocks_of_reductions_do_not_go_on() {
    let scene = Scene::new("liar_reduced");
    let request = JobRequest {
        reductions: Some("sum,count".to_owned()),
        ..JobRequest::new("square", Range::new(1, NUMBERS).unwrap())
    };
    let evaluation = Evaluation::bind(&request).unwrap();
    let liar = Liar {
        reductions: "sum,count".to_owned(),
        layout: codec::layout_to_proto(evaluation.layout()),
        // The stream ends after each block. The second one does not begin where the first one has ended.
        blocks: Arc::new(vec![
            partial_sum(&evaluation, 1, 600),
            partial_sum(&evaluation, 401, 800),
            partial_sum(&evaluation, 1, 400),
            partial_sum(&evaluation, 401, 800),
            partial_sum(&evaluation, 801, NUMBERS),
        ]),
        begun: Arc::default(),
        reads: Arc::default(),
        rechecks: Arc::default(),
    };
    let (code, said, complaints) = read_of(&scene, &liar, "sum.csv");
    assert_eq!((code, complaints), (Some(0), 0), "{said}");
    assert_eq!(*liar.begun.lock().unwrap(), [1, 601, 1, 401, 801].map(Some));
    let sum: i64 = (1..=NUMBERS).map(|n| n * n).sum();
    assert_eq!(std::fs::read_to_string(scene.path("sum.csv")).unwrap(), format!("sum,count\n{sum},{NUMBERS}\n"));
}
