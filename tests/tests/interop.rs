//! Other people's programs: readers of Parquet, a stock Arrow Flight client, and stock gRPC tools.

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use swath_tests::{Coordinator, Scene, until};

/// What a stock `pyarrow.flight` client sees.
#[track_caller]
fn flight(scene: &Scene, coordinator: &Coordinator<'_>, arguments: &[&str]) -> Value {
    scene.python("flight.py", [&[coordinator.address()], arguments].concat())
}

#[test]
fn flights_are_jobs() {
    let scene = Scene::new("flights_are_jobs");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    assert_eq!(flight(&scene, &coordinator, &["list"]), json!([]));
    for job in ["1..=1000", "-5..=5 -k is-prime", "9223372036854775807"] {
        coordinator.swath(&format!("submit {job} --wait")).succeed();
    }
    let flights = flight(&scene, &coordinator, &["list"]);
    let schemas: Vec<_> =
        ["int64", "bool", "decimal128(38, 0)"].map(|value| json!({"n": "int64", "value": value})).into();
    let summary =
        |key: &str| -> Vec<&Value> { flights.as_array().unwrap().iter().map(|flight| &flight[key]).collect() };
    assert_eq!(summary("path"), [&json!(["1"]), &json!(["2"]), &json!(["3"])]);
    assert_eq!(summary("schema"), schemas.iter().collect::<Vec<_>>());
    assert_eq!(summary("total_records"), [1000, 11, 1]);

    let first = flight(&scene, &coordinator, &["info", "1"]);
    assert_eq!(first["schema"], schemas[0]);
    assert_eq!(first["total_records"], 1000);
    assert!(first["total_bytes"].as_i64().unwrap() > 0, "{first:#}");
    // What it names can be fetched as it stands.
    assert_eq!(first["endpoints"].as_array().unwrap().len(), 1);
    let ticket = first["endpoints"][0].as_str().unwrap();
    assert_eq!(flight(&scene, &coordinator, &["get", ticket])["rows"], 1000);
    // A ticket may have an upper bound, too, and several columns.
    let some =
        flight(&scene, &coordinator, &["info", r#"{"job": 1, "columns": ["value", "n"], "first": 901, "last": 903}"#]);
    assert_eq!((&some["schema"], &some["total_records"]), (&json!({"value": "int64", "n": "int64"}), &json!(3)));
    // A descriptor may ask as a ticket does.
    let some = flight(&scene, &coordinator, &["info", r#"{"job": 1, "column": "value", "first": 901}"#]);
    assert_eq!(some["schema"], json!({"value": "int64"}));
    assert_eq!(some["total_records"], 100);
    let ticket = some["endpoints"][0].as_str().unwrap();
    assert_eq!(flight(&scene, &coordinator, &["get", ticket])["rows"], 100);
}

#[test]
fn a_flight_brings_every_row() {
    let scene = Scene::new("a_flight_brings_every_row");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    coordinator.swath("submit -1500000..=1500000 --wait").succeed();
    let expected = |first: i64| {
        json!({
            "columns": ["n", "value"], "rows": 1_500_000 - first + 1, "first": first, "last": 1_500_000,
            "in_order": true, "wrong": 0,
        })
    };
    assert_eq!(flight(&scene, &coordinator, &["get", "1"]), expected(-1_500_000));
    for (first, last) in [(-1_500_000, -1_500_000), (-1_048_577, 1_048_576), (-3, 700_000), (1_499_999, 1_500_000)] {
        let ticket = json!({"job": 1, "first": first, "last": last}).to_string();
        let expected = json!({
            "columns": ["n", "value"], "rows": last - first + 1, "first": first, "last": last,
            "in_order": true, "wrong": 0,
        });
        assert_eq!(flight(&scene, &coordinator, &["get", &ticket]), expected, "{ticket}");
    }
    // The first number may lie anywhere in a block.
    for first in [-1_500_000, -1_499_999, -7, 0, 1_048_576, 1_499_999, 1_500_000] {
        let ticket = json!({"job": 1, "first": first}).to_string();
        assert_eq!(flight(&scene, &coordinator, &["get", &ticket]), expected(first), "{ticket}");
    }
}

#[test]
fn a_flight_may_bring_one_column() {
    let scene = Scene::new("a_flight_may_bring_one_column");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    coordinator.swath("submit 1..=100 --wait").succeed();
    let get = |ticket: &str| flight(&scene, &coordinator, &["values", ticket]);
    assert_eq!(get(r#"{"job": 1, "column": "value", "first": 98}"#), json!({"value": [9604, 9801, 10000]}));
    assert_eq!(get(r#"{"job": 1, "column": "n", "first": 98}"#), json!({"n": [98, 99, 100]}));
    assert_eq!(get(r#"{"job": 1, "columns": ["value", "n"], "last": 2}"#), json!({"value": [1, 4], "n": [1, 2]}));
    assert_eq!(get(r#"{"job": 1, "columns": ["n"], "first": 7, "last": 7}"#), json!({"n": [7]}));
    assert_eq!(get(r#"{"job": 1, "first": 99}"#), json!({"n": [99, 100], "value": [9801, 10000]}));
}

#[test]
fn wide_values_fly_exactly() {
    let scene = Scene::new("wide_values_fly");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    coordinator.swath("submit 9223372036854775806..=9223372036854775807 --wait").succeed();
    let squares = ["85070591730234615828950163710522949636", "85070591730234615847396907784232501249"];
    let expected = json!({"n": [i64::MAX - 1, i64::MAX], "value": squares});
    assert_eq!(flight(&scene, &coordinator, &["values", "1"]), expected);
}

#[test]
fn a_flight_begins_while_the_job_runs() {
    let scene = Scene::new("a_flight_begins_while_the_job_runs");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    let job = coordinator.submit("1..=1e14 -k collatz");
    let said = flight(&scene, &coordinator, &["begin", "1", "5"]);
    assert_eq!(said, json!({"n": [1, 2, 3, 4, 5], "value": [0, 1, 7, 2, 5]}));
    assert_eq!(coordinator.job(job)["state"], "running");
    let info = flight(&scene, &coordinator, &["info", "1"]);
    assert_eq!(info["total_records"], 100_000_000_000_000_i64);
    assert_eq!(info["total_bytes"], -1, "not known yet");
}

#[test]
fn a_flight_that_cannot_be_is_refused_in_a_sentence() {
    let scene = Scene::new("a_flight_that_cannot_be");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    coordinator.swath("submit 1..=10 --wait").succeed();
    let cases = [
        ("squares", "ArrowInvalid", "neither the id of a job nor like"),
        (r#"{"job": 1, "row": 7}"#, "ArrowInvalid", "unknown field `row`"),
        (r#"{"job": 1, "column": "m"}"#, "ArrowInvalid", "there is no column `m`; the columns are `n` and `value`"),
        ("7", "ArrowKeyError", "there is no job 7"),
        (r#"{"job": 1, "first": 11}"#, "ArrowInvalid", "11 is not in the range 1..=10"),
        (r#"{"job": 1, "last": 0}"#, "ArrowInvalid", "0 is not in the range 1..=10"),
        (r#"{"job": 1, "first": 5, "last": 4}"#, "ArrowInvalid", "no number is both 5 or more and 4 or less"),
        (r#"{"job": 1, "columns": ["n", "n"]}"#, "ArrowInvalid", "asks for the column `n` twice"),
        (r#"{"job": 1, "columns": []}"#, "ArrowInvalid", "asks for no columns"),
        (r#"{"job": 1, "column": "n", "columns": ["n"]}"#, "ArrowInvalid", "both `column` and `columns`"),
    ];
    for (ticket, kind, sentence) in cases {
        for verb in ["get", "info"] {
            let error = flight(&scene, &coordinator, &[verb, ticket]);
            let said = error["message"].as_str().unwrap_or_else(|| panic!("{verb} {ticket} gave {error}"));
            assert!(said.contains(sentence), "{verb} {ticket}: {said}");
            assert_eq!(error["error"], kind, "{verb} {ticket}: {said}");
        }
    }
}

#[test]
fn a_flight_of_a_job_that_fails_fails() {
    let scene = Scene::new("a_flight_of_a_job_that_fails");
    let coordinator = scene.coordinator();
    let _worker = coordinator.worker("able");
    coordinator.swath("submit -1..=1 -k isqrt --wait --output json").end().assert_refused(1);
    let error = flight(&scene, &coordinator, &["get", "1"]);
    let said = error["message"].as_str().unwrap_or_else(|| panic!("it gave {error}"));
    assert!(said.contains("isqrt") && said.contains("-1"), "{said}");
}

#[test]
fn nothing_can_be_put() {
    let scene = Scene::new("nothing_can_be_put");
    let coordinator = scene.coordinator();
    let error = flight(&scene, &coordinator, &["put"]);
    assert_eq!(error["error"], "ArrowNotImplementedError", "{error}");
    assert!(error["message"].as_str().unwrap().contains("Flight only reads them"), "{error}");
}

#[test]
fn stock_grpc_tools_find_their_way() {
    let scene = Scene::new("stock_grpc_tools");
    let coordinator = scene.coordinator();
    let found = scene.python("grpc_services.py", [coordinator.address()]);
    assert_eq!(found["health"], "SERVING");
    assert_eq!(found["unknown_service"], "NOT_FOUND");
    let services = found["services"].as_array().unwrap();
    for service in ["swath.v1.Jobs", "swath.v1.Workers", "swath.v1.Results", "grpc.health.v1.Health"] {
        assert!(services.contains(&json!(service)), "{service} is not among {services:?}");
    }
    // A client that has nothing but reflection calls Jobs.List and Jobs.Get.
    assert_eq!(found["jobs"], json!([]));
    assert_eq!(found["missing_job"], json!({"code": "NOT_FOUND", "details": "there is no job 7"}));
}

/// Whether Spark and parquet-java can be run.
fn has_java() -> bool {
    let mut java = Command::new("java");
    java.arg("-version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let found = java.status().is_ok_and(|status| status.success());
    if !found {
        eprintln!("\nSKIPPED: there is no `java`; Spark and parquet-java did NOT read the files\n");
    }
    found
}

/// Each type of values, with each compression that its pages may have.
#[test]
fn every_reader_of_parquet_reads_every_value() {
    let scene = Scene::new("every_reader_of_parquet");
    let files = [
        ("square", "a.parquet", "-35000..=44999 --chunk-size 40000", json!(["LZ4 DELTA_BINARY_PACKED"])),
        ("collatz", "b.parquet", "1..=40000 --chunk-size 20000", json!(["UNCOMPRESSED DELTA_BINARY_PACKED"])),
        // The first page of a row group decides: in the first one it holds negative numbers alone.
        ("is-prime", "c.parquet", "-35000..=44999 --chunk-size 40000", json!(["LZ4 PLAIN", "UNCOMPRESSED PLAIN"])),
        ("square", "d.parquet", "9223372036854735808..=9223372036854775807 --chunk-size 35000", json!(["ZSTD PLAIN"])),
        // Too few to have much in common.
        ("square", "e.parquet", "9223372036854775805..=9223372036854775807", json!(["UNCOMPRESSED PLAIN"])),
        ("square", "f.parquet", "5000000000..=5000069999 --chunk-size 40000", json!(["ZSTD PLAIN"])),
        ("random", "g.parquet", "-35000..=44999 --chunk-size 40000", json!(["UNCOMPRESSED PLAIN"])),
    ];
    for (kernel, file, range, _) in &files {
        scene.swath(&format!("run {range} --kernel {kernel} -o {file}")).succeed();
    }
    let mut readers = vec!["pyarrow", "duckdb", "polars", "fastparquet"];
    let mut arguments: Vec<_> = files.iter().map(|(kernel, file, ..)| format!("{kernel}={file}")).collect();
    if has_java() {
        readers.extend(["spark", "parquet-java"]);
    } else {
        arguments.extend(["--without=spark", "--without=parquet-java"].map(str::to_owned));
    }
    let process = scene.python_script("parquet_readers.py").args(arguments).start();
    let mut said = 0;
    let mut next = |of: &str| -> Value {
        said += 1;
        // Line by line: a JVM takes its time to begin where other tests run, too.
        until(of, || {
            let stdout = process.stdout();
            let line = stdout.split_inclusive('\n').nth(said - 1)?;
            line.ends_with('\n').then(|| serde_json::from_str(line).unwrap())
        })
    };
    let expected: Vec<Value> = files.iter().map(|(_, file, ..)| next(&format!("{file} is described"))).collect();
    for ((_, file, _, kinds), expected) in files.iter().zip(&expected) {
        assert_eq!(expected["kinds"], *kinds, "{file}: {expected}");
        assert_eq!(expected["statistics"], true, "{file}: {expected}");
    }
    for reader in readers {
        assert_eq!(next(&format!("{reader} begins")), json!({"reader": reader, "started": true}));
        for ((_, file, ..), expected) in files.iter().zip(&expected) {
            let found = next(&format!("{reader} reads {file}"));
            let mut filters = expected["filters"].clone();
            if reader == "fastparquet" && ["d.parquet", "e.parquet", "f.parquet"].contains(file) {
                // It makes floats of decimals.
                filters.as_array_mut().unwrap()[3..].fill(Value::Null);
            }
            let whole = json!({
                "reader": reader, "file": file, "rows": expected["rows"], "nulls": 0, "in_order": true, "wrong": 0,
                "filters": filters,
            });
            assert_eq!(found, whole);
        }
    }
    process.wait().assert_code(0);
}
