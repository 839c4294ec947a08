//! Ledgers that are not what was written.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
};

use swath_tests::{Coordinator, Direction, Process, Proxy, Scene, Signal, until};

use crate::{assert_exact, next, submit};

const LITTLE: &str = "--memory 1MiB";

/// A coordinator that was killed in the midst of a job with several parts; where it listened, the job, and its worker,
/// which stands still.
fn killed_midst<'scene>(scene: &'scene Scene) -> (String, u64, Process<'scene>) {
    let coordinator = scene.coordinator_with(LITTLE);
    let worker = coordinator.worker_with("able", "--threads 1");
    let job = submit(&coordinator);
    let parts = || fs::read_dir(scene.path(format!("data/jobs/{job}"))).map_or(0, Iterator::count);
    until("some parts are there", || (coordinator.committed(job) > 0 && parts() > 1).then_some(()));
    worker.freeze();
    assert_eq!(coordinator.job(job)["state"], "running");
    let address = coordinator.address().to_owned();
    assert_eq!(coordinator.stop(Signal::KILL).signal(), Some(9));
    (address, job, worker)
}

/// Starts the next coordinator, which must miss the row that was torn, and has the job computed to its end.
fn assert_recovers(scene: &Scene, address: &str, job: u64, worker: &Process<'_>) {
    let coordinator: Coordinator<'_> = next(scene, address, LITTLE);
    let said = coordinator.process().stderr();
    assert!(said.contains("deleted files that belong to no part"), "{said}");
    assert_eq!(coordinator.job(job)["state"], "running");
    worker.thaw();
    assert_exact(scene, &coordinator, job);
}

#[test]
fn a_write_to_the_ledger_that_was_cut_short_did_not_happen() {
    let scene = Scene::new("a_write_cut_short");
    let (address, job, worker) = killed_midst(&scene);
    let log = File::options().write(true).open(scene.path("data/ledger.sqlite-wal")).unwrap();
    let length = log.metadata().unwrap().len();
    assert!(length > 4096);
    log.set_len(length - 100).unwrap();
    assert_recovers(&scene, &address, job, &worker);
}

#[test]
fn a_write_to_the_ledger_that_was_torn_did_not_happen() {
    let scene = Scene::new("a_write_torn");
    let (address, job, worker) = killed_midst(&scene);
    let log = File::options().write(true).open(scene.path("data/ledger.sqlite-wal")).unwrap();
    let length = log.metadata().unwrap().len();
    assert!(length > 4096);
    log.write_all_at(&[0xA5; 1000], length - 1000).unwrap();
    assert_recovers(&scene, &address, job, &worker);
}

/// A coordinator must not start on a folder with this ledger, and must leave it and the parts alone.
fn assert_left_alone(name: &str, damage: impl Fn(&mut Vec<u8>)) {
    let scene = Scene::new(name);
    let coordinator = scene.coordinator();
    let worker = coordinator.worker_with("able", "--threads 1");
    coordinator.swath("submit 1..=1000 --wait").succeed();
    drop(worker);
    coordinator.stop(Signal::TERM).assert_code(0);
    let (ledger, part) =
        (scene.path("data/ledger.sqlite"), scene.path("data/jobs/1/part-00000000000000000000.parquet"));
    let mut damaged = fs::read(&ledger).unwrap();
    damage(&mut damaged);
    fs::write(&ledger, &damaged).unwrap();
    let results = fs::read(&part).unwrap();

    let said = scene.swath("coordinator start --listen 127.0.0.1:0 --data data").end().assert_refused(1);
    assert!(said.contains("ledger"), "{said}");
    assert!(fs::read(&ledger).unwrap() == damaged, "the ledger was touched");
    assert!(fs::read(&part).is_ok_and(|part| part == results), "the results were touched");
}

#[test]
fn a_ledger_that_is_none_is_refused_and_left_alone() {
    assert_left_alone("a_ledger_that_is_none", |ledger| ledger[..100].fill(0xA5));
}

#[test]
fn an_empty_ledger_beside_results_is_refused_and_left_alone() {
    assert_left_alone("an_empty_ledger", Vec::clear);
}

#[test]
fn a_ledger_without_its_log_is_refused_and_left_alone() {
    let scene = Scene::new("a_ledger_without_its_log");
    let (address, job, _worker) = killed_midst(&scene);
    fs::remove_file(scene.path("data/ledger.sqlite-wal")).unwrap();
    let parts = || fs::read_dir(scene.path(format!("data/jobs/{job}"))).unwrap().count();
    let before = parts();
    scene.swath(&format!("coordinator start --listen {address} --data data")).end().assert_refused(1);
    assert_eq!(parts(), before, "results were swept");
}

#[test]
fn a_part_that_the_ledger_has_no_room_for_does_not_stay() {
    let scene = Scene::new("a_part_without_a_row");
    // It gets an error and no signal for a file that would be too large.
    let shell = ["bash", "-c", "trap '' XFSZ && exec \"$@\"", "bash"];
    let coordinator = scene.coordinator_under(&shell, "--lease-timeout 1h");
    let limit_files = |bytes: &str| {
        let id = coordinator.process().id();
        scene.bash(&format!("prlimit --pid {id} --fsize={bytes}:")).succeed();
    };
    let proxy = Proxy::start(coordinator.address());
    let _late = coordinator.worker_through(&proxy, "late", "--threads 1");
    proxy.cut(Direction::ToCoordinator);
    let job = coordinator.submit("1..=10000 --chunk-size 1000");
    until("a block is held", || (proxy.held(Direction::ToCoordinator) > 500).then_some(()));
    let log = scene.path("data/ledger.sqlite-wal").metadata().unwrap().len();
    limit_files(&log.to_string());
    let _punctual = coordinator.worker_with("punctual", "--threads 1");
    let failed = until("the ledger has no room", || coordinator.job(job)["paused"].as_str().map(str::to_owned));
    assert!(failed.contains("ledger"), "{failed}");
    // What comes now goes before what could not be noted, so the part is another when it is tried again.
    proxy.mend();
    until("all is there", || (coordinator.find_worker("late")?["leases"] == 0).then_some(()));
    limit_files("unlimited");
    coordinator.await_done(job);
    let address = coordinator.address().to_owned();
    coordinator.stop(Signal::TERM).assert_code(0);
    let said = next(&scene, &address, "").process().stderr();
    assert!(!said.contains("deleted files that belong to no part"), "{said}");
}
