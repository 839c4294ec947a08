//! Values a second of processor time of some conditions, on Linux: `cargo run --release -p swath-expression --example
//! rates`.

#![allow(clippy::disallowed_macros, clippy::disallowed_methods, clippy::unwrap_used, reason = "a tool that measures")]

use std::{fs, hint::black_box, sync::Arc};

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array};
use arrow_schema::{DataType, Field, Schema};
use swath_expression::Condition;
use swath_model::Numbers;

/// Rows that are evaluated at once, as a page has.
const ROWS: usize = 32_768;

const BATCHES: i64 = 2000;

fn main() {
    let schema = Schema::new(vec![
        Field::new("value", DataType::Int64, false),
        Field::new("flag", DataType::Boolean, false),
        Field::new("rate", DataType::Float64, false),
        Field::new("some", DataType::Int64, true),
    ]);
    let rows = 0..ROWS as i64;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(rows.clone().map(|n| n * n))),
        Arc::new(BooleanArray::from_iter(rows.clone().map(|n| Some(n % 3 == 0)))),
        Arc::new(Float64Array::from_iter_values(rows.clone().map(|n| n as f64 / 7.0))),
        Arc::new(Int64Array::from_iter(rows.map(|n| (n % 5 > 0).then_some(n)))),
    ];
    let texts = [
        "n * n % 7 = 4",
        "value % 7 = 4",
        "n % 7 = 4",
        "n % 7 = 4 and value > 100000",
        "value > 500000000",
        "value in (1, 4, 9)",
        "value between 100 and 100000",
        "n * n + value > 1000000000000",
        "n * n * n % 1000 = 1",
        "value / 1000 = 5",
        "flag",
        "not flag",
        "rate > 0.5",
        "rate * 2e0 > 100 or flag",
        "some % 7 = 4",
        "some is not null and 100 / some > 3",
        "n * n * n * n % 1000 = 1",
    ];
    for text in texts {
        let condition = Condition::parse(text, &schema).unwrap();
        let mut times: Vec<f64> = (0..5).map(|_| time(&condition, &columns)).collect();
        times.sort_by(f64::total_cmp);
        println!("{:>8.0} million/s  {text}", ROWS as f64 * BATCHES as f64 / times[2] / 1e6);
    }
}

fn time(condition: &Condition, columns: &[ArrayRef]) -> f64 {
    let start = busy();
    for batch in 0..BATCHES {
        let first = 500_000_000 + batch * ROWS as i64;
        let selected = condition.evaluate(Numbers::Consecutive { first, rows: ROWS }, columns).unwrap();
        black_box(selected.count_set_bits());
    }
    busy() - start
}

/// Seconds that this thread had a processor for, so that others who use the machine change little.
fn busy() -> f64 {
    let nanoseconds = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    nanoseconds.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}
