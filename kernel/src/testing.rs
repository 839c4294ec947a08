//! Shorthands of the tests of all kernels.

use std::ops::RangeInclusive;

use crate::{Context, EvaluateError, Kernel, Layout, Parameters, Rows, ValueType, Values, find};

/// The values of `numbers` and how the evaluation ended, in a buffer of the type that `kernel`
/// names for them.
pub(crate) fn evaluate(kernel: &dyn Kernel, numbers: RangeInclusive<i64>) -> (Values, Result<(), EvaluateError>) {
    let mut rows = Rows::new(&kernel.layout(&numbers));
    let result = kernel.evaluate(numbers, &mut rows, &mut Context::default());
    (rows.columns.remove(0), result)
}

/// The `Int64` values of `numbers` from the kernel called `name`, which must not fail.
pub(crate) fn integers(name: &str, numbers: RangeInclusive<i64>) -> Vec<i64> {
    let kernel = find(name, &Parameters::new()).unwrap();
    match evaluate(kernel.as_ref(), numbers) {
        (Values::Int64(values), Ok(())) => values,
        other => panic!("not whole int64 values: {other:?}"),
    }
}

/// A segment of up to `length` numbers that starts at `first` and ends at `i64::MAX` at the latest.
pub(crate) fn segment(first: i64, length: i64) -> RangeInclusive<i64> {
    first..=first.saturating_add(length - 1)
}

/// Buffers for one column of values of this type.
pub(crate) fn rows_of(value_type: ValueType) -> Rows {
    Rows::new(&Layout::values(value_type))
}

/// Buffers that hold these values already.
pub(crate) fn rows_with(values: Values) -> Rows {
    let value_type = ValueType::ALL.into_iter().find(|known| known.data_type() == values.data_type()).unwrap();
    let mut rows = rows_of(value_type);
    rows.columns = vec![values];
    rows
}
