//! Shorthands of the tests.

use std::{ops::RangeInclusive, sync::Arc};

use arrow_array::ArrayRef;
use swath_kernel::{Context, EvaluateError, Kernel, Rows, Values};
use swath_wasm::{Options, WasmError, bind, to_binary};

/// The kernel of a module that is written as text.
pub(crate) fn kernel(text: &str) -> Arc<dyn Kernel> {
    kernel_with(text, &Options::default())
}

pub(crate) fn kernel_with(text: &str, options: &Options) -> Arc<dyn Kernel> {
    bind(text.as_bytes(), options).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

pub(crate) fn bind_error(text: &str) -> WasmError {
    bind(text.as_bytes(), &Options::default()).unwrap_err()
}

/// A module with the text of its columns.
pub(crate) fn with_columns(text: &str, columns: &str) -> Vec<u8> {
    let mut module = to_binary(text.as_bytes()).unwrap().into_owned();
    let name = b"swath.columns";
    let length = 1 + name.len() + columns.len();
    assert!(length < 1 << 14);
    module.extend([0, (length & 0x7f) as u8 | 0x80, (length >> 7) as u8, name.len() as u8]);
    module.extend(name);
    module.extend(columns.as_bytes());
    module
}

pub(crate) fn try_rows(kernel: &dyn Kernel, numbers: RangeInclusive<i64>) -> Result<Rows, EvaluateError> {
    let mut rows = Rows::new(&kernel.layout(&numbers));
    kernel.evaluate(numbers, &mut rows, &mut Context::default()).map(|()| rows)
}

/// The values of all columns, as arrays.
pub(crate) fn arrays(kernel: &dyn Kernel, numbers: RangeInclusive<i64>) -> Vec<ArrayRef> {
    try_rows(kernel, numbers).unwrap().take_columns().unwrap()
}

/// The only column.
pub(crate) fn values(kernel: &dyn Kernel, numbers: RangeInclusive<i64>) -> Values {
    let mut rows = try_rows(kernel, numbers).unwrap();
    assert_eq!(rows.columns.len(), 1);
    rows.columns.remove(0)
}

pub(crate) fn integers(kernel: &dyn Kernel, numbers: RangeInclusive<i64>) -> Vec<i64> {
    match values(kernel, numbers) {
        Values::Int64(values) => values,
        other => panic!("{other:?}"),
    }
}

/// The number that was refused, and why.
pub(crate) fn refused(kernel: &dyn Kernel, numbers: RangeInclusive<i64>) -> (i64, String) {
    match try_rows(kernel, numbers).unwrap_err() {
        EvaluateError::Refused { number, reason } => (number, reason),
        other => panic!("{other}"),
    }
}
