//! A limit on the size of files, as `ulimit -f` sets it: beyond it, a disk is full.

use swath_tests::{Rows, Scene, Signal, square, until};

#[test]
fn a_run_whose_file_would_be_too_large_says_so_and_leaves_none() {
    let scene = Scene::new("a_file_that_is_too_large");
    for format in ["csv", "parquet", "arrow", "npy"] {
        let run = scene.bash(&format!("ulimit -f 10; exec $SWATH run 1..=300000 -o squares.{format}"));
        let said = run.end().assert_refused(1);
        assert!(said.contains("File too large"), "{said}");
        assert_eq!(scene.files(), [""; 0]);
        assert_eq!(scene.temporary_files(), [""; 0]);
    }
}

#[test]
fn a_coordinator_pauses_the_job_whose_part_would_be_too_large_and_goes_on() {
    let scene = Scene::new("a_part_that_is_too_large");
    let limited = ["bash", "-c", "ulimit -f 2048; exec \"$@\"", "bash"];
    // Parts of up to 4 MiB; these are decimals, which do not get smaller.
    let coordinator = scene.coordinator_under(&limited, "--memory 8MiB");
    let _worker = coordinator.worker("able");
    let large = coordinator.submit("4_000_000_000..=4_002_499_999");
    let reason = until("the job is paused", || coordinator.job(large)["paused"].as_str().map(str::to_owned));
    assert!(reason.contains("File too large"), "{reason}");
    let small = coordinator.submit("1..=1000");
    coordinator.swath(&format!("job cancel {large} --drop-results")).succeed();
    coordinator.await_done(small);
    coordinator.save(small, "squares.csv");
    Rows::open(&scene.path("squares.csv")).assert_are(1..=1000, square);
    coordinator.stop(Signal::TERM).assert_code(0);
}

#[test]
fn a_ledger_that_would_be_too_large_is_an_error_of_the_request() {
    let scene = Scene::new("a_ledger_that_is_too_large");
    let limited = ["bash", "-c", "ulimit -f 160; exec \"$@\"", "bash"];
    let coordinator = scene.coordinator_under(&limited, "");
    let refused = until("the ledger is full", || {
        let submitted = coordinator.swath("submit 1..=1000").end();
        (submitted.code() != Some(0)).then(|| submitted.assert_refused(1))
    });
    assert!(refused.contains("files may not be larger than 160.0 KiB here (`ulimit -f`)"), "{refused}");
    coordinator.jobs();
    coordinator.stop(Signal::TERM).assert_code(0);
}
