//! Jobs that go on without what fails.

use serde_json::json;
use swath_tests::{Rows, Scene, Signal, isqrt, until};

/// Of -9 to 40 in chunks of 4, the three chunks up to 2 hold a negative number.
const JOB: &str = "-9..=40 -k isqrt --chunk-size 4 --keep-going --max-retries 1";

#[test]
fn a_job_that_keeps_going_is_done_without_what_fails_and_says_what_that_is() {
    let scene = Scene::new("a_job_that_keeps_going");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    let waited = coordinator.swath(&format!("submit {JOB} --wait")).end().assert_code(1);
    assert!(waited.stdout().contains("done, 12 of 50 numbers failed"), "{}", waited.stdout());
    assert!(waited.stdout().contains("-9..=-6: failed at -9: a negative number"), "{}", waited.stdout());
    let job = coordinator.job(1);
    assert_eq!((&job["state"], &job["keep_going"]), (&json!("done"), &json!(true)));
    assert_eq!((&job["failed_chunks"], &job["failed_numbers"]), (&json!(3), &json!(12)));
    assert_eq!((&job["committed_numbers"], &job["frontier"]), (&json!(38), &json!(null)));
    let holes = job["failures"].as_array().unwrap();
    let bounds: Vec<_> = holes.iter().map(|hole| (hole["first"].as_i64(), hole["number"].as_i64())).collect();
    assert_eq!(bounds, [(Some(-9), Some(-9)), (Some(-5), Some(-5)), (Some(-1), Some(-1))]);

    for file in ["rest.csv", "rest.jsonl", "rest.txt"] {
        let saved = coordinator.swath(&format!("job results 1 --file {file}")).end().assert_code(1);
        assert!(saved.stderr().contains("12 of 50 numbers failed"), "{}", saved.stderr());
        Rows::open(&scene.path(file)).assert_are(3..=40, isqrt);
    }
    let refused = coordinator.swath("job results 1 --file rest.npy").end().assert_refused(1);
    assert!(refused.contains("12 numbers have no result"), "{refused}");
    assert!(!scene.path("rest.npy").exists());
}

#[test]
fn other_peoples_readers_see_only_what_there_is() {
    let scene = Scene::new("holes_and_readers");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    coordinator.swath(&format!("submit {JOB} --wait")).end().assert_code(1);
    let flight = scene.python("flight.py", [coordinator.address(), "values", "1"]);
    assert_eq!(flight["value"].as_array().unwrap().len(), 38, "{flight}");
    let described = scene.python("flight.py", [coordinator.address(), "info", "1"]);
    assert_eq!(described["total_records"], -1, "how many rows there will be cannot be known before the end");
    coordinator.swath("job results 1 --file rest.parquet").end().assert_code(1);
    for reader in ["pyarrow", "polars", "duckdb"] {
        let rows = scene.python("rows.py", [reader, "rest.parquet"]);
        assert_eq!(rows["n"], json!((3..=40).collect::<Vec<_>>()), "{reader}: {rows}");
    }
}

#[test]
fn what_was_given_up_is_known_to_the_next_coordinator() {
    let scene = Scene::new("holes_and_restarts");
    let coordinator = scene.coordinator();
    let worker = coordinator.worker("able");
    coordinator.swath(&format!("submit {JOB} --wait")).end().assert_code(1);
    let before = coordinator.job(1);
    assert_eq!(coordinator.stop(Signal::KILL).signal(), Some(9));
    drop(worker);

    // Nobody is there to compute anything: all is known already.
    let coordinator = scene.coordinator();
    assert_eq!(coordinator.job(1), before);
    coordinator.swath("job results 1 --file rest.csv").end().assert_code(1);
    Rows::open(&scene.path("rest.csv")).assert_are(3..=40, isqrt);
    coordinator.swath("job forget 1").succeed();
}

#[test]
fn a_run_says_what_has_no_result() {
    let scene = Scene::new("a_run_with_holes");
    let ran = scene.swath(&format!("run {JOB} --file rest.csv")).end().assert_code(1);
    assert!(ran.stderr().contains("12 of 50 numbers failed"), "{}", ran.stderr());
    assert!(ran.stderr().contains("-9..=-6: failed at -9"), "{}", ran.stderr());
    Rows::open(&scene.path("rest.csv")).assert_are(3..=40, isqrt);
    let refused = scene.swath(&format!("run {JOB} --file rest.npy")).end().assert_refused(2);
    assert!(refused.contains("--keep-going"), "{refused}");
}

#[test]
fn a_chunk_that_kills_its_workers_is_left_out_too() {
    let scene = Scene::new("holes_of_crashes");
    let coordinator = scene.coordinator();
    // Two chunks of minutes, and nobody lives that long.
    let job = coordinator.submit("1..=1e10 -k collatz --chunk-size 5000000000 --keep-going --crash-limit 1");
    for victim in 1.. {
        let name = format!("victim-{victim}");
        let worker = coordinator.worker_with(&name, "--threads 1");
        let is_over = until("it computes, or nothing is left", || {
            let computes = coordinator.find_worker(&name)?["leases"] != 0;
            (computes || coordinator.has_ended(job)).then(|| coordinator.has_ended(job))
        });
        if is_over {
            break;
        }
        worker.signal(Signal::KILL);
        worker.wait();
        until("it is missed", || coordinator.find_worker(&name).is_none().then_some(()));
    }
    let job = coordinator.job(job);
    assert_eq!((&job["state"], &job["failed_chunks"]), (&json!("done"), &json!(2)), "{job:#}");
    let reason = job["failures"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("1 worker crashed while it computed this chunk alone"), "{reason}");
}
