//! What lists mean, and what is refused.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; the lints know test functions only")]

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Decimal256Array, Float32Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray,
    cast::AsArray,
    types::{Decimal128Type, Float64Type, Int64Type},
};
use arrow_buffer::i256;
use arrow_schema::{DataType, Field, Schema};
use swath_model::Numbers;
use swath_reduce::{AccumulateError, MAX_DISTINCT, MAX_PARTIAL_BYTES, MAX_REDUCTIONS, Reductions, Source};

fn columns(columns: &[(&str, DataType)]) -> Schema {
    Schema::new(columns.iter().map(|(name, of)| Field::new(*name, of.clone(), true)).collect::<Vec<_>>())
}

fn only(data_type: DataType) -> Schema {
    columns(&[("value", data_type)])
}

fn several() -> Schema {
    let peak = DataType::Decimal128(38, 0);
    columns(&[("steps", DataType::Int64), ("peak", peak), ("name", DataType::Utf8), ("odd, \"name\"", DataType::Int8)])
}

/// The result of a list over one column, whose rows have the numbers from 1 on.
fn result(list: &str, column: ArrayRef) -> RecordBatch {
    let reductions = Reductions::parse(list, &only(column.data_type().clone())).unwrap();
    let mut accumulator = reductions.accumulator();
    accumulator.update(Numbers::Consecutive { first: 1, rows: column.len() }, &[column]).unwrap();
    accumulator.result().unwrap()
}

fn floats(list: &str, values: &[f64]) -> Vec<u64> {
    let result = result(list, Arc::new(Float64Array::from(values.to_vec())));
    result.columns().iter().map(|column| column.as_primitive::<Float64Type>().value(0).to_bits()).collect()
}

#[test]
fn a_list_has_a_canonical_text() {
    let cases = [
        (
            only(DataType::Int64),
            " count , sum(value),min,max_n ( value ),count(value)",
            "count,sum,min,max_n,count(value)",
        ),
        (only(DataType::Int64), "sum(n),min_n", "sum(n),min_n"),
        (
            several(),
            "count,sum(steps),max(\"peak\"),value_counts(name)",
            "count,sum(steps),max(peak),value_counts(name)",
        ),
        (several(), "max_n(\"odd, \"\"name\"\"\")", "max_n(\"odd, \"\"name\"\"\")"),
    ];
    for (columns, text, canonical) in cases {
        let reductions = Reductions::parse(text, &columns).unwrap();
        assert_eq!(reductions.to_string(), canonical);
        assert_eq!(Reductions::parse(canonical, &columns), Ok(reductions.clone()));
        let names: Vec<_> = reductions.list().iter().map(ToString::to_string).collect();
        let schema = reductions.result_schema();
        assert_eq!(
            schema.fields().iter().map(|field| field.name()).collect::<Vec<_>>(),
            names.iter().collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_list_says_what_it_reads() {
    let reads = |text: &str| {
        let reductions = Reductions::parse(text, &several()).unwrap();
        (reductions.columns().to_vec(), reductions.reads_numbers())
    };
    assert_eq!(reads("count"), (vec![], false));
    assert_eq!(reads("sum(n)"), (vec![], true));
    assert_eq!(reads("max(name),sum(steps),count"), (vec![0, 2], false));
    assert_eq!(reads("min_n(peak)"), (vec![1], true));
    let reductions = Reductions::parse("count,min(n),sum(peak)", &several()).unwrap();
    let sources: Vec<_> = reductions.list().iter().map(|reduction| reduction.source()).collect();
    assert_eq!(sources, [None, Some(Source::Number), Some(Source::Column(1))]);
}

#[test]
fn mistakes_are_named() {
    let twice = columns(&[("a", DataType::Int64), ("a", DataType::Int64)]);
    let list = columns(&[("a", DataType::new_list(DataType::Int64, true))]);
    let cases = [
        (
            "count,sum(name)",
            several(),
            "character 7: `sum(name)`: a sum over text is not possible; it takes integers, decimals, floats and booleans",
        ),
        (
            "sum",
            several(),
            "character 1: `sum` needs a column, as in sum(steps); columns: steps, peak, name, odd, \"name\", n",
        ),
        ("sum", columns(&[]), "character 1: `sum` needs a column, as in sum(n); columns: n"),
        (
            "count,max(peek)",
            several(),
            "character 7: `max(peek)`: there is no column `peek`; columns: steps, peak, name, odd, \"name\", n",
        ),
        ("sum(a)", twice, "character 1: `sum(a)`: there are several columns `a`"),
        (
            "max(a)",
            list,
            "character 1: `max(a)`: a maximum over values of the type list(int64?) is not possible; it takes integers, decimals, floats, booleans, dates and times, text and binary",
        ),
        ("sum(steps),count,sum( steps)", several(), "character 18: `sum( steps)` is there twice"),
        (
            "mean",
            only(DataType::Date32),
            "character 1: `mean`: a mean over dates and times is not possible; it takes integers, decimals, floats and booleans",
        ),
    ];
    for (text, columns, expected) in cases {
        assert_eq!(Reductions::parse(text, &columns).unwrap_err().to_string(), expected);
    }
    let error = Reductions::parse("count, max(peek)", &several()).unwrap_err();
    assert_eq!(error.character(), 8);
    assert_eq!(error.mark("count, max(peek)"), "count, max(peek)\n       ^^^^^^^^^");
    let many = columns(&(0..100).map(|_| ("x", DataType::Int64)).collect::<Vec<_>>());
    let list: Vec<_> = (0..=MAX_REDUCTIONS).map(|_| "count").collect();
    assert!(Reductions::parse(&list.join(","), &many).is_err());
    assert!(Reductions::parse("sum", &many).unwrap_err().to_string().ends_with("x, n and 80 more"));
}

#[test]
fn types_do_not_depend_on_values() {
    let sum = |data_type: DataType| {
        Reductions::parse("sum", &only(data_type)).unwrap().result_schema().field(0).data_type().clone()
    };
    assert_eq!(sum(DataType::Int8), DataType::Decimal128(38, 0));
    assert_eq!(sum(DataType::Int64), DataType::Decimal128(38, 0));
    assert_eq!(sum(DataType::UInt32), DataType::Decimal128(38, 0));
    assert_eq!(sum(DataType::UInt64), DataType::Decimal256(76, 0));
    assert_eq!(sum(DataType::Decimal64(18, 4)), DataType::Decimal128(38, 4));
    assert_eq!(sum(DataType::Decimal128(19, 2)), DataType::Decimal128(38, 2));
    assert_eq!(sum(DataType::Decimal128(20, 2)), DataType::Decimal256(76, 2));
    assert_eq!(sum(DataType::Decimal256(76, 10)), DataType::Decimal256(76, 10));
    assert_eq!(sum(DataType::Boolean), DataType::Int64);
    assert_eq!(sum(DataType::Float32), DataType::Float64);
}

#[test]
fn sums_of_integers_do_not_wrap() {
    let rows = 1000;
    let result = result("sum,mean", Arc::new(Int64Array::from(vec![i64::MIN; rows])));
    assert_eq!(result.column(0).as_primitive::<Decimal128Type>().value(0), i128::from(i64::MIN) * rows as i128);
    assert_eq!(result.column(1).as_primitive::<Float64Type>().value(0), i64::MIN as f64);
}

#[test]
fn a_sum_that_does_not_fit_is_named() {
    let greatest = i256::from_string(&"9".repeat(76)).unwrap();
    let column = |values: Vec<i256>| -> ArrayRef {
        Arc::new(Decimal256Array::from(values).with_precision_and_scale(76, 0).unwrap())
    };
    let reductions = Reductions::parse("count,sum", &only(DataType::Decimal256(76, 0))).unwrap();
    let mut accumulator = reductions.accumulator();
    let rows = |rows| Numbers::Consecutive { first: 1, rows };
    accumulator.update(rows(100), &[column(vec![greatest; 100])]).unwrap();
    let error = accumulator.result().unwrap_err();
    assert_eq!(error, AccumulateError::SumTooLarge { reduction: "sum".to_owned(), digits: 76 });
    assert_eq!(error.to_string(), "`sum` does not fit 76 digits, the most that a decimal has");
    // What came before is not lost: the rest makes it fit.
    let mut other = reductions.accumulator();
    other.update(rows(99), &[column(vec![-greatest; 99])]).unwrap();
    other.merge(&accumulator.partial().unwrap()).unwrap();
    let result = other.result().unwrap();
    assert_eq!(result.column(1).as_primitive::<arrow_array::types::Decimal256Type>().value(0), greatest);
}

#[test]
fn floats_are_added_exactly_and_special_ones_have_rules() {
    let bits = |floats: &[f64]| floats.iter().map(|float| float.to_bits()).collect::<Vec<_>>();
    assert_eq!(floats("sum", &[1e100, 1.0, -1e100]), bits(&[1.0]));
    assert_eq!(floats("sum,mean", &[0.1; 10]), bits(&[1.0, 0.1]));
    assert_eq!(floats("sum,mean", &[f64::MAX, f64::MAX]), bits(&[f64::INFINITY, f64::MAX]));
    assert_eq!(floats("sum,mean", &[f64::MAX, f64::MAX, -f64::MAX, -f64::MAX]), bits(&[0.0, 0.0]));
    assert_eq!(floats("sum,min,max", &[-0.0, -0.0]), bits(&[0.0, 0.0, 0.0]));
    assert_eq!(floats("sum,min,max", &[f64::INFINITY, 1.0, -f64::NAN]), bits(&[f64::NAN, 1.0, f64::NAN]));
    assert_eq!(floats("sum,min", &[f64::INFINITY, f64::NEG_INFINITY]), bits(&[f64::NAN, f64::NEG_INFINITY]));
    assert_eq!(floats("sum,mean,max", &[f64::INFINITY, 5.0]), bits(&[f64::INFINITY; 3]));
    assert_eq!(floats("min", &[f64::NAN]), bits(&[f64::NAN]));
    assert_eq!(floats("sum,mean", &[f64::from_bits(1); 3]), [3, 1]);
}

#[test]
fn extremes_are_found_late_in_long_columns() {
    let value = |row: usize| match row {
        3456 | 4000 => -1i8,
        4321 | 4999 => 1,
        _ => 0,
    };
    for nulls in [0, 7] {
        let values = || (0..5000).map(|row| (nulls == 0 || row % 7 != 0).then(|| value(row)));
        let columns: [ArrayRef; 4] = [
            Arc::new(values().map(|value| value.map(i64::from)).collect::<Int64Array>()),
            Arc::new(values().map(|value| value.map(i32::from)).collect::<Int32Array>()),
            Arc::new(values().map(|value| value.map(f64::from)).collect::<Float64Array>()),
            Arc::new(values().map(|value| value.map(f32::from)).collect::<Float32Array>()),
        ];
        for column in columns {
            let result = result("min_n,max_n", column.clone());
            let number = |index: usize| result.column(index).as_primitive::<Int64Type>().value(0);
            assert_eq!((number(0), number(1)), (3457, 4322), "{:?}", column.data_type());
        }
    }
}

#[test]
fn of_nothing_there_is_a_count() {
    let list = "count,count(value),sum,mean,min,max,min_n,max_n,value_counts";
    for column in [Int64Array::from(Vec::<i64>::new()), Int64Array::from(vec![None, None])] {
        let rows = column.len() as i64;
        let result = result(list, Arc::new(column));
        let counts = |index: usize| result.column(index).as_primitive::<Int64Type>().value(0);
        assert_eq!((counts(0), counts(1)), (rows, 0));
        assert!((2..8).all(|index| result.column(index).is_null(0)));
        assert_eq!(result.column(8).as_list::<i32>().value(0).len(), 0);
    }
}

#[test]
fn a_count_takes_no_columns() {
    let reductions = Reductions::parse("count", &several()).unwrap();
    let mut accumulator = reductions.accumulator();
    accumulator.update_count(5).unwrap();
    accumulator.update(Numbers::Consecutive { first: 0, rows: 2 }, &[]).unwrap();
    accumulator.merge(&accumulator.clone().partial().unwrap()).unwrap();
    assert_eq!(accumulator.rows(), 14);
    assert_eq!(accumulator.result().unwrap().column(0).as_primitive::<Int64Type>().value(0), 14);
    assert_eq!(accumulator.update_count(u64::MAX), Err(AccumulateError::TooManyRows));
    let mut other = Reductions::parse("sum(n)", &several()).unwrap().accumulator();
    assert!(other.update_count(5).is_err());
}

#[test]
fn columns_that_are_not_read_are_refused() {
    let reductions = Reductions::parse("sum(steps)", &several()).unwrap();
    let mut accumulator = reductions.accumulator();
    let rows = Numbers::Consecutive { first: 1, rows: 2 };
    let (right, other): (ArrayRef, ArrayRef) =
        (Arc::new(Int64Array::from(vec![1, 2])), Arc::new(BooleanArray::from(vec![true, false])));
    for columns in [vec![], vec![other.clone()], vec![right.slice(0, 1)], vec![right.clone(), other]] {
        assert!(matches!(accumulator.update(rows, &columns), Err(AccumulateError::Columns(_))));
    }
    assert_eq!(accumulator.rows(), 0);
    accumulator.update(rows, &[right]).unwrap();
}

#[test]
fn values_that_are_counted_are_bounded() {
    let reductions = Reductions::parse("value_counts,max", &only(DataType::Int64)).unwrap();
    let (mut one, mut other) = (reductions.accumulator(), reductions.accumulator());
    let half = MAX_DISTINCT / 2;
    let column = |first: usize, rows: usize| -> [ArrayRef; 1] {
        [Arc::new(Int64Array::from_iter_values((first..first + rows).map(|value| value as i64)))]
    };
    let rows = |rows| Numbers::Consecutive { first: 1, rows };
    one.update(rows(half), &column(0, half)).unwrap();
    other.update(rows(half), &column(half, half)).unwrap();
    one.merge(&other.partial().unwrap()).unwrap();
    assert_eq!(one.partial().unwrap().num_rows(), 1);
    other.update(rows(1), &column(2 * half, 1)).unwrap();
    let error = one.merge(&other.partial().unwrap()).unwrap_err();
    assert_eq!(error, AccumulateError::TooManyValues { reduction: "value_counts".to_owned() });
    assert!(error.to_string().starts_with("`value_counts` has more than 1000000 distinct values"), "{error}");

    let reductions = Reductions::parse("value_counts", &only(DataType::Utf8)).unwrap();
    let mut texts = reductions.accumulator();
    let large = (0..20).map(|index| format!("{index}{}", "x".repeat(MAX_PARTIAL_BYTES / 20)));
    let large: ArrayRef = Arc::new(StringArray::from_iter_values(large));
    let taken = texts.update(rows(20), &[large]).and_then(|()| texts.partial().map(|_| ()));
    assert_eq!(taken, Err(AccumulateError::TooManyBytes { reduction: "value_counts".to_owned() }));
}
