//! Readers by the hundred that stop reading.

use arrow_flight::{FlightData, Ticket, flight_service_client::FlightServiceClient};
use serde_json::json;
use swath_proto::v1::{self, results_client::ResultsClient};
use swath_tests::{Coordinator, Rows, Scene, square, until};
use tokio::runtime::Runtime;
use tonic::{
    Streaming,
    transport::{Channel, Endpoint},
};

/// Squares of decimals: a block of them is more than 8 MiB as it is, and 24 MiB decoded.
const FIRST: i64 = 4_000_000_000_000_000_000;
const LAST: i64 = FIRST + 4_999_999;

/// With a budget that two of these streams fill.
const ARGUMENTS: &str = "--memory 8MiB --reader-memory 32MiB --reader-timeout 1s";

const CONNECTIONS: usize = 2;
const STREAMS: usize = 200;

/// Without a budget they would make the coordinator hold many times this.
const MUCH: u64 = 160 << 20;

/// Connections whose streams get little on the way, and all of them at once.
fn connections(coordinator: &Coordinator<'_>) -> Vec<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{}", coordinator.address())).unwrap();
    let endpoint = endpoint.initial_stream_window_size(64 << 10).initial_connection_window_size(1 << 30);
    (0..CONNECTIONS).map(|_| endpoint.connect_lazy()).collect()
}

/// Opens all streams, and checks that they do no harm while they stand still.
fn assert_do_no_harm<T>(name: &str, open: impl AsyncFn(Channel) -> Streaming<T>) {
    let scene = Scene::new(name);
    let coordinator = scene.coordinator_with(ARGUMENTS);
    let _worker = coordinator.worker("able");
    coordinator.swath(&format!("submit {FIRST}..={LAST} --wait")).succeed();
    let runtime = Runtime::new().unwrap();
    let streams = runtime.block_on(async {
        let mut streams = Vec::new();
        for connection in connections(&coordinator) {
            for _ in 0..STREAMS {
                streams.push(open(connection.clone()).await);
            }
        }
        streams
    });
    coordinator.swath("job results 1 -o read.csv").succeed();
    Rows::open(&scene.path("read.csv")).assert_are(FIRST..=LAST, square);
    let summary =
        scene.python("flight.py", [coordinator.address(), "values", r#"{"job": 1, "last": 4000000000000000001}"#]);
    assert_eq!(summary["n"], json!([FIRST, FIRST + 1]), "{summary}");
    // It was they that others had to wait for.
    until("one was cut off", || {
        coordinator.process().stderr().contains("a reader took nothing for 1s while others waited").then_some(())
    });
    let peak = coordinator.process().peak_memory();
    assert!(peak < MUCH, "it had {peak} bytes of memory");
    drop(streams);
}

#[test]
fn hundreds_of_flights_that_stand_still_are_within_the_memory_for_readers() {
    assert_do_no_harm("hundreds_of_flights", async |connection| {
        let mut client = FlightServiceClient::new(connection);
        let mut stream = client.do_get(Ticket { ticket: "1".into() }).await.unwrap().into_inner();
        let _schema: FlightData = stream.message().await.unwrap().expect("the schema");
        stream
    });
}

#[test]
fn hundreds_of_reads_that_stand_still_are_within_the_memory_for_readers() {
    assert_do_no_harm("hundreds_of_reads", async |connection| {
        let mut client = ResultsClient::new(connection);
        let request = v1::ReadRequest { job_id: 1, ..v1::ReadRequest::default() };
        client.read(request).await.unwrap().into_inner()
    });
}
