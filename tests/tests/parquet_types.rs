//! Results with columns of every type, read by other people's readers of Parquet.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; the lints know test functions only")]

use std::{fs::File, path::Path, process::Command, sync::Arc};

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, FixedSizeBinaryArray,
    Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, ListArray, NullArray, StringArray,
    StructArray, TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray,
    UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer, i256};
use arrow_schema::{DataType, Field};
use serde_json::json;
use swath_block::{Block, BlockEncoder, FileAssembler, PAGE_ROWS};
use swath_model::{Covers, Layout, Numbers, Shape};
use swath_tests::Scene;

/// Values of all of these are functions of the row, which tests/python/parquet_types.py knows, too.
const COLUMNS: &str = "nothing null?, flag boolean, maybe boolean?, i8 int8, i16 int16?, i32 int32, i64 int64, \
    i64n int64?, u8 uint8, u16 uint16?, u32 uint32, u64 uint64, f32 float32, f64 float64, f64n float64?, \
    d9 decimal128(9, 2), d18 decimal128(18, 3)?, d38 decimal128(38, 0), d38n decimal128(38, 5)?, d76 decimal256(76, 10), \
    text utf8, textn utf8?, raw binary?, fixed fixed_size_binary(3), day date32, s timestamp(s), ms timestamp(ms, UTC), \
    us timestamp(us)?, ns timestamp(ns, Europe/Berlin), list list(int64), listn list(utf8?)?, \
    pair struct(a int64, b utf8?), pairs list(struct(k utf8, v int32?))?";

const BLOCK_ROWS: [usize; 3] = [5, PAGE_ROWS + 1000, 1];

fn nullable<T>(row: i64, every: i64, value: T) -> Option<T> {
    (row % every != 0).then_some(value)
}

/// The values of a column in these rows.
fn column(field: &Field, rows: std::ops::Range<i64>) -> ArrayRef {
    macro_rules! every {
        ($array:ty, $value:expr) => {
            Arc::new(rows.map(|row| Some($value(row))).collect::<$array>())
        };
    }
    macro_rules! some {
        ($array:ty, $every:expr, $value:expr) => {
            Arc::new(rows.map(|row| nullable(row, $every, $value(row))).collect::<$array>())
        };
    }
    let decimal = |array: Decimal128Array, precision, scale| -> ArrayRef {
        Arc::new(array.with_precision_and_scale(precision, scale).unwrap())
    };
    let numbers = |factor: i64| rows.clone().map(|row| row * factor).collect::<Vec<_>>();
    match field.name().as_str() {
        "nothing" => Arc::new(NullArray::new(rows.count())),
        "flag" => every!(BooleanArray, |row| row % 3 == 0),
        "maybe" => some!(BooleanArray, 5, |row| row % 3 == 0),
        "i8" => every!(Int8Array, |row| (row % 256 - 128) as i8),
        "i16" => some!(Int16Array, 7, |row| (row % 65536 - 32768) as i16),
        "i32" => every!(Int32Array, |row| (i64::from(i32::MIN) + row * 100_003) as i32),
        "i64" => every!(Int64Array, |row| i64::MIN + row),
        "i64n" => some!(Int64Array, 2, |row| i64::MAX - row),
        "u8" => every!(UInt8Array, |row| (row % 256) as u8),
        "u16" => some!(UInt16Array, 3, |row| (row % 65536) as u16),
        "u32" => every!(UInt32Array, |row| u32::MAX - row as u32),
        "u64" => every!(UInt64Array, |row| u64::MAX - row as u64),
        "f32" => every!(Float32Array, |row| row as f32 / 4.0),
        "f64" => every!(Float64Array, |row| row as f64 / 7.0),
        "f64n" => some!(Float64Array, 4, |row| -(row as f64) * 1e300),
        "d9" => decimal(rows.map(|row| Some(i128::from(row) * 1009 - 999_999_999)).collect(), 9, 2),
        "d18" => decimal(rows.map(|row| nullable(row, 9, i128::from(row) * 1_000_000_007)).collect(), 18, 3),
        "d38" => decimal(rows.map(|row| Some(10i128.pow(38) - 1 - i128::from(row))).collect(), 38, 0),
        "d38n" => decimal(rows.map(|row| nullable(row, 6, i128::from(row) - 10i128.pow(38) + 1)).collect(), 38, 5),
        "d76" => {
            let wide = |row| i256::from_i128(10i128.pow(37)) * i256::from_i128(i128::from(row));
            let array = rows.map(|row| Some(wide(row))).collect::<Decimal256Array>();
            Arc::new(array.with_precision_and_scale(76, 10).unwrap())
        }
        "text" => every!(StringArray, |row| "gräs".repeat((row % 4) as usize)),
        "textn" => some!(StringArray, 4, |row| format!("row {row}")),
        "raw" => some!(BinaryArray, 3, |row: i64| vec![(row % 256) as u8; (row % 5) as usize]),
        "fixed" => {
            let values = rows.map(|row| [(row % 256) as u8, 0, 255]);
            Arc::new(FixedSizeBinaryArray::try_from_iter(values).unwrap())
        }
        "day" => every!(Date32Array, |row| row as i32 - 20_000),
        "s" => Arc::new(TimestampSecondArray::from(numbers(86_399))),
        "ms" => Arc::new(TimestampMillisecondArray::from(numbers(86_399_001)).with_timezone("UTC")),
        "us" => some!(TimestampMicrosecondArray, 10, |row| row * 1_000_003),
        "ns" => Arc::new(TimestampNanosecondArray::from(numbers(1_000_000_007)).with_timezone("Europe/Berlin")),
        "list" | "listn" | "pairs" => lists(field, rows),
        "pair" => {
            let a: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.clone()));
            let b: ArrayRef = some!(StringArray, 3, |row| format!("b{row}"));
            let DataType::Struct(fields) = field.data_type() else { unreachable!() };
            Arc::new(StructArray::new(fields.clone(), vec![a, b], None))
        }
        other => panic!("no column {other}"),
    }
}

/// Row `r` has `r % 3` items, of the numbers `r`, `r + 1`, …
fn lists(field: &Field, rows: std::ops::Range<i64>) -> ArrayRef {
    let items = || rows.clone().flat_map(|row| row..row + row % 3);
    let offsets = OffsetBuffer::from_lengths(rows.clone().map(|row| (row % 3) as usize));
    let nulls = field.is_nullable().then(|| NullBuffer::from_iter(rows.clone().map(|row| row % 7 != 0)));
    let DataType::List(item) = field.data_type() else { unreachable!() };
    let values: ArrayRef = match item.data_type() {
        DataType::Int64 => Arc::new(Int64Array::from_iter_values(items())),
        DataType::Utf8 => Arc::new(items().map(|item| nullable(item, 2, item.to_string())).collect::<StringArray>()),
        DataType::Struct(fields) => {
            let k: ArrayRef = Arc::new(StringArray::from_iter_values(items().map(|item| format!("k{item}"))));
            let v: ArrayRef = Arc::new(items().map(|item| nullable(item, 4, item as i32)).collect::<Int32Array>());
            Arc::new(StructArray::new(fields.clone(), vec![k, v], None))
        }
        other => panic!("no items of {other}"),
    };
    Arc::new(ListArray::new(Arc::clone(item), offsets, values, nulls))
}

/// A file of three sparse blocks, without the columns of some names. The number of row `r` is `3 * r`.
fn write(path: &Path, without: &[&str]) {
    let layout = Layout::parse(Shape::Sparse, COLUMNS).unwrap();
    let fields = layout.schema().fields().iter().enumerate();
    let chosen = fields.filter(|(_, field)| !without.contains(&field.name().as_str())).map(|(position, _)| position);
    let chosen: Vec<usize> = chosen.collect();
    let mut file = FileAssembler::with_columns(File::create(path).unwrap(), &layout, &chosen).unwrap();
    let mut start = 0;
    for rows in BLOCK_ROWS {
        let end = start + rows as i64;
        let covers = Covers { first: 3 * start, numbers: 3 * rows as u64 };
        let mut encoder = BlockEncoder::new(&layout, covers.first).unwrap();
        while start < end {
            let page = start..end.min(start + PAGE_ROWS as i64);
            let numbers: Vec<i64> = page.clone().map(|row| 3 * row).collect();
            let columns: Vec<_> = layout.columns().fields().iter().map(|field| column(field, page.clone())).collect();
            encoder.push(Numbers::Listed(&numbers), &columns).unwrap();
            start = page.end;
        }
        let (bytes, digest) = encoder.finish_with_digest(covers).unwrap();
        let block = Block::receive(bytes, &layout, covers, digest.whole()).unwrap();
        block.verify().unwrap();
        file.append(&block).unwrap();
    }
    file.finish().unwrap();
}

#[test]
fn every_reader_of_parquet_reads_every_type_that_it_has() {
    let scene = Scene::new("parquet_types");
    let path = scene.path("types.parquet");
    write(&path, &[]);
    // Spark reads no column of a file with a decimal of 76 digits.
    let narrow = scene.path("narrow.parquet");
    write(&narrow, &["d76"]);
    let mut arguments = vec![path.display().to_string(), format!("--narrow={}", narrow.display())];
    let has_java = Command::new("java").arg("-version").output().is_ok_and(|output| output.status.success());
    if !has_java {
        eprintln!("\nSKIPPED: there is no `java`; Spark did NOT read the file\n");
        arguments.push("--without=spark".to_owned());
    }
    let found = scene.python("parquet_types.py", &arguments);
    let rows: usize = BLOCK_ROWS.iter().sum();
    let readers = found.as_object().unwrap();
    assert_eq!(readers.len(), if has_java { 6 } else { 5 });
    for (reader, found) in readers {
        assert_eq!((&found["rows"], &found["wrong"]), (&json!(rows), &json!({})), "{reader}");
        assert!(found["columns"].as_u64().unwrap() >= 27, "{reader}: {found}");
    }
}
