//! States that come from peers: through Parquet they stay the same, and malformed ones are refused.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; the lints know test functions only")]

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Decimal128Array, Float64Array, Int64Array, ListArray, RecordBatch,
    StringArray, StructArray, UInt64Array, cast::AsArray,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReader};
use swath_model::Numbers;
use swath_reduce::{AccumulateError, Accumulator, Reductions};

/// Columns of several types, and everything that can be asked of them.
fn everything() -> (Reductions, Vec<ArrayRef>) {
    let decimals = Decimal128Array::from(vec![Some(-5), Some(1 << 100), None]).with_precision_and_scale(38, 2).unwrap();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("i", Arc::new(Int64Array::from(vec![Some(7), None, Some(-7)]))),
        ("u", Arc::new(UInt64Array::from(vec![u64::MAX, 0, u64::MAX]))),
        ("b", Arc::new(BooleanArray::from(vec![true, false, true]))),
        ("f", Arc::new(Float64Array::from(vec![0.1, f64::INFINITY, f64::NAN]))),
        ("d", Arc::new(decimals)),
        ("t", Arc::new(StringArray::from(vec!["b", "ä", "b"]))),
    ];
    let fields = columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    let list = columns.iter().map(|(name, _)| {
        let sum = if *name == "t" { String::new() } else { format!(",sum({name})") };
        format!("min({name}),max_n({name}),value_counts({name}){sum}")
    });
    let reductions = Reductions::parse(&list.collect::<Vec<_>>().join(","), &schema).unwrap();
    (reductions, columns.into_iter().map(|(_, column)| column).collect())
}

fn accumulated() -> (Reductions, Accumulator) {
    let (reductions, columns) = everything();
    let mut accumulator = reductions.accumulator();
    accumulator.update(Numbers::Listed(&[3, 5, 5]), &columns).unwrap();
    (reductions, accumulator)
}

#[test]
fn states_travel_in_parquet() {
    let (reductions, mut accumulator) = accumulated();
    let partial = accumulator.partial().unwrap();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, partial.schema(), None).unwrap();
    writer.write(&partial).unwrap();
    writer.close().unwrap();
    let mut reader = ParquetRecordBatchReader::try_new(bytes::Bytes::from(file), 10).unwrap();
    let read = reader.next().unwrap().unwrap();
    let mut other = reductions.accumulator();
    other.merge(&read).unwrap();
    assert_eq!(other.partial().unwrap(), partial);
    assert_eq!(other.result().unwrap(), accumulator.result().unwrap());
}

/// The state with one column replaced, as a peer could send it.
fn with(partial: &RecordBatch, name: &str, column: ArrayRef) -> RecordBatch {
    let fields = partial.schema();
    let index = fields.index_of(name).unwrap();
    let mut columns = partial.columns().to_vec();
    columns[index] = column;
    let fields = fields.fields().iter().zip(&columns);
    let fields = fields.map(|(field, column)| Field::new(field.name(), column.data_type().clone(), true));
    RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns).unwrap()
}

fn integer(value: Option<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(vec![value]))
}

fn binary(bytes: &[u8]) -> ArrayRef {
    Arc::new(BinaryArray::from_iter_values([bytes]))
}

/// Values of `i` with their counts.
fn counts(partial: &RecordBatch, values: &[Option<i64>], counts: &[Option<i64>]) -> ArrayRef {
    let list = partial.column_by_name("value_counts(i)").unwrap().as_list::<i32>();
    let DataType::List(element) = list.data_type() else { panic!("{list:?}") };
    let has_nulls = values.contains(&None) || counts.contains(&None);
    let fields = list.values().as_struct().fields().iter();
    let fields = fields.map(|field| field.as_ref().clone().with_nullable(has_nulls));
    let columns: Vec<ArrayRef> =
        vec![Arc::new(Int64Array::from(values.to_vec())), Arc::new(Int64Array::from(counts.to_vec()))];
    let rows = StructArray::new(fields.collect(), columns, None);
    let element = Arc::new(element.as_ref().clone().with_data_type(rows.data_type().clone()));
    Arc::new(ListArray::new(element, OffsetBuffer::from_lengths([values.len()]), Arc::new(rows), None))
}

#[test]
fn malformed_states_are_refused() {
    let (_, mut accumulator) = accumulated();
    let partial = accumulator.partial().unwrap();
    let text: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>]));
    let cases = [
        ("count", integer(Some(2))),
        ("count", integer(Some(-1))),
        ("count", integer(None)),
        ("count(i)", integer(Some(-2))),
        ("count(i)", integer(Some(0))),
        ("count(i)", integer(Some(3))),
        ("count(i)", integer(Some(i64::MAX))),
        ("sum(i)", binary(&[])),
        ("sum(i)", binary(&[5, 0])),
        ("sum(i)", binary(&[0xFE, 0xFF])),
        // 2 values of up to 2^63.
        ("sum(i)", binary(&[1, 0, 0, 0, 0, 0, 0, 0, 1])),
        ("sum(i)", binary(&[1; 49])),
        ("sum(b)", binary(&[0xFF])),
        ("sum(b)", binary(&[4])),
        ("sum(f)", binary(&[])),
        ("sum(f)", binary(&[0])),
        ("sum(f)", binary(&[8, 0])),
        ("sum(f)", binary(&[0, 0, 0])),
        ("sum(f)", binary(&[&[0][..], &[1; 264]].concat())),
        ("sum(f)", binary(&[1; 300])),
        ("min(i)", integer(None)),
        ("min(i)", integer(Some(8))),
        ("max_n(i)", integer(None)),
        ("min(t)", text),
        ("value_counts(i)", counts(&partial, &[Some(-7), Some(7)], &[Some(1), Some(2)])),
        ("value_counts(i)", counts(&partial, &[Some(7), Some(-7)], &[Some(1), Some(1)])),
        ("value_counts(i)", counts(&partial, &[Some(7), Some(7)], &[Some(1), Some(1)])),
        ("value_counts(i)", counts(&partial, &[Some(-7), Some(7)], &[Some(3), Some(-1)])),
        ("value_counts(i)", counts(&partial, &[Some(-7), Some(7)], &[Some(2), Some(0)])),
        ("value_counts(i)", counts(&partial, &[Some(-7), Some(7)], &[Some(i64::MAX), Some(i64::MAX)])),
        ("value_counts(i)", counts(&partial, &[Some(-7), None], &[Some(1), Some(1)])),
        ("value_counts(i)", counts(&partial, &[Some(-7), Some(7)], &[Some(1), None])),
        ("value_counts(i)", counts(&partial, &[], &[])),
    ];
    for (name, column) in cases {
        let malformed = with(&partial, name, column.clone());
        let error = accumulator.merge(&malformed).unwrap_err();
        assert!(matches!(error, AccumulateError::Malformed(_)), "{name} = {column:?}: {error}");
    }
    // Nothing of them was taken in, and the state itself still is.
    assert_eq!(accumulator.partial().unwrap(), partial);
    let same = counts(&partial, &[Some(-7), Some(7)], &[Some(1), Some(1)]);
    accumulator.merge(&with(&partial, "value_counts(i)", same)).unwrap();
    assert_eq!(accumulator.rows(), 6);
}

#[test]
fn states_of_other_shapes_are_refused() {
    let (reductions, mut accumulator) = accumulated();
    let partial = accumulator.partial().unwrap();
    let refused = |batch: &RecordBatch| {
        matches!(reductions.accumulator().merge(batch).unwrap_err(), AccumulateError::Malformed(_))
    };
    assert!(refused(&partial.slice(0, 0)), "no row");
    assert!(refused(&partial.project(&[0, 1]).unwrap()), "columns are missing");
    let columns = partial.columns().iter().map(|column| arrow_array::make_array(column.to_data()));
    let renamed =
        partial.schema().fields().iter().map(|field| field.as_ref().clone().with_name("x")).collect::<Vec<_>>();
    assert!(refused(&RecordBatch::try_new(Arc::new(Schema::new(renamed)), columns.collect()).unwrap()), "other names");
    assert!(refused(&accumulator.result().unwrap()), "a result");
    let counted = Reductions::parse("count", &Schema::empty()).unwrap();
    assert!(refused(&counted.accumulator().partial().unwrap()), "another list");
}

#[test]
fn counts_of_many_states_do_not_wrap() {
    let counted = Reductions::parse("count", &Schema::empty()).unwrap();
    let mut accumulator = counted.accumulator();
    accumulator.update_count(i64::MAX as u64).unwrap();
    let partial = accumulator.partial().unwrap();
    assert_eq!(accumulator.merge(&partial), Err(AccumulateError::TooManyRows));
}
