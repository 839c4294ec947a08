//! Conditions on rows.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int8Array, Int64Array,
    StringArray, TimestampMillisecondArray,
};
use arrow_schema::{Field, Schema};
use swath_expression::{Condition, EvaluateError};
use swath_model::Numbers;

use crate::Outcome;

const FIRST: i64 = -3;
const ROWS: usize = 9;

/// A condition reads the same when it is written again, and says the same of each row by itself as of all of them.
pub(crate) fn condition(input: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(input) else { return Outcome::Refused };
    let columns = columns();
    let fields = columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    let condition = match Condition::parse(text, &schema) {
        Ok(condition) => condition,
        Err(error) => {
            assert!(text.get(error.place()).is_some(), "the place of the error is not in the text");
            assert!(error.mark(text).contains('^'), "the place of the error is not marked");
            return Outcome::Refused;
        }
    };
    let again = Condition::parse(&condition.to_string(), &schema);
    assert_eq!(again.as_ref(), Ok(&condition), "it is another condition when it is read again");
    let arrays: Vec<_> = columns.into_iter().map(|(_, column)| column).collect();
    let together = condition.evaluate(Numbers::Consecutive { first: FIRST, rows: ROWS }, &arrays);
    let one = |row: usize| {
        let arrays: Vec<_> = arrays.iter().map(|array| array.slice(row, 1)).collect();
        let number = [FIRST + row as i64];
        condition.evaluate(Numbers::Listed(&number), &arrays).map(|selected| selected.value(0))
    };
    let apart: Result<Vec<_>, EvaluateError> = (0..ROWS).map(one).collect();
    assert_eq!(together.map(|selected| selected.iter().collect::<Vec<_>>()), apart, "rows by themselves differ");
    Outcome::Accepted
}

fn columns() -> Vec<(&'static str, ArrayRef)> {
    let wide = [i64::MIN, -1, 0, 1, 7, 1 << 50, (1 << 50) + 1, 3_037_000_500, i64::MAX];
    let floats = [f64::NAN, -0.0, 0.0, f64::INFINITY, -2.5, 1e300, 1e-300, 0.1, 7.0];
    let sometimes = |row: usize| !row.is_multiple_of(4);
    let texts = ["", "a", "it's", "ab", "é", "abc", "%", "_", "a"];
    let values = wide.iter().enumerate().map(|(row, value)| sometimes(row).then_some(*value));
    let whole = Decimal128Array::from_iter_values(wide.map(|value| i128::from(value) << 60));
    let price = Decimal128Array::from_iter_values((0..9).map(|value| value * 25 - 75));
    vec![
        ("value", Arc::new(Int64Array::from_iter(values))),
        ("small", Arc::new(Int8Array::from_iter_values(-4..5))),
        ("whole", Arc::new(whole.with_data_type(arrow_schema::DataType::Decimal128(38, 0)))),
        ("price", Arc::new(price.with_data_type(arrow_schema::DataType::Decimal128(10, 2)))),
        ("rate", Arc::new(Float64Array::from_iter_values(floats))),
        ("flag", Arc::new(BooleanArray::from_iter((0..9).map(|row| sometimes(row).then_some(row % 2 == 0))))),
        (
            "name",
            Arc::new(StringArray::from_iter(
                texts.iter().enumerate().map(|(row, text)| sometimes(row).then_some(*text)),
            )),
        ),
        ("raw", Arc::new(BinaryArray::from_iter_values(texts.map(str::as_bytes)))),
        ("day", Arc::new(Date32Array::from_iter_values((0..9).map(|day| 19_780 + day)))),
        (
            "at",
            Arc::new(TimestampMillisecondArray::from_iter_values((0..9).map(|at| 1_709_164_800_000 + at * 7_200_000))),
        ),
    ]
}
