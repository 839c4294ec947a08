//! Disks that hang, and disks that take no more.

use swath_tests::{Process, Rows, Scene, Shim, Signal, square, until};

use crate::listed;

#[track_caller]
fn health_address(process: &Process<'_>) -> String {
    until("it answers for its health", || {
        let said = process.stderr();
        let (_, rest) = said.split_once("answering health checks address=")?;
        Some(rest.split_once('\n')?.0.trim().to_owned())
    })
}

#[test]
fn a_ledger_that_hangs_holds_up_nobody_who_needs_nothing_of_it() {
    let scene = Scene::new("a_ledger_that_hangs");
    let shim = Shim::new(&scene);
    let prefix = shim.prefix();
    let prefix: Vec<&str> = prefix.iter().map(String::as_str).collect();
    let coordinator = scene.coordinator_under(&prefix, "--health-listen 127.0.0.1:0");
    let health = health_address(coordinator.process());
    let _worker = coordinator.worker_with("able", "--threads 1");
    coordinator.swath("submit 1..=1000 --wait").succeed();
    let endless = coordinator.submit("1..=1e13 -k collatz");
    coordinator.await_midst(endless, "able");

    shim.hang();
    let submit = coordinator.swath("submit 1..=10").start();
    let mut cancel = coordinator.swath(&format!("job cancel {endless}")).start();
    shim.await_hang();
    until("the job is not computed any more", || {
        (coordinator.find_worker("able")?["leased_chunks"] == 0).then_some(())
    });
    for _ in 0..3 {
        scene.swath(&format!("health {health} --service liveness")).succeed();
        assert_eq!(coordinator.job(1)["state"], "done");
        coordinator.save(1, "squares.txt");
        Rows::open(&scene.path("squares.txt")).assert_are(1..=1000, square);
        // What is not durable is not told.
        assert_eq!(coordinator.job(endless)["state"], "running");
        assert_eq!(listed(&coordinator), [1, endless].into());
    }
    assert!(cancel.is_running());
    let mut forget = coordinator.swath("job forget 1").start();
    let mut submits: Vec<_> = (0..20).map(|_| coordinator.swath("submit 1..=10").start()).collect();
    scene.swath(&format!("health {health} --service liveness")).succeed();
    assert!(forget.is_running() && submits.iter_mut().all(Process::is_running));

    shim.go_on();
    cancel.wait().assert_code(0);
    forget.wait().assert_code(0);
    submit.wait().assert_code(0);
    submits.into_iter().for_each(|submit| drop(submit.wait().assert_code(0)));
    assert_eq!(coordinator.job(endless)["state"], "cancelled");
    let before = listed(&coordinator);
    assert_eq!(before.len(), 22);
    coordinator.stop(Signal::KILL);
    assert_eq!(listed(&scene.coordinator()), before);
}

#[test]
fn a_job_that_cannot_be_forgotten_stays() {
    let scene = Scene::new("a_job_that_stays");
    // It gets an error and no signal for a file that would be too large.
    let shell = ["bash", "-c", "trap '' XFSZ && exec \"$@\"", "bash"];
    let coordinator = scene.coordinator_under(&shell, "");
    let _worker = coordinator.worker_with("able", "--threads 1");
    coordinator.swath("submit 1..=1000 --wait").succeed();
    let id = coordinator.process().id();
    // The log of the ledger cannot grow; it is larger than all that is said on standard error.
    let log = std::fs::metadata(scene.path("data/ledger.sqlite-wal")).unwrap().len();
    scene.bash(&format!("prlimit --pid {id} --fsize={log}:")).succeed();
    for _ in 0..2 {
        let refused = coordinator.swath("job forget 1").end().assert_refused(1);
        assert!(refused.contains("job 1 was not forgotten: the ledger failed"), "{refused}");
        assert_eq!(coordinator.job(1)["state"], "done");
        coordinator.save(1, "squares.txt");
        Rows::open(&scene.path("squares.txt")).assert_are(1..=1000, square);
    }
    // A job that is not stored is none, and no place is kept for it.
    coordinator.swath("submit 1..=10").end().assert_refused(1);
    assert_eq!(listed(&coordinator), [1].into());
    scene.bash(&format!("prlimit --pid {id} --fsize=unlimited:")).succeed();
    coordinator.swath("job forget 1").succeed();
    assert!(listed(&coordinator).is_empty());
    coordinator.stop(Signal::KILL);
    assert!(listed(&scene.coordinator()).is_empty());
}
