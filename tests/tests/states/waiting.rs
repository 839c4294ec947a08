//! Jobs that make no progress say why.

use serde_json::{Value, json};
use swath_tests::{Coordinator, Scene, Signal, until, while_passes};

/// Far more than is computed while a test runs.
const ENDLESS: &str = "1..=1e14 -k collatz";
const NO_WORKERS: &str = "waiting for workers: none connected";

#[track_caller]
fn await_reason(coordinator: &Coordinator<'_>, job: u64, reason: &str) -> Value {
    until(&format!("job {job} says {reason}"), || {
        let job = coordinator.job(job);
        (job["waiting"]["reason"] == reason).then_some(job)
    })
}

#[test]
fn without_workers_every_command_says_so() {
    let scene = Scene::new("without_workers");
    let coordinator = scene.coordinator();
    let listed = coordinator.swath("worker list").succeed();
    assert!(listed.stderr().contains("no workers are connected"), "{}", listed.stderr());

    let job = coordinator.submit("1..=1000");
    let shown = coordinator.job(job);
    assert_eq!(shown["waiting"], json!({"reason": "no-workers", "text": NO_WORKERS}), "{shown:#}");
    assert_eq!(shown["state"], "running", "{shown:#}");
    let shown = coordinator.swath("job show 1").succeed();
    assert!(shown.stdout().contains(&format!("state      running, {NO_WORKERS}")), "{}", shown.stdout());
    let listed = coordinator.swath("job list").succeed();
    assert!(listed.stdout().contains("  waiting  "), "{}", listed.stdout());

    let waiting = [
        coordinator.swath("job wait 1").start(),
        coordinator.swath("submit 1..=1000 --wait").start(),
        coordinator.swath("job results 1 -o saved.csv").start(),
        coordinator.swath("run 1..=1000 -o ran.csv").start(),
    ];
    for process in &waiting {
        until("it says what it waits for", || process.stderr().contains(NO_WORKERS).then_some(()));
    }
    // It is said once.
    while_passes(std::time::Duration::from_secs(2));
    let _worker = coordinator.worker("late");
    for process in waiting {
        let ended = process.wait().assert_code(0);
        assert_eq!(ended.stderr().matches(NO_WORKERS).count(), 1, "{}", ended.stderr());
    }
    assert_eq!(coordinator.job(1)["waiting"], Value::Null);
}

#[test]
fn a_run_of_ones_own_waits_for_nobody() {
    let scene = Scene::new("a_run_waits_for_nobody");
    for _ in 0..5 {
        assert_eq!(scene.swath("run 1..=3").succeed().stderr(), "");
    }
}

#[test]
fn whoever_waits_hears_of_workers_that_go_and_come() {
    let scene = Scene::new("workers_go_and_come");
    let coordinator = scene.coordinator();
    let first = coordinator.worker("first");
    let job = coordinator.submit(ENDLESS);
    let waiting = coordinator.swath(&format!("job wait {job}")).start();
    coordinator.await_midst(job, "first");
    assert_eq!(waiting.stderr(), "");
    // Told to leave, it would be draining first.
    first.signal(Signal::KILL);
    first.wait();
    until("it says that nobody works", || waiting.stderr().contains(NO_WORKERS).then_some(()));
    let _second = coordinator.worker("second");
    until("it says that somebody does", || waiting.stderr().contains("job 1: running").then_some(()));
    assert_eq!(waiting.stderr(), format!("job 1: {NO_WORKERS}\njob 1: running\n"));
}

#[test]
fn workers_that_are_draining_or_silent_are_named() {
    let scene = Scene::new("draining_workers");
    let coordinator = scene.coordinator_with("--lease-timeout 1h");
    let leaver = coordinator.worker("leaver");
    // It cannot leave.
    leaver.freeze();
    coordinator.swath("worker drain 1").succeed();
    let job = coordinator.submit("1..=1000");
    let shown = await_reason(&coordinator, job, "workers-draining");
    assert_eq!(shown["waiting"]["text"], "waiting for workers: all workers are draining", "{shown:#}");
}

#[test]
fn workers_that_are_silent_are_named() {
    let scene = Scene::new("silent_workers");
    let coordinator = scene.coordinator_with("--lease-timeout 500ms");
    let worker = coordinator.worker("silent");
    worker.freeze();
    let job = coordinator.submit("1..=1000");
    let shown = await_reason(&coordinator, job, "workers-silent");
    assert_eq!(shown["waiting"]["text"], "waiting for workers: no worker answers", "{shown:#}");
}

#[test]
fn a_job_that_others_hold_up_says_so() {
    let scene = Scene::new("other_jobs");
    let coordinator = scene.coordinator_with("--lease-timeout 1h");
    let worker = coordinator.worker_with("busy", "--threads 1");
    let first = coordinator.submit(ENDLESS);
    // It stands with all that it may hold.
    coordinator.freeze_midst(first, "busy", &worker);
    let second = coordinator.submit("1..=1000");
    let shown = await_reason(&coordinator, second, "other-jobs");
    assert_eq!(shown["waiting"]["text"], "waiting for workers: all are busy with other jobs", "{shown:#}");
    assert_eq!(coordinator.job(first)["waiting"], Value::Null);
    worker.thaw();
    coordinator.await_done(second);
}

#[test]
fn a_paused_job_says_why() {
    let scene = Scene::new("a_paused_job");
    let coordinator = scene.coordinator_with("--max-disk 100KiB");
    let _worker = coordinator.worker("able");
    let job = coordinator.submit(ENDLESS);
    let waiting = coordinator.swath(&format!("job wait {job}")).start();
    let shown = await_reason(&coordinator, job, "paused");
    let paused = shown["paused"].as_str().unwrap();
    assert_eq!(shown["waiting"]["text"], format!("paused: {paused}"), "{shown:#}");
    assert!(paused.contains("the next part needs ") && paused.contains("--max-disk"), "{paused}");
    until("whoever waits is told", || waiting.stderr().contains("job 1: paused: ").then_some(()));
    let text = coordinator.swath("job show 1").succeed();
    assert!(text.stdout().contains("state      paused: "), "{}", text.stdout());
}
