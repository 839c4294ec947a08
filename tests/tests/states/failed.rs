//! Jobs that are done although numbers failed.

use serde_json::json;
use swath_tests::{Coordinator, Rows, Scene, isqrt};

/// Of -9 to 40 in chunks of 4, the three chunks up to 2 hold a negative number.
const SOME_FAIL: &str = "-9..=40 -k isqrt --chunk-size 4 --keep-going --max-retries 0";
/// No number has a square root.
const ALL_FAIL: &str = "-100..=-1 -k isqrt --chunk-size 10 --keep-going --max-retries 0";
const REASON: &str = "-9..=-6: failed at -9: a negative number has no real square root";

fn assert_fails(ended: swath_tests::Ended, sentence: &str) {
    let ended = ended.assert_code(1);
    assert_eq!(ended.stderr().lines().last(), Some(sentence), "{}", ended.stderr());
}

#[test]
fn every_command_says_that_some_numbers_failed_and_exits_with_1() {
    let scene = Scene::new("some_numbers_failed");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    let waited = coordinator.swath(&format!("submit {SOME_FAIL} --wait")).end();
    for row in [
        "state      done, 12 of 50 numbers failed",
        "chunks     10 of 13 committed, 3 failed, up to 4 numbers each",
        "done       100.0 % (38 numbers committed, 12 failed)",
        "failed     -9..=-6: failed at -9: a negative number",
    ] {
        assert!(waited.stdout().contains(row), "`{row}` in\n{}", waited.stdout());
    }
    assert_fails(waited, "swath: job 1 is done, but 12 of 50 numbers failed");
    assert_fails(coordinator.swath("job wait 1").end(), "swath: job 1 is done, but 12 of 50 numbers failed");

    for file in ["rest.csv", "rest.jsonl"] {
        let saved = coordinator.swath(&format!("job results 1 -o {file}")).end();
        assert!(saved.stderr().contains("38 numbers in") && saved.stderr().contains(REASON), "{}", saved.stderr());
        assert_fails(saved, "swath: 12 of 50 numbers failed");
        Rows::open(&scene.path(file)).assert_are(3..=40, isqrt);
    }
    // Nothing is wrong with asking.
    let shown = coordinator.swath("job show 1").succeed();
    assert!(shown.stdout().contains("done, 12 of 50 numbers failed"), "{}", shown.stdout());
    let listed = coordinator.swath("job list").succeed();
    assert!(listed.stdout().contains("done, 12 of 50 numbers failed  100.0 %"), "{}", listed.stdout());
}

#[test]
fn a_run_keeps_the_file_and_exits_with_1() {
    let scene = Scene::new("a_run_with_failures");
    let ran = scene.swath(&format!("run {SOME_FAIL} -o rest.csv")).end();
    assert!(ran.stderr().contains(REASON), "{}", ran.stderr());
    assert_fails(ran, "swath: 12 of 50 numbers failed");
    Rows::open(&scene.path("rest.csv")).assert_are(3..=40, isqrt);
    let ran = scene.swath("run 1..=5 -k isqrt --keep-going -o whole.csv").succeed();
    assert!(!ran.stderr().contains("failed"), "{}", ran.stderr());
}

#[test]
fn a_job_of_which_all_failed_is_no_success() {
    let scene = Scene::new("all_numbers_failed");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    let waited = coordinator.swath(&format!("submit {ALL_FAIL} --wait")).end();
    assert!(waited.stdout().contains("done, 100 of 100 numbers failed"), "{}", waited.stdout());
    assert!(waited.stdout().contains("100.0 % (0 numbers committed, 100 failed)"), "{}", waited.stdout());
    assert_fails(waited, "swath: job 1 is done, but 100 of 100 numbers failed");
    assert_fails(scene.swath(&format!("run {ALL_FAIL} -o none.csv")).end(), "swath: 100 of 100 numbers failed");
}

#[test]
fn programs_are_told_the_same() {
    let scene = Scene::new("failed_numbers_in_json");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    let waited = coordinator.swath(&format!("submit {SOME_FAIL} --wait --output json")).end().assert_code(1).json();
    let shown = coordinator.job(1);
    assert_eq!(waited, shown);
    let listed = coordinator.jobs().remove(0);
    let run = scene.swath(&format!("run {SOME_FAIL} -o rest.csv --output json")).end().assert_code(1).json();
    let saved = coordinator.swath("job results 1 -o rest.csv --output json").end().assert_code(1).json();
    for job in [&shown, &listed, &run, &saved] {
        let found = ["state", "failed_chunks", "failed_numbers", "committed_numbers"].map(|name| job[name].clone());
        assert_eq!(found, [json!("done"), json!(3), json!(12), json!(38)], "{job:#}");
    }
    for job in [&shown, &run, &saved] {
        assert_eq!(job["failures"].as_array().unwrap().len(), 3, "{job:#}");
        assert_eq!(job["failures"][0]["first"], -9, "{job:#}");
    }
    // Not fetched is not the same as none.
    assert!(listed.get("failures").is_none(), "{listed:#}");
    for job in [&run, &saved] {
        assert_eq!(job["output"]["missing_numbers"], 12, "{job:#}");
    }
}

#[test]
fn the_results_of_a_cancelled_job_are_what_was_asked_for() {
    let scene = Scene::new("partial_results_are_no_failure");
    let coordinator = scene.coordinator();
    let job = coordinator.submit("1..=1000");
    coordinator.swath(&format!("job cancel {job}")).succeed();
    let saved = coordinator.swath(&format!("job results {job} --partial -o some.csv")).succeed();
    assert!(saved.stderr().contains("1,000 numbers have no result"), "{}", saved.stderr());
    assert_one_of_one(&coordinator);
}

/// One is not many.
#[track_caller]
fn assert_one_of_one(coordinator: &Coordinator<'_>) {
    let job = coordinator.submit("7");
    coordinator.swath(&format!("job cancel {job}")).succeed();
    let shown = coordinator.swath(&format!("job show {job}")).succeed();
    assert!(shown.stdout().contains("7..=7 (1 number)"), "{}", shown.stdout());
    assert!(shown.stdout().contains("up to 1 number each"), "{}", shown.stdout());
}
