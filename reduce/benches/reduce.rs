//! How many values a second are reduced, on one thread. `cargo bench -p swath-reduce` runs them; words after `--`
//! choose some by name.

#![expect(clippy::unwrap_used, reason = "what cannot fail here")]

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Decimal128Array, Float32Array, Float64Array, Int32Array, Int64Array, StringArray,
};
use arrow_schema::{Field, Schema};
use divan::{Bencher, black_box, counter::ItemsCount};
use swath_model::Numbers;
use swath_reduce::{Accumulator, Reductions};

fn main() {
    divan::main();
}

/// Rows that a worker computes between two looks at its lease.
const ROWS: usize = 32_768;

const LISTS: [&str; 7] =
    ["sum", "min,max", "count,sum,min,max", "mean,min_n,max_n", "count(c)", "value_counts", "sum,value_counts"];

/// A column `c`, and the accumulator of a list over it.
fn prepare(list: &str, column: &ArrayRef) -> Accumulator {
    let schema = Schema::new(vec![Field::new("c", column.data_type().clone(), true)]);
    Reductions::parse(list, &schema).unwrap().accumulator()
}

fn reduce(bencher: Bencher<'_, '_>, list: &str, column: ArrayRef) {
    let columns = [column];
    let mut accumulator = prepare(list, &columns[0]);
    let mut first = 0;
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        let numbers = Numbers::Consecutive { first, rows: ROWS };
        first += ROWS as i64;
        accumulator.update(numbers, black_box(&columns)).unwrap();
    });
    black_box(accumulator.partial().unwrap());
}

/// Something without a pattern.
fn scattered(row: usize) -> u64 {
    let mixed = (row as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9)
}

/// Of squares, as a worker has them.
#[divan::bench(args = &LISTS[..5])]
fn int64(bencher: Bencher<'_, '_>, list: &str) {
    let values = (0..ROWS as i64).map(|n| (n + 1_000_000) * (n + 1_000_000));
    reduce(bencher, list, Arc::new(Int64Array::from_iter_values(values)));
}

/// A few hundred distinct values.
#[divan::bench(args = &LISTS[5..])]
fn int64_few(bencher: Bencher<'_, '_>, list: &str) {
    let values = (0..ROWS).map(|row| (scattered(row) % 300) as i64);
    reduce(bencher, list, Arc::new(Int64Array::from_iter_values(values)));
}

/// As many distinct values as rows.
#[divan::bench(args = &LISTS[5..])]
fn int64_many(bencher: Bencher<'_, '_>, list: &str) {
    reduce(bencher, list, Arc::new(Int64Array::from_iter_values((0..ROWS).map(|row| scattered(row) as i64))));
}

/// One in ten is null.
#[divan::bench(args = &LISTS[..5])]
fn int64_nulls(bencher: Bencher<'_, '_>, list: &str) {
    let values = (0..ROWS).map(|row| (row % 10 != 3).then(|| scattered(row) as i64));
    reduce(bencher, list, Arc::new(values.collect::<Int64Array>()));
}

#[divan::bench(args = &LISTS[..5])]
fn int32(bencher: Bencher<'_, '_>, list: &str) {
    reduce(bencher, list, Arc::new(Int32Array::from_iter_values((0..ROWS).map(|row| scattered(row) as i32))));
}

#[divan::bench(args = LISTS)]
fn boolean(bencher: Bencher<'_, '_>, list: &str) {
    let values: BooleanArray = (0..ROWS).map(|row| Some(scattered(row).is_multiple_of(15))).collect();
    reduce(bencher, list, Arc::new(values));
}

/// Floats of which all neighbours have about the same size.
#[divan::bench(args = &LISTS[..5])]
fn float64(bencher: Bencher<'_, '_>, list: &str) {
    let values = (0..ROWS).map(|row| scattered(row) as f64 / u64::MAX as f64 - 0.5);
    reduce(bencher, list, Arc::new(Float64Array::from_iter_values(values)));
}

/// Floats of all sizes.
#[divan::bench(args = &LISTS[..5])]
fn float64_wide(bencher: Bencher<'_, '_>, list: &str) {
    let values = (0..ROWS).map(|row| (scattered(row) >> 40) as f64 * 2f64.powi((scattered(row) % 2000) as i32 - 1000));
    reduce(bencher, list, Arc::new(Float64Array::from_iter_values(values)));
}

#[divan::bench(args = &LISTS[..5])]
fn float32(bencher: Bencher<'_, '_>, list: &str) {
    let values = (0..ROWS).map(|row| (scattered(row) >> 40) as f32 / 1e6);
    reduce(bencher, list, Arc::new(Float32Array::from_iter_values(values)));
}

/// Squares that do not fit 64 bits.
#[divan::bench(args = &LISTS[..5])]
fn decimal128(bencher: Bencher<'_, '_>, list: &str) {
    let values = (0..ROWS as i128).map(|n| (n + 4_000_000_000_000_000_000).pow(2));
    let column = Decimal128Array::from_iter_values(values).with_precision_and_scale(38, 0).unwrap();
    reduce(bencher, list, Arc::new(column));
}

#[divan::bench(args = ["min,max", "value_counts"])]
fn text(bencher: Bencher<'_, '_>, list: &str) {
    let values = (0..ROWS).map(|row| format!("word {}", scattered(row) % 300));
    reduce(bencher, list, Arc::new(StringArray::from_iter_values(values)));
}
