//! Result files: every format, for every kind of value, and only whole ones.

use std::{
    fs,
    os::unix::fs::{FileTypeExt, PermissionsExt},
};

use serde_json::{Value, json};
use swath_tests::{Rows, Scene, is_prime, square};

/// Those of all formats, as they are and compressed.
const ENDINGS: [&str; 19] = [
    "parquet",
    "arrow",
    "arrows",
    "arrows.gz",
    "arrows.zst",
    "csv",
    "csv.gz",
    "csv.zst",
    "tsv",
    "tsv.gz",
    "tsv.zst",
    "jsonl",
    "ndjson",
    "jsonl.gz",
    "jsonl.zst",
    "npy",
    "txt",
    "txt.gz",
    "txt.zst",
];

/// The rows of a file as Python reads it.
fn read(scene: &Scene, reader: &str, file: &str) -> Value {
    scene.python("rows.py", [reader, file])
}

#[test]
fn integers_are_the_same_in_every_format() {
    let scene = Scene::new("integers_in_every_format");
    for ending in ENDINGS {
        scene.swath(&format!("run -3..=4 -o squares.{ending}")).succeed();
    }
    let numbers = [-3, -2, -1, 0, 1, 2, 3, 4];
    let squares = numbers.map(|n: i64| n * n);
    let rows = json!({"columns": {"n": "int64", "value": "int64"}, "n": numbers, "value": squares});
    for ending in ["parquet", "arrow", "arrows", "arrows.gz", "arrows.zst"] {
        assert_eq!(read(&scene, "pyarrow", &format!("squares.{ending}")), rows, "{ending}");
    }
    let rows = json!({"columns": {"n": "Int64", "value": "Int64"}, "n": numbers, "value": squares});
    for ending in ["parquet", "arrow", "arrows", "csv", "csv.gz", "csv.zst", "tsv", "jsonl", "ndjson"] {
        assert_eq!(read(&scene, "polars", &format!("squares.{ending}")), rows, "{ending}");
    }
    let rows = json!({"columns": {"n": "BIGINT", "value": "BIGINT"}, "n": numbers, "value": squares});
    for ending in ["parquet", "csv", "csv.gz", "csv.zst", "tsv", "tsv.gz"] {
        assert_eq!(read(&scene, "duckdb", &format!("squares.{ending}")), rows, "{ending}");
    }
    // Of JSON, DuckDB guesses types of its own.
    for ending in ["jsonl", "jsonl.gz", "jsonl.zst"] {
        let found = read(&scene, "duckdb", &format!("squares.{ending}"));
        assert_eq!([&found["n"], &found["value"]], [&rows["n"], &rows["value"]], "{ending}");
    }
    assert_eq!(read(&scene, "numpy", "squares.npy"), json!({"columns": {"value": "int64"}, "value": squares}));
    assert_eq!(fs::read_to_string(scene.path("squares.csv")).unwrap().lines().next(), Some("n,value"));
    assert_eq!(fs::read_to_string(scene.path("squares.jsonl")).unwrap().lines().next(), Some(r#"{"n":-3,"value":9}"#));
    assert_eq!(fs::read_to_string(scene.path("squares.txt")).unwrap(), "9\n4\n1\n0\n1\n4\n9\n16\n");
}

#[test]
fn booleans_are_the_same_in_every_format() {
    let scene = Scene::new("booleans_in_every_format");
    for ending in ENDINGS {
        scene.swath(&format!("run -1..=7 -k is-prime -o primes.{ending}")).succeed();
    }
    let numbers = [-1, 0, 1, 2, 3, 4, 5, 6, 7];
    let primes = numbers.map(is_prime);
    let rows = json!({"columns": {"n": "int64", "value": "bool"}, "n": numbers, "value": primes});
    for ending in ["parquet", "arrow", "arrows", "arrows.gz", "arrows.zst"] {
        assert_eq!(read(&scene, "pyarrow", &format!("primes.{ending}")), rows, "{ending}");
    }
    let rows = json!({"columns": {"n": "Int64", "value": "Boolean"}, "n": numbers, "value": primes});
    for ending in ["parquet", "arrow", "arrows", "csv", "csv.gz", "csv.zst", "tsv", "jsonl", "ndjson"] {
        assert_eq!(read(&scene, "polars", &format!("primes.{ending}")), rows, "{ending}");
    }
    let rows = json!({"columns": {"n": "BIGINT", "value": "BOOLEAN"}, "n": numbers, "value": primes});
    for ending in ["parquet", "csv", "csv.gz", "csv.zst", "tsv", "tsv.gz"] {
        assert_eq!(read(&scene, "duckdb", &format!("primes.{ending}")), rows, "{ending}");
    }
    // Of JSON, DuckDB guesses types of its own.
    for ending in ["jsonl", "jsonl.gz", "jsonl.zst"] {
        let found = read(&scene, "duckdb", &format!("primes.{ending}"));
        assert_eq!([&found["n"], &found["value"]], [&rows["n"], &rows["value"]], "{ending}");
    }
    assert_eq!(read(&scene, "numpy", "primes.npy"), json!({"columns": {"value": "bool"}, "value": primes}));
    let lines = fs::read_to_string(scene.path("primes.txt")).unwrap();
    assert_eq!(lines, "false\nfalse\nfalse\ntrue\ntrue\nfalse\ntrue\nfalse\ntrue\n");
}

#[test]
fn decimals_are_exact_in_arrow() {
    let scene = Scene::new("decimals_in_arrow");
    scene.swath("run 9223372036854775806..=9223372036854775807 -o squares.arrow").succeed();
    let expected = json!({
        "columns": {"n": "int64", "value": "decimal128(38, 0)"},
        "n": [i64::MAX - 1, i64::MAX],
        "value": ["85070591730234615828950163710522949636", "85070591730234615847396907784232501249"],
    });
    assert_eq!(read(&scene, "pyarrow", "squares.arrow"), expected);
}

#[test]
fn every_format_can_be_piped() {
    let scene = Scene::new("every_format_can_be_piped");
    for format in ["parquet", "arrow", "arrows", "csv", "tsv", "jsonl", "npy", "text", "csv.gz", "ndjson.zst"] {
        let file = format!("direct.{}", if format == "text" { "txt" } else { format });
        scene.swath(&format!("run 1..=1000 --chunk-size 100 -o {file}")).succeed();
        scene.bash(&format!("$SWATH run 1..=1000 --chunk-size 100 -o - --format {format} | cat > piped")).succeed();
        let (direct, piped) = (fs::read(scene.path(&file)).unwrap(), fs::read(scene.path("piped")).unwrap());
        assert!(direct == piped, "{format}: {} bytes in the file, {} in the pipe", direct.len(), piped.len());
    }
}

#[test]
fn many_batches_make_one_arrow_file() {
    let scene = Scene::new("many_batches");
    scene.swath("run 1..=3000000 -o squares.arrow --workers 2").succeed();
    scene.swath("run 1..=3000000 -o squares.npy --workers 2").succeed();
    let found = scene.python("long_files.py", ["squares.arrow", "squares.npy"]);
    assert_eq!(found, json!({"arrow": {"rows": 3_000_000, "wrong": 0}, "npy": {"rows": 3_000_000, "wrong": 0}}));
}

#[test]
fn the_format_may_be_named_instead_of_the_ending() {
    let scene = Scene::new("the_format_may_be_named");
    scene.swath("run 1..=3 -o squares --format csv").succeed();
    assert_eq!(fs::read_to_string(scene.path("squares")).unwrap(), "n,value\n1,1\n2,4\n3,9\n");
    scene.swath("run 1..=3 -o squares.csv --format text").succeed();
    assert_eq!(fs::read_to_string(scene.path("squares.csv")).unwrap(), "1\n4\n9\n");
    scene.swath("run 1..=3 -o SQUARES.CSV").succeed();
    assert_eq!(fs::read_to_string(scene.path("SQUARES.CSV")).unwrap(), "n,value\n1,1\n2,4\n3,9\n");
    // The name may still say that it is compressed.
    scene.swath("run 1..=3 -o squares.gz --format csv").succeed();
    assert_eq!(scene.bash("gunzip -c squares.gz").succeed().stdout(), "n,value\n1,1\n2,4\n3,9\n");
    for (arguments, sentence) in [
        ("-o x.parquet.gz", "parquet is not written with .gz: Parquet is compressed inside"),
        ("-o x.npy.zst", "npy is not written with .zst"),
        ("-o x.arrow.gz", "the Arrow stream (.arrows) can be compressed"),
        ("-o x.gz --format arrow", "arrow is not written with .gz"),
    ] {
        let said = scene.swath(&format!("run 1..=3 {arguments}")).end().assert_refused(2);
        assert!(said.contains(sentence), "{arguments}: {said}");
    }
    let said = scene.swath("run 1..=3 --format parquet.zst").end().assert_misused();
    assert!(said.contains("parquet is not written with .zst"), "{said}");
}

#[test]
fn a_file_is_replaced_only_by_a_whole_one() {
    let scene = Scene::new("a_file_is_replaced");
    fs::write(scene.path("x.csv"), "old").unwrap();
    scene.swath("run -1..=1 -k isqrt -o x.csv").end().assert_refused(1);
    // This one fails when a part of it is written.
    scene.swath("run 1..=1000000 -k collatz -p max-steps=500 -o x.csv").end().assert_refused(1);
    assert_eq!(fs::read_to_string(scene.path("x.csv")).unwrap(), "old");
    assert_eq!(scene.files(), ["x.csv"]);
    scene.swath("run 1..=10 -o x.csv").succeed();
    Rows::open(&scene.path("x.csv")).assert_are(1..=10, square);
    assert_eq!(scene.files(), ["x.csv"]);
}

#[test]
fn writing_through_a_link_keeps_the_link() {
    let scene = Scene::new("writing_through_a_link");
    fs::write(scene.path("target.csv"), "old").unwrap();
    std::os::unix::fs::symlink("target.csv", scene.path("link.csv")).unwrap();
    scene.swath("run 1..=10 -o link.csv").succeed();
    assert!(fs::symlink_metadata(scene.path("link.csv")).unwrap().is_symlink());
    Rows::open(&scene.path("target.csv")).assert_are(1..=10, square);
}

#[test]
fn a_device_stays_a_device() {
    let scene = Scene::new("a_device_stays_a_device");
    scene.swath("run 1..=100000 -o /dev/null --format csv").succeed();
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
}

#[test]
fn a_named_pipe_is_written_into() {
    let scene = Scene::new("a_named_pipe");
    scene
        .bash("mkfifo pipe && { cat pipe > read.csv & $SWATH run 1..=100000 -o pipe --format csv && wait; }")
        .succeed();
    Rows::open(&scene.path("read.csv")).assert_are(1..=100_000, square);
    assert!(fs::metadata(scene.path("pipe")).unwrap().file_type().is_fifo());
}

#[test]
fn a_full_device_is_a_failure() {
    let scene = Scene::new("a_full_device");
    let said = scene.swath("run 1..=1000000 -o /dev/full --format csv").end().assert_refused(1);
    assert!(said.contains("/dev/full") && said.contains("No space left on device"), "{said}");
    let said = scene.bash("exec $SWATH run 1..=10 > /dev/full").end().assert_refused(1);
    assert!(said.contains("standard output") && said.contains("No space left on device"), "{said}");
}

#[test]
fn a_reader_that_has_had_enough_ends_the_run_well() {
    let scene = Scene::new("a_reader_that_has_had_enough");
    // Hours of work, were it not for the reader.
    let line = "$SWATH run 1..=1e14 -k collatz | head -n 3; echo ${PIPESTATUS[@]}";
    let ended = scene.bash(line).succeed();
    assert_eq!(ended.stdout(), "0\n1\n7\n0 0\n");
    assert_eq!(ended.stderr(), "");
    assert_eq!(scene.running(), [] as [u32; 0], "processes that still run");
    assert_eq!(scene.temporary_files(), [] as [&str; 0]);
    let ended = scene.bash("$SWATH run 1..=100000000 | head -n 3; echo ${PIPESTATUS[@]}").succeed();
    assert_eq!(ended.stdout(), "1\n4\n9\n0 0\n");
    assert_eq!(scene.running(), [] as [u32; 0], "processes that still run");
}

#[test]
fn permissions_are_what_the_mask_leaves() {
    let scene = Scene::new("permissions");
    for (mask, mode) in [("022", 0o644), ("077", 0o600), ("002", 0o664)] {
        scene.bash(&format!("umask {mask} && $SWATH run 1..=5 -o {mask}.csv")).succeed();
        let found = fs::metadata(scene.path(format!("{mask}.csv"))).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{found:o} under the mask {mask}");
    }
}
