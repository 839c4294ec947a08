//! Processes that are killed in the midst of what they do.

use std::time::{Duration, Instant};

use swath_tests::{Scene, Signal, unfinished_parts, until};

use crate::{assert_exact, next, submit};

#[test]
fn workers_killed_again_and_again_cost_only_what_they_held() {
    let scene = Scene::new("workers_killed");
    // Only the end of a connection can free the leases in time.
    let coordinator = scene.coordinator_with("--lease-timeout 1h");
    let job = submit(&coordinator);
    for kill in 1..=4 {
        let name = format!("victim-{kill}");
        let victim = coordinator.worker_with(&name, "--threads 1");
        coordinator.freeze_midst(job, &name, &victim);
        victim.signal(Signal::KILL);
        assert_eq!(victim.wait().signal(), Some(9));
        until("the coordinator misses it", || coordinator.find_worker(&name).is_none().then_some(()));
    }
    assert_eq!(coordinator.job(job)["state"], "running");
    let _heir = coordinator.worker("heir");
    assert_exact(&scene, &coordinator, job);
}

#[test]
fn a_coordinator_killed_while_it_writes_a_part_leaves_nothing_that_counts() {
    // Little memory, so that parts are written all the time.
    const LITTLE: &str = "--memory 1MiB";
    let scene = Scene::new("killed_while_it_writes");
    let mut coordinator = scene.coordinator_with(LITTLE);
    let address = coordinator.address().to_owned();
    let worker = coordinator.worker_with("able", "--threads 1");
    let job = submit(&coordinator);
    let folder = scene.path(format!("data/jobs/{job}"));
    for _ in 0..3 {
        coordinator.freeze_writing(job);
        // Nobody may write another before we have looked for this one.
        worker.freeze();
        assert_eq!(coordinator.stop(Signal::KILL).signal(), Some(9));
        assert_ne!(unfinished_parts(&folder), [""; 0], "a part was being written when it was killed");
        coordinator = next(&scene, &address, LITTLE);
        assert_eq!(unfinished_parts(&folder), [""; 0], "what no commit names is swept");
        assert_eq!(coordinator.job(job)["state"], "running");
        worker.thaw();
    }
    assert_exact(&scene, &coordinator, job);
}

#[test]
fn a_worker_has_patience_with_each_coordinator_anew() {
    const PATIENCE: Duration = Duration::from_secs(10);
    let scene = Scene::new("patience_anew");
    let mut coordinator = scene.coordinator();
    let address = coordinator.address().to_owned();
    let mut worker = coordinator.worker_with("able", &format!("--patience {}s", PATIENCE.as_secs()));
    let begun = Instant::now();
    // It is never without one for long.
    while begun.elapsed() < PATIENCE + Duration::from_secs(2) {
        assert_eq!(coordinator.stop(Signal::KILL).signal(), Some(9));
        coordinator = next(&scene, &address, "");
        until("it has joined the next one", || {
            assert!(worker.is_running(), "it gave up after {:?}", begun.elapsed());
            coordinator.find_worker("able")
        });
    }
}
