//! Every value is exact: over all of `i64`, however the range is cut, whatever the kernel.

use std::fmt::Display;

use serde_json::json;
use swath_tests::{Rows, Scene, collatz, is_prime, isqrt, square};

/// Runs the kernel over the range, written as `range`, into a file of each text format, and compares every row.
fn check<T: Display>(
    scene: &Scene,
    range: &str,
    numbers: std::ops::RangeInclusive<i64>,
    more: &str,
    oracle: impl Fn(i64) -> T + Copy,
) {
    for file in ["values.csv", "values.jsonl", "values.txt"] {
        scene.swath(&format!("run {range} -o {file} {more}")).succeed();
        Rows::open(&scene.path(file)).assert_are(numbers.clone(), oracle);
    }
}

#[test]
fn squares_are_exact_at_every_edge() {
    let scene = Scene::new("squares_are_exact");
    let edges = [
        -5..=5,
        0..=0,
        -1..=-1,
        // The largest number whose square fits 64 bits is 3037000499.
        3_037_000_499..=3_037_000_499,
        3_037_000_499..=3_037_000_500,
        -3_037_000_500..=-3_037_000_499,
        i64::MIN..=i64::MIN + 8,
        i64::MAX - 7..=i64::MAX,
        i64::MIN..=i64::MIN,
        i64::MAX..=i64::MAX,
    ];
    for numbers in edges {
        check(&scene, &format!("{}..={}", numbers.start(), numbers.end()), numbers, "", square);
    }
}

#[test]
fn every_way_of_writing_a_range_means_the_same_numbers() {
    let scene = Scene::new("every_way_of_writing_a_range");
    let ways = [
        ("7", 7..=7),
        ("-7", -7..=-7),
        ("1..6", 1..=5),
        ("-3..3", -3..=2),
        ("1_000..1_010", 1000..=1009),
        ("1e3..=1.01e3", 1000..=1010),
        ("9223372036854775800..9223372036854775808", i64::MAX - 7..=i64::MAX),
    ];
    for (range, numbers) in ways {
        check(&scene, range, numbers, "", square);
    }
}

#[test]
fn the_size_of_chunks_makes_no_difference() {
    let scene = Scene::new("the_size_of_chunks");
    for size in [1, 7, 997, 2000, 5000, u64::MAX] {
        let more = format!("--chunk-size {size} --threads 3");
        check(&scene, "-1000..1000", -1000..=999, &more, square);
    }
    // More workers than chunks.
    check(&scene, "1..=3", 1..=3, "--chunk-size 2 --workers 3", square);
}

#[test]
fn the_switch_to_wide_values_makes_no_difference() {
    let scene = Scene::new("the_switch_to_wide_values");
    let numbers = 3_037_000_400..=3_037_000_600;
    check(&scene, "3037000400..=3037000600", numbers, "--chunk-size 7", square);
    check(&scene, "-5..=5", -5..=5, "-p type=decimal128", square);
}

#[test]
fn a_chunk_may_be_larger_than_a_block() {
    let scene = Scene::new("a_chunk_may_be_larger_than_a_block");
    let job =
        scene.swath("run 1..=5000000 --chunk-size 3000000 --workers 2 -o squares.csv --output json").succeed().json();
    assert_eq!(job["chunks"], 2, "{job:#}");
    Rows::open(&scene.path("squares.csv")).assert_are(1..=5_000_000, square);
}

#[test]
fn every_kernel_agrees_with_its_oracle() {
    let scene = Scene::new("every_kernel");
    check(&scene, "0..=100000", 0..=100_000, "-k isqrt", isqrt);
    check(&scene, "-1000..=100000", -1000..=100_000, "-k is-prime", is_prime);
    check(&scene, "1..=100000", 1..=100_000, "-k collatz", collatz);
    // The oracles are tested here, no less than the kernels: each kernel has values that are known from elsewhere.
    assert_eq!((isqrt(i64::MAX), collatz(27)), (3_037_000_499, 111));
    assert_eq!((0..=100_000).filter(|n| is_prime(*n)).count(), 9592);
}

#[test]
fn kernels_are_exact_for_large_numbers() {
    let scene = Scene::new("kernels_are_exact_for_large_numbers");
    let last = i64::MAX;
    check(&scene, "9223372036854775708..=9223372036854775807", last - 99..=last, "-k isqrt", isqrt);
    check(&scene, "1000000000000..=1000000000100", 1_000_000_000_000..=1_000_000_000_100, "-k is-prime", is_prime);
    check(&scene, "1000000000000..=1000000001000", 1_000_000_000_000..=1_000_000_001_000, "-k collatz", collatz);
}

/// The three readers have a Parquet decoder of their own each.
#[test]
fn wide_values_can_be_read_with_duckdb() {
    wide_values_can_be_read_with("duckdb", "DECIMAL(38,0)");
}

#[test]
fn wide_values_can_be_read_with_pyarrow() {
    wide_values_can_be_read_with("pyarrow", "decimal128(38, 0)");
}

#[test]
fn wide_values_can_be_read_with_polars() {
    wide_values_can_be_read_with("polars", "Decimal(precision=38, scale=0)");
}

fn wide_values_can_be_read_with(reader: &str, value_type: &str) {
    let scene = Scene::new(&format!("wide_values_{reader}"));
    let ranges = [
        (i64::MIN, i64::MIN + 8, "765635325572111542128510080067934617804"),
        (3_037_000_499, 3_037_000_500, "18446744067926499001"),
        (i64::MAX - 7, i64::MAX, "680564733841876926262666428209992564940"),
    ];
    for (first, last, sum) in ranges {
        scene.swath(&format!("run {first}..={last} -o squares.parquet")).succeed();
        let found = scene.python("squares.py", ["squares.parquet", reader]);
        let expected = json!({
            "rows": last - first + 1, "type": value_type, "first": first, "last": last,
            "consecutive": true, "wrong": 0, "sum": sum,
        });
        assert_eq!(found[reader], expected, "read by {reader}");
    }
}
