//! Parts of results: some numbers, some columns; and what a file says about itself.

use std::fs;

use serde_json::{Value, json};
use swath_tests::{Coordinator, Rows, Scene, square, until};

/// Three million squares in blocks that end anywhere, on a coordinator with one worker.
const MANY: &str = "-1500000..=1500000 --wait";

#[track_caller]
fn csv(coordinator: &Coordinator<'_>, scene: &Scene, arguments: &str) -> Rows {
    coordinator.swath(&format!("job results 1 -o part.csv {arguments}")).succeed();
    Rows::open(&scene.path("part.csv"))
}

#[test]
fn a_part_has_the_numbers_that_are_asked_for() {
    let scene = Scene::new("a_part_has_the_numbers");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    coordinator.swath(&format!("submit {MANY}")).succeed();
    for (bounds, numbers) in [
        ("--first -1500000 --last -1499999", -1_500_000..=-1_499_999),
        ("--last -1_499_000", -1_500_000..=-1_499_000),
        ("--first 1499999", 1_499_999..=1_500_000),
        ("--first=-7 --last 1e6", -7..=1_000_000),
        ("--first 0 --last 0", 0..=0),
        ("", -1_500_000..=1_500_000),
    ] {
        csv(&coordinator, &scene, bounds).assert_are(numbers, square);
    }
    // Encoded anew at the two ends, copied between.
    coordinator.swath("job results 1 --first -1499999 --last 1499998 -o part.parquet").succeed();
    let found = scene.python("squares.py", ["part.parquet"]);
    for reader in ["duckdb", "pyarrow", "polars"] {
        let part = &found[reader];
        assert_eq!([&part["first"], &part["last"], &part["rows"]], [-1_499_999, 1_499_998, 2_999_998], "{reader}");
        assert_eq!((&part["consecutive"], &part["wrong"]), (&json!(true), &json!(0)), "{reader}");
    }
    // Whole blocks are not only the same values.
    coordinator.swath("job results 1 -o whole.parquet").succeed();
    let groups = |file: &str| scene.python("footer.py", [file])["row_groups"].as_array().unwrap().clone();
    let (whole, part) = (groups("whole.parquet"), groups("part.parquet"));
    assert!(whole.len() > 2 && whole.len() == part.len(), "{} and {}", whole.len(), part.len());
    let between = 1..whole.len() - 1;
    assert_eq!(whole[between.clone()], part[between], "the columns of the blocks between the ends");
    assert_ne!(whole[0], part[0]);
}

#[test]
fn bounds_that_cannot_be_are_refused_in_a_sentence() {
    let scene = Scene::new("bounds_that_cannot_be");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    coordinator.swath("submit -10..=10 --wait").succeed();
    for (arguments, sentence) in [
        ("--first 11", "11 is not in the range -10..=10 of job 1"),
        ("--last -11", "-11 is not in the range -10..=10 of job 1"),
        ("--first 5 --last 4", "no number is both 5 or more and 4 or less"),
        ("--column m", "there is no column `m`; the columns are `n` and `value`"),
        ("--column n --column n", "the column `n` is asked for twice"),
    ] {
        let said = coordinator.swath(&format!("job results 1 -o x.txt {arguments}")).end().assert_refused(2);
        assert!(said.contains(sentence), "{arguments}: {said}");
        assert!(!scene.path("x.txt").exists(), "{arguments}");
    }
    let said = coordinator.swath("job results 1 --first x").end().assert_misused();
    assert!(said.contains("it takes a whole number, such as -5, 1_000 or 1e6"), "{said}");
}

#[test]
fn columns_come_in_the_order_in_which_they_are_asked_for() {
    let scene = Scene::new("columns_come_in_order");
    let run = |arguments: &str| scene.swath(&format!("run 3..=4 {arguments}")).succeed().stdout().to_owned();
    assert_eq!(run("--column value --column n --format csv"), "value,n\n9,3\n16,4\n");
    assert_eq!(run("--column value --format jsonl"), "{\"value\":9}\n{\"value\":16}\n");
    assert_eq!(run("--column n"), "3\n4\n");
    assert_eq!(run("--format tsv"), "n\tvalue\n3\t9\n4\t16\n");
    let ended = scene.swath("run 3..=4 --format csv").env("SWATH_COLUMN", "value;n").succeed();
    assert_eq!(ended.stdout(), "value,n\n9,3\n16,4\n");
    for ending in ["parquet", "arrow", "arrows", "arrows.zst"] {
        scene.swath(&format!("run 1..=3 --column value --column n -o x.{ending}")).succeed();
        let rows = scene.python("rows.py", ["pyarrow", &format!("x.{ending}")]);
        let expected = r#"{"columns":{"value":"int64","n":"int64"},"value":[1,4,9],"n":[1,2,3]}"#;
        assert_eq!(rows, serde_json::from_str::<Value>(expected).unwrap(), "{ending}");
        scene.swath(&format!("run 1..=3 -k is-prime --column value -o x.{ending}")).succeed();
        let rows = scene.python("rows.py", ["pyarrow", &format!("x.{ending}")]);
        assert_eq!(rows, json!({"columns": {"value": "bool"}, "value": [false, true, true]}), "{ending}");
    }
    scene.swath("run 1..=3 --column n --column value -o x.npy").succeed();
    let found = scene.python("rows.py", ["numpy", "x.npy"]);
    assert_eq!(found["value"], json!([[1, 1], [2, 4], [3, 9]]), "{found}");
}

#[test]
fn values_without_their_numbers_must_be_whole() {
    let scene = Scene::new("values_without_their_numbers");
    let said = scene.swath("run -1..=1 -k isqrt --keep-going --chunk-size 1 --max-retries 0 --column value -o x.csv");
    let said = said.end().assert_refused(1);
    assert!(said.contains("-1 has no result, and values without the column `n` cannot show that"), "{said}");
    let ended = scene.swath("run -1..=1 -k isqrt --keep-going --chunk-size 1 --max-retries 0 --column n").end();
    assert_eq!((ended.code(), ended.stdout()), (Some(1), "0\n1\n"));
}

#[test]
fn a_part_of_a_running_job_is_there_before_the_rest() {
    let scene = Scene::new("a_part_of_a_running_job");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    let job = coordinator.submit("1..=1e14 -k collatz");
    let ended = coordinator.swath(&format!("job results {job} --first 2 --last 5 --format csv")).succeed();
    assert_eq!(ended.stdout(), "n,value\n2,1\n3,7\n4,2\n5,5\n");
    assert_eq!(coordinator.job(job)["state"], "running");
}

#[test]
fn a_part_says_only_what_is_missing_of_it() {
    let scene = Scene::new("a_part_says_only_what_is_missing");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    coordinator
        .swath("submit -100..=99 -k isqrt --keep-going --chunk-size 10 --max-retries 0 --wait")
        .end()
        .assert_code(1);
    let ended = coordinator.swath("job results 1 --first 0 --last 3").succeed();
    assert_eq!(ended.stdout(), "0\n1\n1\n1\n");
    let ended = coordinator.swath("job results 1 --first -5 --last 1 --format csv").end();
    assert_eq!((ended.code(), ended.stdout()), (Some(1), "n,value\n0,0\n1,1\n"));
    assert!(ended.stderr().contains("5 of 7 numbers failed"), "{}", ended.stderr());
}

#[test]
fn a_parquet_file_says_what_it_holds() {
    let scene = Scene::new("a_parquet_file_says");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    coordinator.swath("submit 1..=1000 -k collatz -p max-steps=200 -o whole.parquet").succeed();
    coordinator.swath("job results 1 --first 10 --last 20 -o part.parquet").succeed();
    let version = scene.swath("--version").succeed().stdout().to_owned();
    let version = version.trim().strip_prefix("swath ").unwrap();
    for (file, range) in [("whole.parquet", "1..=1000"), ("part.parquet", "10..=20")] {
        let expected = json!({
            "swath.version": version, "swath.kernel": "collatz", "swath.range": range,
            "swath.parameter.max-steps": "200",
        });
        assert_eq!(scene.python("footer.py", [file])["metadata"], expected, "{file}");
    }
    let arguments = ["--where", "n > 3", "--reduce", "count", "-o", "reduced.parquet"];
    scene.swath("run 1..=1000").args(arguments).succeed();
    let said = &scene.python("footer.py", ["reduced.parquet"])["metadata"];
    assert_eq!((&said["swath.where"], &said["swath.reduce"]), (&json!("n > 3"), &json!("count")));
}

#[test]
fn the_same_job_gives_the_same_file() {
    let scene = Scene::new("the_same_job_gives_the_same_file");
    let run = |arguments: &str, file: &str| {
        scene.swath(&format!("run 1..=5000000 {arguments} -o {file}")).succeed();
        fs::read(scene.path(file)).unwrap()
    };
    // Whoever computes it: a block is a chunk, or a piece of one.
    for size in ["1048576", "3000000"] {
        let one = run(&format!("--chunk-size {size} -w 1 -t 1"), "one.parquet");
        let many = run(&format!("--chunk-size {size} -w 2 -t 3"), "many.parquet");
        assert!(one == many, "chunks of {size}: {} and {} bytes", one.len(), many.len());
    }
    // Otherwise row groups end where leases end. All else is the same.
    run("-w 1 -t 1", "one.parquet");
    run("-w 2 -t 3", "many.parquet");
    let footer = |file| {
        let mut footer = scene.python("footer.py", [file]);
        footer.as_object_mut().unwrap().remove("row_groups");
        footer
    };
    assert_eq!(footer("one.parquet"), footer("many.parquet"));
}

#[test]
fn submitted_results_are_written_to_a_file() {
    let scene = Scene::new("submitted_results");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    let ended = coordinator.swath("submit 1..=1000 -o squares.csv.gz").succeed();
    assert!(ended.stderr().contains("job 1 submitted\n1,000 numbers in squares.csv.gz"), "{}", ended.stderr());
    assert_eq!(ended.stdout(), "");
    scene.bash("gunzip squares.csv.gz").succeed();
    Rows::open(&scene.path("squares.csv")).assert_are(1..=1000, square);
    // The job stays.
    assert_eq!(coordinator.job(1)["state"], "done");
    let job = coordinator.swath("submit 1..=3 -o x.ndjson --output json").succeed().json();
    assert_eq!((&job["id"], &job["state"], &job["output"]["numbers"]), (&json!(2), &json!("done"), &json!(3)));
    assert_eq!(coordinator.swath("submit 3..=4 -o -").succeed().stdout(), "9\n16\n");
    for (arguments, sentence) in [
        ("1..=3 -o x.xlsx", "names no format"),
        ("1..=3 -o x.parquet.gz", "parquet is not written with .gz"),
        ("1..=3 -o folder/x.csv", "folder/x.csv"),
        ("1..=3 -o x.csv --column m", "there is no column `m`"),
    ] {
        let said = coordinator.swath(&format!("submit {arguments}")).end().assert_refused(2);
        assert!(said.contains(sentence), "{arguments}: {said}");
    }
    let said = coordinator.swath("submit 1..=3 --format csv").end().assert_misused();
    assert!(said.contains("name a file with -o FILE"), "{said}");
    // They were refused before there was a job.
    assert_eq!(coordinator.swath("job list --output json").succeed().json().as_array().unwrap().len(), 3);
    let failed = coordinator.swath("submit -1..=1 -k isqrt --max-retries 0 -o x.csv").end().assert_code(1);
    assert!(failed.stderr().starts_with("job 4 submitted\nswath: job 4 failed: "), "{}", failed.stderr());
    assert!(!scene.path("x.csv").exists());
}

#[test]
fn ctrl_c_ends_only_the_waiting_for_submitted_results() {
    let scene = Scene::new("ctrl_c_ends_only_the_waiting");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    let submit = coordinator.swath("submit 1..=1e14 -k collatz -o steps.parquet").in_the_foreground().start();
    until("it is submitted", || submit.stderr().contains("job 1 submitted").then_some(()));
    submit.press_ctrl_c();
    let ended = submit.wait();
    assert_eq!(ended.code(), Some(130));
    let hint =
        "job 1 continues; `swath job results 1 -o steps.parquet` writes its results, `swath job cancel 1` cancels it";
    assert!(ended.stderr().contains(hint), "{}", ended.stderr());
    assert_eq!(coordinator.job(1)["state"], "running");
    assert!(!scene.path("steps.parquet").exists());
    // A job that is cancelled ends it, too.
    let submit = coordinator.swath("submit 1..=1e14 -k collatz -o steps.parquet").start();
    until("it is submitted", || submit.stderr().contains("job 2 submitted").then_some(()));
    coordinator.swath("job cancel 2").succeed();
    assert_eq!(submit.wait().code(), Some(4));
}
