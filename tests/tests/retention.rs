//! Which results are kept, for how long, and how much of the disk they may take.

use std::fs;

use swath_tests::{Coordinator, Rows, Scene, collatz, square, until};

fn parts(scene: &Scene, job: u64) -> usize {
    fs::read_dir(scene.path(format!("data/jobs/{job}"))).map_or(0, Iterator::count)
}

/// Submits a job of hours, waits until some of it is committed, and cancels it.
fn cancel_half_way(coordinator: &Coordinator<'_>, flags: &str) -> u64 {
    let job = coordinator.submit("1..=1e13 -k collatz");
    until("some of it is committed", || coordinator.job(job)["committed_numbers"].as_u64().filter(|&n| n > 0));
    coordinator.swath(&format!("job cancel {job} {flags}")).succeed();
    job
}

#[test]
fn what_is_committed_of_a_cancelled_job_is_kept() {
    let scene = Scene::new("kept_when_cancelled");
    let coordinator = scene.coordinator_with("--memory 1MiB");
    let _worker = coordinator.worker("able");
    let job = cancel_half_way(&coordinator, "");
    assert!(parts(&scene, job) > 0);
    coordinator.swath(&format!("job results {job}")).end().assert_refused(4);
    let saved = coordinator.swath(&format!("job results {job} --partial --file there.csv")).succeed();
    assert!(saved.stderr().contains("numbers have no result"), "{}", saved.stderr());
    let mut rows = 0;
    let mut last = 0;
    for (n, value) in Rows::open(&scene.path("there.csv")) {
        let n = n.unwrap();
        assert!(n > last, "{n} after {last}");
        assert_eq!(value, collatz(n).to_string());
        (rows, last) = (rows + 1, n);
    }
    assert!(rows >= coordinator.job(job)["committed_numbers"].as_u64().unwrap(), "only {rows} rows");
}

#[test]
fn what_is_committed_of_a_cancelled_job_is_dropped_if_told_so() {
    let scene = Scene::new("dropped_when_cancelled");
    let coordinator = scene.coordinator_with("--memory 1MiB");
    let _worker = coordinator.worker("able");
    let job = cancel_half_way(&coordinator, "--drop-results");
    until("nothing is left", || (parts(&scene, job) == 0).then_some(()));
    let shown = coordinator.job(job);
    assert_eq!((shown["state"].as_str(), shown["results_dropped"].as_bool()), (Some("cancelled"), Some(true)));
    let refused = coordinator.swath(&format!("job results {job} --partial")).end().assert_code(4);
    assert!(refused.stderr().contains("were dropped"), "{}", refused.stderr());
    let address = coordinator.address().to_owned();
    coordinator.stop(swath_tests::Signal::KILL);
    let coordinator = scene.coordinator_with(&format!("--listen {address}"));
    assert_eq!(coordinator.job(job)["results_dropped"], true);
}

#[test]
fn jobs_are_forgotten_when_they_have_been_kept_long_enough() {
    let scene = Scene::new("jobs_expire");
    let coordinator = scene.coordinator_with("--retain 100ms");
    let _worker = coordinator.worker("able");
    coordinator.swath("submit 1..=1000 --wait --retain 1h").succeed();
    coordinator.swath("submit 1..=1000 --wait").succeed();
    until("the second job is forgotten", || {
        let gone = coordinator.swath("job show 2").end().code() == Some(1);
        (gone && parts(&scene, 2) == 0).then_some(())
    });
    assert_eq!(coordinator.job(1)["retain_seconds"], 3600.0);
    coordinator.save(1, "squares.txt");
    Rows::open(&scene.path("squares.txt")).assert_are(1..=1000, square);
}

#[test]
fn results_that_take_all_they_may_pause_jobs_until_there_is_room() {
    let scene = Scene::new("max_disk");
    let coordinator = scene.coordinator_with("--memory 1MiB --max-disk 3MiB");
    let _worker = coordinator.worker("able");
    let first = coordinator.submit("1..=1_500_000 -k collatz");
    coordinator.await_done(first);
    let second = coordinator.submit("1..=3_000_000 -k collatz");
    let paused = until("the second job pauses", || {
        let job = coordinator.job(second);
        assert_ne!(job["state"], "done", "it has taken more than it may");
        job["paused"].as_str().map(str::to_owned)
    });
    assert!(paused.contains("--max-disk"), "{paused}");
    coordinator.swath(&format!("job forget {first}")).succeed();
    // Half as much again as may lie there: it ends only if what the first took is free.
    until("the second job goes on", || {
        (coordinator.job(second)["committed_numbers"].as_u64()? > 2_000_000).then_some(())
    });
}
