//! What the workers of a run inherit.

use swath_tests::{Rows, Scene, square};

#[test]
fn what_is_set_for_other_commands_does_not_reach_the_workers_of_a_run() {
    let scene = Scene::new("variables_for_others");
    scene.swath("access create access --address 127.0.0.1:7171").succeed();
    // A run whose workers are counted on the command line starts its own, whatever access there is to another
    // coordinator.
    let run = scene.swath("run 1..=100000 -k collatz -o steps.csv --workers 2 --output json");
    let settings = [
        ("SWATH_ACCESS", "access/client.toml"),
        ("SWATH_COORDINATOR", "127.0.0.1:1"),
        ("SWATH_HEALTH_LISTEN", "127.0.0.1:1"),
        ("SWATH_SILENCE", "1ms"),
        ("SWATH_READY_FILE", "ready"),
        ("SWATH_NAME", "mine"),
        ("SWATH_GRACE", "nonsense"),
        ("SWATH_PATIENCE", "0s"),
        ("SWATH_UPLOAD_MEMORY", "1"),
        ("SWATH_ON_COORDINATOR_LOST", "nonsense"),
        ("SWATH_DATA", "data"),
        ("SWATH_LISTEN", "nonsense"),
        ("SWATH_SOMETHING_NEW", "1"),
    ];
    let ended = settings.into_iter().fold(run, |run, (name, value)| run.env(name, value)).succeed();
    assert!(!ended.stderr().contains("WARN"), "{}", ended.stderr());
    assert_eq!(scene.files(), ["access", "steps.csv"]);
    for share in ended.json()["workers"].as_array().unwrap() {
        assert!(share["name"].as_str().unwrap().starts_with("worker-"), "{share}");
    }
}

#[test]
fn what_is_set_for_the_run_itself_counts() {
    let scene = Scene::new("variables_for_the_run");
    let run = scene.swath("run 1..=1000").env("SWATH_FILE", "squares.csv").env("SWATH_THREADS", "1");
    run.env("SWATH_WORKERS", "2").env("SWATH_CHUNK_SIZE", "10").succeed();
    Rows::open(&scene.path("squares.csv")).assert_are(1..=1000, square);
}
