//! What is said, and with which exit code.

use swath_tests::Scene;

#[track_caller]
fn assert_says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "this should mention `{part}`:\n{said}");
    }
}

#[test]
fn one_is_not_many() {
    let scene = Scene::new("one_is_not_many");
    let ran = scene.swath("run 7 -o x.csv").succeed();
    assert_says(ran.stderr(), &["1 number in x.csv"]);
    let ran = scene.swath("run -1..=1 -k isqrt --chunk-size 1 --keep-going --max-retries 0 -o x.csv").end();
    assert_says(ran.stderr(), &["2 numbers in x.csv", "1 of 3 numbers failed"]);
    let ran = scene.swath("run -1 -k isqrt --keep-going --max-retries 0 -o x.csv").end().assert_code(1);
    assert_says(ran.stderr(), &["0 numbers in x.csv", "1 of 1 number failed"]);

    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("one");
    let waited = coordinator.swath("submit 7 --wait").succeed();
    assert_says(waited.stdout(), &["7..=7 (1 number)", "up to 1 number each", "one: 1 number in 1 chunk (100.0 %)"]);
}

#[test]
fn a_value_that_is_no_number_is_refused_with_what_is_allowed() {
    let scene = Scene::new("no_number");
    let cases: [(&str, &[&str]); 14] = [
        ("job show first", &["first", "<ID>", "a whole number", "such as 1"]),
        ("job wait -- -1", &["-1", "a whole number"]),
        ("worker drain all", &["all", "a whole number"]),
        ("run 1..=5 --workers many", &["many", "a whole number from 1 to 1024"]),
        ("run 1..=5 --workers 1025", &["1025", "a whole number from 1 to 1024"]),
        ("run 1..=5 --threads 1.5", &["1.5", "a whole number from 1 to 65536"]),
        ("worker start --threads all", &["all", "a whole number from 1 to 65536"]),
        ("submit 1..=5 --max-retries none", &["none", "a whole number from 0 to 4294967295"]),
        ("submit 1..=5 --crash-limit 0", &["0", "a whole number from 1 to 4294967295"]),
        ("submit 1..=5 --chunk-size huge", &["huge", "a whole number from 0 to 18446744073709551615"]),
        ("launch --host h --parallel x", &["x", "a whole number from 1 to 65535"]),
        ("coordinator start --memory much", &["much", "a size, such as 64MiB"]),
        ("coordinator start --max-disk -1", &["-1"]),
        ("worker start --upload-memory ''", &["a size, such as 64MiB"]),
    ];
    for (command, parts) in cases {
        let said = scene.swath(command).end().assert_misused();
        assert_says(&said, parts);
        for riddle in ["invalid digit", "in string", "SI unit", "is not in 1.."] {
            assert!(!said.contains(riddle), "{command}: {said}");
        }
    }
    let said = scene.swath("run 1..=5 -k collatz -p max-steps=x").end().assert_refused(2);
    assert_says(&said, &["max-steps", "\"x\"", "whole number from 1"]);
}

#[test]
fn what_cannot_be_as_things_stand_is_no_bad_usage() {
    let scene = Scene::new("as_things_stand");
    let coordinator = scene.coordinator();
    for verb in ["show", "wait", "cancel", "forget", "results"] {
        let said = coordinator.swath(&format!("job {verb} 99")).end().assert_refused(1);
        assert_says(&said, &["there is no job 99"]);
    }
    assert_says(&coordinator.swath("worker drain 99").end().assert_refused(1), &["no worker 99"]);
    let job = coordinator.submit("1..=1000");
    assert_says(&coordinator.swath("job forget 1").end().assert_refused(1), &["job 1", "not ended", "cancel"]);
    coordinator.swath(&format!("job cancel {job}")).succeed();
    assert_says(&coordinator.swath("job cancel 1").end().assert_refused(1), &["job 1"]);
    // Wrong whatever the coordinator knows.
    assert_says(&coordinator.swath("submit 1..=5 -k cube").end().assert_refused(2), &["cube"]);
}
