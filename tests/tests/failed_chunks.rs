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
    let failed = job["failures"].as_array().unwrap();
    let bounds: Vec<_> = failed.iter().map(|chunk| (chunk["first"].as_i64(), chunk["number"].as_i64())).collect();
    assert_eq!(bounds, [(Some(-9), Some(-9)), (Some(-5), Some(-5)), (Some(-1), Some(-1))]);

    for file in ["rest.csv", "rest.jsonl"] {
        let saved = coordinator.swath(&format!("job results 1 --file {file}")).end().assert_code(1);
        assert!(saved.stderr().contains("12 of 50 numbers failed"), "{}", saved.stderr());
        Rows::open(&scene.path(file)).assert_are(3..=40, isqrt);
    }
    for target in ["--file rest.npy", "--file rest.txt", "--format text"] {
        let refused = coordinator.swath(&format!("job results 1 {target}")).end();
        assert_eq!(refused.stdout(), "", "{target}");
        let said = refused.assert_refused(1);
        assert!(said.contains("12 numbers have no result") && said.contains(".csv"), "{said}");
    }
    assert_eq!(scene.files(), ["data", "rest.csv", "rest.jsonl"]);
}

#[test]
fn other_peoples_readers_see_only_what_there_is() {
    let scene = Scene::new("failed_chunks_and_readers");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    coordinator.swath(&format!("submit {JOB} --wait")).end().assert_code(1);
    let flight = scene.python("flight.py", [coordinator.address(), "values", "1"]);
    assert_eq!(flight["value"].as_array().unwrap().len(), 38, "{flight}");
    assert_eq!(flight["n"], json!((3..=40).collect::<Vec<_>>()));
    // Nobody could see which rows are not there.
    let values = scene.python("flight.py", [coordinator.address(), "values", r#"{"job": 1, "column": "value"}"#]);
    assert!(values["message"].as_str().is_some_and(|said| said.contains("-9 has no result")), "{values}");
    let rest =
        scene.python("flight.py", [coordinator.address(), "values", r#"{"job": 1, "column": "value", "first": 3}"#]);
    assert_eq!(rest["value"].as_array().unwrap().len(), 38, "{rest}");
    let described = scene.python("flight.py", [coordinator.address(), "info", "1"]);
    assert_eq!(described["total_records"], -1, "how many rows there will be cannot be known before the end");
    coordinator.swath("job results 1 --file rest.parquet").end().assert_code(1);
    for reader in ["pyarrow", "polars", "duckdb"] {
        let rows = scene.python("rows.py", [reader, "rest.parquet"]);
        assert_eq!(rows["n"], json!((3..=40).collect::<Vec<_>>()), "{reader}: {rows}");
    }
}

#[test]
fn failed_chunks_are_known_to_the_next_coordinator() {
    let scene = Scene::new("failed_chunks_and_restarts");
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
    let scene = Scene::new("a_run_with_failed_chunks");
    let ran = scene.swath(&format!("run {JOB} --file rest.csv")).end().assert_code(1);
    assert!(ran.stderr().contains("12 of 50 numbers failed"), "{}", ran.stderr());
    assert!(ran.stderr().contains("-9..=-6: failed at -9"), "{}", ran.stderr());
    Rows::open(&scene.path("rest.csv")).assert_are(3..=40, isqrt);
    let refused = scene.swath(&format!("run {JOB} --file rest.npy")).end().assert_refused(2);
    assert!(refused.contains("--keep-going"), "{refused}");
}

#[test]
fn text_ends_at_the_first_number_without_a_result() {
    let scene = Scene::new("text_with_failed_chunks");
    // 1 to 26 take at most 10 steps, and 27 takes 111.
    let job = "1..=1000000 -k collatz -p max-steps=100 --chunk-size 26 --keep-going --max-retries 0";
    let ended = scene.swath(&format!("run {job}")).end();
    let lines = ended.stdout().lines().count();
    assert!(lines < 27, "{lines} lines");
    let said = ended.assert_refused(1);
    assert!(said.contains("27 has no result") && said.contains(".csv"), "{said}");
    let said = scene.swath(&format!("run {job} -o x.txt")).end().assert_refused(1);
    assert!(said.contains("27 has no result"), "{said}");
    assert_eq!(scene.files(), [] as [&str; 0]);
    // What is whole is written, whatever might have been missing.
    let whole = scene.swath("run 1..=3 -k collatz --keep-going").succeed();
    assert_eq!(whole.stdout(), "0\n1\n7\n");
}

#[test]
fn a_part_of_a_job_is_no_text() {
    let scene = Scene::new("partial_text");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    let job = coordinator.submit("1..=1e14 -k collatz");
    until("some is committed", || (coordinator.job(job)["committed_numbers"] != 0).then_some(()));
    coordinator.swath(&format!("job cancel {job}")).succeed();
    let said = coordinator.swath(&format!("job results {job} --partial -o x.txt")).end().assert_refused(1);
    assert!(said.contains("numbers have no result"), "{said}");
    coordinator.swath(&format!("job results {job} --partial -o x.parquet")).succeed();
}

#[test]
fn a_chunk_that_kills_its_workers_is_left_out_too() {
    let scene = Scene::new("failed_chunks_of_crashes");
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
