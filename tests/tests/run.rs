//! `swath run`: everything in one command, and nothing left behind.

use serde_json::json;
use swath_tests::{Rows, Scene, square};

#[test]
fn a_million_squares_are_exact_for_every_reader() {
    let scene = Scene::new("a_million_squares");
    scene.swath("run 1..=1000000 -o squares.parquet").succeed();
    let found = scene.python("squares.py", ["squares.parquet"]);
    for (reader, value_type) in [("duckdb", "BIGINT"), ("pyarrow", "int64"), ("polars", "Int64")] {
        let expected = json!({
            "rows": 1_000_000, "type": value_type, "first": 1, "last": 1_000_000,
            "consecutive": true, "wrong": 0, "sum": "333333833333500000",
        });
        assert_eq!(found[reader], expected, "read by {reader}");
    }
}

#[test]
fn nothing_is_left_behind() {
    let scene = Scene::new("nothing_is_left_behind");
    scene.swath("run 1..=1000000 -o squares.csv").succeed();
    assert_eq!(scene.running(), [] as [u32; 0], "processes that still run");
    assert_eq!(scene.files(), ["squares.csv"]);
    assert_eq!(scene.temporary_files(), [] as [&str; 0]);
}

#[test]
fn several_workers_share_a_run() {
    let scene = Scene::new("several_workers_share_a_run");
    let job = scene.swath("run 1..=3000000 --workers 3 --threads 1 -o squares.csv --output json").succeed().json();
    Rows::open(&scene.path("squares.csv")).assert_are(1..=3_000_000, square);
    let shares = job["workers"].as_array().unwrap();
    let numbers: Vec<_> = shares.iter().map(|share| share["numbers"].as_u64().unwrap()).collect();
    assert_eq!(numbers.iter().sum::<u64>(), 3_000_000, "{job:#}");
    assert_eq!(scene.running(), [] as [u32; 0], "processes that still run");
}

#[test]
fn values_are_lines_on_standard_output() {
    let scene = Scene::new("values_are_lines");
    let ended = scene.swath("run -2..=5").succeed();
    assert_eq!(ended.stdout(), "4\n1\n0\n1\n4\n9\n16\n25\n");
    assert_eq!(ended.stderr(), "", "nothing but data is to be said");
}

#[test]
fn the_job_is_json_when_the_values_go_to_a_file() {
    let scene = Scene::new("the_job_is_json");
    let job = scene.swath("run 1..=1_000 -k collatz -p max-steps=200 -o steps.txt --output json").succeed().json();
    let expected = [
        ("kernel", json!("collatz")),
        ("parameters", json!({"max-steps": "200"})),
        ("range", json!("1..=1000")),
        ("first", json!(1)),
        ("last", json!(1000)),
        ("numbers", json!(1000)),
        ("shape", json!("dense")),
        (
            "columns",
            json!([
                {"name": "n", "type": "int64", "nullable": false},
                {"name": "value", "type": "int64", "nullable": false},
            ]),
        ),
        ("condition", json!(null)),
        ("reductions", json!(null)),
        ("state", json!("done")),
        ("failure", json!(null)),
        ("committed_numbers", json!(1000)),
        ("results_location", json!(null)),
    ];
    for (field, value) in expected {
        assert_eq!(job[field], value, "{field} of {job:#}");
    }
    assert_eq!(job["committed_chunks"], job["chunks"]);
}

#[test]
fn values_are_json_lines_on_standard_output_when_that_is_asked_for() {
    let scene = Scene::new("values_are_json_lines");
    let ended = scene.swath("run 3..5 --output json").succeed();
    assert_eq!(ended.stdout(), "{\"n\":3,\"value\":9}\n{\"n\":4,\"value\":16}\n");
}

#[test]
fn a_run_on_a_coordinator_that_others_use_leaves_no_job_there() {
    let scene = Scene::new("a_run_on_a_coordinator");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("guest");
    // Again and again: the last result may come before the job has ended, or after.
    for _ in 0..20 {
        let ended = coordinator.swath("run 1..=3").succeed();
        assert_eq!(ended.stdout(), "1\n4\n9\n");
        assert_eq!(ended.stderr(), "");
        assert_eq!(coordinator.swath("job list --output json").succeed().json(), json!([]));
    }
}

#[test]
fn settings_come_from_the_environment_and_flags_win() {
    let scene = Scene::new("settings_come_from_the_environment");
    let isqrt = scene.swath("run 9..=10").env("SWATH_KERNEL", "isqrt").succeed();
    assert_eq!(isqrt.stdout(), "3\n3\n");
    let square = scene.swath("run 9..=10 --kernel square").env("SWATH_KERNEL", "isqrt").succeed();
    assert_eq!(square.stdout(), "81\n100\n");
}
