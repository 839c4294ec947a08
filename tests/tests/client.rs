//! The Rust client library against real processes.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use arrow_array::{ArrayRef, cast::AsArray, types};
use swath_client::{Client, ClientError, JobRequest};
use swath_tests::{Scene, is_prime, square};

/// Submits a job and collects its values.
fn collect(address: &str, spec: JobRequest) -> Result<ArrayRef, ClientError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = Client::connect(address).await?;
        let job = client.submit(spec).await?;
        client.results(&job).await?.collect().await
    })
}

#[test]
fn all_values_of_a_job_come_as_one_array() {
    let scene = Scene::new("collect");
    let coordinator = scene.coordinator();
    let _workers = ["one", "two"].map(|name| coordinator.worker_with(name, "--threads 1"));
    let collect = |kernel: &str, range: &str| {
        collect(coordinator.address(), JobRequest::new(kernel, range.parse().unwrap())).unwrap()
    };

    let squares = collect("square", "-1_500_000..=1_500_000");
    let values = squares.as_primitive::<types::Int64Type>().values();
    assert_eq!(values.len(), 3_000_001);
    assert!((-1_500_000..=1_500_000).zip(values).all(|(n, &value)| square(n) == value.into()));

    let large = collect("square", "9_000_000_000..=9_000_099_999");
    let values = large.as_primitive::<types::Decimal128Type>().values();
    assert_eq!(values.len(), 100_000);
    assert!((9_000_000_000..).zip(values).all(|(n, &value)| square(n) == value));

    let primes = collect("is-prime", "1..=100_000");
    let values = primes.as_boolean();
    assert_eq!(values.len(), 100_000);
    assert!((1..).zip(values).all(|(n, value)| Some(is_prime(n)) == value));
}

#[test]
fn an_array_does_not_hide_that_numbers_have_no_result() {
    let scene = Scene::new("collect_with_failed_chunks");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    let mut spec = JobRequest::new("isqrt", "-5..=100".parse().unwrap());
    spec.keep_going = true;
    let error = collect(coordinator.address(), spec).unwrap_err().to_string();
    assert!(error.contains("no result"), "{error}");
}

#[test]
fn what_was_taken_block_by_block_is_not_collected_again() {
    let scene = Scene::new("collect_the_rest");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let rest = runtime.block_on(async {
        let client = Client::connect(coordinator.address()).await.unwrap();
        let job = client.submit(JobRequest::new("square", "1..=1000".parse().unwrap())).await.unwrap();
        let mut results = client.results(&job).await.unwrap();
        while results.next().await.unwrap().is_some() {}
        results.collect().await.unwrap()
    });
    assert!(rest.is_empty());
}
