//! What cannot be is refused in one clear sentence, with the right exit code, and leaves nothing half made.

use std::fs;

use swath_tests::{Scene, Signal};

/// A port at which nobody listens: it is privileged, and unused.
const NOBODY: &str = "127.0.0.1:1";

/// Nothing was made, and nothing runs.
fn assert_untouched(scene: &Scene) {
    assert_eq!(scene.files(), [] as [&str; 0], "files");
    assert_eq!(scene.temporary_files(), [] as [&str; 0], "temporary files");
    assert_eq!(scene.running(), [] as [u32; 0], "processes that still run");
}

#[track_caller]
fn assert_says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "this should mention `{part}`:\n{said}");
    }
}

#[test]
fn a_bad_range_is_refused_with_what_is_allowed() {
    let scene = Scene::new("a_bad_range");
    let cases = [
        ("5..5", ["5..5", "holds no number"]),
        ("5..=1", ["5..=1", "below the first number 5"]),
        ("5..1", ["5..1", "below the first number 5"]),
        ("1..=9223372036854775808", ["9223372036854775808", "from -9223372036854775808 to 9223372036854775807"]),
        ("1e30", ["1e30", "from -9223372036854775808 to 9223372036854775807"]),
        ("many", ["many", "allowed are integers such as 1000"]),
        ("1..=2.5", ["2.5", "integer"]),
        ("..=5", ["..=5", "1..="]),
        ("-9223372036854775808..=9223372036854775807", ["18446744073709551616", "at most 18446744073709551615"]),
    ];
    for (range, parts) in cases {
        for command in [format!("run {range} -o x.csv"), format!("submit {range} --coordinator {NOBODY}")] {
            let said = scene.swath(&command).end().assert_misused();
            assert_says(&said, &parts);
        }
    }
    assert_untouched(&scene);
}

#[test]
fn bad_usage_is_refused_before_anything_is_started() {
    let scene = Scene::new("bad_usage");
    let cases: [(&str, &[&str]); 9] = [
        ("run 1..=5 -o x.csv -k cube", &["cube", "square, isqrt, is-prime, collatz"]),
        ("run 1..=5 -o x.csv -k sqaure", &["sqaure", "did you mean \"square\""]),
        ("run 1..=5 -o x.csv -p speed=9", &["speed", "square", "type"]),
        ("run 1..=5 -o x.csv -p type=float", &["float", "auto or decimal128"]),
        ("run 1..=5 -o x.csv -k collatz -p max-steps=0", &["\"0\"", "whole number from 1"]),
        ("run 1..=5 -o x.csv --chunk-size 0", &["chunk size of 0", "at least one number"]),
        (
            "run 1..=5 -o x.xlsx",
            &["x.xlsx", ".parquet", ".arrow", ".arrows", ".csv", ".tsv", ".jsonl", ".ndjson", ".npy", ".txt"],
        ),
        ("run 1..=5 -o squares", &["squares", ".parquet"]),
        ("run 3037000499..=3037000500 -o x.npy", &["npy", "decimal128", ".parquet"]),
    ];
    for (command, parts) in cases {
        let ended = scene.swath(command).end();
        assert_eq!(ended.stdout(), "", "{command}");
        assert_says(&ended.assert_refused(2), parts);
    }
    assert_untouched(&scene);
}

#[test]
fn bad_values_of_flags_are_refused_with_what_is_allowed() {
    let scene = Scene::new("bad_values_of_flags");
    let cases: [(&str, &[&str]); 8] = [
        ("run 1..=5 --workers 0", &["0", "1 to 1024"]),
        ("run 1..=5 --threads 0", &["0", "1 to 65536"]),
        ("run 1..=5 --format excel", &["excel", "parquet, arrow, arrows, csv, tsv, jsonl, ndjson, npy, text"]),
        ("run 1..=5 --output yaml", &["yaml", "text, json"]),
        ("run 1..=5 -p speed", &["speed", "NAME=VALUE"]),
        ("coordinator start --lease-timeout soon", &["soon", "10s"]),
        ("coordinator start --listen h:ere", &["h:ere", "HOST:PORT"]),
        ("job show first", &["first", "<ID>"]),
    ];
    for (command, parts) in cases {
        assert_says(&scene.swath(command).end().assert_misused(), parts);
    }
    assert_untouched(&scene);
}

#[test]
fn an_output_that_cannot_be_written_is_refused() {
    let scene = Scene::new("an_output_that_cannot_be_written");
    let said = scene.swath("run 1..=5 -o missing/x.csv").end().assert_refused(2);
    assert_says(&said, &["missing/x.csv"]);
    assert_untouched(&scene);

    fs::create_dir(scene.path("folder.csv")).unwrap();
    let said = scene.swath("run 1..=5 -o folder.csv").end().assert_refused(2);
    assert_says(&said, &["folder.csv", "folder"]);
    assert_eq!(scene.files(), ["folder.csv"]);
    assert_eq!(fs::read_dir(scene.path("folder.csv")).unwrap().count(), 0);
}

#[test]
fn a_missing_folder_is_called_by_its_usual_name() {
    let scene = Scene::new("a_missing_folder");
    let said = scene.swath("run 1..=5 -o missing/x.csv").end().assert_refused(2);
    assert_says(&said, &["there is no folder missing"]);
}

#[test]
fn a_failing_kernel_fails_the_run_and_names_the_number() {
    let scene = Scene::new("a_failing_kernel");
    // Again and again: what is left behind now and then is left behind.
    for _ in 0..10 {
        let ended = scene.swath("run -1..=1 -k isqrt -o roots.csv").end();
        assert_eq!(ended.stdout(), "");
        assert_says(&ended.assert_refused(1), &["isqrt", "-1", "square root"]);
        assert_untouched(&scene);
    }
}

#[test]
fn a_failing_kernel_fails_the_job_and_names_the_number() {
    let scene = Scene::new("a_failing_job");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    let ended = coordinator.swath("submit -1..=1 -k isqrt --wait --output json").end();
    let job = ended.json();
    assert_eq!(job["state"], "failed", "{job:#}");
    assert_says(job["failure"].as_str().unwrap(), &["isqrt", "-1"]);
    assert_says(&ended.assert_refused(1), &["job 1 failed", "isqrt", "-1"]);
    // It says the same to whoever asks later.
    assert_says(&coordinator.swath("job wait 1").end().assert_refused(1), &["job 1 failed", "-1"]);
    assert_says(&coordinator.swath("job results 1 -o roots.csv").end().assert_refused(1), &["job 1 failed", "-1"]);
    assert_eq!(scene.files(), ["data"]);
    // And whoever works goes on.
    coordinator.swath("submit 0..=9 -k isqrt --wait").succeed();
}

#[test]
fn where_no_coordinator_answers_the_exit_code_is_3() {
    let scene = Scene::new("where_no_coordinator_answers");
    let commands = [
        "submit 1..=5",
        "run 1..=5 -o x.csv",
        "job list",
        "job show 1",
        "job results 1 -o x.csv",
        "worker list",
        "worker drain 1",
        "worker start --patience 100ms --log error",
    ];
    for command in commands {
        let ended = scene.swath(command).arg("--coordinator").arg(NOBODY).end();
        assert_eq!(ended.stdout(), "", "{command}");
        assert_says(&ended.assert_refused(3), &[NOBODY, "swath coordinator start", "--coordinator"]);
    }
    assert_untouched(&scene);
}

#[test]
fn what_is_no_address_is_refused() {
    let scene = Scene::new("what_is_no_address");
    for command in ["job list --coordinator no/where", "worker start --coordinator no/where --log error"] {
        assert_says(&scene.swath(command).end().assert_misused(), &["no/where", "host:port"]);
    }
}

#[test]
fn a_port_in_use_is_refused() {
    let scene = Scene::new("a_port_in_use");
    let coordinator = scene.coordinator();
    let command = format!("coordinator start --data other --listen {} --log error", coordinator.address());
    let said = scene.swath(&command).end().assert_refused(1);
    assert_says(&said, &[coordinator.address(), "--listen"]);
    assert_eq!(scene.files(), ["data"]);
}

#[test]
fn other_machines_are_let_in_only_when_that_is_asked_for() {
    let scene = Scene::new("other_machines");
    let said = scene.swath("coordinator start --listen 0.0.0.0:0").end().assert_refused(2);
    assert_says(&said, &["0.0.0.0:0", "--insecure"]);
    assert_untouched(&scene);
    let coordinator = scene.coordinator_with("--listen 0.0.0.0:0 --insecure");
    assert!(coordinator.address().starts_with("0.0.0.0:"));
    coordinator.stop(Signal::TERM).assert_code(0);
}

#[test]
fn unknown_jobs_and_workers_are_refused() {
    let scene = Scene::new("unknown_jobs_and_workers");
    let coordinator = scene.coordinator();
    for verb in ["show", "wait", "cancel", "forget", "results"] {
        let said = coordinator.swath(&format!("job {verb} 7")).end().assert_refused(1);
        assert_says(&said, &["no job 7"]);
    }
    let said = coordinator.swath("worker drain 7").end().assert_refused(1);
    assert_says(&said, &["no worker 7"]);
}

#[test]
fn bad_jobs_are_refused_by_the_coordinator_and_not_stored() {
    let scene = Scene::new("bad_jobs");
    let coordinator = scene.coordinator();
    for (job, part) in [("1..=5 -k cube", "cube"), ("1..=5 -p speed=9", "speed"), ("1..=5 --chunk-size 0", "chunk")] {
        assert_says(&coordinator.swath(&format!("submit {job}")).end().assert_refused(2), &[part]);
    }
    assert_eq!(coordinator.swath("job list --output json").succeed().stdout().trim(), "[]");
    let good = coordinator.submit("1..=5");
    assert_eq!(good, 1, "the first id");
}

#[test]
fn a_cancelled_job_ends_whoever_waits_with_4() {
    let scene = Scene::new("a_cancelled_job");
    let coordinator = scene.coordinator();
    // Nobody works, so it cannot end by itself.
    let job = coordinator.submit("1..=1000");
    let waiting = coordinator.swath(&format!("job wait {job}")).start();
    let reading = coordinator.swath(&format!("job results {job} -o squares.csv")).start();
    coordinator.swath(&format!("job cancel {job}")).succeed();
    for said in [waiting.wait().assert_refused(4), reading.wait().assert_refused(4)] {
        assert_says(&said, &["job 1 was cancelled"]);
    }
    assert_says(&coordinator.swath("job wait 1").end().assert_refused(4), &["job 1 was cancelled"]);
    assert_eq!(coordinator.job(job)["state"], "cancelled");
    assert_eq!(scene.files(), ["data"]);
}

#[test]
fn an_ended_job_is_forgotten_with_its_parts_and_a_running_one_is_not() {
    let scene = Scene::new("an_ended_job_is_forgotten");
    let coordinator = scene.coordinator();
    let job = coordinator.submit("1..=100000");
    let said = coordinator.swath("job forget 1").end().assert_refused(1);
    assert_says(&said, &["job 1", "not ended", "cancel"]);

    let _worker = coordinator.worker("able");
    coordinator.await_done(job);
    coordinator.save(job, "squares.parquet");
    let folder = coordinator.job(job)["results_location"].as_str().unwrap().to_owned();
    let parts = || fs::read_dir(&folder).map(Iterator::count).unwrap_or(0);
    // `done` says that all is committed, and committed is what lies in a part.
    assert!(parts() > 0, "no part in {folder}");
    coordinator.swath("job forget 1").succeed();
    assert_eq!(parts(), 0, "parts in {folder}");
    assert_says(&coordinator.swath("job show 1").end().assert_refused(1), &["no job 1"]);
    assert_says(&coordinator.swath("job results 1").end().assert_refused(1), &["no job 1"]);
}
