//! Columns that a section names.

use arrow_array::{
    Array,
    cast::AsArray,
    types::{
        Date32Type, Decimal128Type, Int8Type, Int32Type, TimestampMicrosecondType, UInt8Type, UInt32Type, UInt64Type,
    },
};
use swath_kernel::Values;
use swath_wasm::{Options, WasmError, bind, describe};

use crate::support::{arrays, refused, try_rows, with_columns};

/// A function that gives the number in each of the results.
fn echo(columns: &str, results: &[&str]) -> Vec<u8> {
    let values: String = results
        .iter()
        .map(|result| match *result {
            "i32" => "(i32.wrap_i64 (local.get 0))",
            "i64" => "(local.get 0)",
            "f32" => "(f32.convert_i64_s (local.get 0))",
            _ => "(f64.convert_i64_s (local.get 0))",
        })
        .collect();
    let text = format!(r#"(module (func (export "f") (param i64) (result {}) {values}))"#, results.join(" "));
    with_columns(&text, columns)
}

#[test]
fn each_type_takes_its_result() {
    let columns = "a int8, b int32, c uint8, d uint32, e uint64, f int64, g date32, h timestamp(us, UTC), \
                   i float64, j float32, k boolean, l boolean, m int64, n_ uint64";
    let results = ["i32", "i32", "i32", "i32", "i64", "i32", "i32", "i64", "f64", "f32", "i64", "i32", "i64", "i32"];
    let module = echo(columns, &results);
    assert_eq!(describe(&module, None).unwrap().layout.columns_text(), columns);
    let kernel = bind(&module, &Options::default()).unwrap();
    let arrays = arrays(kernel.as_ref(), 0..=100);
    assert_eq!(arrays.len(), 14);
    assert_eq!(arrays[0].as_primitive::<Int8Type>().value(100), 100);
    assert_eq!(arrays[1].as_primitive::<Int32Type>().value(100), 100);
    assert_eq!(arrays[2].as_primitive::<UInt8Type>().value(99), 99);
    assert_eq!(arrays[3].as_primitive::<UInt32Type>().value(7), 7);
    assert_eq!(arrays[4].as_primitive::<UInt64Type>().value(7), 7);
    assert_eq!(arrays[6].as_primitive::<Date32Type>().value(7), 7);
    assert_eq!(arrays[7].as_primitive::<TimestampMicrosecondType>().value(7), 7);
    assert!(!arrays[10].as_boolean().value(0) && arrays[10].as_boolean().value(3));
    assert!(arrays.iter().all(|array| array.len() == 101 && array.null_count() == 0));
}

#[test]
fn signs_follow_the_column() {
    let module = echo("a int64, b uint64, c uint32, d int8", &["i32", "i32", "i32", "i32"]);
    let kernel = bind(&module, &Options::default()).unwrap();
    let mut rows = try_rows(kernel.as_ref(), -1..=-1).unwrap();
    assert_eq!(rows.columns[0], Values::Int64(vec![-1]));
    let arrays = rows.take_columns().unwrap();
    assert_eq!(arrays[1].as_primitive::<UInt64Type>().value(0), u64::from(u32::MAX));
    assert_eq!(arrays[2].as_primitive::<UInt32Type>().value(0), u32::MAX);
    assert_eq!(arrays[3].as_primitive::<Int8Type>().value(0), -1);
}

#[test]
fn values_that_their_column_cannot_hold_refuse_their_number() {
    for (column, result, numbers, number) in [
        ("int8", "i32", 100..=200, 128),
        ("int8", "i64", -200..=0, -200),
        ("uint8", "i32", 250..=300, 256),
        ("uint8", "i32", -1..=3, -1),
        ("int16", "i64", 32_767..=32_768, 32_768),
        ("uint32", "i64", 4_294_967_290..=4_294_967_300, 4_294_967_296),
        ("decimal128(3, 1)", "i64 i64", 990..=1010, 1000),
    ] {
        let results: Vec<&str> = result.split(' ').collect();
        let mut module = echo(&format!("a {column}"), &results);
        if results.len() == 2 {
            let text = r#"(module (func (export "f") (param i64) (result i64 i64) (local.get 0) (i64.const 0)))"#;
            module = with_columns(text, &format!("a {column}"));
        }
        let kernel = bind(&module, &Options::default()).unwrap();
        assert_eq!(refused(kernel.as_ref(), numbers).0, number, "{column}");
    }
    let kernel = bind(&echo("age int8", &["i32"]), &Options::default()).unwrap();
    assert_eq!(refused(kernel.as_ref(), 1..=200).1, "128 does not fit its column \"age\", which is Int8");
}

#[test]
fn decimals_have_a_scale() {
    let text = r#"(module (func (export "f") (param i64) (result i64 i64) (local.get 0) (i64.const 0)))"#;
    let kernel = bind(&with_columns(text, "price decimal128(10, 2)"), &Options::default()).unwrap();
    let arrays = arrays(kernel.as_ref(), 150..=150);
    assert_eq!(arrays[0].as_primitive::<Decimal128Type>().value_as_string(0), "1.50");
}

#[test]
fn texts_beside_other_columns() {
    let text = r#"(module (memory (export "memory") 1) (data (i32.const 0) "abcdefghij")
        (func (export "f") (param i64) (result i32 i64 i64 i32 i32)
            (i32.wrap_i64 (local.get 0)) (local.get 0) (i64.const 0)
            (i32.wrap_i64 (local.get 0)) (i32.const 1)))"#;
    let kernel =
        bind(&with_columns(text, "steps int32, peak decimal128(38, 0), name utf8"), &Options::default()).unwrap();
    let arrays = arrays(kernel.as_ref(), 0..=9);
    assert_eq!(arrays[0].as_primitive::<Int32Type>().value(9), 9);
    assert_eq!(arrays[1].as_primitive::<Decimal128Type>().value(9), 9);
    assert_eq!(arrays[2].as_string::<i32>().value(9), "j");
}

#[test]
fn a_misfit_beside_texts_is_blamed_on_its_number() {
    let text = r#"(module (memory (export "memory") 1)
        (func (export "f") (param i64) (result i32 i32 i32) (i32.wrap_i64 (local.get 0)) (i32.const 0) (i32.const 1)))"#;
    let kernel = bind(&with_columns(text, "a int8, name utf8"), &Options::default()).unwrap();
    assert_eq!(refused(kernel.as_ref(), 0..=1000).0, 128);
    assert_eq!(refused(kernel.as_ref(), 60..=1000).0, 128);
}

#[test]
fn a_batch_writes_one_array_after_the_other() {
    let text = r#"(module (memory (export "memory") 1)
        (func (export "f") (param $first i64) (param $count i32) (param $out i32) (local $i i32)
            (loop $next
                (i32.store8 (i32.add (local.get $out) (local.get $i)) (i32.wrap_i64 (local.get $first)))
                (f32.store (i32.add (i32.add (local.get $out) (local.get $count)) (i32.mul (local.get $i) (i32.const 4)))
                    (f32.convert_i64_s (local.get $first)))
                (local.set $first (i64.add (local.get $first) (i64.const 1)))
                (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $count))))))"#;
    let kernel = bind(&with_columns(text, "low uint8, real float32"), &Options::default()).unwrap();
    let arrays = arrays(kernel.as_ref(), 0..=4999);
    for number in [0, 1, 255, 256, 2047, 2048, 4999] {
        assert_eq!(arrays[0].as_primitive::<UInt8Type>().value(number), number as u8);
        assert_eq!(arrays[1].as_primitive::<arrow_array::types::Float32Type>().value(number), number as f32);
    }
}

#[test]
fn a_section_that_is_wrong_is_refused() {
    let text = r#"(module (func (export "f") (param i64) (result i64) (local.get 0)))"#;
    let error = |columns: &str| describe(&with_columns(text, columns), None).unwrap_err();
    assert!(matches!(error("a int65"), WasmError::Columns(_)));
    assert!(matches!(error(""), WasmError::Columns(_)));
    assert!(matches!(error("n int64"), WasmError::Columns(_)), "`n` is the number");
    for columns in ["a float64", "a int64, b int64", "a int64?", "a list(int64)", "a utf8"] {
        assert!(matches!(error(columns), WasmError::Unfit { .. }), "{columns}: {}", error(columns));
    }
    let mut module = with_columns(text, "a int6?");
    let last = module.len() - 1;
    module[last] = 0xff;
    assert_eq!(describe(&module, None), Err(WasmError::ColumnsText));
}
