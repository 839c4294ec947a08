//! What each kind of function gives.

use arrow_array::{Array, BinaryArray, Float32Array, Float64Array, StringArray};
use swath_kernel::{Bits, Context, EvaluateError, Layout, Rows, ValueType, Values};

use crate::support::{arrays, integers, kernel, refused, try_rows, values};

const SQUARE: &str = r#"(module (func (export "f") (param i64) (result i64) (i64.mul (local.get 0) (local.get 0))))"#;

#[test]
fn integers_of_64_bits() {
    let square = kernel(SQUARE);
    assert_eq!(square.name(), "wasm");
    assert_eq!(square.layout(&(1..=2)), Layout::values(ValueType::Int64));
    assert!(!square.is_total());
    for count in [1, 2, 7, 8, 9, 15, 16, 17, 2047, 2048, 2049, 10_000] {
        let expected: Vec<i64> = (-5..-5 + count).map(|number| number * number).collect();
        assert_eq!(integers(square.as_ref(), -5..=-5 + count - 1), expected, "{count}");
    }
}

#[test]
fn both_ends_of_the_range() {
    let same = kernel(r#"(module (func (export "f") (param i64) (result i64) (local.get 0)))"#);
    for first in [i64::MIN, i64::MAX - 2999, -1500] {
        let numbers = first..=first + 2999;
        assert_eq!(integers(same.as_ref(), numbers.clone()), numbers.collect::<Vec<_>>());
    }
    assert_eq!(integers(same.as_ref(), i64::MAX..=i64::MAX), [i64::MAX]);
    assert_eq!(integers(same.as_ref(), i64::MIN..=i64::MIN), [i64::MIN]);
}

#[test]
#[allow(clippy::reversed_empty_ranges)]
fn an_empty_range_has_no_values() {
    assert_eq!(integers(kernel(SQUARE).as_ref(), 1..=0), []);
    assert_eq!(integers(kernel(SQUARE).as_ref(), i64::MAX..=i64::MIN), []);
}

#[test]
fn what_is_there_stays() {
    let square = kernel(SQUARE);
    let mut rows = Rows::new(&square.layout(&(1..=9)));
    let mut context = Context::default();
    square.evaluate(1..=3, &mut rows, &mut context).unwrap();
    square.evaluate(4..=5, &mut rows, &mut context).unwrap();
    assert_eq!(rows.columns, [Values::Int64(vec![1, 4, 9, 16, 25])]);
    square.evaluate(6..=6, &mut rows, &mut Context::default()).unwrap();
    assert_eq!(rows.len(), 6);
}

#[test]
fn buffers_of_other_types_are_refused() {
    let square = kernel(SQUARE);
    let mut rows = Rows::new(&Layout::values(ValueType::Boolean));
    let error = square.evaluate(1..=3, &mut rows, &mut Context::default()).unwrap_err();
    assert!(matches!(error, EvaluateError::WrongType { kernel: "wasm", .. }), "{error}");
    assert!(rows.is_empty());
}

#[test]
fn booleans() {
    let odd = kernel(
        r#"(module (func (export "f") (param i64) (result i32)
            (i32.shl (i32.wrap_i64 (i64.and (local.get 0) (i64.const 1))) (i32.const 12))))"#,
    );
    for count in [1, 7, 8, 9, 63, 64, 65, 3000] {
        let expected: Bits = (1..=count).map(|number| number % 2 == 1).collect();
        assert_eq!(values(odd.as_ref(), 1..=count), Values::Boolean(expected), "{count}");
    }
}

#[test]
fn floating_point_numbers() {
    let half = kernel(
        r#"(module (func (export "f") (param i64) (result f64)
            (f64.div (f64.convert_i64_s (local.get 0)) (f64.const 2))))"#,
    );
    let array = arrays(half.as_ref(), -1..=2).remove(0);
    assert_eq!(array.as_any().downcast_ref::<Float64Array>().unwrap().values()[..], [-0.5, 0.0, 0.5, 1.0]);
    let third = kernel(
        r#"(module (func (export "f") (param i64) (result f32)
            (f32.div (f32.convert_i64_s (local.get 0)) (f32.const 3))))"#,
    );
    let array = arrays(third.as_ref(), 1..=2).remove(0);
    assert_eq!(array.as_any().downcast_ref::<Float32Array>().unwrap().values()[..], [1.0 / 3.0, 2.0 / 3.0]);
}

#[test]
fn every_nan_is_the_same() {
    let nan = kernel(
        r#"(module (func (export "f") (param i64) (result f64)
            (f64.reinterpret_i64 (i64.or (i64.const 0xfff8000000000000) (local.get 0)))))"#,
    );
    let array = arrays(nan.as_ref(), 1..=100).remove(0);
    let array = array.as_any().downcast_ref::<Float64Array>().unwrap();
    assert!(array.values().iter().all(|value| value.to_bits() == f64::NAN.to_bits()));
}

/// The low and the high half of `number * 10^19 * scale`, signed.
const WIDE: &str = r#"(module (func (export "f") (param i64) (result i64 i64)
    (local.get 0) (i64.shr_s (local.get 0) (i64.const 63))))"#;

#[test]
fn decimals_have_two_halves() {
    let wide = kernel(WIDE);
    assert_eq!(values(wide.as_ref(), -2..=2), Values::Decimal128(vec![-2, -1, 0, 1, 2]));
    let high = kernel(r#"(module (func (export "f") (param i64) (result i64 i64) (i64.const 7) (local.get 0)))"#);
    let expected: Vec<i128> = (1..=3).map(|number: i128| (number << 64) + 7).collect();
    assert_eq!(values(high.as_ref(), 1..=3), Values::Decimal128(expected));
    // 10^38 is 5421010862427522170 times 2^64 and something.
    let (number, reason) = refused(high.as_ref(), 5_421_010_862_427_522_160..=5_421_010_862_427_522_180);
    assert_eq!(
        (number, reason.as_str()),
        (5_421_010_862_427_522_170 + 1, "its column \"value\" has more than 38 digits")
    );
    assert_eq!(refused(high.as_ref(), i64::MIN..=0).0, i64::MIN);
}

#[test]
fn a_value_that_does_not_fit_comes_before_a_trap_behind_it() {
    let kernel = kernel(
        r#"(module (func (export "f") (param i64) (result i64 i64)
            (if (i64.eq (local.get 0) (i64.const 9)) (then unreachable))
            (i64.const 0) (select (i64.const 0x7fffffffffffffff) (i64.const 1) (i64.eq (local.get 0) (i64.const 5)))))"#,
    );
    assert_eq!(refused(kernel.as_ref(), 1..=100).0, 5);
    assert_eq!(refused(kernel.as_ref(), 6..=100).0, 9);
    assert!(try_rows(kernel.as_ref(), 10..=100).is_ok());
}

#[test]
fn several_results_are_several_columns() {
    let kernel = kernel(
        r#"(module (func (export "f") (param i64) (result i64 f64 i32)
            (i64.sub (i64.const 0) (local.get 0)) (f64.convert_i64_s (local.get 0)) (i64.eqz (local.get 0))))"#,
    );
    assert_eq!(kernel.layout(&(0..=1)).columns_text(), "value_1 int64, value_2 float64, value_3 boolean");
    let rows = try_rows(kernel.as_ref(), -1..=1).unwrap();
    assert_eq!(rows.columns[0], Values::Int64(vec![1, 0, -1]));
    assert_eq!(rows.columns[2], Values::Boolean([false, true, false].into_iter().collect()));
    assert_eq!(try_rows(kernel.as_ref(), 1..=5000).unwrap().len(), 5000);
}

/// The digits of the number's lowest byte, always at the same place.
const TEXT: &str = r#"(module (memory (export "memory") 1)
    (func (export "f") (param i64) (result i32 i32) (local i32)
        (local.set 1 (i32.rem_u (i32.wrap_i64 (local.get 0)) (i32.const 10)))
        (memory.fill (i32.const 64) (i32.add (i32.const 48) (local.get 1)) (local.get 1))
        (i32.const 64) (local.get 1)))"#;

#[test]
fn texts_are_copied_before_the_next_number_writes_its_own() {
    let kernel = kernel(TEXT);
    assert_eq!(kernel.layout(&(0..=1)).columns_text(), "value utf8");
    let array = arrays(kernel.as_ref(), 0..=599).remove(0);
    let array = array.as_any().downcast_ref::<StringArray>().unwrap();
    assert_eq!(array.len(), 600);
    for (index, text) in array.iter().enumerate() {
        let digit = index % 10;
        assert_eq!(text.unwrap(), digit.to_string().repeat(digit));
    }
}

#[test]
fn texts_out_of_bounds_or_not_utf8_are_refused() {
    let module = |body: &str| {
        kernel(&format!(
            r#"(module (memory (export "memory") 1) (data (i32.const 8) "ok\ff") (func (export "f") (param i64) (result i32 i32) {body}))"#
        ))
    };
    // The length is the number.
    let growing = module("(i32.const 8) (i32.wrap_i64 (local.get 0))");
    assert_eq!(refused(growing.as_ref(), 0..=9), (3, "its column \"value\" is not UTF-8".to_owned()));
    let outside = module("(i32.sub (i32.const 65536) (i32.wrap_i64 (local.get 0))) (i32.const 3)");
    let (number, reason) = refused(outside.as_ref(), 2..=4);
    assert_eq!(number, 2);
    assert_eq!(reason, "its column \"value\" has 3 bytes at 65534, which is out of bounds of its memory");
    for body in ["(i32.const -1) (i32.const 1)", "(i32.const 65536) (i32.const 1)", "(i32.const 4) (i32.const -5)"] {
        assert_eq!(refused(module(body).as_ref(), 5..=9).0, 5, "{body}");
    }
    let empty_at_the_end = module("(i32.const 65536) (i32.const 0)");
    assert!(try_rows(empty_at_the_end.as_ref(), 1..=3).is_ok());
}

#[test]
fn a_text_may_have_16_mib() {
    let module = |bytes: u32| {
        kernel(&format!(
            r#"(module (memory (export "memory") 300) (func (export "f") (param i64) (result i32 i32) (i32.const 0) (i32.const {bytes})))"#
        ))
    };
    let largest = arrays(module(16 << 20).as_ref(), 1..=3).remove(0);
    assert_eq!(largest.as_any().downcast_ref::<StringArray>().unwrap().value(2).len(), 16 << 20);
    let reason = refused(module((16 << 20) + 1).as_ref(), 1..=3).1;
    assert_eq!(reason, "its column \"value\" has 16777217 bytes; 16 MiB are allowed");
}

#[test]
fn an_own_batch_is_called_for_many_numbers() {
    let batch = kernel(
        r#"(module (memory (export "memory") 1)
            (func (export "f") (param $first i64) (param $count i32) (param $out i32)
                (loop $next
                    (i64.store (local.get $out) (i64.mul (local.get $first) (i64.const 3)))
                    (local.set $first (i64.add (local.get $first) (i64.const 1)))
                    (local.set $out (i32.add (local.get $out) (i32.const 8)))
                    (br_if $next (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))))"#,
    );
    let expected: Vec<i64> = (-10..10_000).map(|number| number * 3).collect();
    assert_eq!(integers(batch.as_ref(), -10..=9_999), expected);
}

#[test]
fn a_trap_in_an_own_batch_is_blamed_on_its_number() {
    let batch = kernel(
        r#"(module (memory (export "memory") 1)
            (func (export "f") (param $first i64) (param $count i32) (param $out i32)
                (loop $next
                    (i64.store (local.get $out) (i64.div_s (i64.const 100) (i64.sub (local.get $first) (i64.const 77))))
                    (local.set $first (i64.add (local.get $first) (i64.const 1)))
                    (local.set $out (i32.add (local.get $out) (i32.const 8)))
                    (br_if $next (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))))"#,
    );
    assert_eq!(refused(batch.as_ref(), 1..=500), (77, "division by zero".to_owned()));
    let only_together = kernel(
        r#"(module (memory (export "memory") 1) (func (export "f") (param i64 i32 i32)
            (if (i32.gt_u (local.get 1) (i32.const 1)) (then unreachable))))"#,
    );
    let (number, reason) = refused(only_together.as_ref(), 5..=14);
    assert_eq!(
        (number, reason.as_str()),
        (5, "it gave up (`unreachable`) (in a batch of 10 numbers from this one on)")
    );
    let full = kernel(r#"(module (memory (export "memory") 1 1) (func (export "f") (param i64 i32 i32)))"#);
    assert!(refused(full.as_ref(), 1..=2).1.contains("cannot grow"));
}

#[test]
fn a_guest_with_several_memories_and_loops_of_its_own() {
    let sum = kernel(
        r#"(module (memory $a 1) (memory $b (export "memory") 1) (memory $c 2)
            (func (export "f") (param $n i64) (result i64) (local $sum i64)
                (i64.store $c (i32.const 70000) (i64.const 0))
                (block $done (loop $next
                    (br_if $done (i64.le_s (local.get $n) (i64.const 0)))
                    (i64.store $c (i32.const 70000) (i64.add (i64.load $c (i32.const 70000)) (local.get $n)))
                    (local.set $n (i64.sub (local.get $n) (i64.const 1)))
                    (br $next)))
                (i64.load $c (i32.const 70000))))"#,
    );
    let expected: Vec<i64> = (0..300).map(|number| number * (number + 1) / 2).collect();
    assert_eq!(integers(sum.as_ref(), 0..=299), expected);
}

#[test]
fn packed_places_and_binary() {
    let module = crate::support::with_columns(
        r#"(module (memory (export "memory") 1) (data (i32.const 16) "\00\ff\01")
            (func (export "f") (param i64) (result i64 i64)
                (i64.or (i64.shl (local.get 0) (i64.const 32)) (i64.const 16)) (local.get 0)))"#,
        "raw binary, n_again int64",
    );
    let kernel = swath_wasm::bind(&module, &swath_wasm::Options::default()).unwrap();
    let columns = arrays(kernel.as_ref(), 0..=3);
    let raw = columns[0].as_any().downcast_ref::<BinaryArray>().unwrap();
    assert_eq!(raw.iter().flatten().collect::<Vec<_>>(), [&b""[..], b"\0", b"\0\xff", b"\0\xff\x01"]);
    assert_eq!(columns[1].len(), 4);
}
