//! Connections that break, hang, or are too many.

use std::net::TcpStream;

use swath_tests::{Direction, Proxy, Rows, Scene, Signal, collatz, until, while_passes};

use crate::{LONGER, NUMBERS, SHORT_LEASES, assert_exact, submit};

/// Cuts a worker off in the midst of a job for longer than the lease timeout. While it is cut off, another computes a
/// little where its leases have ended, and leaves; the rest is for the worker itself after the mend.
fn a_cut_is_survived(name: &str, cut: &[Direction]) {
    let scene = Scene::new(name);
    let coordinator = scene.coordinator_with(SHORT_LEASES);
    let proxy = Proxy::start(coordinator.address());
    let mut remote = coordinator.worker_through(&proxy, "remote", "--threads 1 --log debug");
    let job = submit(&coordinator);
    coordinator.await_midst(job, "remote");

    cut.iter().for_each(|direction| proxy.cut(*direction));
    let arrived: Vec<_> = cut.iter().map(|direction| proxy.forwarded(*direction)).collect();
    until("bytes are held", || cut.iter().all(|direction| proxy.held(*direction) > 0).then_some(()));
    while_passes(LONGER);
    let is_silent = cut.contains(&Direction::ToCoordinator);
    until("its leases have ended", || match coordinator.find_worker("remote") {
        Some(remote) => (remote["state"] == "silent" && remote["leases"] == 0).then_some(()),
        // One that is heard and hears nothing has lost its session.
        None => (!is_silent).then_some(()),
    });
    let heir = coordinator.worker_with("heir", "--threads 1");
    coordinator.await_midst(job, "heir");
    heir.signal(Signal::TERM);
    heir.wait().assert_code(0);
    assert_eq!(coordinator.job(job)["state"], "running");
    let share = coordinator.share(job, "remote");
    assert_eq!(cut.iter().map(|direction| proxy.forwarded(*direction)).collect::<Vec<_>>(), arrived, "a leaking cut");
    proxy.mend();

    until("it computes again", || (coordinator.share(job, "remote") > share).then_some(()));
    assert_exact(&scene, &coordinator, job);
    assert!(remote.is_running());
    if is_silent {
        assert!(remote.stderr().contains("did not keep a block"), "blocks came after their leases had ended");
    }
}

#[test]
fn a_worker_that_is_not_heard_for_long_works_again() {
    a_cut_is_survived("not_heard", &[Direction::ToCoordinator]);
}

#[test]
fn a_worker_that_hears_nothing_for_long_works_again() {
    a_cut_is_survived("hears_nothing", &[Direction::FromCoordinator]);
}

#[test]
fn a_worker_that_is_cut_off_for_long_works_again() {
    a_cut_is_survived("cut_off", &Direction::BOTH);
}

#[test]
fn severed_connections_are_made_again() {
    let scene = Scene::new("severed_connections");
    // Only the end of a connection can free the leases in time.
    let coordinator = scene.coordinator_with("--lease-timeout 1h");
    let proxy = Proxy::start(coordinator.address());
    let mut remote = coordinator.worker_through(&proxy, "remote", "--threads 1");
    let job = submit(&coordinator);
    let reading = scene.swath(&format!("job results {job} --file read.csv -c {}", proxy.address())).start();
    for _ in 0..2 {
        let share = coordinator.share(job, "remote");
        until("it computes", || (coordinator.share(job, "remote") > share).then_some(()));
        until("all have connected, the worker twice", || (proxy.connections() >= 3).then_some(()));
        let refused = proxy.refused();
        proxy.refuse();
        proxy.sever();
        until("the coordinator misses it", || coordinator.find_worker("remote").is_none().then_some(()));
        until("it was refused", || (proxy.refused() > refused).then_some(()));
        assert_eq!(coordinator.job(job)["state"], "running");
        proxy.mend();
        until("it is back", || coordinator.find_worker("remote"));
    }
    assert_exact(&scene, &coordinator, job);
    assert!(remote.is_running());
    reading.wait().assert_code(0);
    Rows::open(&scene.path("read.csv")).assert_are(NUMBERS, collatz);
}

#[test]
fn more_connections_than_files_are_survived() {
    const FILES: usize = 64;
    let scene = Scene::new("more_connections_than_files");
    let coordinator = scene.coordinator_under(&["prlimit", &format!("--nofile={FILES}")], "");
    let _worker = coordinator.worker_with("able", "--threads 1");
    let job = submit(&coordinator);
    coordinator.await_midst(job, "able");
    let idle: Vec<_> = (0..100).map(|_| TcpStream::connect(coordinator.address()).unwrap()).collect();
    until("it has no file left", || (coordinator.process().open_files() >= FILES - 1).then_some(()));
    while_passes(LONGER);
    drop(idle);
    assert_exact(&scene, &coordinator, job);
}
