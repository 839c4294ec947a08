//! The same conditions by DuckDB: the same rows are selected. Needs `SWATH_PYTHON`, which `cargo xtask test` sets.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; the lints know test functions only")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros, reason = "it starts DuckDB")]

use std::{
    env,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array,
    Int64Array, StringArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use serde_json::{Value, json};
use swath_expression::Condition;
use swath_model::Numbers;

const FIRST: i64 = -300;
const ROWS: usize = 700;

/// What both of them are asked. Where DuckDB writes it otherwise, the second text is DuckDB's.
const CONDITIONS: [(&str, &str); 94] = [
    ("n * n % 7 = 4", ""),
    ("n % 7 = -3", ""),
    ("-n % 5 = 2", ""),
    ("n / 7 = -3", "n // 7 = -3"),
    ("n / -7 > 3", "n // -7 > 3"),
    ("n / 7 * 7 + n % 7 <> n", "n // 7 * 7 + n % 7 <> n"),
    ("value / 1000 = small", "value // 1000 = small"),
    ("value % 7 = 4", ""),
    ("value % 1000 > n and not value < 0", ""),
    ("value > n", ""),
    ("value >= 500 or value is null", ""),
    ("not (value > 500)", ""),
    ("value <> 49", ""),
    ("value = null", ""),
    ("null", ""),
    ("not null", ""),
    ("true", ""),
    ("false or n = 3", ""),
    ("value is not null and flag is null", ""),
    ("(value > 10) is null", ""),
    ("(value > 10 or n > 0) is null", ""),
    ("(value > 10 and n > 0) is null", ""),
    ("flag", ""),
    ("not flag", ""),
    ("flag = (n > 0)", ""),
    ("flag <> true", ""),
    ("flag and value > 0 or small < 0 and not flag", ""),
    ("flag or null", ""),
    ("flag and null or n = 4", ""),
    ("not flag and value > 10 or n < 3", ""),
    ("n in (1, 2, 3)", ""),
    ("n not in (1, 2, 3)", ""),
    ("n in (1, null, 3)", ""),
    ("n not in (1, null, 3)", ""),
    ("value in (1, 4, 9, small, n)", ""),
    ("value not in (small, n, 4)", ""),
    ("small in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)", ""),
    ("cents in (1.5, 2.25, 3, -0.75)", ""),
    ("t in ('a', 'ab', 'é')", ""),
    ("t not in ('a', 'ab', null)", ""),
    ("n between 3 and 10", ""),
    ("n not between 3 and 10", ""),
    ("value between small and n", ""),
    ("value not between small and 100", ""),
    ("n between null and 10", ""),
    ("n not between 5 and null", ""),
    ("1 - n - 2 = 5", ""),
    ("1 - (n - 2) = 5", ""),
    ("n + 2 * n = 9", ""),
    ("- n * - n = 49", ""),
    ("2 + n % 3 * 2 = 4", ""),
    ("n = 3 or n = 4 and n = 5", ""),
    ("not n = 3 and n < 5", ""),
    ("n > 3 is null or n = 7", "(n > 3) is null or n = 7"),
    ("whole * 2 > 100000000000000000000", ""),
    ("whole % 7 = 4", ""),
    ("whole / 3 = 33333333333333333333", "whole // 3 = 33333333333333333333"),
    ("whole = n", ""),
    ("whole > 99999999999999999999", ""),
    ("wide > 9223372036854775807", ""),
    ("wide % 10 = 6", ""),
    ("cents > 1.25", ""),
    ("cents + 0.5 = 2", ""),
    ("cents * 2 = 3.5", ""),
    ("cents * cents > 2.25", ""),
    ("cents % 1 = 0.25", ""),
    ("cents / 2 > 0.6", ""),
    ("cents = n", ""),
    ("n = 2.0", ""),
    ("n < 2.5", ""),
    ("n * 1.5 = 3", ""),
    ("n < 1e2 and n > -1.5e1", ""),
    ("n * 1e-1 > 2e0", ""),
    ("f > 0", ""),
    ("f > 0.5", ""),
    ("f = 0", ""),
    ("f >= 1e300", ""),
    ("f = f", ""),
    ("f <> f or f is null", ""),
    ("f > g", ""),
    ("f <= g", ""),
    ("f = g", ""),
    ("f * 2 > 3 and f + 1 < n", ""),
    ("f in (0.5, 1, 2.5)", ""),
    ("g = 0.1", ""),
    ("g in (0.1, 0.5)", ""),
    ("g < 0.1", ""),
    ("t = 'it''s' or t < 'a'", ""),
    ("t like '%b_' or t like 'é%'", ""),
    ("t not like '%a%'", ""),
    ("b = x'00ff' or b <> x'61'", r"b = '\x00\xff'::BLOB or b <> '\x61'::BLOB"),
    ("d >= '2024-02-28' and d < '2024-03-02'", ""),
    ("ts > '2024-02-29 12:00:00.5' and ts <= '2024-03-01'", ""),
    ("ts >= d", ""),
];

/// A cell for each row: its value is null where a small pattern says so.
fn cells<T>(nulls: usize, value: impl Fn(i64) -> T) -> Vec<Option<T>> {
    let cell = |row: usize| (!row.is_multiple_of(nulls)).then(|| value(FIRST + row as i64));
    (0..ROWS).map(cell).collect()
}

fn texts<T: ToString>(cells: &[Option<T>]) -> Value {
    cells.iter().map(|cell| cell.as_ref().map(T::to_string)).collect()
}

struct Column {
    name: &'static str,
    /// DuckDB's name for it.
    kind: &'static str,
    texts: Value,
    array: ArrayRef,
}

const LETTERS: [&str; 9] = ["", "a", "ab", "b", "é", "it's", "abc", "xbé", "A"];
const FLOATS: [f64; 9] = [0.0, -0.0, 0.5, 1.0, f64::NAN, f64::INFINITY, -2.5, 1e300, 2.5];
const SINGLES: [f32; 7] = [0.1, 0.5, f32::NAN, 2.5, 0.0, -1.0, f32::INFINITY];
const BINARIES: [&[u8]; 3] = [&[0, 255], b"a", b""];

fn pick<T: Copy>(of: &[T], n: i64) -> T {
    of[n.rem_euclid(of.len() as i64) as usize]
}

fn numbers() -> Vec<Column> {
    let values = cells(5, |n| n * n - 100);
    let small = cells(7, |n| (n % 100) as i8);
    let whole = cells(9, |n| i128::from(n) * if n % 2 == 0 { 1 } else { 10i128.pow(18) + 1 });
    let wide = cells(8, |n| u64::MAX / 301 * n.unsigned_abs().min(300));
    let cents = cells(6, |n| i128::from(n) * 25);
    let f = cells(11, |n| pick(&FLOATS, n));
    let g = cells(13, |n| pick(&SINGLES, n));
    let cents_texts = cents.iter().map(|cell| cell.map(|cents| cents as f64 / 100.0)).collect::<Vec<_>>();
    vec![
        Column { name: "value", kind: "BIGINT", texts: texts(&values), array: Arc::new(Int64Array::from(values)) },
        Column { name: "small", kind: "TINYINT", texts: texts(&small), array: Arc::new(Int8Array::from(small)) },
        Column {
            name: "whole",
            kind: "DECIMAL(38, 0)",
            texts: texts(&whole),
            array: Arc::new(Decimal128Array::from(whole).with_precision_and_scale(38, 0).unwrap()),
        },
        Column { name: "wide", kind: "UBIGINT", texts: texts(&wide), array: Arc::new(UInt64Array::from(wide)) },
        Column {
            name: "cents",
            kind: "DECIMAL(10, 2)",
            texts: texts(&cents_texts),
            array: Arc::new(Decimal128Array::from(cents).with_precision_and_scale(10, 2).unwrap()),
        },
        Column { name: "f", kind: "DOUBLE", texts: texts(&f), array: Arc::new(Float64Array::from(f)) },
        Column { name: "g", kind: "FLOAT", texts: texts(&g), array: Arc::new(Float32Array::from(g)) },
    ]
}

fn others() -> Vec<Column> {
    let flag = cells(4, |n| n % 3 == 0);
    let t = cells(10, |n| pick(&LETTERS, n).to_owned());
    let b = cells(12, |n| pick(&BINARIES, n));
    let escaped = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\x{byte:02X}")).collect::<String>();
    let b_texts: Vec<_> = b.iter().map(|cell| cell.map(escaped)).collect();
    // The 29th of February 2024 is day 19,782.
    let d = cells(14, |n| 19_782 + (n / 20) as i32);
    let ts = cells(15, |n| (19_782 * 86_400 + n * 3_601) * 1_000_000 + 500_000);
    vec![
        Column { name: "flag", kind: "BOOLEAN", texts: texts(&flag), array: Arc::new(BooleanArray::from(flag)) },
        Column { name: "t", kind: "VARCHAR", texts: texts(&t), array: Arc::new(StringArray::from_iter(t)) },
        Column { name: "b", kind: "BLOB", texts: texts(&b_texts), array: Arc::new(BinaryArray::from_iter(b)) },
        Column { name: "d", kind: "DATE", texts: texts(&d), array: Arc::new(Date32Array::from(d)) },
        Column {
            name: "ts",
            kind: "TIMESTAMP",
            texts: texts(&ts),
            array: Arc::new(TimestampMicrosecondArray::from(ts)),
        },
    ]
}

/// What DuckDB selects, for each condition.
fn duckdb(python: &std::ffi::OsStr, columns: &[Column]) -> Vec<Value> {
    let n: Vec<_> = (0..ROWS).map(|row| Some(FIRST + row as i64)).collect();
    let mut asked = vec![json!(["n", "BIGINT", texts(&n)])];
    asked.extend(columns.iter().map(|column| json!([column.name, column.kind, column.texts])));
    let conditions = CONDITIONS.map(|(ours, theirs)| if theirs.is_empty() { ours } else { theirs });
    let asked = json!({"columns": asked, "conditions": conditions.to_vec()}).to_string();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/python/conditions.py");
    let mut process = Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    process.stdin.take().unwrap().write_all(asked.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "the script failed");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn duckdb_selects_the_same_rows() {
    let Some(python) = env::var_os("SWATH_PYTHON").filter(|python| !python.is_empty()) else {
        eprintln!("\nSKIPPED: SWATH_PYTHON names no Python; DuckDB did NOT evaluate the conditions\n");
        return;
    };
    let columns: Vec<_> = numbers().into_iter().chain(others()).collect();
    let fields = columns.iter().map(|column| Field::new(column.name, column.array.data_type().clone(), true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    assert_eq!(schema.field(11).data_type(), &DataType::Timestamp(TimeUnit::Microsecond, None));
    let arrays: Vec<_> = columns.iter().map(|column| column.array.clone()).collect();
    let numbers = Numbers::Consecutive { first: FIRST, rows: ROWS };
    let mut sometimes = 0;
    for ((text, _), theirs) in CONDITIONS.iter().zip(duckdb(&python, &columns)) {
        let condition = Condition::parse(text, &schema).unwrap_or_else(|error| panic!("{text}: {error}"));
        let selected = condition.evaluate(numbers, &arrays).unwrap_or_else(|error| panic!("{text}: {error}"));
        let ours: Vec<_> = selected.set_indices().map(|row| FIRST + row as i64).collect();
        assert_eq!(json!(ours), theirs, "{text}");
        sometimes += usize::from(!ours.is_empty() && ours.len() < ROWS);
    }
    assert!(sometimes >= 80, "only {sometimes} of the conditions tell rows apart");
}
