//! A coordinator, several worker processes, and clients that come and go.

use std::collections::BTreeMap;

use serde_json::json;
use swath_tests::{Rows, Scene, Signal, collatz, square, until};

/// Far more than is computed while a test runs.
const ENDLESS: &str = "1..=1e14 -k collatz";

#[test]
fn three_workers_compute_twenty_million_squares_exactly() {
    let scene = Scene::new("three_workers");
    let coordinator = scene.coordinator();
    let _one = coordinator.worker_with("one", "--threads 1");
    let _two = coordinator.worker_with("two", "--threads 2");
    let _ten = coordinator.worker_with("ten", "--threads 10");
    coordinator.swath("submit 1..=20000000 --wait").succeed();
    coordinator.save(1, "squares.parquet");

    let found = scene.python("squares.py", ["squares.parquet", "duckdb"]);
    let expected = json!({
        "rows": 20_000_000, "type": "BIGINT", "first": 1, "last": 20_000_000,
        "consecutive": true, "wrong": 0, "sum": "2666666866666670000000",
    });
    assert_eq!(found["duckdb"], expected);

    let job = coordinator.job(1);
    let numbers = |list: &[serde_json::Value]| -> BTreeMap<String, u64> {
        let entries = list.iter().map(|entry| (entry["name"].as_str().unwrap(), entry["numbers"].as_u64().unwrap()));
        entries.map(|(name, numbers)| (name.to_owned(), numbers)).collect()
    };
    let shares = numbers(job["workers"].as_array().unwrap());
    assert_eq!(shares.keys().collect::<Vec<_>>(), ["one", "ten", "two"]);
    assert!(shares.values().all(|share| *share > 0), "{shares:?}");
    assert_eq!(shares.values().sum::<u64>(), 20_000_000, "{shares:?}");
    let workers = coordinator.workers();
    assert_eq!(numbers(&workers), shares, "it was the only job");
    let threads: BTreeMap<_, _> =
        workers.iter().map(|worker| (worker["name"].as_str().unwrap(), worker["threads"].as_u64().unwrap())).collect();
    assert_eq!(threads, BTreeMap::from([("one", 1), ("ten", 10), ("two", 2)]));
}

#[test]
fn the_parts_of_a_job_are_a_dataset_as_they_lie() {
    let scene = Scene::new("the_parts_of_a_job");
    // Little memory, so that there are several parts.
    let coordinator = scene.coordinator_with("--memory 1MiB");
    let _worker = coordinator.worker("able");
    coordinator.swath("submit 1..=30000000 --wait").succeed();
    let job = coordinator.job(1);
    let folder = job["results_location"].as_str().unwrap();
    let parts = std::fs::read_dir(folder).unwrap().count();
    assert!(parts > 1, "{parts} parts in {folder}");

    let found = scene.python("squares.py", [folder]);
    for (reader, value_type) in [("duckdb", "BIGINT"), ("pyarrow", "int64"), ("polars", "Int64")] {
        let expected = json!({
            "rows": 30_000_000, "type": value_type, "first": 1, "last": 30_000_000,
            "consecutive": true, "wrong": 0, "sum": "9000000450000005000000",
        });
        assert_eq!(found[reader], expected, "read by {reader}");
    }
}

#[test]
fn the_place_of_the_parts_can_be_used_from_everywhere() {
    let scene = Scene::new("the_place_of_the_parts");
    let coordinator = scene.coordinator_with("--data here");
    let job = coordinator.submit("1..=5");
    let place = coordinator.job(job)["results_location"].as_str().unwrap().to_owned();
    assert_eq!(std::path::Path::new(&place), scene.path("here/jobs/1"));
}

#[test]
fn two_jobs_at_once_are_both_exact() {
    let scene = Scene::new("two_jobs_at_once");
    let coordinator = scene.coordinator();
    // Nobody works yet, so that neither has ended when the other begins.
    let squares = coordinator.submit("-1000000..=1000000");
    let steps = coordinator.submit("1..=1000000 -k collatz");
    let _one = coordinator.worker("one");
    let _two = coordinator.worker("two");
    coordinator.await_done(squares);
    coordinator.await_done(steps);
    coordinator.save(squares, "squares.csv");
    coordinator.save(steps, "steps.csv");
    Rows::open(&scene.path("squares.csv")).assert_are(-1_000_000..=1_000_000, square);
    Rows::open(&scene.path("steps.csv")).assert_are(1..=1_000_000, collatz);
}

#[test]
fn results_are_read_while_the_job_runs() {
    let scene = Scene::new("results_are_read_while_the_job_runs");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    let job = coordinator.submit(ENDLESS);
    let line =
        format!("set -o pipefail; $SWATH job results {job} -c {} | head -n 200000 > first.txt", coordinator.address());
    scene.bash(&line).succeed();
    assert_eq!(coordinator.job(job)["state"], "running");
    Rows::open(&scene.path("first.txt")).assert_are(1..=200_000, collatz);
}

#[test]
fn a_reader_may_wait_for_the_first_result() {
    let scene = Scene::new("a_reader_may_wait");
    let coordinator = scene.coordinator();
    let job = coordinator.submit("1..=300000");
    // Before anybody works; each reads all of it.
    let readers = ["a.csv", "b.csv"].map(|file| coordinator.swath(&format!("job results {job} --file {file}")).start());
    until("both are ready to write", || {
        readers.iter().all(|reader| !reader.open_files_in(&scene.path("")).is_empty()).then_some(())
    });
    let _worker = coordinator.worker("late");
    for reader in readers {
        reader.wait().assert_code(0);
    }
    for file in ["a.csv", "b.csv"] {
        Rows::open(&scene.path(file)).assert_are(1..=300_000, square);
    }
}

#[test]
fn a_worker_that_joins_later_gets_work() {
    let scene = Scene::new("a_worker_that_joins_later");
    let coordinator = scene.coordinator();
    let _first = coordinator.worker_with("first", "--threads 1");
    let job = coordinator.submit(ENDLESS);
    coordinator.await_midst(job, "first");
    let _second = coordinator.worker_with("second", "--threads 1");
    coordinator.await_midst(job, "second");
    coordinator.await_midst(job, "first");
}

#[test]
fn a_job_survives_a_worker_that_is_killed() {
    let scene = Scene::new("a_worker_that_is_killed");
    // Only the end of the connection can free the leases in time.
    let coordinator = scene.coordinator_with("--lease-timeout 1h");
    let victim = coordinator.worker_with("victim", "--threads 1");
    let _heir = coordinator.worker_with("heir", "--threads 1");
    let job = coordinator.submit("1..=16000000 -k collatz");
    // A worker that is stopped cannot finish what it holds, so what is seen then is what it dies with.
    loop {
        coordinator.await_midst(job, "victim");
        victim.freeze();
        let held = coordinator.find_worker("victim").unwrap();
        if held["leases"].as_u64() > Some(0) && held["leased_chunks"].as_u64() > Some(0) {
            break;
        }
        victim.thaw();
    }
    assert_eq!(coordinator.job(job)["state"], "running");
    victim.signal(Signal::KILL);
    assert_eq!(victim.wait().signal(), Some(9));
    until("the coordinator misses the worker", || coordinator.find_worker("victim").is_none().then_some(()));

    coordinator.await_done(job);
    assert!(coordinator.share(job, "heir") > 0);
    coordinator.save(job, "steps.csv");
    Rows::open(&scene.path("steps.csv")).assert_are(1..=16_000_000, collatz);
}

#[test]
fn a_job_survives_a_worker_that_is_silent() {
    let scene = Scene::new("a_worker_that_is_silent");
    let coordinator = scene.coordinator_with("--lease-timeout 1s");
    let sleeper = coordinator.worker_with("sleeper", "--threads 1");
    let _heir = coordinator.worker_with("heir", "--threads 1");
    let job = coordinator.submit("1..=16000000 -k collatz");
    loop {
        coordinator.await_midst(job, "sleeper");
        sleeper.freeze();
        if coordinator.find_worker("sleeper").unwrap()["leased_chunks"].as_u64() > Some(0) {
            break;
        }
        sleeper.thaw();
    }
    coordinator.await_done(job);
    // What it was about to deliver comes too late, and must not change anything.
    sleeper.thaw();
    until("the sleeper is heard again", || (coordinator.find_worker("sleeper")?["state"] == "active").then_some(()));
    coordinator.save(job, "steps.csv");
    Rows::open(&scene.path("steps.csv")).assert_are(1..=16_000_000, collatz);
    assert_eq!(coordinator.job(job)["committed_numbers"], 16_000_000);
}

#[test]
fn lists_have_their_columns_and_names() {
    let scene = Scene::new("lists_have_their_columns");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker_with("able", "--threads 2");
    coordinator.swath("submit 1..=1000 --wait").succeed();

    let columns =
        |said: &str| said.lines().next().map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    let workers = coordinator.swath("worker list").succeed();
    let expected = ["ID", "NAME", "HOST", "THREADS", "STATE", "LEASES", "CHUNKS", "NUMBERS", "JOINED"];
    assert_eq!(columns(workers.stdout()).unwrap(), expected);
    let row: Vec<_> = workers.stdout().lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!((row[0], row[1], row[3], row[4]), ("1", "able", "2", "active"));

    let jobs = coordinator.swath("job list").succeed();
    assert_eq!(columns(jobs.stdout()).unwrap(), ["ID", "KERNEL", "RANGE", "STATE", "DONE", "SUBMITTED", "TOOK"]);
    let row: Vec<_> = jobs.stdout().lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[..4], ["1", "square", "1..=1000", "done"]);

    let job = coordinator.swath("job show 1").succeed();
    let fields: Vec<_> = job.stdout().lines().filter_map(|line| line.split_whitespace().next()).collect();
    let expected =
        ["job", "kernel", "range", "columns", "state", "chunks", "done", "submitted", "ended", "results", "worker"];
    assert_eq!(fields, expected, "{}", job.stdout());
    assert!(job.stdout().contains("able: 1,000 numbers"), "{}", job.stdout());
}

#[test]
fn a_chunk_whose_workers_die_one_after_the_other_fails_its_job_and_is_named() {
    let scene = Scene::new("a_chunk_whose_workers_die");
    // Only a closed connection tells that a worker is gone.
    let coordinator = scene.coordinator_with("--lease-timeout 1h");
    let job = coordinator.submit("1000000000000..=1000090000000 -k collatz --chunk-size 100000000 --crash-limit 2");
    // The first may have died of something else; two more of this chunk alone may not.
    for name in ["first", "second", "third"] {
        assert_eq!(coordinator.job(job)["state"], "running");
        let worker = coordinator.worker_with(name, "--threads 1");
        until("it holds the chunk", || (coordinator.find_worker(name)?["leases"] != 0).then_some(()));
        worker.signal(Signal::KILL);
        assert_eq!(worker.wait().signal(), Some(9));
        until("that is known", || coordinator.find_worker(name).is_none().then_some(()));
    }
    let failed = coordinator.swath(&format!("job wait {job}")).end().assert_code(1);
    let said = failed.stderr();
    assert!(said.contains("1000000000000") && said.contains("crashed"), "{said}");
}
