//! Coordinators that are killed, and what the next one on the same data folder finds.

use std::fs;

use swath_tests::{Coordinator, Rows, Scene, Signal, collatz, square, until};

/// Starts the next coordinator where the one before listened.
fn next<'scene>(scene: &'scene Scene, address: &str) -> Coordinator<'scene> {
    scene.coordinator_with(&format!("--listen {address} --memory 1MiB"))
}

#[test]
fn a_coordinator_killed_again_and_again_loses_nothing() {
    const FIRST: i64 = 1_000_000_000_000;
    const LAST: i64 = FIRST + 3_999_999;
    let scene = Scene::new("a_coordinator_killed");
    // Little memory, so that parts are written all the time.
    let mut coordinator = scene.coordinator_with("--memory 1MiB");
    let address = coordinator.address().to_owned();
    let worker = coordinator.worker_with("able", "--threads 1");
    let job = coordinator.submit(&format!("{FIRST}..={LAST} -k collatz"));
    let waiting = coordinator.swath(&format!("job wait {job} --output json")).start();
    let reading = coordinator.swath(&format!("job results {job} --file read.txt")).start();

    let mut kills = 0;
    let mut committed = 0;
    while kills < 4 {
        let progress = until("more is committed", || {
            let job = coordinator.job(job);
            assert_eq!(job["state"], "running", "it ended after {kills} kills");
            job["committed_numbers"].as_u64().filter(|now| *now > committed)
        });
        assert_eq!(coordinator.stop(Signal::KILL).signal(), Some(9));
        kills += 1;
        coordinator = next(&scene, &address);
        // What was committed is still, though the worker may not even be back.
        let kept = coordinator.job(job)["committed_numbers"].as_u64().unwrap();
        assert!(kept >= progress, "{progress} numbers were committed, {kept} are left");
        committed = kept;
    }

    waiting.wait().assert_code(0);
    reading.wait().assert_code(0);
    coordinator.await_done(job);
    coordinator.save(job, "saved.txt");
    Rows::open(&scene.path("saved.txt")).assert_are(FIRST..=LAST, collatz);
    let read = |file: &str| fs::read(scene.path(file)).unwrap();
    assert!(read("read.txt") == read("saved.txt"), "what was read through all kills differs from what is stored");
    worker.signal(Signal::TERM);
    worker.wait().assert_code(0);
}

#[test]
fn work_in_flight_goes_on_when_the_coordinator_is_started_again() {
    // One chunk, which takes seconds: were it begun anew after each kill, it would never end.
    const LAST: i64 = 12_000_000;
    let scene = Scene::new("work_in_flight");
    let mut coordinator = scene.coordinator();
    let address = coordinator.address().to_owned();
    let worker = coordinator.worker_with("able", "--threads 1 --upload-memory 1GiB");
    let job = coordinator.submit(&format!("1..={LAST} -k collatz --chunk-size {LAST}"));
    let resumed = |said: &str| said.matches("work in flight was offered leases=1 resumed=1").count();
    until("it computes", || (coordinator.find_worker("able")?["leases"].as_u64()? > 0).then_some(()));
    for kills in 1..=3 {
        assert_eq!(coordinator.stop(Signal::KILL).signal(), Some(9));
        coordinator = scene.coordinator_with(&format!("--listen {address}"));
        until("the worker is back with what it has", || (resumed(&worker.stderr()) == kills).then_some(()));
    }
    coordinator.await_done(job);
    coordinator.save(job, "saved.txt");
    Rows::open(&scene.path("saved.txt")).assert_are(1..=LAST, collatz);
}

#[test]
fn a_worker_may_be_told_to_end_when_its_coordinator_is_lost() {
    let scene = Scene::new("on_coordinator_lost");
    let coordinator = scene.coordinator();
    let worker = coordinator.worker_with("able", "--on-coordinator-lost stop --patience 1h");
    assert_eq!(coordinator.stop(Signal::KILL).signal(), Some(9));
    worker.wait().assert_code(3);
}

#[test]
fn what_is_lost_or_damaged_between_two_coordinators_is_computed_again() {
    let scene = Scene::new("what_is_lost");
    let coordinator = scene.coordinator_with("--memory 1MiB");
    let address = coordinator.address().to_owned();
    let worker = coordinator.worker("able");
    let job = coordinator.submit("1..=5000000 -k collatz");
    coordinator.await_done(job);
    let folder = scene.path(format!("data/jobs/{job}"));
    coordinator.stop(Signal::TERM).assert_code(0);

    let mut parts: Vec<_> = fs::read_dir(&folder).unwrap().map(|part| part.unwrap().path()).collect();
    parts.sort();
    assert!(parts.len() > 4, "{parts:?}");
    fs::remove_file(&parts[1]).unwrap();
    fs::File::options().write(true).open(&parts[2]).unwrap().set_len(1000).unwrap();
    let mut bytes = fs::read(&parts[3]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xFF;
    fs::write(&parts[3], bytes).unwrap();
    fs::write(folder.join("part-99999999999999999999.parquet"), "left over from a kill").unwrap();

    let coordinator = next(&scene, &address);
    coordinator.save(job, "steps.txt");
    Rows::open(&scene.path("steps.txt")).assert_are(1..=5_000_000, collatz);
    coordinator.await_done(job);
    let said = coordinator.process().stderr();
    for part in &parts[1..=3] {
        let name = part.file_name().unwrap().to_string_lossy();
        assert!(said.contains(&*name), "nothing was said of {name}");
    }
    assert!(!folder.join("part-99999999999999999999.parquet").exists(), "what no commit names is swept");
    worker.signal(Signal::TERM);
    worker.wait().assert_code(0);
}

#[test]
fn jobs_that_have_ended_are_there_after_the_next_start_as_they_ended() {
    let scene = Scene::new("jobs_that_have_ended");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    coordinator.swath("submit 1..=1000 --wait").succeed();
    coordinator.swath("submit -1..=1000 -k isqrt --wait").end().assert_code(1);
    let cancelled = coordinator.submit("1..=1e14 -k collatz");
    coordinator.swath(&format!("job cancel {cancelled}")).succeed();
    let before: Vec<_> = (1..=3).map(|id| coordinator.job(id)).collect();
    coordinator.stop(Signal::KILL);

    let coordinator = scene.coordinator();
    for (id, before) in (1..=3).zip(before) {
        let after = coordinator.job(id);
        for field in ["state", "failure", "range", "submitted_at", "ended_at", "workers", "kernel"] {
            assert_eq!(after[field], before[field], "{field} of job {id}");
        }
    }
    coordinator.save(1, "squares.csv");
    Rows::open(&scene.path("squares.csv")).assert_are(1..=1000, square);
    coordinator.swath("job forget 1").succeed();
    assert!(!scene.path("data/jobs/1").exists() || fs::read_dir(scene.path("data/jobs/1")).unwrap().count() == 0);
    assert!(coordinator.submit("1..=5") > 3, "ids are not used again");
}

#[test]
fn two_coordinators_on_one_folder_are_one_too_many() {
    let scene = Scene::new("two_coordinators");
    let first = scene.coordinator();
    let second = scene.swath("coordinator start --listen 127.0.0.1:0 --data data").end().assert_code(1);
    assert!(second.stderr().contains("in use by another coordinator"), "{}", second.stderr());
    let _worker = first.worker("able");
    first.swath("submit 1..=1000 --wait").succeed();
}
