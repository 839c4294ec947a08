//! A bit that flips on the network, which no check sum of the network notices.

use swath_tests::{Direction, Proxy, Rows, Scene, collatz, until};

const LAST: i64 = 3_000_000;

#[test]
fn a_block_that_is_damaged_on_its_way_from_a_worker_is_computed_again() {
    let scene = Scene::new("damaged_upload");
    let coordinator = scene.coordinator();
    let proxy = Proxy::start(coordinator.address());
    let _worker = coordinator.worker_through(&proxy, "able", "--threads 1");
    proxy.damage(Direction::ToCoordinator, 2);
    let job = coordinator.submit(&format!("1..={LAST} -k collatz"));
    coordinator.await_done(job);
    assert_eq!(proxy.to_be_damaged(Direction::ToCoordinator), 0);
    until("it is named", || {
        let said = coordinator.process().stderr();
        said.contains("its digest is not that of what was computed").then_some(())
    });
    coordinator.save(job, "steps.csv");
    Rows::open(&scene.path("steps.csv")).assert_are(1..=LAST, collatz);
}

#[test]
fn a_block_that_is_damaged_on_its_way_to_a_reader_is_read_again() {
    let scene = Scene::new("damaged_download");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker_with("able", "--threads 1");
    let job = coordinator.submit(&format!("1..={LAST} -k collatz"));
    coordinator.await_done(job);
    coordinator.save(job, "right.csv");
    Rows::open(&scene.path("right.csv")).assert_are(1..=LAST, collatz);
    let proxy = Proxy::start(coordinator.address());
    // What is copied, and what is decoded.
    for file in ["steps.parquet", "steps.csv"] {
        proxy.damage(Direction::FromCoordinator, 2);
        scene.swath(&format!("job results {job} --coordinator {} --file {file}", proxy.address())).succeed();
        assert_eq!(proxy.to_be_damaged(Direction::FromCoordinator), 0);
    }
    let read = |file: &str| std::fs::read(scene.path(file)).unwrap();
    assert!(read("steps.csv") == read("right.csv"));
    coordinator.save(job, "right.parquet");
    assert!(read("steps.parquet") == read("right.parquet"));
    assert!(!coordinator.process().stderr().contains("computed again"), "its own copies are good");
}
