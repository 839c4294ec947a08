//! How processes end: by a signal, by a word, or with their parent.

use std::time::Duration;

use swath_tests::{Process, Rows, Scene, Signal, collatz, square, until, while_passes};

/// More than is computed while a test runs; its results are written, so there must be room for them.
const ENDLESS: &str = "1..=1e9 -k collatz";

#[test]
fn a_worker_that_is_told_to_stop_leaves_and_others_finish() {
    let scene = Scene::new("a_worker_is_told_to_stop");
    // Only a worker that gives back what it holds lets others finish in time.
    let coordinator = scene.coordinator_with("--lease-timeout 1h");
    let leaver = coordinator.worker_with("leaver", "--threads 1");
    let _heir = coordinator.worker_with("heir", "--threads 1");
    let job = coordinator.submit("1..=16000000 -k collatz");
    coordinator.await_midst(job, "leaver");
    leaver.signal(Signal::TERM);
    let ended = leaver.wait().assert_code(0);
    assert!(ended.stderr().contains("leaving"), "it computed when it was told to stop:\n{}", ended.stderr());
    until("the coordinator knows", || coordinator.find_worker("leaver").is_none().then_some(()));

    coordinator.await_done(job);
    assert!(coordinator.share(job, "leaver") > 0 && coordinator.share(job, "heir") > 0);
    coordinator.save(job, "steps.csv");
    Rows::open(&scene.path("steps.csv")).assert_are(1..=16_000_000, collatz);
}

#[test]
fn a_worker_that_is_drained_leaves_and_others_finish() {
    let scene = Scene::new("a_worker_is_drained");
    let coordinator = scene.coordinator_with("--lease-timeout 1h");
    let leaver = coordinator.worker_with("leaver", "--threads 1");
    let _heir = coordinator.worker_with("heir", "--threads 1");
    let job = coordinator.submit("1..=16000000 -k collatz");
    coordinator.await_midst(job, "leaver");
    let id = coordinator.find_worker("leaver").unwrap()["id"].as_u64().unwrap();
    coordinator.swath(&format!("worker drain {id}")).succeed();
    leaver.wait().assert_code(0);
    until("the coordinator knows", || coordinator.find_worker("leaver").is_none().then_some(()));

    coordinator.await_done(job);
    assert!(coordinator.share(job, "leaver") > 0 && coordinator.share(job, "heir") > 0);
    coordinator.save(job, "steps.csv");
    Rows::open(&scene.path("steps.csv")).assert_are(1..=16_000_000, collatz);
}

#[test]
fn the_last_worker_may_leave_and_the_job_waits_for_another() {
    let scene = Scene::new("the_last_worker_may_leave");
    let coordinator = scene.coordinator_with("--lease-timeout 1h");
    let first = coordinator.worker("first");
    let job = coordinator.submit("1..=16000000 -k collatz");
    coordinator.await_midst(job, "first");
    first.signal(Signal::TERM);
    first.wait().assert_code(0);
    assert_eq!(coordinator.job(job)["state"], "running", "nobody is there to end it");
    let _second = coordinator.worker("second");
    coordinator.await_done(job);
    coordinator.save(job, "steps.csv");
    Rows::open(&scene.path("steps.csv")).assert_are(1..=16_000_000, collatz);
}

#[test]
fn an_idle_worker_stops_at_once() {
    let scene = Scene::new("an_idle_worker");
    let coordinator = scene.coordinator();
    for signal in [Signal::TERM, Signal::INT] {
        let worker = coordinator.worker("idle");
        worker.signal(signal);
        worker.wait().assert_code(0);
        until("the coordinator knows", || coordinator.find_worker("idle").is_none().then_some(()));
    }
}

#[test]
fn a_worker_that_waits_for_its_coordinator_stops_when_told_to() {
    let scene = Scene::new("a_worker_that_waits");
    let worker = scene.swath("worker start --coordinator 127.0.0.1:1 --patience 1h").start();
    until("it waits", || worker.stderr().contains("waiting for the coordinator").then_some(()));
    worker.signal(Signal::TERM);
    worker.wait().assert_code(0);
}

#[test]
fn a_coordinator_that_is_told_to_stop_ends_well() {
    let scene = Scene::new("a_coordinator_is_told_to_stop");
    for signal in [Signal::TERM, Signal::INT] {
        let coordinator = scene.coordinator();
        let _worker = coordinator.worker("able");
        let job = coordinator.submit(ENDLESS);
        coordinator.await_midst(job, "able");
        // In the midst of work, with clients that wait and read.
        let waiting = coordinator.swath(&format!("job wait {job}")).start();
        let reading = coordinator.swath(&format!("job results {job}")).start();
        until("the client reads", || (!reading.stdout().is_empty()).then_some(()));
        let address = coordinator.address().to_owned();
        coordinator.stop(signal).assert_code(0);
        // They must not take that for the end of the job: they wait for the next coordinator, and go on there.
        let next = scene.coordinator_with(&format!("--listen {address}"));
        next.await_midst(job, "able");
        next.swath(&format!("job cancel {job}")).succeed();
        waiting.wait().assert_code(4);
        reading.wait().assert_code(4);
        drop(next);
    }
}

#[test]
fn a_job_that_is_cancelled_is_computed_no_more() {
    let scene = Scene::new("a_cancelled_job_stops");
    let coordinator = scene.coordinator();
    let worker = coordinator.worker_with("able", "--threads 1");
    // One chunk, of hours.
    let job = coordinator.submit("1..=1e12 -k collatz --chunk-size 1000000000000");
    let idle = worker.cpu_time();
    until("it computes", || (worker.cpu_time() > idle + Duration::from_millis(300)).then_some(()));
    coordinator.swath(&format!("job cancel {job}")).succeed();
    until("it stands still", || {
        let spent = worker.cpu_time();
        while_passes(Duration::from_millis(500));
        (worker.cpu_time() <= spent + Duration::from_millis(20)).then_some(())
    });
    coordinator.swath("submit 1..=1000 --wait").succeed();
}

#[test]
fn ctrl_c_on_a_waiting_client_leaves_the_job_alone() {
    let scene = Scene::new("ctrl_c_on_a_waiting_client");
    let coordinator = scene.coordinator();
    // Again and again: from the moment that the job is submitted, Ctrl-C only detaches.
    for id in 1..=20 {
        let client = coordinator.swath("submit 1..=1000 --wait").in_the_foreground().start();
        until("it is submitted", || client.stderr().contains(&format!("job {id} submitted")).then_some(()));
        client.press_ctrl_c();
        let ended = client.wait().assert_code(130);
        assert_eq!(ended.stdout(), "");
        for hint in ["wait", "cancel"] {
            assert!(ended.stderr().contains(&format!("`swath job {hint} {id}`")), "{}", ended.stderr());
        }
    }

    assert_eq!(coordinator.job(1)["state"], "running");
    let _worker = coordinator.worker("late");
    coordinator.swath("job wait 1").succeed();
    coordinator.save(1, "squares.csv");
    Rows::open(&scene.path("squares.csv")).assert_are(1..=1000, square);
}

#[test]
fn ctrl_c_on_a_reading_client_leaves_no_file_and_the_results_where_they_are() {
    let scene = Scene::new("ctrl_c_on_a_reading_client");
    let coordinator = scene.coordinator();
    let job = coordinator.submit("1..=1000");
    // Again and again: what is left behind now and then is left behind.
    for _ in 0..10 {
        let client = coordinator.swath("job results 1 -o squares.csv").in_the_foreground().start();
        until("it has opened the file", || (!client.open_files_in(&scene.path("")).is_empty()).then_some(()));
        client.press_ctrl_c();
        client.wait().assert_code(130);
        assert_eq!(scene.files(), ["data"]);
    }
    let _worker = coordinator.worker("late");
    coordinator.await_done(job);
    coordinator.save(job, "squares.csv");
    Rows::open(&scene.path("squares.csv")).assert_are(1..=1000, square);
}

/// A run that will not end by itself, in its midst: its file is being written.
fn endless_run(scene: &Scene) -> Process<'_> {
    let run = scene.swath(&format!("run {ENDLESS} -o steps.csv --workers 2")).in_the_foreground().start();
    until("the run writes", || run.open_files_in(&scene.path("")).iter().any(|length| *length > 0).then_some(()));
    assert_eq!(scene.files(), [] as [&str; 0], "a file that is not whole has no name");
    assert_eq!(scene.running().len(), 3, "a run and its two workers");
    run
}

#[test]
fn ctrl_c_on_a_run_leaves_nothing() {
    let scene = Scene::new("ctrl_c_on_a_run");
    for _ in 0..10 {
        let run = endless_run(&scene);
        run.press_ctrl_c();
        let ended = run.wait().assert_code(130);
        assert!(ended.stderr().contains("interrupted"), "{}", ended.stderr());
        until("its workers are gone", || scene.running().is_empty().then_some(()));
        assert_eq!(scene.files(), [] as [&str; 0]);
        assert_eq!(scene.temporary_files(), [] as [&str; 0]);
    }
}

#[test]
fn a_signal_to_the_run_alone_leaves_nothing() {
    let scene = Scene::new("a_signal_to_the_run_alone");
    for signal in [Signal::INT, Signal::TERM].repeat(5) {
        let run = endless_run(&scene);
        run.signal(signal);
        run.wait().assert_code(130);
        assert_eq!(scene.running(), [] as [u32; 0], "processes that still run");
        assert_eq!(scene.files(), [] as [&str; 0]);
        assert_eq!(scene.temporary_files(), [] as [&str; 0]);
    }
}

#[test]
fn the_workers_of_a_run_that_is_killed_are_gone() {
    let scene = Scene::new("a_run_that_is_killed");
    let run = endless_run(&scene);
    run.signal(Signal::KILL);
    assert_eq!(run.wait().signal(), Some(9));
    until("its workers are gone", || scene.running().is_empty().then_some(()));
    assert_eq!(scene.files(), [] as [&str; 0]);
    until("its temporary folder is gone", || scene.temporary_files().is_empty().then_some(()));
}

#[test]
fn a_run_without_workers_gives_up() {
    let scene = Scene::new("a_run_without_workers");
    let run = endless_run(&scene);
    for id in scene.running().into_iter().filter(|id| *id != run.id()) {
        scene.bash(&format!("kill -KILL {id}")).succeed();
    }
    let said = run.wait().assert_code(1).stderr().to_owned();
    assert!(said.contains("all workers have ended"), "{said}");
    assert_eq!(scene.files(), [] as [&str; 0]);
    assert_eq!(scene.temporary_files(), [] as [&str; 0]);
}

#[test]
fn completions_are_scripts_of_the_shell() {
    let scene = Scene::new("completions");
    for shell in ["bash", "zsh", "fish"] {
        let script = scene.swath(&format!("completions {shell}")).succeed();
        assert_eq!(script.stderr(), "");
        for word in ["swath", "submit", "coordinator", "chunk-size"] {
            assert!(script.stdout().contains(word), "{shell} is not told of {word}");
        }
    }
    scene.bash("$SWATH completions bash > script && bash -n script").succeed();
    // It also completes.
    let line =
        "source ./script && COMP_WORDS=(swath sub) && COMP_CWORD=1 && _swath swath sub swath && echo ${COMPREPLY[@]}";
    assert_eq!(scene.bash(line).succeed().stdout(), "submit\n");
}
