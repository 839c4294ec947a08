//! The time of day is changed; durations are what they are.

use swath_tests::{Coordinator, Scene, Shim, Signal, until};

use crate::ledger;

const YEARS: i64 = 365 * 24 * 3600;

/// Waits until the coordinator has looked for jobs that were kept long enough, with the time of day as it is now.
fn await_look(coordinator: &Coordinator<'_>) {
    let job = coordinator.swath("submit 1..=10 --wait --retain 1ms --output json").succeed().json();
    let job = job["id"].as_u64().unwrap();
    until("jobs are looked after", || {
        (coordinator.swath(&format!("job show {job}")).end().code() == Some(1)).then_some(())
    });
}

fn start<'scene>(scene: &'scene Scene, shim: &Shim<'_>, arguments: &str) -> Coordinator<'scene> {
    let prefix = shim.prefix();
    let prefix: Vec<&str> = prefix.iter().map(String::as_str).collect();
    scene.coordinator_under(&prefix, arguments)
}

#[test]
fn jobs_are_kept_and_take_as_long_as_time_passes_whatever_the_time_of_day() {
    let scene = Scene::new("the_time_of_day");
    let shim = Shim::new(&scene);
    // A machine without a battery, before it has asked for the time.
    shim.set_time(-55 * YEARS);
    let coordinator = start(&scene, &shim, "");
    let address = coordinator.address().to_owned();
    let worker = coordinator.worker_with("able", "--threads 1");
    coordinator.swath("submit 1..=10 --wait --retain 1h").succeed();
    let shown = coordinator.job(1);
    assert!(shown["ended_at"].as_str().unwrap().starts_with("197"), "the fault did not strike: {shown:#}");
    worker.freeze();
    let second = coordinator.submit("1..=10 --retain 1h");
    shim.set_time(0);
    worker.thaw();
    coordinator.await_done(second);
    await_look(&coordinator);
    assert_eq!(coordinator.job(1)["state"], "done", "kept for an hour");
    shim.set_time(10 * YEARS);
    await_look(&coordinator);
    assert_eq!(coordinator.job(1)["state"], "done", "kept for an hour");
    let took = coordinator.job(second)["took_seconds"].as_f64().unwrap();
    assert!((0.0..3600.0).contains(&took), "took {took} s");
    let text = coordinator.swath(&format!("job show {second}")).succeed();
    assert!(!text.stdout().contains("year"), "{}", text.stdout());

    // The time in which no coordinator runs is not measured.
    coordinator.stop(Signal::TERM).assert_code(0);
    shim.set_time(20 * YEARS);
    let coordinator = start(&scene, &shim, &format!("--listen {address}"));
    until("the worker is back", || coordinator.find_worker("able"));
    await_look(&coordinator);
    for job in [1, second] {
        assert_eq!(coordinator.job(job)["state"], "done", "kept for an hour");
    }
}

#[test]
fn the_time_that_a_job_was_kept_adds_up_over_restarts() {
    let scene = Scene::new("time_adds_up");
    let coordinator = scene.coordinator();
    let worker = coordinator.worker_with("able", "--threads 1");
    coordinator.swath("submit 1..=10 --wait").succeed();
    drop(worker);
    let measured = |coordinator: Coordinator<'_>| -> i64 {
        coordinator.stop(Signal::TERM).assert_code(0);
        ledger(&scene).query_row("SELECT ms FROM clock", [], |row| row.get(0)).unwrap()
    };
    let mut before = measured(coordinator);
    let ended: i64 = ledger(&scene).query_row("SELECT ended_clock_ms FROM jobs", [], |row| row.get(0)).unwrap();
    assert!(0 < ended && ended <= before, "ended at {ended} of {before}");
    for _ in 0..3 {
        let coordinator = scene.coordinator();
        assert_eq!(coordinator.job(1)["state"], "done");
        let after = measured(coordinator);
        assert!(after > before, "{after} after {before}");
        before = after;
    }
    // As old as it is now by that clock, it is kept no longer.
    let coordinator = scene.coordinator_with(&format!("--retain {}ms", before - ended));
    until("it is forgotten", || coordinator.jobs().is_empty().then_some(()));
}
