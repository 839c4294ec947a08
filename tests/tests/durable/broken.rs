//! Jobs that fail or are cancelled: what was delivered of them is there, for who wants a part.

use std::fs;

use swath_client::{Client, ClientError};
use swath_tests::{Coordinator, Rows, Scene, collatz, fill, fill_up, until};

/// The numbers that workers have delivered of a job.
fn delivered(coordinator: &Coordinator<'_>, job: u64) -> u64 {
    let job = coordinator.job(job);
    job["workers"].as_array().unwrap().iter().map(|share| share["numbers"].as_u64().unwrap()).sum()
}

/// How many rows there are of a job that broke, each of which must be right.
fn count_rows(scene: &Scene, coordinator: &Coordinator<'_>, job: u64, oracle: impl Fn(i64) -> i128) -> u64 {
    coordinator.swath(&format!("job results {job} --partial --file there.csv")).succeed();
    let mut rows = 0;
    for (n, value) in Rows::open(&scene.path("there.csv")) {
        assert_eq!(value, oracle(n.unwrap()).to_string());
        rows += 1;
    }
    rows
}

/// Who wants all results of this job gets this exit code, and not one byte.
fn assert_nothing_of_all(scene: &Scene, coordinator: &Coordinator<'_>, job: u64, code: i32) {
    let results = format!("job results {job} --format csv");
    let said = coordinator.swath(&results).end().assert_code(code);
    assert_eq!(said.stdout(), "");
    coordinator.swath(&format!("{results} --file all.csv")).end().assert_refused(code);
    assert!(!scene.path("all.csv").exists());
    fs::write(scene.path("kept.csv"), "mine").unwrap();
    coordinator.swath(&format!("{results} --file kept.csv")).end().assert_refused(code);
    assert_eq!(fs::read(scene.path("kept.csv")).unwrap(), b"mine");

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let refused = runtime.block_on(async {
        let client = Client::connect(coordinator.address()).await.unwrap();
        let job = client.job(job).await.unwrap();
        client.results(&job).await.map(drop).unwrap_err()
    });
    match code {
        4 => assert!(matches!(refused, ClientError::JobCancelled { .. }), "{refused:?}"),
        _ => assert!(matches!(refused, ClientError::JobFailed { .. }), "{refused:?}"),
    }
}

#[test]
fn what_was_delivered_of_a_cancelled_job_is_there() {
    let scene = Scene::new("delivered_then_cancelled");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    let job = coordinator.submit("1..=1e13 -k collatz");
    let before = until("some of it is delivered", || Some(delivered(&coordinator, job)).filter(|&numbers| numbers > 0));
    coordinator.swath(&format!("job cancel {job}")).succeed();
    let shown = coordinator.job(job);
    assert_eq!(shown["state"], "cancelled");
    let after = delivered(&coordinator, job);
    let rows = count_rows(&scene, &coordinator, job, |n| collatz(n).into());
    assert!(rows >= after && after >= before, "{rows} rows of {after} numbers that were delivered, {before} before");
    // Those of chunks of which only a piece came are not counted as committed.
    let committed = shown["committed_numbers"].as_u64().unwrap();
    assert!(committed > 0 && committed <= rows, "{committed} committed, {rows} rows");
    assert_nothing_of_all(&scene, &coordinator, job, 4);
}

#[test]
fn what_was_delivered_of_a_failed_job_is_there() {
    let scene = Scene::new("delivered_then_failed");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker_with("able", "--threads 1");
    // The first number that takes more steps is 837_799.
    let range = "1..=1_000_000 -k collatz --param max-steps=520 --chunk-size 10000";
    let ended = coordinator.swath(&format!("submit {range} --wait --output json")).end().assert_code(1).json();
    let job = ended["id"].as_u64().unwrap();
    assert_eq!(ended["state"], "failed", "{ended:#}");
    let before = delivered(&coordinator, job);
    assert!(before > 0);
    let rows = count_rows(&scene, &coordinator, job, |n| collatz(n).into());
    assert!(rows >= before, "{rows} rows of {before} numbers that were delivered");
    assert_nothing_of_all(&scene, &coordinator, job, 1);
}

#[test]
fn of_a_job_whose_results_were_dropped_that_is_said() {
    let scene = Scene::new("delivered_then_dropped");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    let job = coordinator.submit("1..=1e13 -k collatz");
    until("some of it is delivered", || Some(delivered(&coordinator, job)).filter(|&numbers| numbers > 0));
    coordinator.swath(&format!("job cancel {job} --drop-results")).succeed();
    assert_nothing_of_all(&scene, &coordinator, job, 4);
    let said = coordinator.swath(&format!("job results {job}")).end().assert_refused(4);
    assert!(said.contains("its results were dropped"), "{said}");
    let said = coordinator.swath(&format!("job results {job} --partial")).end().assert_refused(4);
    assert!(said.contains("were dropped"), "{said}");
}

#[test]
fn a_job_is_cancelled_on_a_full_disk_too() {
    let scene = Scene::new("cancelled_on_a_full_disk");
    let coordinator = scene.coordinator_on_a_small_disk(16 << 20, "");
    let _worker = coordinator.worker("able");
    let filler = coordinator.path("data/filler");
    fill(&filler);
    // Its place is in what is kept for that.
    let job = {
        fs::File::options().write(true).open(&filler).unwrap().set_len(8 << 20).unwrap();
        coordinator.submit("1..=1e13 -k collatz")
    };
    fill(&filler);
    until("the job is paused", || coordinator.job(job)["paused"].as_str().map(str::to_owned));
    // What a failed part had taken is free again, until it is taken here too.
    fill_up(coordinator.process(), &coordinator.path(&format!("data/jobs/{job}")), &filler);
    coordinator.swath(&format!("job cancel {job}")).succeed();
    assert_eq!(coordinator.job(job)["state"], "cancelled");
    let said = coordinator.process().stderr();
    assert!(said.contains("numbers that were delivered are lost: cannot write part"), "{said}");
    fs::remove_file(&filler).unwrap();
    coordinator.swath(&format!("job forget {job}")).succeed();
    coordinator.swath("submit 1..=1000 --wait").succeed();
}
