//! A condition on the numbers alone is looked at before the kernel is called.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    ops::RangeInclusive,
    sync::{Arc, Mutex},
};

use arrow_array::{Int64Array, cast::AsArray};
use swath_evaluation::{Evaluation, Stop};
use swath_kernel::{Context, EvaluateError, Kernel, Rows, Values};
use swath_model::{JobRequest, Layout, Range, ValueType};

/// Gives each number itself, fails at multiples of 10, and remembers what it was asked for.
#[derive(Debug)]
struct Picky {
    is_total: bool,
    asked: Arc<Mutex<Vec<RangeInclusive<i64>>>>,
}

impl Kernel for Picky {
    fn name(&self) -> &'static str {
        "picky"
    }

    fn layout(&self, _: &RangeInclusive<i64>) -> Layout {
        Layout::values(ValueType::Int64)
    }

    fn is_total(&self) -> bool {
        self.is_total
    }

    fn evaluate(&self, numbers: RangeInclusive<i64>, rows: &mut Rows, _: &mut Context) -> Result<(), EvaluateError> {
        self.asked.lock().unwrap().push(numbers.clone());
        let Some(Values::Int64(values)) = rows.only() else { panic!("the column is of int64") };
        for number in numbers {
            if !self.is_total && number % 10 == 0 {
                return Err(EvaluateError::Refused { number, reason: "it ends with 0".to_owned() });
            }
            values.push(number);
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Total,
    MayFail,
}

struct Asked {
    evaluation: Evaluation,
    asked: Arc<Mutex<Vec<RangeInclusive<i64>>>>,
}

fn bind(kind: Kind, condition: &str, reductions: Option<&str>) -> Asked {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let request = JobRequest {
        condition: Some(condition.to_owned()),
        reductions: reductions.map(str::to_owned),
        ..JobRequest::new("picky", Range::new(1, 1000).unwrap())
    };
    let kernel = Arc::new(Picky { is_total: kind == Kind::Total, asked: Arc::clone(&asked) });
    Asked { evaluation: Evaluation::of_kernel(kernel, &request).unwrap(), asked }
}

impl Asked {
    /// The numbers of the rows, which are the values, too.
    fn rows(&self, numbers: RangeInclusive<i64>) -> Vec<i64> {
        let batch = self.evaluation.batch(numbers, &mut self.evaluation.buffers(&Stop::default())).unwrap();
        let values: &Int64Array = batch.columns[0].as_primitive();
        assert_eq!(batch.rows, values.len());
        let numbers: Vec<i64> = match batch.numbers() {
            swath_model::Numbers::Consecutive { first, rows } => (first..=i64::MAX).take(rows).collect(),
            swath_model::Numbers::Listed(numbers) => numbers.to_vec(),
        };
        assert_eq!(numbers, values.values().as_ref());
        numbers
    }

    fn count(&self, numbers: RangeInclusive<i64>) -> i64 {
        let mut accumulator = self.evaluation.reductions().unwrap().accumulator();
        self.evaluation.reduce(numbers, &mut self.evaluation.buffers(&Stop::default()), &mut accumulator).unwrap();
        let result = accumulator.result().unwrap();
        result.column(0).as_primitive::<arrow_array::types::Int64Type>().value(0)
    }

    fn asked(&self) -> Vec<RangeInclusive<i64>> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

#[test]
fn a_kernel_that_may_fail_is_called_only_where_it_is_asked_for() {
    let odd = bind(Kind::MayFail, "n % 2 = 1", None);
    assert_eq!(odd.rows(8..=15), [9, 11, 13, 15]);
    assert_eq!(odd.asked(), [9..=9, 11..=11, 13..=13, 15..=15]);
    let some = bind(Kind::MayFail, "n in (3, 4, 5, 9)", None);
    assert_eq!(some.rows(1..=20), [3, 4, 5, 9]);
    assert_eq!(some.asked(), [3..=5, 9..=9]);
    assert_eq!(some.rows(10..=20), [] as [i64; 0]);
    assert_eq!(some.asked(), []);
}

#[test]
fn a_kernel_that_cannot_fail_may_be_called_for_all_numbers() {
    let odd = bind(Kind::Total, "n % 2 = 1", None);
    assert_eq!(odd.rows(8..=15), [9, 11, 13, 15]);
    assert_eq!(odd.asked().len(), 1, "a call for each number costs more than the values");
    let rare = bind(Kind::Total, "n % 100 = 0", None);
    assert_eq!(rare.rows(1..=1000).len(), 10);
    assert_eq!(rare.asked().len(), 10);
}

#[test]
fn a_failure_where_the_kernel_is_asked_for_is_one() {
    let all = bind(Kind::MayFail, "n > 0", None);
    assert!(all.evaluation.batch(1..=10, &mut all.evaluation.buffers(&Stop::default())).is_err());
    let counted = bind(Kind::MayFail, "n > 0", Some("count"));
    let mut accumulator = counted.evaluation.reductions().unwrap().accumulator();
    let failed = counted.evaluation.reduce(1..=10, &mut counted.evaluation.buffers(&Stop::default()), &mut accumulator);
    assert_eq!(failed.unwrap_err().number(), Some(10), "a number without a value has no row to count");
}

#[test]
fn rows_are_counted_without_the_kernel_if_it_cannot_fail() {
    let total = bind(Kind::Total, "n % 3 = 0", Some("count"));
    assert_eq!(total.count(1..=30), 10);
    assert_eq!(total.asked(), []);
    let picky = bind(Kind::MayFail, "n % 10 = 3", Some("count"));
    assert_eq!(picky.count(1..=30), 3);
    assert_eq!(picky.asked(), [3..=3, 13..=13, 23..=23]);
}

#[test]
fn the_ends_of_all_numbers_are_reached() {
    let ends = bind(Kind::Total, "n <> 0", None);
    assert_eq!(ends.rows(i64::MAX - 2..=i64::MAX), [i64::MAX - 2, i64::MAX - 1, i64::MAX]);
    let last = bind(Kind::MayFail, "n = 9223372036854775807", None);
    assert_eq!(last.rows(i64::MAX - 8..=i64::MAX), [i64::MAX]);
    let first = bind(Kind::MayFail, "n = -9223372036854775808", None);
    assert_eq!(first.rows(i64::MIN..=i64::MIN + 3), [i64::MIN]);
}
