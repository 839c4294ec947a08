//! What coordinators and workers say of their health, on a port of its own.

use serde_json::json;
use swath_tests::{Ended, Process, Scene, Signal, until};

const HEALTH: &str = "--health-listen 127.0.0.1:0";

/// Where this process answers for its health.
#[track_caller]
fn health_address(process: &Process<'_>) -> String {
    until("it answers for its health", || {
        let said = process.stderr();
        let (_, rest) = said.split_once("answering health checks address=")?;
        Some(rest.split_once('\n')?.0.trim().to_owned())
    })
}

#[track_caller]
fn ask(scene: &Scene, address: &str, service: &str) -> Ended {
    scene.swath(&format!("health {address} --service {service}")).end()
}

/// What a process that is alive answers about its readiness.
#[derive(Clone, Copy)]
enum Readiness {
    Ready,
    NotReady,
}

impl Readiness {
    /// With what `swath health` ends then.
    fn code(self) -> i32 {
        match self {
            Self::Ready => 0,
            Self::NotReady => 1,
        }
    }
}

#[track_caller]
fn assert_alive(scene: &Scene, address: &str, readiness: Readiness) {
    ask(scene, address, "liveness").assert_code(0);
    ask(scene, address, "readiness").assert_code(readiness.code());
}

#[track_caller]
fn await_readiness(scene: &Scene, address: &str, readiness: Readiness) {
    let code = Some(readiness.code());
    until("its readiness changes", || (ask(scene, address, "readiness").code() == code).then_some(()));
}

#[test]
fn a_worker_is_ready_while_it_has_a_coordinator_and_alive_all_the_time() {
    let scene = Scene::new("the_health_of_a_worker");
    // A port that is free, and free again while no coordinator runs.
    let first = scene.coordinator();
    let address = first.address().to_owned();
    first.stop(Signal::TERM).assert_code(0);
    let worker = format!("worker start --log info --patience 1h --coordinator {address} {HEALTH}");
    let worker = scene.swath(&worker).start();
    let health = health_address(&worker);
    until("it waits", || worker.stderr().contains("waiting for the coordinator").then_some(()));
    assert_alive(&scene, &health, Readiness::NotReady);
    for _ in 0..2 {
        let coordinator = scene.coordinator_with(&format!("--listen {address}"));
        await_readiness(&scene, &health, Readiness::Ready);
        assert_alive(&scene, &health, Readiness::Ready);
        coordinator.stop(Signal::KILL);
        await_readiness(&scene, &health, Readiness::NotReady);
        assert_alive(&scene, &health, Readiness::NotReady);
    }
    worker.signal(Signal::TERM);
    worker.wait().assert_code(0);
    ask(&scene, &health, "liveness").assert_code(3);
}

#[test]
fn a_coordinator_that_was_told_to_stop_is_alive_but_not_ready() {
    let scene = Scene::new("the_health_of_a_coordinator");
    let coordinator = scene.coordinator_with(HEALTH);
    let health = health_address(coordinator.process());
    assert_alive(&scene, &health, Readiness::Ready);

    let _worker = coordinator.worker("able");
    coordinator.submit("1..=1e9 -k collatz");
    let reader = coordinator.swath("job results 1").start();
    until("the client reads", || (!reader.stdout().is_empty()).then_some(()));
    // It holds its stream, for which the coordinator waits for a while.
    reader.freeze();
    coordinator.process().signal(Signal::TERM);
    await_readiness(&scene, &health, Readiness::NotReady);
    assert_alive(&scene, &health, Readiness::NotReady);
    coordinator.stop(Signal::TERM);
    ask(&scene, &health, "readiness").assert_code(3);
}

#[test]
fn stock_grpc_clients_understand_the_port_for_health_and_find_nothing_else_there() {
    let scene = Scene::new("stock_clients_and_health");
    let coordinator = scene.coordinator_with(HEALTH);
    let found = scene.python("health.py", [health_address(coordinator.process())]);
    let expected = json!({
        "": "SERVING", "liveness": "SERVING", "readiness": "SERVING", "swath.v1.Jobs": "NOT_FOUND",
        "watched": "SERVING", "watched_unknown": "SERVICE_UNKNOWN", "other_service": "UNIMPLEMENTED",
        "large": "OUT_OF_RANGE",
    });
    assert_eq!(found, expected);
}

#[test]
fn asking_where_nobody_answers_says_so() {
    let scene = Scene::new("asking_where_nobody_answers");
    let said = scene.swath("health 127.0.0.1:1").end().assert_refused(3);
    assert!(said.contains("no health check answers at 127.0.0.1:1"), "{said}");
    let said = scene.swath("health localhost").end().assert_misused();
    assert!(said.contains("'localhost'") && said.contains("it names no port"), "{said}");
    scene.swath("health 127.0.0.1:1 --service life").end().assert_misused();

    let frozen = scene.swath(&format!("worker start --log info --coordinator 127.0.0.1:1 {HEALTH}")).start();
    let health = health_address(&frozen);
    frozen.freeze();
    let said = scene.swath(&format!("health {health} --timeout 200ms")).end().assert_refused(3);
    assert!(said.contains("no answer within 200ms"), "{said}");

    // A coordinator knows the service, but not these names.
    let coordinator = scene.coordinator();
    let said = scene.swath(&format!("health {}", coordinator.address())).end().assert_refused(2);
    assert!(said.contains("use the address of --health-listen"), "{said}");
}

#[test]
fn a_port_that_is_taken_is_refused_in_a_sentence() {
    let scene = Scene::new("a_health_port_that_is_taken");
    let coordinator = scene.coordinator();
    let taken = coordinator.address();
    for command in ["coordinator start --listen 127.0.0.1:0 --data other", "worker start --coordinator 127.0.0.1:1"] {
        let said = scene.swath(&format!("{command} --health-listen {taken}")).end().assert_refused(1);
        assert!(said.contains(&format!("cannot answer health checks on {taken}: ")), "{said}");
    }
}
