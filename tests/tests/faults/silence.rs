//! Processes that stand still for longer than the lease timeout. A worker that does is in `cluster.rs`.

use swath_tests::{Scene, while_passes};

use crate::{LONGER, SHORT_LEASES, assert_exact, submit};

#[test]
fn a_coordinator_that_stands_still_for_long_keeps_its_workers() {
    let scene = Scene::new("a_coordinator_stands_still");
    let coordinator = scene.coordinator_with(SHORT_LEASES);
    let mut workers = ["one", "two"].map(|name| coordinator.worker_with(name, "--threads 1 --log debug"));
    let job = submit(&coordinator);
    coordinator.await_midst(job, "one");
    coordinator.process().freeze();
    let spent = coordinator.process().cpu_time();
    while_passes(LONGER);
    assert!(coordinator.process().is_frozen() && coordinator.process().cpu_time() == spent, "it stood still");
    coordinator.process().thaw();

    assert_exact(&scene, &coordinator, job);
    let endless = coordinator.submit("1..=1e14 -k collatz");
    for (name, worker) in ["one", "two"].into_iter().zip(&mut workers) {
        coordinator.await_midst(endless, name);
        assert!(worker.is_running());
        assert!(!worker.stderr().contains("did not keep a block"), "{name} has lost its leases");
    }
    assert!(coordinator.process().stderr().contains("stood still"), "nothing is said of it");
}
