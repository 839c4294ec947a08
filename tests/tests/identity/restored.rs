//! An older copy of the data folder is put back while a worker lives.

use std::{ops::RangeInclusive, thread, time::Duration};

use swath_tests::{Coordinator, Process, Rows, Scene, Signal, collatz, isqrt, until};

/// The old job and the new one have the same range in the same chunks, and values of the same type. The old one takes
/// seconds, and each chunk of it longer than a tick of the clock that measures it.
const NUMBERS: RangeInclusive<i64> = 1_000_000_000_000..=1_000_007_999_999;

/// A worker that used no processor for so long waits for something.
const IDLE: Duration = Duration::from_millis(500);

fn submit(coordinator: &Coordinator<'_>, kernel: &str) -> u64 {
    let (first, last) = (NUMBERS.start(), NUMBERS.end());
    coordinator.submit(&format!("{first}..={last} -k {kernel} --chunk-size 400000"))
}

/// Kills a coordinator.
fn kill(coordinator: Coordinator<'_>) {
    assert_eq!(coordinator.stop(Signal::KILL).signal(), Some(9));
}

fn copy_folder(scene: &Scene, from: &str, to: &str) {
    scene.bash(&format!("cp -a {from} {to}")).succeed();
}

/// Submits a job, of which the worker computes its first leases, all of them, and delivers nothing, for the coordinator
/// stands still meanwhile. Then the coordinator is killed, the older data folder is put back, and another coordinator
/// starts on it. The worker stands still until the end: it wakes up with the blocks of leases that have the first ids
/// there are.
fn put_back_copy<'scene>(
    scene: &'scene Scene,
    coordinator: Coordinator<'scene>,
    worker: &Process<'_>,
    submit: impl FnOnce(&Coordinator<'_>),
) -> Coordinator<'scene> {
    let listen = format!("--listen {}", coordinator.address());
    worker.freeze();
    submit(&coordinator);
    until("the worker has leases", || (coordinator.find_worker("able")?["leases"] != 0).then_some(()));
    let at_first = worker.cpu_time();
    coordinator.process().freeze();
    worker.thaw();
    until("the worker has computed what it holds, or has no more room", || {
        let spent = worker.cpu_time();
        thread::sleep(IDLE);
        (worker.cpu_time() == spent && spent > at_first).then_some(())
    });
    worker.freeze();
    kill(coordinator);
    scene.bash("rm -r data").succeed();
    copy_folder(scene, "copy", "data");
    scene.coordinator_with(&listen)
}

/// Several times, for what a worker does with the blocks of a job that is gone depends on when it does it.
fn another_job_gets_nothing_of_the_one_before_it(name: &str, worker: &str) {
    for round in 1..=3 {
        let scene = Scene::new(&format!("{name}_{round}"));
        let first = scene.coordinator();
        let listen = format!("--listen {}", first.address());
        first.stop(Signal::TERM).assert_code(0);
        copy_folder(&scene, "data", "copy");
        let coordinator = scene.coordinator_with(&listen);
        let worker = coordinator.worker_with("able", &format!("--threads 2 {worker}"));
        let mut old = 0;
        let coordinator = put_back_copy(&scene, coordinator, &worker, |first| old = submit(first, "collatz"));
        let new = submit(&coordinator, "isqrt");
        assert_eq!(old, new, "the older ledger gives the same id again");
        worker.thaw();
        until("the worker has offered what it had of the old job", || {
            // All of it in vain.
            let said = worker.stderr();
            let (_, offered) = said.split_once("work in flight was offered leases=")?;
            let (leases, resumed) = offered.lines().next()?.split_once(" resumed=")?;
            assert!(leases != "0" && resumed == "0", "{leases} leases, and {resumed} of them went on");
            Some(())
        });
        coordinator.await_done(new);
        coordinator.save(new, "values.csv");
        Rows::open(&scene.path("values.csv")).assert_are(NUMBERS, isqrt);
        let said = worker.stderr();
        assert!(said.contains("blocks of former sessions are not wanted any more"), "it had blocks that waited");
        assert!(!said.contains("panicked"), "a thread of the worker panicked");
        assert!(coordinator.process().stderr().contains("offers work of a job that this coordinator does not have"));
    }
}

#[test]
fn another_job_with_the_same_id_gets_no_block_that_waited() {
    another_job_gets_nothing_of_the_one_before_it("blocks_that_waited", "");
}

#[test]
fn another_job_with_the_same_id_gets_no_block_that_had_no_room_to_wait() {
    another_job_gets_nothing_of_the_one_before_it("blocks_without_room", "--upload-memory 1KiB");
}

#[test]
fn the_same_job_in_an_older_copy_goes_on_with_what_its_worker_has() {
    let scene = Scene::new("the_same_job");
    let first = scene.coordinator();
    let listen = format!("--listen {}", first.address());
    let job = submit(&first, "collatz");
    kill(first);
    copy_folder(&scene, "data", "copy");
    let coordinator = scene.coordinator_with(&listen);
    let worker = coordinator.worker_with("able", "--threads 2");
    let coordinator = put_back_copy(&scene, coordinator, &worker, |_| {});
    worker.thaw();
    coordinator.await_done(job);
    coordinator.save(job, "values.csv");
    Rows::open(&scene.path("values.csv")).assert_are(NUMBERS, collatz);
    let said = worker.stderr();
    let (_, offered) = said.split_once("work in flight was offered leases=").expect("work in flight was offered");
    assert!(!offered.lines().next().unwrap().ends_with("resumed=0"), "nothing of it went on: {offered}");
}
