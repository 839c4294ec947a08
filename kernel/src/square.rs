//! `square`: the number times itself.

use std::{ops::RangeInclusive, sync::Arc};

use crate::{
    Context, Description, EvaluateError, FindError, Kernel, Layout, ParameterDescription, Parameters, Rows, ValueType,
    Values, kernel::count,
};

const NAME: &str = "square";

pub(crate) const DESCRIPTION: Description = Description {
    name: NAME,
    summary: "the square of the number, exact over all of int64",
    parameters: &[ParameterDescription {
        name: "type",
        summary: "auto, or decimal128 for the same type whatever the range",
        default: "auto",
    }],
    value: "int64 where the largest square of the range fits, decimal128 otherwise",
    bind,
};

/// The largest number whose square fits `i64`: the floor of the square root of 2^63 - 1.
const LARGEST_ROOT: i64 = 3_037_000_499;

#[derive(Debug)]
enum Square {
    /// `Int64` where the largest square fits.
    Auto,
    /// `Decimal128` for every range.
    Decimal128,
}

fn bind(parameters: &Parameters) -> Result<Arc<dyn Kernel>, FindError> {
    match parameters.get("type").map_or("auto", String::as_str) {
        "auto" => Ok(Arc::new(Square::Auto)),
        "decimal128" => Ok(Arc::new(Square::Decimal128)),
        other => Err(FindError::BadValue {
            kernel: NAME,
            parameter: "type",
            value: other.to_owned(),
            allowed: "auto or decimal128",
        }),
    }
}

impl Kernel for Square {
    fn name(&self) -> &'static str {
        NAME
    }

    fn layout(&self, range: &RangeInclusive<i64>) -> Layout {
        let fits = -LARGEST_ROOT <= *range.start() && *range.end() <= LARGEST_ROOT;
        Layout::values(match self {
            Self::Auto if fits || range.is_empty() => ValueType::Int64,
            Self::Auto | Self::Decimal128 => ValueType::Decimal128,
        })
    }

    fn is_total(&self) -> bool {
        true
    }

    fn evaluate(&self, numbers: RangeInclusive<i64>, rows: &mut Rows, _: &mut Context) -> Result<(), EvaluateError> {
        match (self, rows.only()) {
            (Self::Auto, Some(Values::Int64(values))) => extend_int64(&numbers, values),
            (_, Some(Values::Decimal128(values))) => {
                extend_decimal128(&numbers, values);
                Ok(())
            }
            _ => Err(EvaluateError::wrong_type(NAME, &self.layout(&numbers), rows)),
        }
    }
}

fn extend_int64(numbers: &RangeInclusive<i64>, values: &mut Vec<i64>) -> Result<(), EvaluateError> {
    if numbers.is_empty() {
        return Ok(());
    }
    let (first, last) = (*numbers.start(), *numbers.end());
    if !(-LARGEST_ROOT..=LARGEST_ROOT).contains(&first) {
        return Err(too_large(first));
    }
    let fitting = first..=last.min(LARGEST_ROOT);
    // All of `fitting` is within 32 bits and a sign, and so is exact here without a check a value:
    // a loop with checks is not vectorised. The product of two halves is one vector instruction.
    values.extend((0..count(&fitting)).map(|offset| {
        let magnitude = first.wrapping_add(offset as i64).unsigned_abs() & 0xffff_ffff;
        magnitude.wrapping_mul(magnitude) as i64
    }));
    if last > LARGEST_ROOT {
        return Err(too_large(LARGEST_ROOT + 1));
    }
    Ok(())
}

/// Never fails: the largest square, that of `i64::MIN`, is 2^126.
fn extend_decimal128(numbers: &RangeInclusive<i64>, values: &mut Vec<i128>) {
    let first = *numbers.start();
    values.extend((0..count(numbers)).map(|offset| {
        let magnitude = u128::from(first.wrapping_add(offset as i64).unsigned_abs());
        magnitude.wrapping_mul(magnitude) as i128
    }));
}

fn too_large(number: i64) -> EvaluateError {
    EvaluateError::refused(number, "its square does not fit int64 (decimal128 holds it)")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{evaluate, integers, rows_of, rows_with, segment};

    fn expected(numbers: RangeInclusive<i64>) -> Vec<i128> {
        numbers.map(|n| i128::from(n) * i128::from(n)).collect()
    }

    fn check(numbers: RangeInclusive<i64>) {
        let wide = expected(numbers.clone());
        let (values, result) = evaluate(&Square::Auto, numbers.clone());
        assert_eq!(result, Ok(()));
        match values {
            Values::Int64(values) => {
                let values: Vec<i128> = values.into_iter().map(i128::from).collect();
                assert_eq!(values, wide);
            }
            Values::Decimal128(values) => {
                assert!(wide.iter().any(|square| *square > i128::from(i64::MAX)));
                assert_eq!(values, wide);
            }
            Values::Boolean(_) | Values::Float64(_) | Values::Arrays(_) => panic!("squares are numbers"),
        }
        let (values, result) = evaluate(&Square::Decimal128, numbers);
        assert_eq!((values, result), (Values::Decimal128(wide), Ok(())));
    }

    #[test]
    fn small_numbers() {
        assert_eq!(integers(NAME, -3..=4), [9, 4, 1, 0, 1, 4, 9, 16]);
    }

    #[test]
    fn around_zero_and_the_ends_of_both_types() {
        for first in [-5000, -1, 0, 1, 2_147_483_600, 4_294_967_200, -4_294_967_350] {
            check(segment(first, 10_000));
        }
        check(LARGEST_ROOT - 1000..=LARGEST_ROOT);
        check(LARGEST_ROOT - 1000..=LARGEST_ROOT + 1);
        check(-LARGEST_ROOT..=-LARGEST_ROOT + 1000);
        check(-LARGEST_ROOT - 1..=-LARGEST_ROOT + 1000);
        check(i64::MIN..=i64::MIN + 1000);
        check(i64::MAX - 1000..=i64::MAX);
    }

    #[test]
    fn known_squares_at_the_ends() {
        let ends = |number| evaluate(&Square::Auto, number..=number).0;
        let decimal = |value| Values::Decimal128(vec![value]);
        assert_eq!(ends(i64::MIN), decimal(1 << 126));
        assert_eq!(ends(i64::MAX), decimal(85_070_591_730_234_615_847_396_907_784_232_501_249));
        assert_eq!(ends(3_037_000_499), Values::Int64(vec![9_223_372_030_926_249_001]));
        assert_eq!(ends(3_037_000_500), decimal(9_223_372_037_000_250_000));
        assert_eq!(ends(-3_037_000_500), decimal(9_223_372_037_000_250_000));
    }

    #[test]
    fn the_type_follows_the_largest_square() {
        let auto = |range| Square::Auto.layout(&range).value_type().unwrap();
        assert_eq!(auto(-3_037_000_499..=3_037_000_499), ValueType::Int64);
        assert_eq!(auto(-3_037_000_500..=0), ValueType::Decimal128);
        assert_eq!(auto(0..=3_037_000_500), ValueType::Decimal128);
        assert_eq!(auto(i64::MIN..=i64::MAX), ValueType::Decimal128);
        assert_eq!(Square::Decimal128.layout(&(1..=2)).value_type().unwrap(), ValueType::Decimal128);
    }

    #[test]
    fn a_part_follows_the_type_of_its_job() {
        let mut values = rows_of(ValueType::Decimal128);
        Square::Auto.evaluate(1..=3, &mut values, &mut Context::default()).unwrap();
        Square::Auto.evaluate(4..=5, &mut values, &mut Context::default()).unwrap();
        assert_eq!(values.columns, [Values::Decimal128(vec![1, 4, 9, 16, 25])]);
    }

    #[test]
    fn a_square_that_does_not_fit_is_refused_and_those_before_stay() {
        let mut values = rows_with(Values::Int64(vec![7]));
        let error = Square::Auto
            .evaluate(LARGEST_ROOT - 1..=LARGEST_ROOT + 3, &mut values, &mut Context::default())
            .unwrap_err();
        assert_eq!(error.number(), Some(3_037_000_500));
        assert_eq!(values.columns, [Values::Int64(vec![7, 9_223_372_024_852_248_004, 9_223_372_030_926_249_001])]);

        for first in [i64::MIN, -LARGEST_ROOT - 1, LARGEST_ROOT + 1, i64::MAX] {
            let mut values = rows_of(ValueType::Int64);
            let error = Square::Auto.evaluate(first..=i64::MAX, &mut values, &mut Context::default()).unwrap_err();
            assert_eq!(error.number(), Some(first));
            assert!(values.is_empty());
        }
    }

    #[test]
    fn a_buffer_of_another_type_is_refused() {
        let mut booleans = rows_of(ValueType::Boolean);
        let error = Square::Auto.evaluate(1..=3, &mut booleans, &mut Context::default()).unwrap_err();
        assert_eq!(error.number(), None);
        let mut integers = rows_of(ValueType::Int64);
        let error = Square::Decimal128.evaluate(1..=3, &mut integers, &mut Context::default()).unwrap_err();
        assert_eq!(error.number(), None);
        assert!(booleans.is_empty() && integers.is_empty());
    }

    #[test]
    #[allow(clippy::reversed_empty_ranges)]
    fn an_empty_range_has_no_values() {
        assert_eq!(integers(NAME, i64::MAX..=i64::MIN), []);
        check(5..=4);
    }

    proptest! {
        #[test]
        fn random_segments(first: i64, length in 1i64..300) {
            check(segment(first, length));
        }

        #[test]
        fn random_segments_that_fit(first in -3_037_000_600i64..3_037_000_600, length in 1i64..300) {
            check(segment(first, length));
        }
    }
}
