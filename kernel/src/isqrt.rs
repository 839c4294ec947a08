//! `isqrt`: the integer square root.

use std::{ops::RangeInclusive, sync::Arc};

use crate::{
    Context, Description, EvaluateError, FindError, Kernel, Layout, Parameters, Rows, ValueType, Values, kernel::count,
};

const NAME: &str = "isqrt";

pub(crate) const DESCRIPTION: Description = Description {
    name: NAME,
    summary: "the floor of the square root of the number; refuses negative numbers",
    parameters: &[],
    value: "int64",
    bind,
};

#[derive(Debug)]
struct Isqrt;

fn bind(_: &Parameters) -> Result<Arc<dyn Kernel>, FindError> {
    Ok(Arc::new(Isqrt))
}

impl Kernel for Isqrt {
    fn name(&self) -> &'static str {
        NAME
    }

    fn layout(&self, _: &RangeInclusive<i64>) -> Layout {
        Layout::values(ValueType::Int64)
    }

    fn evaluate(&self, numbers: RangeInclusive<i64>, rows: &mut Rows, _: &mut Context) -> Result<(), EvaluateError> {
        let Some(Values::Int64(values)) = rows.only() else {
            return Err(EvaluateError::wrong_type(NAME, &self.layout(&numbers), rows));
        };
        if numbers.is_empty() {
            return Ok(());
        }
        if *numbers.start() < 0 {
            let reason = "a negative number has no real square root";
            return Err(EvaluateError::refused(*numbers.start(), reason));
        }
        extend(&numbers, values);
        Ok(())
    }
}

/// Consecutive numbers share their root in runs of 2 * root + 1: one real root, then whole runs.
fn extend(numbers: &RangeInclusive<i64>, values: &mut Vec<i64>) {
    let (mut first, last) = (*numbers.start(), *numbers.end());
    values.reserve(count(numbers));
    let mut root = first.isqrt();
    loop {
        // The last number of a run is (root + 1)^2 - 1, which is beyond i64 only for the last root.
        let end = (root * root).saturating_add(2 * root).min(last);
        values.resize(values.len() + count(&(first..=end)), root);
        if end == last {
            return;
        }
        first = end + 1;
        root += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{evaluate, integers, rows_of, rows_with, segment};

    fn check(numbers: RangeInclusive<i64>) {
        let roots = integers(NAME, numbers.clone());
        assert_eq!(roots.len(), count(&numbers));
        for (number, root) in numbers.zip(roots) {
            let (number, root) = (i128::from(number), i128::from(root));
            assert!(root >= 0, "{number}: {root}");
            assert!(root * root <= number, "{number}: {root}");
            assert!(number < (root + 1) * (root + 1), "{number}: {root}");
        }
    }

    #[test]
    fn small_numbers() {
        assert_eq!(integers(NAME, 0..=10), [0, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3]);
        check(0..=1_000_000);
    }

    #[test]
    fn the_end_of_int64() {
        assert_eq!(integers(NAME, i64::MAX..=i64::MAX), [3_037_000_499]);
        check(i64::MAX - 100_000..=i64::MAX);
        let last_square = 9_223_372_030_926_249_001;
        assert_eq!(integers(NAME, last_square - 1..=last_square), [3_037_000_498, 3_037_000_499]);
    }

    #[test]
    fn around_squares() {
        for root in [1 << 10, 94_906_265, 94_906_266, 1 << 31, 3_037_000_499] {
            let square: i64 = root * root;
            check(square - 100..=square + 100);
        }
    }

    #[test]
    fn the_first_negative_number_is_refused() {
        let (values, result) = evaluate(&Isqrt, -2..=10);
        assert_eq!(result.unwrap_err().number(), Some(-2));
        assert!(values.is_empty());

        let mut values = rows_with(Values::Int64(vec![7]));
        Isqrt.evaluate(8..=9, &mut values, &mut Context::default()).unwrap();
        Isqrt.evaluate(i64::MIN..=i64::MAX, &mut values, &mut Context::default()).unwrap_err();
        assert_eq!(values.columns, [Values::Int64(vec![7, 2, 3])]);
    }

    #[test]
    fn a_buffer_of_another_type_is_refused() {
        let mut values = rows_of(ValueType::Decimal128);
        let error = Isqrt.evaluate(1..=3, &mut values, &mut Context::default()).unwrap_err();
        assert_eq!(error.number(), None);
        assert!(values.is_empty());
    }

    #[test]
    #[allow(clippy::reversed_empty_ranges)]
    fn an_empty_range_has_no_values() {
        assert_eq!(integers(NAME, -1..=-2), []);
    }

    proptest! {
        #[test]
        fn random_segments(first in 0i64.., length in 1i64..300) {
            check(segment(first, length));
        }

        #[test]
        fn random_segments_of_small_numbers(first in 0i64..1 << 32, length in 1i64..3000) {
            check(segment(first, length));
        }
    }
}
